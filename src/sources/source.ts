/**
 * The seam between a source and counting: chunks of *borrowed* bytes (or rows) handed to a synchronous handler.
 *
 * A source hands over what it reads in order with its position, never decodes, pauses instead of buffering without bound, and after
 * `stop()` has resolved never calls the handler again. The handler decodes, bins and counts in one turn: no await, nothing borrowed is kept.
 */

/** One partition of one source. `source` is the configured kind and name with the topic, e.g. `kafka:inference-log`, `file:sha256…`. */
export type SourcePartition = { readonly source: string; readonly partition: number };

/** Called for each record: `bytes[start, end)` is the record (valid only during the call); `start === -1` is a tombstone. `timestampMs` is the transport's (NaN: none). */
export type BytesVisitor = (offset: number, timestampMs: number, bytes: Buffer, start: number, end: number) => void;
/** Called for each row of a table: `row` is a fresh object with the record's fields, not yet trusted. */
export type RowVisitor = (offset: number, row: Readonly<Record<string, unknown>>) => void;

type ChunkCommon = SourcePartition & {
  /** The position that was asked for: above the expected next position = records were lost in between. */
  readonly asked: number;
  /** The position after this chunk. */
  readonly next: number;
  /** The end of the partition's log as the source knew it with this chunk (high watermark; for a file: NaN while unknown). */
  readonly end: number;
};

export type Chunk =
  | (ChunkCommon & { readonly kind: "bytes"; readonly format: "json"; readonly forEach: (visit: BytesVisitor) => void })
  | (ChunkCommon & { readonly kind: "rows"; readonly forEach: (visit: RowVisitor) => void });

/** Where to begin with a partition: a position, the earliest one, the latest one, or the first record at or after a time. */
export type Start = { readonly offset: number } | "earliest" | "latest" | { readonly timestampMs: number };

export type SourceHandler = {
  /** A partition is ours now: say where to read on. Called before its first chunk and again after each rebalance. */
  readonly onAssign: (partition: SourcePartition) => Start;
  /** All partitions of the source by fresh metadata, whether ours or not, and which are assigned to us. */
  readonly onPartitions: (source: string, all: readonly number[], assigned: readonly number[]) => void;
  /** Synchronous; the chunk is borrowed. */
  readonly onChunk: (chunk: Chunk) => void;
  /** A recent answer of the source proves that the partition's log ends at `end` (caught up when that is our position). */
  readonly onEnd: (partition: SourcePartition, end: number) => void;
  /** A finite source has ended: every pane of the partition may be closed. */
  readonly onFinished: (partition: SourcePartition) => void;
  /** The log ends before our position, twice seen: the topic was recreated or truncated. Says where to go on (epoch + 1, earliest). */
  readonly onRecreated: (partition: SourcePartition) => Start;
  /** The group holds (or no longer holds) a member that is not ours: counts go on, evaluation does not. */
  readonly onForeignMember: (source: string, present: boolean) => void;
  /** The source cannot go on by itself. */
  readonly onFatal: (error: Error) => void;
};

export type SourceStatus = {
  readonly source: string;
  readonly connected: boolean;
  /** Why it is not ready, in words; undefined when it is. */
  readonly problem?: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly next: number;
    readonly end: number | null;
    readonly assigned: boolean;
  }[];
};

export type Source = {
  /** Resolves once reading has begun (not: caught up). May be called once. */
  readonly start: (handler: SourceHandler) => Promise<void>;
  /** Any number of times; resolves in bounded time; no handler is called after. */
  readonly stop: () => Promise<void>;
  /** Publishes positions for lag tools only (the store decides); a failure is counted, never thrown. */
  readonly commit: (positions: readonly (SourcePartition & { readonly next: number })[]) => Promise<void>;
  /** Back-pressure: while paused nothing is handed over. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly status: () => SourceStatus[];
};
