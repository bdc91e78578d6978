/**
 * A stretch of a Kafka topic as a finite source: from offsets to offsets that are fixed when it is opened. It joins no consumer group and commits
 * nothing, so it runs beside any daemon and needs no more than READ on the topic. The partitions end together, once each has reached its end.
 *
 * What a fetch answers goes through the same reading as in the daemon's source: aborted transactions, their markers, holes of compaction and
 * damaged batches are treated alike.
 */

import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { boundedHandler, emptyChunk } from "./kafka/bounded.ts";
import { createKafkaReader } from "./kafka/client.ts";
import { EARLIEST, type TopicReader } from "./kafka/cluster.ts";
import { explainKafkaError } from "./kafka/errors.ts";
import { createFetchAnswer, type FetchedPartition } from "./kafka/fetch-answer.ts";
import type { KafkaConnectionOptions } from "./kafka/options.ts";
import { createTopicStates, type PartitionState, partitionOf, type TopicState } from "./kafka/partitions.ts";
import { findRange, type PartitionRange, type TimeRange } from "./kafka/range.ts";
import { createReading } from "./kafka/reading.ts";
import { createTurn } from "./kafka/turn.ts";
import type { Source, SourceHandler } from "./source.ts";

export type KafkaRangeOptions = KafkaConnectionOptions &
  TimeRange & {
    readonly topic: string;
    /** Ends the opening, which may wait for brokers. */
    readonly signal?: AbortSignal | undefined;
    readonly clock: Clock;
    readonly log: Log;
  };

export type KafkaRange = Source & {
  /** What is read of each partition, in ascending order. */
  readonly ranges: readonly PartitionRange[];
};

/** Answers are held one at a time: about this much for each broker, whatever the topic's size. */
const LIMITS = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 512 * 1024, maxWaitMs: 100 };
/** Without an answer for so long the brokers are away for good. */
const GIVE_UP_MS = 60_000;
const RETRY_MS = 500;
/** An empty answer, or an end before our position, may be a leader that has just changed: it is believed when it is seen so often. */
const BELIEVED_AFTER = 3;

/**
 * Connects and finds the offsets; no record is read before `start`. Rejects with the `KAFKA_*` errors of a source that cannot begin,
 * `KAFKA_UNKNOWN_TOPIC` and `KAFKA_RANGE_EMPTY`; later, `KAFKA_UNREACHABLE` after a minute without an answer and `KAFKA_TOPIC_CHANGED` go to `onFatal`.
 */
export async function openKafkaRange(options: KafkaRangeOptions): Promise<KafkaRange> {
  const { topic, brokers, signal, log } = options;
  const { reader, close } = createKafkaReader(options, topic, ({ namespace, log: { message } }) =>
    log.debug({ client: namespace }, message),
  );
  const abort = () => void close();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    signal?.throwIfAborted();
    await reader.connect();
    const ranges = await findRange(reader, topic, options);
    signal?.throwIfAborted();
    return createKafkaRange({ ...options, reader, ranges, close });
  } catch (thrown) {
    await close();
    signal?.throwIfAborted();
    throw explainKafkaError(thrown, brokers, [topic]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** The source over a reader that is connected; for tests, and for `openKafkaRange`. */
export function createKafkaRange(
  options: Pick<KafkaRangeOptions, "topic" | "brokers" | "clock" | "log"> & {
    readonly reader: TopicReader;
    readonly ranges: readonly PartitionRange[];
    readonly close: () => Promise<void>;
  },
): KafkaRange {
  const { topic, brokers, reader, ranges, clock, log } = options;
  const topicState = createTopicStates([topic]).get(topic) as TopicState;
  const { source } = topicState;
  const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
  const states = ranges.map(({ partition, begin }) => Object.assign(partitionOf(topicState, partition), { next: begin, assigned: true }));
  const stopping = new AbortController();
  let reading: Promise<void> | undefined;
  let resumed: { promise: Promise<void>; resolve: () => void } | undefined;
  let problem: string | undefined;

  const endOf = ({ partition }: PartitionState) => ends.get(partition) as number;
  const isOpen = (state: PartitionState) => state.next < endOf(state);

  async function read(to: SourceHandler): Promise<void> {
    const handler = boundedHandler(to, ends);
    const doubts = new Map<PartitionState, number>();
    const readAnswer = createReading({
      handler,
      turn: createTurn(clock),
      monotonicMs: clock.monotonicMs,
      doubt: () => {}, // `take` sees it too
      rewound: () => {},
      damaged: ({ partition }, batch, error) =>
        log.error(
          { source, partition, from: batch.baseOffset, to: batch.lastOffset + 1, problem: error.message },
          "a damaged record batch was skipped",
        ),
    });
    const wanted = () => !stopping.signal.aborted && resumed === undefined;
    const flow = { wanted, resolve: () => {}, heartbeat: async () => {} };
    /** An empty chunk: the position, and with it what was lost before it. */
    const passTo = (state: PartitionState, next: number) => {
      to.onChunk(emptyChunk(state, Math.min(next, endOf(state)), endOf(state)));
      state.next = next;
    };
    for (const state of states.filter(isOpen)) {
      passTo(state, state.next);
      state.announced = true;
    }

    /** Hands over what was answered for one partition. `allEmpty`: no partition of the answer had a record, so the limits are not why. */
    const take = async (state: PartitionState, data: FetchedPartition, allEmpty: boolean) => {
      const before = state.next;
      await readAnswer(topicState, state, createFetchAnswer(topic, String(before), data), flow);
      const ended = Number(data.highWatermark) < before;
      if (state.next !== before || !wanted() || !(ended || allEmpty)) return void doubts.delete(state);
      const seen = (doubts.get(state) ?? 0) + 1;
      doubts.set(state, seen);
      if (seen < BELIEVED_AFTER) return;
      if (ended) throw changed(state);
      log.warn({ source, partition: state.partition, from: before, to: endOf(state) }, "these offsets hold no record: compacted away");
      passTo(state, endOf(state));
    };

    let answeredMs = clock.monotonicMs();
    while (!stopping.signal.aborted && states.some(isOpen)) {
      if (resumed !== undefined) {
        await resumed.promise;
        answeredMs = clock.monotonicMs();
        continue;
      }
      const positions = new Map(states.filter(isOpen).map((state) => [state.partition, state.next]));
      const answers = await reader.fetch(positions, LIMITS).catch((thrown: unknown) => coerceError(thrown));
      if (stopping.signal.aborted) return;
      if (answers instanceof Error) {
        if (!(await recover(answers, passTo))) await waitForBrokers(answers, answeredMs);
        continue;
      }
      if (problem !== undefined) log.info({ source }, "the brokers answer again");
      problem = undefined;
      answeredMs = clock.monotonicMs();
      for (const own of answers) {
        const allEmpty = own.every(({ messages }) => messages.length === 0);
        for (const data of own) await take(partitionOf(topicState, data.partition), data, allEmpty);
      }
      if (doubts.size > 0) await clock.sleep(LIMITS.maxWaitMs, stopping.signal);
    }
    if (!stopping.signal.aborted) for (const { partition } of states) to.onFinished({ source, partition });
  }

  /** Records were deleted under our position: goes on at what is left. False for any other failure. */
  async function recover(error: Error, passTo: (state: PartitionState, next: number) => void): Promise<boolean> {
    if (error.name !== "KafkaJSOffsetOutOfRange") return false;
    const open = states.filter(isOpen);
    const low = await reader
      .offsetsAt(
        open.map(({ partition }) => partition),
        EARLIEST,
      )
      .catch(() => undefined);
    if (low === undefined) return false;
    const behind = open.filter((state) => (low.get(state.partition)?.offset ?? 0) > state.next);
    if (behind.length === 0) throw changed(open[0]!);
    for (const state of behind) passTo(state, low.get(state.partition)!.offset);
    return true;
  }

  async function waitForBrokers(error: Error, answeredMs: number): Promise<void> {
    const explained = explainKafkaError(error, brokers, [topic]);
    const transient = explained.code === "KAFKA_UNREACHABLE" || (error as { retriable?: unknown }).retriable === true;
    if (!transient || clock.monotonicMs() - answeredMs > GIVE_UP_MS) throw explained;
    if (problem === undefined) log.warn({ err: explained }, "the brokers do not answer: reading goes on when they do");
    problem = explained.message;
    await clock.sleep(RETRY_MS, stopping.signal);
    await reader.refresh().catch(() => {});
  }

  function changed({ partition, next }: PartitionState): DriftdError {
    return new DriftdError(
      "KAFKA_TOPIC_CHANGED",
      `${source} partition ${partition}: the log ends before offset ${next}, which was there at the start`,
      {
        hint: "the topic was recreated or truncated while it was read: begin again",
      },
    );
  }

  return {
    ranges,
    start: async (handler) => {
      if (reading !== undefined) throw new DriftdError("SOURCE_STARTED", `source ${source} was started twice`);
      const partitions = states.map(({ partition }) => partition);
      handler.onPartitions(source, partitions, partitions);
      reading = read(handler).catch((thrown: unknown) => {
        problem = coerceError(thrown).message;
        if (!stopping.signal.aborted) handler.onFatal(coerceError(thrown));
      });
    },
    stop: async () => {
      stopping.abort();
      resumed?.resolve();
      await options.close();
      await reading;
    },
    commit: async () => {},
    pause: () => {
      resumed ??= Promise.withResolvers<void>();
    },
    resume: () => {
      resumed?.resolve();
      resumed = undefined;
    },
    status: () => [
      {
        source,
        connected: problem === undefined,
        ...(problem === undefined ? {} : { problem }),
        partitions: states.map((state) => ({
          partition: state.partition,
          next: Math.min(state.next, endOf(state)),
          end: endOf(state),
          assigned: true,
        })),
      },
    ],
  };
}
