/** The Kafka source through TLS, SCRAM and access rights, and what it says when one of them is wrong. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { freePort } from "../../src/demo/broker.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/metrics/metrics.ts";
import { checkBrokers } from "../../src/sources/kafka/admin.ts";
import type { KafkaConnectionOptions, KafkaOptions } from "../../src/sources/kafka/options.ts";
import { createKafkaSource } from "../../src/sources/kafka.ts";
import type { Source } from "../../src/sources/source.ts";
import { describeWithBroker, startBroker } from "./broker/broker.ts";
import { makeCertificate, withSecureListener } from "./broker/secure.ts";

const directory = mkdtempSync(join(tmpdir(), "driftd-tls-"));
let securePort = 0;
let ca = "";
const sources: Source[] = [];

const start = async () => {
  const certificate = makeCertificate(directory, "broker");
  securePort = await freePort();
  ca = certificate.ca;
  return startBroker({ prepare: (place) => withSecureListener(place, securePort, certificate.store, { alice: "alice-secret" }) });
};
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The connection as alice should make it; a test overrides what it wants wrong. */
const asAlice = (mechanism: "scram-sha-256" | "scram-sha-512" = "scram-sha-256"): KafkaConnectionOptions => ({
  brokers: [`127.0.0.1:${securePort}`],
  clientId: "driftd-test",
  ssl: { ca: [ca] },
  sasl: { mechanism, username: "alice", password: "alice-secret" } as NonNullable<KafkaConnectionOptions["sasl"]>,
});

function open(topic: string, options: Partial<KafkaOptions> = {}) {
  const source = createKafkaSource({
    ...asAlice(),
    topics: [topic],
    groupId: `g-${topic}`,
    maxWaitMs: 100,
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
    ...options,
  });
  sources.push(source);
  const seen = { records: 0, fatal: [] as Error[] };
  const started = source.start({
    onAssign: () => "earliest",
    onPartitions: () => {},
    onChunk: (chunk) => {
      if (chunk.kind === "bytes") chunk.forEach(() => void seen.records++);
    },
    onEnd: () => {},
    onFinished: () => {},
    onRecreated: () => "earliest",
    onForeignMember: () => {},
    onFatal: (error) => void seen.fatal.push(error),
  });
  return { source, seen, started };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonicMs() + 40_000;
  while (!condition()) {
    if (systemClock.monotonicMs() > deadline) throw new Error(`waited 40 s in vain: ${what}`);
    await systemClock.sleep(20);
  }
}

describeWithBroker(
  "kafka source through TLS and SCRAM",
  (broker) => {
    it.each(["scram-sha-256", "scram-sha-512"] as const)(
      "reads and commits with %s and READ on topic and group, nothing else",
      async (mechanism) => {
        const topic = await broker().createTopic();
        await broker().produce(topic, [{ value: "a" }, { value: "b" }]);
        await broker().allow("alice", "topic", topic);
        await broker().allow("alice", "group", `g-${topic}`);
        const { source, seen, started } = open(topic, asAlice(mechanism));
        await started;
        await until("two records", () => seen.records === 2);
        await source.commit([{ source: `kafka:${topic}`, partition: 0, next: 2 }]);
        expect(await broker().groupOffsets(`g-${topic}`, topic)).toEqual([2]);
      },
    );

    it("says in words what is wrong, at the check and at the start", async () => {
      const topic = await broker().createTopic();
      const forbidden = await broker().createTopic();
      await broker().allow("alice", "topic", topic);
      const check = (options: object) => checkBrokers({ ...asAlice(), topics: [topic], ...options });
      expect(await check({})).toEqual({ topics: [{ name: topic, partitions: 1 }] });
      const wrong = { mechanism: "scram-sha-256", username: "alice", password: "wrong" } as const;
      await expect(check({ sasl: wrong })).rejects.toMatchObject({ code: "KAFKA_AUTHENTICATION" });
      await expect(open(topic, { sasl: wrong }).started).rejects.toMatchObject({ code: "KAFKA_AUTHENTICATION" });
      const otherCa = { ca: [makeCertificate(directory, "other").ca] };
      await expect(check({ ssl: otherCa })).rejects.toMatchObject({ code: "KAFKA_TLS" });
      await expect(open(topic, { ssl: otherCa }).started).rejects.toMatchObject({ code: "KAFKA_TLS" });
      await expect(check({ ssl: undefined })).rejects.toMatchObject({ code: "KAFKA_UNREACHABLE", hint: expect.stringContaining("TLS") });
      await expect(check({ topics: [forbidden] })).rejects.toMatchObject({ code: "KAFKA_NOT_AUTHORIZED" });
    });

    it("gives up with a word on the group's access rights when they are missing", async () => {
      const topic = await broker().createTopic();
      await broker().allow("alice", "topic", topic);
      const { seen, started } = open(topic);
      await started;
      await until("a fatal error", () => seen.fatal.length > 0);
      expect(seen.fatal[0]).toMatchObject({ code: "KAFKA_GROUP", hint: expect.stringContaining("READ on the consumer group") });
    });
  },
  start,
);
