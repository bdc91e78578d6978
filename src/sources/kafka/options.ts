/** What a Kafka source is told from outside, with the numbers that are not for users to choose. */
import type { KafkaConfig } from "kafkajs";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Metrics } from "../../metrics/metrics.ts";

/** How to reach the brokers; `ssl` and `sasl` go to kafkajs as they are, secrets revealed by the caller. */
export type KafkaConnectionOptions = {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: KafkaConfig["ssl"];
  readonly sasl?: KafkaConfig["sasl"];
};

export type KafkaOptions = KafkaConnectionOptions & {
  readonly topics: readonly string[];
  readonly groupId: string;
  /** Bytes of one partition in one answer; default 256 KiB, so that an answer fits the processor's cache. */
  readonly maxBytesPerPartition?: number;
  /** How long the broker may wait for more records, ms; default 500. Bounds the added delay, and how fast `stop` is. */
  readonly maxWaitMs?: number;
  /** After how long without a heartbeat the group drops a member, ms; default 45,000. A start after SIGKILL waits as long. */
  readonly sessionTimeoutMs?: number;
  /** Between two looks at the topics' metadata, ms; default 60,000: new partitions are found within it. */
  readonly metadataIntervalMs?: number;
  /** Between the two looks that prove a topic recreated, ms; default 10,000. */
  readonly recreatedRecheckMs?: number;
  /** Without any answer to a fetch for so long the client is replaced, ms; default twice the session timeout, at least 20,000. */
  readonly fetchSilenceMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
};

export type KafkaSettings = Required<Omit<KafkaOptions, "ssl" | "sasl">> & Pick<KafkaOptions, "ssl" | "sasl">;

/** The options with their defaults. */
export function withDefaults(options: KafkaOptions): KafkaSettings {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 45_000;
  return {
    maxBytesPerPartition: 256 * 1024,
    maxWaitMs: 500,
    sessionTimeoutMs,
    fetchSilenceMs: Math.max(2 * sessionTimeoutMs, 20_000),
    metadataIntervalMs: 60_000,
    recreatedRecheckMs: 10_000,
    ...options,
  };
}
