/** The source's metrics, and kafkajs's log lines turned into ours: counted each time, written when they change. */
import type { LogEntry } from "kafkajs";
import { describe, type KafkaErrorReason, reasonOf } from "./errors.ts";
import type { KafkaSettings } from "./options.ts";
import type { TopicState } from "./partitions.ts";

/** The same line again is written at most this often. */
const REPEAT_MS = 60_000;

export type Telemetry = {
  readonly clientLog: (entry: LogEntry) => void;
  /** Something that is tried again failed. */
  readonly trouble: (error: Error) => void;
  readonly count: (reason: KafkaErrorReason) => void;
  readonly joined: () => void;
  readonly committed: () => void;
  readonly commitFailed: (error: Error) => void;
  /** Writes what has changed since the last flush; called about once a second. */
  readonly flush: () => void;
  /** What went wrong last, in words; undefined since the last `clear`. */
  readonly lastProblem: () => string | undefined;
  readonly clear: () => void;
};

export function createTelemetry({ metrics, log, clock }: KafkaSettings, topics: ReadonlyMap<string, TopicState>): Telemetry {
  const said = new Map<string, number>();
  let problem: string | undefined;

  const count = (reason: KafkaErrorReason) => metrics.inc("driftd_kafka_errors_total", { reason });
  const say = (level: "warn" | "error", key: string, fields: Record<string, unknown>, message: string) => {
    problem = key;
    const nowMs = clock.monotonicMs();
    const lastMs = said.get(key);
    if (lastMs !== undefined && nowMs - lastMs < REPEAT_MS) return log.debug(fields, message);
    if (said.size > 100) said.clear();
    said.set(key, nowMs);
    log[level](fields, message);
  };

  return {
    count,
    clientLog: ({ namespace, level, log: entry }) => {
      const { message, timestamp, logger, stack, ...rest } = entry as Record<string, unknown> & { message: string };
      const isError = level <= 1;
      if (isError) count(reasonOf(`${namespace} ${message} ${String(rest["error"] ?? "")}`));
      const text = rest["error"] === undefined ? message : `${message}: ${String(rest["error"])}`;
      // A connection reports each refusal, also those that the client retries and gets over: a broker that has just started refuses a lot.
      say(isError && namespace !== "Connection" ? "error" : "warn", text, { client: namespace, ...rest }, "kafka client");
    },
    trouble: (error) => {
      count(reasonOf(describe(error)));
      say("warn", error.message, { err: error }, "a question to the brokers failed");
    },
    joined: () => metrics.inc("driftd_kafka_rebalances_total"),
    committed: () => metrics.inc("driftd_kafka_commits_total"),
    commitFailed: (error) => {
      metrics.inc("driftd_kafka_commits_total");
      metrics.inc("driftd_kafka_commit_failures_total");
      say("warn", `commit: ${error.message}`, { err: error }, "offsets were not committed for lag tools");
    },
    flush: () => {
      for (const topic of topics.values()) flushTopic(topic);
    },
    lastProblem: () => problem,
    clear: () => {
      problem = undefined;
    },
  };

  function flushTopic(state: TopicState): void {
    const { topic } = state;
    if (state.records > 0) {
      metrics.inc("driftd_kafka_messages_consumed_total", { topic }, state.records);
      metrics.inc("driftd_kafka_bytes_consumed_total", { topic }, state.bytes);
      state.records = state.bytes = 0;
    }
    metrics.set("driftd_kafka_assigned_partitions", { topic }, state.assigned.length);
    let newestMs = Number.NEGATIVE_INFINITY;
    let oldestUnreadMs = Number.POSITIVE_INFINITY;
    let known = false;
    for (const { partition, assigned, next, end, timestampMs } of state.partitions.values()) {
      if (!assigned) {
        metrics.remove("driftd_kafka_consumer_lag", { topic, partition });
        continue;
      }
      if (timestampMs > newestMs) newestMs = timestampMs;
      const lag = Math.max(0, end - next);
      if (Number.isNaN(lag)) continue;
      known = true;
      metrics.set("driftd_kafka_consumer_lag", { topic, partition }, lag);
      // The next record's own time is not known before it is read; the one before it is a little older.
      if (lag > 0 && timestampMs < oldestUnreadMs) oldestUnreadMs = timestampMs;
    }
    if (newestMs > Number.NEGATIVE_INFINITY) metrics.set("driftd_kafka_last_message_timestamp_seconds", { topic }, newestMs / 1000);
    const lagMs = oldestUnreadMs === Number.POSITIVE_INFINITY ? 0 : Math.max(0, clock.nowMs() - oldestUnreadMs);
    if (known) metrics.set("driftd_kafka_consumer_lag_seconds", { topic }, lagMs / 1000);
  }
}
