/**
 * The output `kafka`: a message as a record of a topic, keyed by model so that a model's messages stay in order. The id is in the header
 * `webhook-id`, the same however often a message is sent: consumers tell a repetition by it. Headers are those of a CloudEvent beside it.
 */

import type { KafkaOutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { AttemptFailure, AttemptResult, OutboxMessage, Output } from "./output.ts";

/** Loaded when it is used: kafkajs is not needed by who has no topic. */
type Producer = Awaited<ReturnType<typeof import("../sources/kafka-producer.ts")["openKafkaProducer"]>>;

export type KafkaTopicDependencies = {
  readonly clock: Clock;
  /** For tests. */
  readonly open?: () => Promise<Producer>;
};

/** Makes the output; it connects at its first message. Rejects with what a secret's or a certificate's file throws. */
export async function createKafkaTopic(config: KafkaOutputConfig, { clock, open }: KafkaTopicDependencies): Promise<Output> {
  const { access, topic, name, timeoutMs } = config;
  const openProducer = open ?? (async () => (await import("../sources/kafka-producer.ts")).openKafkaProducer(access, clock));
  // Made now, so that a bad file is found at start; it connects later.
  let producer: Producer | undefined = await openProducer();

  async function send(message: OutboxMessage, signal: AbortSignal): Promise<AttemptResult> {
    const timer = new AbortController();
    const timeout = new AbortController();
    void clock.sleep(timeoutMs, timer.signal).then(() => timeout.abort());
    try {
      producer ??= await openProducer();
      await producer.send(topic, recordOf(message), AbortSignal.any([signal, timeout.signal]));
      return { ok: true, excerpt: `written to ${topic}` };
    } catch (thrown) {
      // The secrets may have been rotated: the next attempt reads them again.
      await producer?.close();
      producer = undefined;
      if (signal.aborted) return { ok: false, failure: "connection", retry: true, excerpt: "stopped" };
      if (timeout.signal.aborted) return { ok: false, failure: "timeout", retry: true, excerpt: `no answer in ${timeoutMs / 1000} s` };
      return failed(thrown);
    } finally {
      timer.abort();
    }
  }

  return {
    name,
    type: "kafka",
    maxAttempts: config.maxAttempts,
    expiryMs: config.expiryMs,
    send,
    close: async () => {
      await producer?.close();
      producer = undefined;
    },
  };
}

function recordOf({ id, type, model, version, body }: OutboxMessage) {
  const headers = {
    "webhook-id": id,
    "driftd-type": type,
    "driftd-model": model,
    "driftd-version": version,
    "content-type": "application/json",
  };
  return { key: model === "" ? null : model, value: body, headers };
}

/** What Kafka says for good: the record or the rights are wrong, and asking again changes nothing. */
const FINAL = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "UNSUPPORTED_FOR_MESSAGE_FORMAT"]);

/** The kind alone: messages of errors hold brokers' names. */
function failed(thrown: unknown): AttemptResult {
  if (thrown instanceof DriftdError) return { ok: false, failure: "secret", retry: true, excerpt: thrown.code };
  const error = rootOf(coerceError(thrown));
  const type = typeof error.type === "string" ? error.type : error.name;
  const failure: AttemptFailure = /SASL|AUTH/i.test(type) ? "http_4xx" : /TLS|SSL|CERT/i.test(String(error.code)) ? "tls" : "connection";
  return { ok: false, failure, retry: !FINAL.has(type), excerpt: type };
}

/** kafkajs wraps what ended its retries. */
function rootOf(error: Error): Error & { readonly type?: unknown; readonly code?: unknown } {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
