/**
 * Where to read: asks the handler when a partition becomes ours, looks up what is no number yet, and clears up a position that the log
 * does not reach. The group's own committed offsets are never used: kafkajs overwrites them with −1 or −2 when it meets an
 * out-of-range position.
 */
import type { Admin, Consumer } from "kafkajs";
import { coerceError } from "../../lib/errors.ts";
import type { SourceHandler, Start } from "../source.ts";
import type { KafkaSettings } from "./options.ts";
import { assignedPartitions, type PartitionState, type TopicState } from "./partitions.ts";

const LOOKUP_PAUSE_MS = 1_000;

export type Positions = {
  /** After a join, synchronously: every assigned partition gets its position before the first fetch, or is held until it is known. */
  readonly begin: (assigned: readonly PartitionState[]) => void;
  /** Goes on at the known position after the client has gone back. */
  readonly seek: (state: PartitionState) => void;
  /** The log seems to end before the position: looks twice before believing it. */
  readonly doubt: (state: PartitionState) => void;
  readonly applyPause: () => void;
};

export type PositionsOptions = {
  readonly settings: KafkaSettings;
  readonly topics: ReadonlyMap<string, TopicState>;
  readonly handler: SourceHandler;
  readonly consumer: Consumer;
  readonly admin: Admin;
  readonly paused: () => boolean;
  readonly dropped: AbortSignal;
  /** Grows with every join: what was begun before it is void. */
  readonly generation: () => number;
  readonly onTrouble: (error: Error) => void;
};

export function createPositions(options: PositionsOptions): Positions {
  const { settings, topics, handler, consumer, admin, paused, dropped, generation, onTrouble } = options;
  const { clock, log } = settings;

  const hold = (state: PartitionState) => {
    state.held = true;
    consumer.pause([{ topic: state.topic, partitions: [state.partition] }]);
  };
  const release = (state: PartitionState) => {
    state.held = false;
    state.progressMs = clock.monotonicMs();
    if (!paused()) consumer.resume([{ topic: state.topic, partitions: [state.partition] }]);
  };
  const seek = (state: PartitionState) => {
    state.outOfRange = false;
    consumer.seek({ topic: state.topic, partition: state.partition, offset: String(state.next) });
  };
  /** Runs `step` until it works or the generation is over. */
  const persist = async <Result>(valid: () => boolean, step: () => Promise<Result>): Promise<Result | undefined> => {
    while (valid()) {
      try {
        const result = await step();
        return valid() ? result : undefined;
      } catch (thrown) {
        if (valid()) onTrouble(coerceError(thrown));
        await clock.sleep(LOOKUP_PAUSE_MS, dropped);
      }
    }
    return undefined;
  };
  const validNow = () => {
    const mine = generation();
    return () => !dropped.aborted && mine === generation();
  };

  /** Seeks at once, or holds the partition until the position has been looked up. */
  const place = (state: PartitionState, start: Start) => {
    state.announced = false;
    state.timestampMs = Number.NaN;
    if (typeof start === "object" && "offset" in start) {
      state.next = start.offset;
      seek(state);
      release(state);
      return;
    }
    state.next = Number.NaN;
    hold(state);
    const valid = validNow();
    void persist(valid, () => lookUp(state.topic, start)).then((offsets) => {
      const offset = offsets?.get(state.partition);
      if (offset === undefined) return;
      state.next = offset;
      seek(state);
      release(state);
    });
  };

  // All partitions of a topic that begin alike share one question.
  const asking = new Map<string, Promise<ReadonlyMap<number, number>>>();
  const lookUp = (topic: string, start: Exclude<Start, { offset: number }>): Promise<ReadonlyMap<number, number>> => {
    const key = JSON.stringify([topic, start]);
    const running = asking.get(key);
    if (running !== undefined) return running;
    const question = fetchOffsets(admin, topic, start).finally(() => asking.delete(key));
    asking.set(key, question);
    return question;
  };

  const begin = (assigned: readonly PartitionState[]) => {
    for (const state of assigned) place(state, handler.onAssign({ source: state.source, partition: state.partition }));
    applyPause();
  };
  const doubt = (state: PartitionState) => {
    const saidOutOfRange = state.outOfRange;
    const known = state.next;
    hold(state);
    const valid = validNow();
    const endNow = () => persist(valid, async () => (await fetchOffsets(admin, state.topic, "latest")).get(state.partition));
    const settle = async () => {
      const first = await endNow();
      if (first === undefined) return;
      if (first < known || saidOutOfRange) {
        await clock.sleep(settings.recreatedRecheckMs, dropped);
        const second = await endNow();
        if (second === undefined) return;
        if (second < known || saidOutOfRange) {
          log.warn(
            { source: state.source, partition: state.partition, next: known, end: second },
            "the log ends before our position: topic recreated or truncated",
          );
          place(state, handler.onRecreated({ source: state.source, partition: state.partition }));
          return;
        }
      }
      seek(state);
      release(state);
    };
    void settle();
  };
  const applyPause = () => {
    for (const state of assignedPartitions(topics)) {
      const where = [{ topic: state.topic, partitions: [state.partition] }];
      state.progressMs = clock.monotonicMs();
      if (paused() || state.held) consumer.pause(where);
      else consumer.resume(where);
    }
  };
  return { begin, seek, doubt, applyPause };
}

/** The position for `start` in every partition of the topic; a time after the last record gives the end. */
async function fetchOffsets(admin: Admin, topic: string, start: Exclude<Start, { offset: number }>): Promise<ReadonlyMap<number, number>> {
  if (typeof start === "object") {
    const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, start.timestampMs);
    return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
  }
  const offsets = await admin.fetchTopicOffsets(topic);
  return new Map(offsets.map(({ partition, low, high }) => [partition, Number(start === "earliest" ? low : high)]));
}
