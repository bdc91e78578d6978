/**
 * The Kafka source: keeps a client in the group, watches it, and replaces it when it hangs or has ended. Positions come from the handler
 * (`onAssign`), never from the group; reading itself is in `kafka/reading.ts`. kafkajs is imported by the files in `kafka/` only.
 */
import { DriftdError } from "../lib/errors.ts";
import { explainKafkaError } from "./kafka/errors.ts";
import { type KafkaOptions, withDefaults } from "./kafka/options.ts";
import { assignedPartitions, createTopicStates } from "./kafka/partitions.ts";
import { createSession, forgetAssignment, type Session } from "./kafka/session.ts";
import { createTelemetry } from "./kafka/telemetry.ts";
import type { Source, SourceHandler, SourceStatus } from "./source.ts";

const WATCH_MS = 1_000;
const STOP_DEADLINE_MS = 1_500;
const REPLACE_DEADLINE_MS = 10_000;
/** A client that is well hears from a broker at least every `maxWaitMs`. */
const SILENT_MS = 5_000;
/** A join waits for members that are gone until their session has ended, at most the group's rebalance timeout of 60 s. */
const JOIN_MS = 70_000;
const STUCK_MS = 120_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;
/** After so many lives in a row that ended before their first answer the source gives up; a supervisor may do better. */
const MAX_FAILURES = 5;
/** Failures that only waiting can mend: they are tried again for ever. */
const PATIENT = new Set(["KAFKA_UNREACHABLE", "KAFKA_UNKNOWN_TOPIC"]);

/**
 * Makes the source. `start` rejects with a DriftdError in words when the brokers refuse (KAFKA_AUTHENTICATION, KAFKA_TLS,
 * KAFKA_NOT_AUTHORIZED) or a topic does not exist (KAFKA_UNKNOWN_TOPIC); brokers that are away are waited for.
 */
export function createKafkaSource(options: KafkaOptions): Source {
  const settings = withDefaults(options);
  const { clock, log, brokers } = settings;
  const topics = createTopicStates(settings.topics);
  const telemetry = createTelemetry(settings, topics);
  const stopping = new AbortController();
  let handler: SourceHandler | undefined;
  let session: Session | undefined;
  let replacing = false;
  let failures = 0;
  let paused = false;
  let fatal: Error | undefined;
  let metadataMs = clock.monotonicMs();
  let stopWatching = () => {};
  let stopped: Promise<void> | undefined;

  const giveUp = (error: Error) => {
    if (fatal !== undefined || stopping.signal.aborted) return;
    fatal = error;
    void session?.drop(REPLACE_DEADLINE_MS);
    handler?.onFatal(error);
  };
  const openSession = async (to: SourceHandler) => {
    const opening = createSession({
      settings,
      topics,
      handler: to,
      telemetry,
      paused: () => paused,
      onAlive: () => {
        failures = 0;
        telemetry.clear();
      },
      onCrash: (error) => {
        if (session === opening) void replace(to, error);
      },
      onFatal: giveUp,
    });
    session = opening;
    await opening.open();
    metadataMs = clock.monotonicMs();
  };
  /** Ends this client's life and begins another, as often as it takes. */
  const replace = async (to: SourceHandler, reason: Error) => {
    if (replacing || stopping.signal.aborted || fatal !== undefined) return;
    replacing = true;
    for (let error = reason, attempt = 0; ; attempt++) {
      // From here on nothing is handed over, though leaving the group takes a while.
      const leaving = session?.drop(REPLACE_DEADLINE_MS);
      forgetAssignment(topics, to);
      await leaving;
      if (stopping.signal.aborted) break;
      const explained = explainKafkaError(error, brokers, settings.topics);
      if (!PATIENT.has(explained.code)) failures++;
      if (failures >= MAX_FAILURES) {
        giveUp(explained);
        break;
      }
      log.warn({ err: explained, failures }, "starting the kafka client anew");
      await clock.sleep(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(attempt, failures)), stopping.signal);
      if (stopping.signal.aborted) break;
      try {
        await openSession(to);
        break;
      } catch (thrown) {
        error = explainKafkaError(thrown, brokers, settings.topics);
      }
    }
    replacing = false;
  };
  const watch = (to: SourceHandler) => {
    telemetry.flush();
    if (replacing || session === undefined || fatal !== undefined) return;
    const nowMs = clock.monotonicMs();
    const silentForMs = nowMs - session.lastFetchMs();
    if (silentForMs > (session.joined() ? settings.fetchSilenceMs : Math.max(settings.fetchSilenceMs, JOIN_MS))) {
      void replace(to, new DriftdError("KAFKA_UNREACHABLE", `no answer to a fetch for ${Math.round(silentForMs / 1000)} s`));
      return;
    }
    for (const { held, next, readable, progressMs, source, partition } of assignedPartitions(topics)) {
      if (held || paused || !(readable > next) || nowMs - progressMs < STUCK_MS) continue;
      void replace(to, new Error(`${source} partition ${partition} has not moved from ${next} for ${STUCK_MS / 1000} s`));
      return;
    }
    if (nowMs - metadataMs < settings.metadataIntervalMs) return;
    metadataMs = nowMs;
    void session.refreshMetadata();
  };

  const start = async (to: SourceHandler) => {
    if (handler !== undefined) throw new Error("a source can be started once");
    handler = to;
    for (let backoffMs = FIRST_BACKOFF_MS; !stopping.signal.aborted; backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)) {
      try {
        await openSession(to);
        stopWatching = clock.every(WATCH_MS, () => watch(to));
        return;
      } catch (thrown) {
        const error = explainKafkaError(thrown, brokers, settings.topics);
        await session?.drop(STOP_DEADLINE_MS);
        if (stopping.signal.aborted) return;
        if (error.code !== "KAFKA_UNREACHABLE") throw error;
        telemetry.trouble(error);
        await clock.sleep(backoffMs, stopping.signal);
      }
    }
  };
  const stop = () => {
    stopped ??= (async () => {
      stopping.abort();
      stopWatching();
      await session?.drop(STOP_DEADLINE_MS);
      telemetry.flush();
    })();
    return stopped;
  };
  const setPaused = (to: boolean) => {
    if (paused === to) return;
    paused = to;
    if (session?.joined()) session.applyPause();
  };
  const status = (): SourceStatus[] =>
    [...topics.values()].map((topic) => {
      const problem = problemNow();
      return {
        source: topic.source,
        connected: problem === undefined,
        ...(problem === undefined ? {} : { problem }),
        partitions: topic.all.map((partition) => {
          const state = topic.partitions.get(partition);
          const end = state?.end ?? Number.NaN;
          return { partition, next: state?.next ?? Number.NaN, end: Number.isNaN(end) ? null : end, assigned: state?.assigned === true };
        }),
      };
    });
  const problemNow = (): string | undefined => {
    if (fatal !== undefined) return fatal.message;
    if (handler === undefined) return "not started";
    if (stopping.signal.aborted) return "stopped";
    const last = telemetry.lastProblem();
    const because = last === undefined ? "" : `: ${last}`;
    if (replacing || session === undefined) return `no client${because}`;
    if (!session.joined()) return `waiting for the consumer group ${settings.groupId}${because}`;
    const silentForMs = clock.monotonicMs() - session.lastFetchMs();
    if (silentForMs > SILENT_MS + settings.maxWaitMs) return `no answer from the brokers for ${Math.round(silentForMs / 1000)} s${because}`;
    return undefined;
  };

  return {
    start,
    stop,
    commit: async (positions) => {
      const bySource = positions.map(({ source, partition, next }) => ({ topic: source.slice("kafka:".length), partition, next }));
      await session?.commit(bySource);
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    status,
  };
}
