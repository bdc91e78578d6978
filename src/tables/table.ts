/**
 * A table on disk, read through DuckDB: CSV, TSV, NDJSON, JSON and Parquet, text also with gzip or zstd, one file or a glob. Rows come as column
 * chunks of typed arrays in bounded memory; sums that a query engine does better (distinct values, counts per category) are asked of it.
 *
 * Kinds are those of `plan.ts`. Parquet is read in place. CSV and JSON are read twice: once to decide the kinds from all values, once into a typed
 * table that spills to a temporary folder; both go when the table is closed.
 */

import { DriftdError } from "../lib/errors.ts";
import { type Database, isNull, openDatabase, type ResultColumn } from "./database.ts";
import { explained, readableError } from "./failure.ts";
import { findTableFiles } from "./files.ts";
import { type ColumnKind, type ColumnPlan, canonicalNumberText, type TableColumn } from "./plan.ts";
import { prepareTable } from "./prepare.ts";

export type { ColumnKind, TableColumn } from "./plan.ts";

export type TableOptions = {
  /** Texts that mean "missing" beside the empty field, such as `NA`. */
  readonly nullValues?: readonly string[];
  /** Kinds demanded by column name, whatever the values look like; a name that the table lacks is ignored. */
  readonly kinds?: ReadonlyMap<string, "number" | "text">;
  /** DuckDB's bound, such as `1GiB` (the default); what does not fit spills to a temporary folder. */
  readonly memoryLimit?: string;
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

/**
 * Opens a table. Throws, with the file's name: `TABLE_NOT_FOUND`, `TABLE_UNREADABLE` (corrupt, truncated, ragged), `TABLE_ENCODING`, `TABLE_EMPTY`,
 * `TABLE_FORMAT_UNKNOWN`, `TABLE_FORMATS_DIFFER`, `TABLE_COLUMNS_DIFFER` (between the files of a glob).
 */
export async function openTable(path: string, options: TableOptions = {}): Promise<Table> {
  const files = await findTableFiles(path);
  const database = await openDatabase(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit });
  try {
    const { relation, plans } = await explained(path, () =>
      prepareTable(database, files, { nullValues: options.nullValues ?? [], kinds: options.kinds ?? new Map() }),
    );
    if (plans.length === 0) {
      throw new DriftdError("TABLE_EMPTY", `${path}: has no columns`, { hint: "Is it the right file? An empty JSON file has none." });
    }
    return createTable(path, database, relation, plans);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

function createTable(path: string, database: Database, relation: string, plans: readonly ColumnPlan[]): Table {
  const byName = new Map(plans.map((plan) => [plan.name, plan]));
  const plan = (name: string): ColumnPlan => {
    const found = byName.get(name);
    if (found !== undefined) return found;
    throw new DriftdError("TABLE_COLUMN_MISSING", `${path}: has no column ${JSON.stringify(name)}`, {
      hint: `Its columns are: ${[...byName.keys()].slice(0, 20).join(", ")}${byName.size > 20 ? " …" : ""}.`,
    });
  };
  const time = (name: string): string => timeOf(plan(name));
  const where = (filter: TimeFilter | undefined): string => {
    if (filter === undefined || (filter.fromMs === undefined && filter.toMs === undefined)) return "";
    const column = time(filter.column);
    const bounds = [
      filter.fromMs === undefined ? [] : [`(${column}) >= ${filter.fromMs}`],
      filter.toMs === undefined ? [] : [`(${column}) < ${filter.toMs}`],
    ].flat();
    return ` WHERE ${bounds.join(" AND ")}`;
  };
  const query = (sql: string, lists?: readonly (readonly string[])[]) => explained(path, () => database.rows(sql, lists));

  async function* chunks(options: ScanOptions): AsyncGenerator<TableChunk, void> {
    const wanted = options.columns.map(plan);
    const selected = wanted.flatMap(({ value, wrong }) => (wrong === undefined ? [value] : [value, wrong]));
    // A result needs a column, even where only the number of rows is asked for.
    selected.push(options.time === undefined ? "CAST(NULL AS DOUBLE)" : `coalesce(${time(options.time)}, 'nan'::DOUBLE)`);
    const columns = selected.map((sql, i) => `${sql} AS s${i}`).join(", ");
    const sql =
      options.orderBy === undefined
        ? `SELECT ${columns} FROM ${relation}${where(options.filter)}`
        : // Numbered first: rows of one time keep the order of the file, so that a replay is the same every time.
          `SELECT * EXCLUDE (event_time, row_order) FROM (SELECT ${columns}, ${time(options.orderBy)} AS event_time, row_number() OVER () AS row_order FROM ${relation}${where(options.filter)}) ORDER BY event_time NULLS LAST, row_order`;
    try {
      for await (const chunk of database.stream(sql)) {
        let at = 0;
        const columns = wanted.map((column) => {
          const values = chunk.columns[at++]!;
          const wrong = column.wrong === undefined ? undefined : chunk.columns[at++]!;
          return chunkColumn(column.kind, chunk.rows, values, wrong);
        });
        yield { rows: chunk.rows, columns, timeMs: options.time === undefined ? undefined : chunk.columns[at]!.doubles };
      }
    } catch (thrown) {
      throw readableError(path, thrown);
    }
  }

  return {
    path,
    columns: plans.map(({ name, kind, duckdbType, note }) => ({ name, kind, duckdbType, ...(note === undefined ? {} : { note }) })),
    countRows: async (filter) => Number((await query(`SELECT count(*) FROM ${relation}${where(filter)}`))[0]![0]),
    timeRange: async (filter) => {
      const column = time(filter.column);
      const [row] = await query(`SELECT min(${column}), max(${column}), count_if((${column}) IS NULL) FROM ${relation}${where(filter)}`);
      const [fromMs, toMs, without] = row!;
      return {
        fromMs: typeof fromMs === "number" ? fromMs : Number.NaN,
        toMs: typeof toMs === "number" ? toMs : Number.NaN,
        without: Number(without),
      };
    },
    scan: async (options, onChunk) => {
      for await (const chunk of chunks(options)) onChunk(chunk);
    },
    chunks,
    sortedNumbers: async (column, filter, onRuns) => {
      const { value } = plan(column);
      const finite = `SELECT ${value} + 0 AS v FROM ${relation}${where(filter)}`;
      const sql = `SELECT v, CAST(count(*) AS DOUBLE) FROM (${finite}) WHERE isfinite(v) GROUP BY v ORDER BY v`;
      try {
        for await (const { columns } of database.stream(sql)) onRuns(columns[0]!.doubles, columns[1]!.doubles);
      } catch (thrown) {
        throw readableError(path, thrown);
      }
    },
    textCounts: async (column, limit, filter) => {
      const { value, wrong, numericText } = plan(column);
      const rows = await query(
        `WITH values AS (SELECT ${value} AS v, ${wrong ?? "CAST(NULL AS VARCHAR)"} AS w FROM ${relation}${where(filter)}), ` +
          "groups AS MATERIALIZED (SELECT v, w IS NOT NULL AS wrong, count(*) AS n FROM values GROUP BY ALL) " +
          `SELECT 0, NULL, count(v), sum(n) FILTER (v IS NOT NULL), count_if(v IS NOT NULL AND n = 1), sum(n) FILTER (v IS NULL AND NOT wrong), sum(n) FILTER (v IS NULL AND wrong) FROM groups ` +
          `UNION ALL SELECT * FROM (SELECT 1, v, n, 0, 0, 0, 0 FROM groups WHERE v IS NOT NULL ORDER BY n DESC, v LIMIT ${limit})`,
      );
      const sums = rows.find(([part]) => part === 0)!;
      const named = rows
        .filter(([part]) => part === 1)
        .map(([, v, n]) => ({ text: numericText ? canonicalNumberText(String(v)) : String(v), count: Number(n) }));
      // The order of a union is not promised; ties follow code units, whatever collation made them.
      named.sort((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1));
      return {
        values: named.map(({ text }) => text),
        counts: named.map(({ count }) => count),
        distinct: Number(sums[2]),
        present: Number(sums[3] ?? 0),
        seenOnce: Number(sums[4]),
        missing: Number(sums[5] ?? 0),
        wrongType: Number(sums[6] ?? 0),
      };
    },
    countByCategory: async (column, categories, { filter, slots, bins } = {}) => {
      const { value, wrong, numericText } = plan(column);
      const slot = slots === undefined ? "0" : `CAST(floor(((${time(slots.column)}) - ${slots.fromMs}) / ${slots.slotMs}) AS INTEGER)`;
      const named = (text: string): string => (numericText ? canonicalSql(text) : text);
      const rows = await query(
        `WITH listed AS (SELECT unnest($1) AS name, unnest(${bins === undefined ? `range(${categories.length})` : `[${bins.join(", ")}]::BIGINT[]`}) AS bin), ` +
          `categories AS (SELECT ${named("name")} AS name, min(bin) AS bin FROM listed GROUP BY 1), ` +
          `fields AS (SELECT ${slot} AS slot, ${named(value)} AS name, ${wrong ?? "CAST(NULL AS VARCHAR)"} IS NOT NULL AS wrong FROM ${relation}${where(filter)}) ` +
          `SELECT slot, CASE WHEN fields.name IS NOT NULL THEN coalesce(bin, ${UNSEEN_BIN}) WHEN wrong THEN ${WRONG_TYPE_BIN} ELSE ${MISSING_BIN} END AS place, count(*) ` +
          "FROM fields LEFT JOIN categories ON fields.name = categories.name WHERE slot IS NOT NULL GROUP BY slot, place",
        [categories],
      );
      return rows.map(([at, bin, count]) => ({ slot: Number(at), bin: Number(bin), count: Number(count) }));
    },
    countNumbers: async (column, filter) => {
      const { value, wrong } = plan(column);
      const fields = `SELECT ${value} AS v, ${wrong ?? "CAST(NULL AS VARCHAR)"} AS w FROM ${relation}${where(filter)}`;
      const [row] = await query(
        `SELECT count_if(isfinite(v)), count_if(v IS NULL AND w IS NULL), count(w), count_if(isnan(v)), count_if(isinf(v) AND v > 0), count_if(isinf(v) AND v < 0) FROM (${fields})`,
      );
      const [count, missing, wrongType, nan, positiveInfinity, negativeInfinity] = row!.map(Number) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      return { count, missing, wrongType, nan, positiveInfinity, negativeInfinity };
    },
    countByTime: async (column, slotMs, filter) => {
      const slot = `floor((${time(column)}) / ${slotMs})`;
      const rows = await query(
        `SELECT slot, count(*) FROM (SELECT ${slot} AS slot FROM ${relation}${where(filter)}) WHERE slot IS NOT NULL GROUP BY slot ORDER BY slot`,
      );
      return rows.map(([at, count]) => ({ startMs: Number(at) * slotMs, count: Number(count) }));
    },
    close: () => database.close(),
  };
}

/** SQL: the one text of a number in a text column, the same for 1, 1.0 and 1e0. */
function canonicalSql(value: string): string {
  return `coalesce(CAST(TRY_CAST((${value}) AS DOUBLE) AS VARCHAR), (${value}))`;
}

/** SQL: the event time of a column in epoch ms, by the rule of records: numbers below 1e11 are seconds. */
function timeOf(plan: ColumnPlan): string {
  if (plan.kind === "timestamp") return plan.value;
  if (plan.kind === "number")
    return `CASE WHEN isfinite(${plan.value}) THEN floor(CASE WHEN ${plan.value} < 1e11 THEN (${plan.value}) * 1000 ELSE (${plan.value}) END) END`;
  return `CAST(epoch_ms(TRY_CAST((${plan.value}) AS TIMESTAMPTZ)) AS DOUBLE)`;
}

function chunkColumn(kind: ColumnKind, rows: number, values: ResultColumn, wrong: ResultColumn | undefined): ChunkColumn {
  const wrongText = wrong === undefined ? () => null : wrong.text;
  if (kind !== "number" && kind !== "timestamp") return { kind, text: values.text, wrong: wrongText };
  let state: Uint8Array | undefined;
  if (values.present !== undefined) {
    state = new Uint8Array(rows);
    for (let i = 0; i < rows; i++) {
      if (isNull(values.present, i)) state[i] = wrong === undefined || isNull(wrong.present, i) ? MISSING : WRONG_TYPE;
    }
  }
  return { kind, values: values.doubles, state, wrong: wrongText };
}
