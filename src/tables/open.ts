/**
 * Opens a table: finds its files, decides the kinds of its columns, and answers what a table is asked with SQL.
 *
 * Parquet is read in place. CSV and JSON are read twice: once to decide the kinds from all values, once into a typed table that spills to a
 * temporary folder; both go when the table is closed.
 */

import { DriftdError } from "../lib/errors.ts";
import { chunkColumn } from "./chunk.ts";
import { type Database, literal, openDatabase } from "./database.ts";
import { explained, readableError } from "./failure.ts";
import { findTableFiles } from "./files.ts";
import { type ColumnPlan, canonicalNumberText } from "./plan.ts";
import { prepareTable } from "./prepare.ts";
import {
  MISSING_BIN,
  type ScanOptions,
  type Table,
  type TableChunk,
  type TableOptions,
  type TimeFilter,
  UNSEEN_BIN,
  WRONG_TYPE_BIN,
} from "./table.ts";

/**
 * Opens a table. Throws, with the file's name: `TABLE_NOT_FOUND`, `TABLE_UNREADABLE` (corrupt, truncated, ragged), `TABLE_ENCODING`, `TABLE_EMPTY`,
 * `TABLE_FORMAT_UNKNOWN`, `TABLE_FORMATS_DIFFER`, `TABLE_COLUMNS_DIFFER` (between the files of a glob).
 */
export async function openTable(path: string, options: TableOptions = {}): Promise<Table> {
  const files = await findTableFiles(path);
  const database = await openDatabase(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit });
  try {
    const { relation, plans } = await explained(path, () =>
      prepareTable(database, files, {
        nullValues: options.nullValues ?? [],
        kinds: options.kinds ?? new Map(),
        ordered: options.ordered ?? false,
      }),
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
    const codes = options.codes ?? new Map<string, readonly string[]>();
    const wanted = options.columns.map((name, i) => (codes.has(name) ? codedPlan(plan(name), i) : plan(name)));
    const selected = wanted.flatMap(({ value, wrong }) => (wrong === undefined ? [value] : [value, wrong]));
    // A result needs a column, even where only the number of rows is asked for.
    selected.push(options.time === undefined ? "CAST(NULL AS DOUBLE)" : `coalesce(${time(options.time)}, 'nan'::DOUBLE)`);
    const columns = selected.map((sql, i) => `${sql} AS s${i}`).join(", ");
    const joins = options.columns.map((name, i) => (codes.has(name) ? joinOfCodes(plan(name), codes.get(name)!, i) : "")).join("");
    const sql =
      options.orderBy === undefined
        ? `SELECT ${columns} FROM ${relation}${joins}${where(options.filter)}`
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

/** The plan of a text column that is read as the places of its categories: those of the relation `joinOfCodes` with the same number. */
function codedPlan(plan: ColumnPlan, i: number): ColumnPlan {
  const value = `CASE WHEN codes${i}.place IS NOT NULL THEN codes${i}.place WHEN (${plan.value}) IS NOT NULL THEN ${UNSEEN_BIN}::DOUBLE ELSE ${MISSING_BIN}::DOUBLE END`;
  return { ...plan, kind: "number", value, wrong: undefined };
}

/** SQL: joins a text column with the places of its categories. */
function joinOfCodes({ value, numericText }: ColumnPlan, categories: readonly string[], i: number): string {
  const named = (text: string): string => (numericText ? canonicalSql(text) : text);
  const list = `SELECT unnest([${categories.map(literal).join(", ")}]::VARCHAR[]) AS name, unnest(range(${categories.length})) AS place`;
  const places = `SELECT ${named("name")} AS code, CAST(min(place) AS DOUBLE) AS place FROM (${list}) GROUP BY 1`;
  return ` LEFT JOIN (${places}) codes${i} ON (${named(value)}) = codes${i}.code`;
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
