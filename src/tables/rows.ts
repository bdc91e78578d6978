/** Rows of a table as plain objects, in the order of the file or of event time: what the file source replays. Made lazily, one row at a time. */

import { DriftdError } from "../lib/errors.ts";
import { openTable } from "./open.ts";
import type { TableColumn } from "./plan.ts";
import { type ChunkColumn, PRESENT, type TableOptions, WRONG_TYPE } from "./table.ts";

export type RowsOptions = TableOptions & {
  /** Sort by this column's event time; rows of one time stay in the order of the file, rows without one come last. */
  readonly orderBy?: string;
  /** Only these columns; all by default. */
  readonly columns?: readonly string[];
};

/** Some rows. `row(i)` makes a fresh object; it is valid until the next batch is asked for. */
export type RowBatch = { readonly count: number; readonly row: (i: number) => Record<string, unknown> };

/** Event times of this size would be read as seconds if they were written as numbers: they are given as `Date`. */
const SECONDS_BELOW = 1e11;

/**
 * Opens a table and yields its rows. Missing is null; numbers, NaN and infinities are numbers; integers beyond 2^53 are text; booleans are
 * booleans; timestamps are epoch milliseconds (a `Date` before March 1973, where a number would mean seconds); lists and structures are
 * themselves; a value of the wrong type is its raw text (JSON: the value). Throws what `openTable` throws, and `TABLE_COLUMN_MISSING` for a name
 * that the table lacks.
 */
export async function* openRows(path: string, options: RowsOptions = {}): AsyncGenerator<RowBatch, void> {
  const table = await openTable(path, { ...options, ordered: true });
  try {
    const names = options.columns ?? table.columns.map(({ name }) => name);
    const columns = names.map((name) => {
      const column = table.columns.find((candidate) => candidate.name === name);
      if (column === undefined) {
        throw new DriftdError("TABLE_COLUMN_MISSING", `${path}: has no column ${JSON.stringify(name)}`, {
          hint: `Its columns are: ${table.columns.map((candidate) => candidate.name).join(", ")}.`,
        });
      }
      return column;
    });
    const order = options.orderBy === undefined ? {} : { orderBy: options.orderBy };
    for await (const chunk of table.chunks({ columns: names, ...order })) {
      yield {
        count: chunk.rows,
        row: (i) => {
          const row: Record<string, unknown> = {};
          for (let c = 0; c < columns.length; c++) put(row, columns[c]!.name, fieldOf(columns[c]!, chunk.columns[c]!, i));
          return row;
        },
      };
    }
  } finally {
    await table.close();
  }
}

function put(row: Record<string, unknown>, name: string, value: unknown): void {
  // Assigning `__proto__` would change the object instead of adding a field to it.
  if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
  else row[name] = value;
}

function fieldOf(column: TableColumn, chunk: ChunkColumn, i: number): unknown {
  if ("values" in chunk) {
    const state = chunk.state === undefined ? PRESENT : chunk.state[i]!;
    if (state === PRESENT) {
      const value = chunk.values[i]!;
      return chunk.kind === "timestamp" && value < SECONDS_BELOW ? new Date(value) : value;
    }
    return state === WRONG_TYPE ? raw(column, chunk.wrong(i)) : null;
  }
  const text = chunk.text(i);
  if (text === null) return raw(column, chunk.wrong(i));
  if (chunk.kind === "boolean") return text === "true";
  return chunk.kind === "unsupported" ? parsed(text) : text;
}

function raw(column: TableColumn, text: string | null): unknown {
  return text === null || column.duckdbType !== "JSON" ? text : parsed(text);
}

/** A JSON value; as text where it holds the NaN or Infinity that some writers put into JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
