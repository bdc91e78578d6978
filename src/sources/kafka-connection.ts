/** From the configuration's `kafka` section to the source's options: certificates read, secrets revealed, once: a rotated one needs a restart. */

import { readFile } from "node:fs/promises";
import type { KafkaConfig } from "../config/config.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { KafkaConnectionOptions, KafkaOptions } from "./kafka/options.ts";

type Access = Pick<KafkaConfig, "brokers" | "clientId" | "ssl" | "sasl">;

/** How to reach the brokers and what to read. Rejects with KAFKA_FILE_UNREADABLE for a certificate, or what a secret's file throws. */
export async function kafkaConnection(kafka: KafkaConfig): Promise<Omit<KafkaOptions, "clock" | "log" | "metrics">> {
  return {
    ...(await kafkaCredentials(kafka)),
    topics: kafka.topics,
    groupId: kafka.groupId,
    maxBytesPerPartition: kafka.maxBytesPerPartition,
    maxWaitMs: kafka.maxWaitMs,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
  };
}

/** How to reach brokers. Rejects as `kafkaConnection`. */
export async function kafkaCredentials(kafka: Access): Promise<KafkaConnectionOptions> {
  const ssl = await sslOf(kafka);
  const sasl = await saslOf(kafka);
  return { brokers: kafka.brokers, clientId: kafka.clientId, ...(ssl && { ssl }), ...(sasl && { sasl }) };
}

async function sslOf({ ssl }: Access): Promise<KafkaConnectionOptions["ssl"] | undefined> {
  if (ssl === undefined) return undefined;
  const ca = await readPem(ssl.caFile);
  const cert = await readPem(ssl.certFile);
  const key = await readPem(ssl.keyFile);
  return {
    rejectUnauthorized: !ssl.insecureSkipVerify,
    ...(ca !== undefined && { ca: [ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ssl.serverName !== undefined && { servername: ssl.serverName }),
  };
}

async function saslOf({ sasl }: Access): Promise<KafkaConnectionOptions["sasl"] | undefined> {
  if (sasl === undefined) return undefined;
  if (sasl.mechanism === "oauthbearer") {
    // Asked again whenever the broker wants a fresh one, so a rotated file is picked up.
    return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token.reveal() }) };
  }
  const { username } = sasl;
  const password = await sasl.password.reveal();
  // One branch for each mechanism: kafkajs types them as a union of literals.
  if (sasl.mechanism === "plain") return { mechanism: "plain", username, password };
  if (sasl.mechanism === "scram-sha-256") return { mechanism: "scram-sha-256", username, password };
  return { mechanism: "scram-sha-512", username, password };
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((thrown: unknown) => {
    throw new DriftdError("KAFKA_FILE_UNREADABLE", `${path} cannot be read: ${coerceError(thrown).message}`, {
      hint: "kafka.ssl names PEM files that this user must be able to read",
      cause: thrown,
    });
  });
}
