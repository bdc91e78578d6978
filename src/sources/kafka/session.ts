/**
 * One life of a client in the group: joins, says where to begin, reads, and ends by a crash or by `drop`. The next life begins
 * where this one ended, for the handler knows the positions.
 */
import type { EachBatchPayload } from "kafkajs";
import { coerceError } from "../../lib/errors.ts";
import type { SourceHandler } from "../source.ts";
import { createKafkaClient, withDeadline } from "./client.ts";
import { describe, reasonOf } from "./errors.ts";
import type { FetchAnswer } from "./fetch-answer.ts";
import { createMembership } from "./membership.ts";
import type { KafkaSettings } from "./options.ts";
import { assignedPartitions, type PartitionState, type TopicState } from "./partitions.ts";
import { createPositions } from "./positions.ts";
import { createReading } from "./reading.ts";
import type { Telemetry } from "./telemetry.ts";
import { createTurn } from "./turn.ts";

const COMMIT_DEADLINE_MS = 5_000;

export type Session = {
  /** Connects, looks at the topics and begins to join the group; rejects with kafkajs's error. */
  readonly open: () => Promise<void>;
  /** Monotonic ms of the last answer (of whatever kind) of a fetch, or of `open`. */
  readonly lastFetchMs: () => number;
  readonly joined: () => boolean;
  readonly refreshMetadata: () => Promise<void>;
  readonly commit: (positions: readonly { readonly topic: string; readonly partition: number; readonly next: number }[]) => Promise<void>;
  /** To be called after `paused()` has changed its answer. */
  readonly applyPause: () => void;
  readonly drop: (deadlineMs: number) => Promise<void>;
};

export type SessionOptions = {
  readonly settings: KafkaSettings;
  readonly topics: ReadonlyMap<string, TopicState>;
  readonly handler: SourceHandler;
  readonly telemetry: Telemetry;
  readonly paused: () => boolean;
  /** An answer came: this life works. */
  readonly onAlive: () => void;
  /** The client ended by itself. */
  readonly onCrash: (error: Error) => void;
  /** The handler threw, or a batch cannot be decoded at all: going on would lose records. */
  readonly onFatal: (error: Error) => void;
};

export function createSession(options: SessionOptions): Session {
  const { settings, topics, handler, telemetry, paused, onAlive, onCrash, onFatal } = options;
  const { clock } = settings;
  const dropped = new AbortController();
  let generation = 0;
  let lastFetchMs = clock.monotonicMs();
  let joined = false;
  let committing: Promise<void> | undefined;

  const client = createKafkaClient(settings, (entry) => {
    const { message, topic, partition } = entry.log as { message: string; topic?: string; partition?: number };
    if (message.startsWith("Offset out of range") && topic !== undefined && partition !== undefined) {
      const state = topics.get(topic)?.partitions.get(partition);
      if (state !== undefined) state.outOfRange = true;
    }
    if (!dropped.signal.aborted) telemetry.clientLog(entry);
  });
  const { consumer, admin } = client;
  const positions = createPositions({
    settings,
    topics,
    handler,
    consumer,
    admin,
    paused,
    dropped: dropped.signal,
    generation: () => generation,
    onTrouble: (error) => telemetry.trouble(error),
  });
  const membership = createMembership({ settings, topics, handler, admin, generation: () => generation });
  const read = createReading({
    handler,
    turn: createTurn(clock),
    monotonicMs: clock.monotonicMs,
    doubt: positions.doubt,
    rewound: positions.seek,
    damaged: (state, batch, error) => {
      telemetry.count("corrupt_batch");
      settings.log.error(
        { source: state.source, partition: state.partition, from: batch.baseOffset, to: batch.lastOffset + 1, problem: error.message },
        "a damaged record batch was skipped",
      );
    },
  });

  const eachBatch = async (payload: EachBatchPayload) => {
    const answer = payload.batch as unknown as FetchAnswer;
    const topic = topics.get(answer.topic);
    const state = topic?.partitions.get(answer.partition);
    const mine = generation;
    const wanted = () =>
      !dropped.signal.aborted && !paused() && mine === generation && !state?.held && payload.isRunning() && !payload.isStale();
    if (topic === undefined || state === undefined || !state.assigned || !wanted()) return;
    onAlive();
    // A failed heartbeat is the client's matter (a rebalance); anything else that is thrown is not.
    let heartbeatFailure: unknown;
    const heartbeat = () =>
      payload.heartbeat().catch((thrown: unknown) => {
        heartbeatFailure = thrown;
        throw thrown;
      });
    try {
      await read(topic, state, answer, { wanted, heartbeat, resolve: (next) => payload.resolveOffset(String(next - 1)) });
    } catch (thrown) {
      if (thrown === heartbeatFailure) throw thrown;
      onFatal(coerceError(thrown));
    }
  };

  consumer.on(consumer.events.FETCH, () => {
    lastFetchMs = clock.monotonicMs();
  });
  consumer.on(consumer.events.REBALANCING, () => {
    joined = false;
    lastFetchMs = clock.monotonicMs();
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    if (dropped.signal.aborted) return;
    generation++;
    joined = true;
    lastFetchMs = clock.monotonicMs();
    telemetry.joined();
    try {
      membership.joined(payload.memberAssignment);
      positions.begin([...assignedPartitions(topics)]);
    } catch (thrown) {
      onFatal(coerceError(thrown));
    }
    void refreshMetadata();
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (dropped.signal.aborted) return;
    telemetry.count(reasonOf(describe(payload.error)));
    onCrash(payload.error);
  });

  const refreshMetadata = async () => {
    try {
      await membership.refresh(joined);
    } catch (thrown) {
      if (!dropped.signal.aborted) telemetry.trouble(coerceError(thrown));
    }
  };
  const open = async () => {
    await admin.connect();
    await membership.refresh(false);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics.keys()], fromBeginning: true });
    lastFetchMs = clock.monotonicMs();
    // Resolves when the group is joined, which may take a session timeout; failures come as CRASH.
    consumer
      .run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 1, eachBatch })
      .catch((thrown: unknown) => (dropped.signal.aborted ? undefined : onCrash(coerceError(thrown))));
  };
  const drop = async (deadlineMs: number) => {
    if (dropped.signal.aborted) return;
    dropped.abort();
    joined = false;
    await client.drop(deadlineMs);
  };
  const commit: Session["commit"] = async (positionsToCommit) => {
    if (committing !== undefined) await withDeadline(clock, COMMIT_DEADLINE_MS, committing);
    if (committing !== undefined || dropped.signal.aborted || !joined) return telemetry.commitFailed(new Error("the group is not joined"));
    const offsets = positionsToCommit
      .filter(({ topic, partition }) => topics.get(topic)?.partitions.get(partition)?.assigned === true)
      .map(({ topic, partition, next }) => ({ topic, partition, offset: String(next) }));
    if (offsets.length === 0) return;
    committing = consumer
      .commitOffsets(offsets)
      .then(
        () => telemetry.committed(),
        (thrown: unknown) => telemetry.commitFailed(coerceError(thrown)),
      )
      .finally(() => {
        committing = undefined;
      });
    await withDeadline(clock, COMMIT_DEADLINE_MS, committing);
  };
  return { open, lastFetchMs: () => lastFetchMs, joined: () => joined, refreshMetadata, commit, applyPause: positions.applyPause, drop };
}

/** Forgets what was assigned: nobody reads these partitions now. */
export function forgetAssignment(topics: ReadonlyMap<string, TopicState>, handler: SourceHandler): void {
  for (const topic of topics.values()) {
    topic.assigned = [];
    for (const state of topic.partitions.values() as Iterable<PartitionState>) state.assigned = state.held = false;
    handler.onPartitions(topic.source, topic.all, topic.assigned);
  }
}
