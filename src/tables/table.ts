/**
 * A table on disk, read through DuckDB: CSV, TSV, NDJSON, JSON and Parquet, text also with gzip or zstd, one file or a glob. Rows come as column
 * chunks of typed arrays in bounded memory; sums that a query engine does better (distinct values, counts per category) are asked of it.
 * This file says what a table is; `open.ts` opens one, `plan.ts` has the kinds.
 */

import type { TableColumn } from "./plan.ts";

/**
 * `number`: other values are of the wrong type. `text`: numbers are categories, so 1.0 and 1 are one. `verbatim`: names, which stand as they
 * are written (the version `1.10` of a CSV file); a column that has a type of its own keeps it.
 */
export type DemandedKinds = ReadonlyMap<string, "number" | "text" | "verbatim">;

export type TableOptions = {
  /** Texts that mean "missing" beside the empty field, such as `NA`. */
  readonly nullValues?: readonly string[];
  /** Kinds demanded by column name, whatever the values look like; a name that the table lacks is ignored. */
  readonly kinds?: DemandedKinds;
  /** DuckDB's bound, such as `1GiB` (the default); what does not fit spills to a temporary folder. */
  readonly memoryLimit?: string;
  /** Rows will be read one after the other and have to come in the file's order. */
  readonly ordered?: boolean;
};

/** State of a place in a chunk: a value, a missing one, or one of the wrong type. */
export const PRESENT = 0;
export const MISSING = 1;
export const WRONG_TYPE = 2;

/** One column of a chunk, borrowed: valid only during the call. */
export type ChunkColumn =
  /** `values` are doubles, for `timestamp` epoch ms; where `state` (absent: all present) is not `PRESENT` they mean nothing. */
  | {
      readonly kind: "number" | "timestamp";
      readonly values: Float64Array;
      readonly state: Uint8Array | undefined;
      readonly wrong: (row: number) => string | null;
    }
  /** Text of `text` and `boolean` columns, the JSON of unsupported ones; null is missing or wrong. */
  | {
      readonly kind: "text" | "boolean" | "unsupported";
      readonly text: (row: number) => string | null;
      readonly wrong: (row: number) => string | null;
    };

export type TableChunk = {
  readonly rows: number;
  readonly columns: readonly ChunkColumn[];
  /** Event times, epoch ms, when the scan asked for them; NaN where a row has none. */
  readonly timeMs: Float64Array | undefined;
};

export type ScanOptions = {
  /** The columns of the chunks, in this order. */
  readonly columns: readonly string[];
  readonly filter?: TimeFilter;
  /** Sort by this column's event time; rows of one time stay in the order of the file, rows without a time come last. */
  readonly orderBy?: string;
  /**
   * Text columns that are handed on as numbers: the place of the category in the list, `UNSEEN_BIN` for another text, `MISSING_BIN` where there is
   * none (or a value of the wrong type). Several times as fast as reading the text; rows come in no order then.
   */
  readonly codes?: ReadonlyMap<string, readonly string[]>;
  /** Hand on this column's event times too: numbers below 1e11 are seconds, text is ISO 8601. */
  readonly time?: string;
};

/** Rows whose event time lies in `[fromMs, toMs)`, epoch ms of the column's values; a missing bound is open. Rows without a time are left out. */
export type TimeFilter = { readonly column: string; readonly fromMs?: number; readonly toMs?: number };

/** Values of one column by text, most frequent first (equal counts by text), at most `limit` of them, with the sums over all. */
export type TextCounts = {
  readonly values: readonly string[];
  readonly counts: readonly number[];
  readonly present: number;
  readonly distinct: number;
  readonly seenOnce: number;
  readonly missing: number;
  readonly wrongType: number;
};

/** What `countByCategory` gives as the bin of a value that is no category, of a missing one, and of one of the wrong type. */
export const UNSEEN_BIN = -1;
export const MISSING_BIN = -2;
export const WRONG_TYPE_BIN = -3;

/** Rows of a text column by the bin of their category, or by one of the three constants above. */
export type BinCount = { readonly slot: number; readonly bin: number; readonly count: number };

export type NumberCounts = {
  readonly count: number;
  readonly missing: number;
  readonly wrongType: number;
  readonly nan: number;
  readonly positiveInfinity: number;
  readonly negativeInfinity: number;
};

export type Table = {
  readonly path: string;
  readonly columns: readonly TableColumn[];
  /** Number of rows (within the filter). */
  readonly countRows: (filter?: TimeFilter) => Promise<number>;
  /** The event time column's extent, epoch ms, and how many rows have none; `from` and `to` are NaN when no row has one. */
  readonly timeRange: (filter: TimeFilter) => Promise<{ readonly fromMs: number; readonly toMs: number; readonly without: number }>;
  /** Hands the rows on chunk by chunk; a chunk is valid only during the call. */
  readonly scan: (options: ScanOptions, onChunk: (chunk: TableChunk) => void) => Promise<void>;
  /** The same as a stream; a chunk is valid until the next is asked for. */
  readonly chunks: (options: ScanOptions) => AsyncGenerator<TableChunk, void>;
  /** Distinct finite values of a number column with their counts, ascending, in bounded memory whatever the column holds. */
  readonly sortedNumbers: (
    column: string,
    filter: TimeFilter | undefined,
    onRuns: (values: Float64Array, counts: Float64Array) => void,
  ) => Promise<void>;
  readonly textCounts: (column: string, limit: number, filter?: TimeFilter) => Promise<TextCounts>;
  /** Counts a text column by the bins of its categories; with `slots` also by slot of event time (`floor((time − fromMs) / slotMs)`), else the slot is 0. */
  readonly countByCategory: (
    column: string,
    categories: readonly string[],
    options?: {
      /** The bin of each category; its place in the list by default. */
      readonly bins?: readonly number[];
      readonly filter?: TimeFilter;
      readonly slots?: { readonly column: string; readonly fromMs: number; readonly slotMs: number };
    },
  ) => Promise<BinCount[]>;
  /** How many rows of a number column hold what: finite values are `count`. */
  readonly countNumbers: (column: string, filter?: TimeFilter) => Promise<NumberCounts>;
  /** Rows by slot of event time, ascending; a slot starts at a multiple of `slotMs` since the epoch. Slots without rows are left out. */
  readonly countByTime: (
    column: string,
    slotMs: number,
    filter?: TimeFilter,
  ) => Promise<{ readonly startMs: number; readonly count: number }[]>;
  /** Frees memory and temporary files. Any number of times. */
  readonly close: () => Promise<void>;
};
