/**
 * Hands one answer of a fetch over to the handler, slice by slice, and keeps the position. Knows nothing of groups or of failures
 * of the brokers: what is odd about a position it reports.
 */
import { coerceError, DriftdError } from "../../lib/errors.ts";
import type { BytesVisitor, SourceHandler } from "../source.ts";
import { decompress } from "./codecs.ts";
import { crc32c } from "./crc32c.ts";
import type { FetchAnswer, LegacyMessage } from "./fetch-answer.ts";
import type { PartitionState, TopicState } from "./partitions.ts";
import { createTransactionFilter, type RecordBatch } from "./record-batch.ts";
import { createRecordWalk, newRecordSlice, type RecordSlice, type RecordWalk, SLICE_RECORDS } from "./record-walk.ts";
import type { Turn } from "./turn.ts";

const NO_BYTES = Buffer.alloc(0);

/** A slice that takes longer is halved for the next time, one that takes a third of it doubled. */
const SLICE_MS = 2;
/** The first slices run code that is not compiled yet, some ten times slower. */
const FIRST_RECORDS = 32;

/** What reading asks of the client while it goes on with one answer. */
export type Flow = {
  /** False when the answer has become stale: a rebalance, a pause, a seek, a stop. */
  readonly wanted: () => boolean;
  /** Tells the client the position, so that the next fetch begins there. */
  readonly resolve: (next: number) => void;
  readonly heartbeat: () => Promise<void>;
};

export type ReadingOptions = {
  readonly handler: SourceHandler;
  readonly turn: Turn;
  readonly monotonicMs: () => number;
  /** Of the first slice; default 32. */
  readonly firstRecords?: number;
  /** The log seems to end before the position: nothing of the answer is handed over. */
  readonly doubt: (state: PartitionState) => void;
  /** The client went back to an older position by itself: nothing of the answer is handed over. */
  readonly rewound: (state: PartitionState) => void;
  /** A batch, or the rest of it, cannot be read: its records are lost. */
  readonly damaged: (state: PartitionState, batch: RecordBatch, error: Error) => void;
};

export type Reading = (topic: TopicState, state: PartitionState, answer: FetchAnswer, flow: Flow) => Promise<void>;

/**
 * Makes the function that reads answers; one per client, for it reuses its columns. It rejects with what the handler threw, what
 * `heartbeat` rejected with, or DriftdError KAFKA_CODEC_MISSING.
 */
export function createReading({
  handler,
  turn,
  monotonicMs,
  firstRecords = FIRST_RECORDS,
  doubt,
  rewound,
  damaged,
}: ReadingOptions): Reading {
  const slice = newRecordSlice();
  slice.limit = firstRecords;

  /** Keeps slices short, whatever a record costs with this model and on this machine. */
  function adapt(tookMs: number): void {
    if (tookMs > SLICE_MS) slice.limit = Math.max(1, slice.limit >> 1);
    else if (3 * tookMs < SLICE_MS && slice.records === slice.limit) slice.limit = Math.min(SLICE_RECORDS, 2 * slice.limit);
  }

  return async (topic, state, answer, flow) => {
    const asked = Number(answer.fetchedOffset);
    const end = Number(answer.highWatermark);
    if (end < state.next || (asked < state.next && state.outOfRange)) return doubt(state);
    if (asked < state.next) return rewound(state);
    state.outOfRange = false;
    state.end = end;
    state.readable = answer.lastStableOffset;

    /** Where the handler's next chunk begins; beyond what it knows after a loss. */
    let from = asked;
    /** The position so far; beyond `from` by offsets that hold no record for the handler. */
    let passed = asked;
    const give = (next: number, bytes: Buffer) => {
      const beganMs = monotonicMs();
      handler.onChunk({
        source: state.source,
        partition: state.partition,
        asked: from,
        next,
        end,
        kind: "bytes",
        format: "json",
        forEach: each(slice, bytes),
      });
      topic.records += slice.records;
      for (let i = 0; i < slice.records; i++) topic.bytes += slice.ends[i]! - slice.starts[i]!;
      if (slice.records > 0) state.timestampMs = slice.timestamps[slice.records - 1]!;
      from = passed = state.next = next;
      state.announced = true;
      state.progressMs = monotonicMs();
      adapt(state.progressMs - beganMs);
      flow.resolve(next);
    };
    const giveNothing = () => {
      slice.records = 0;
      give(passed, NO_BYTES);
    };
    const skipDamaged = (batch: RecordBatch, error: Error) => {
      damaged(state, batch, error);
      if (passed > from) giveNothing();
      // A damaged header may lie about the batch's end: then one offset only, and the next fetch comes back to the rest.
      from = passed = batch.lastOffset >= passed && batch.lastOffset < end ? batch.lastOffset + 1 : passed + 1;
    };
    /** Resolves to whether to go on. */
    const breathe = async () => {
      if (!turn.spent()) return flow.wanted();
      await turn.next();
      if (flow.wanted()) await flow.heartbeat();
      return flow.wanted();
    };

    const counts = createTransactionFilter(answer.aborted);
    for (const item of answer.items) {
      if (!isBatch(item)) {
        if (Number(item.offset) < passed) continue;
        const bytes = fillFromLegacy(slice, item);
        give(Number(item.offset) + 1, bytes);
      } else if (!counts(item)) {
        passed = Math.max(passed, item.lastOffset + 1);
      } else if (item.lastOffset >= passed) {
        const open = openBatch(item, passed);
        for (let more = true; more; ) {
          const filled = open instanceof Error ? open : fill(open.walk, slice);
          if (filled instanceof Error || open instanceof Error) {
            skipDamaged(item, coerceError(filled));
            break;
          }
          more = filled;
          if (slice.records === 0 && more) continue;
          give(more ? slice.offsets[slice.records - 1]! + 1 : item.lastOffset + 1, open.body);
          if (more && !(await breathe())) return;
        }
      }
      if (!(await breathe())) return;
    }
    if (passed > state.next || !state.announced) giveNothing();
    if (!(state.readable > state.next)) state.progressMs = monotonicMs();
    handler.onEnd({ source: state.source, partition: state.partition }, end);
  };
}

const isBatch = (item: RecordBatch | LegacyMessage): item is RecordBatch => "kind" in item && item.kind === "batch";

/** `forEach` of a chunk over the slice as it is now. */
function each(slice: RecordSlice, bytes: Buffer): (visit: BytesVisitor) => void {
  return (visit) => {
    for (let i = 0; i < slice.records; i++) visit(slice.offsets[i]!, slice.timestamps[i]!, bytes, slice.starts[i]!, slice.ends[i]!);
  };
}

/** Checks, decompresses and begins to walk a batch; returns the error of a damaged one. */
function openBatch(batch: RecordBatch, from: number): { readonly walk: RecordWalk; readonly body: Buffer } | Error {
  if (crc32c(batch.checked) !== batch.crc) return new Error("its checksum is wrong");
  try {
    const body = decompress(batch.codec, batch.body);
    return { body, walk: createRecordWalk(batch, body, from) };
  } catch (thrown) {
    if (thrown instanceof DriftdError) throw thrown;
    return coerceError(thrown);
  }
}

function fill(walk: RecordWalk, slice: RecordSlice): boolean | Error {
  try {
    return walk.fill(slice);
  } catch (thrown) {
    return coerceError(thrown);
  }
}

/** A message of an old format as a slice of one record; returns the bytes that it lies in. */
function fillFromLegacy(slice: RecordSlice, message: LegacyMessage): Buffer {
  const timestampMs = Number(message.timestamp);
  slice.records = 1;
  slice.offsets[0] = Number(message.offset);
  slice.timestamps[0] = timestampMs >= 0 ? timestampMs : Number.NaN;
  slice.starts[0] = message.value === null ? -1 : 0;
  slice.ends[0] = message.value === null ? -1 : message.value.length;
  return message.value ?? NO_BYTES;
}
