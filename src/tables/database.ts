/**
 * DuckDB, and nothing of driftd's: opens an in-memory database that is bounded in memory, spills to a temporary folder, and never reaches for
 * the network; runs SQL and hands results on as column chunks. The only importer of `@duckdb/node-api`.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DuckDBDataChunk,
  type DuckDBDoubleVector,
  DuckDBInstance,
  type DuckDBVector,
  LIST,
  listValue,
  VARCHAR,
} from "@duckdb/node-api";

/** Enough to sort some ten million rows without a spill, and little enough to leave the host alone. */
export const DEFAULT_MEMORY_LIMIT = "1GiB";

/** A column of a chunk. Doubles are borrowed from the chunk: read them before the next one is fetched. */
export type ResultColumn = {
  /** The doubles of a DOUBLE column; places where `isNull` says so hold anything. Empty for another type. */
  readonly doubles: Float64Array;
  /** One bit a row, 1 = present (little-endian 32-bit words); undefined: no value is null. */
  readonly present: Uint32Array | undefined;
  /** The text of a VARCHAR column. */
  readonly text: (row: number) => string | null;
};

export type ResultChunk = { readonly rows: number; readonly columns: readonly ResultColumn[] };

export type Database = {
  /** Runs a statement; `lists` are bound to `$1`, `$2` … as lists of text. */
  readonly run: (sql: string, lists?: readonly (readonly string[])[]) => Promise<void>;
  /** All rows of a small result as plain values: numbers (BIGINT too), text, booleans, null. */
  readonly rows: (sql: string, lists?: readonly (readonly string[])[]) => Promise<(number | string | boolean | null)[][]>;
  /** Names and types of a query's columns, without running it. */
  readonly describe: (sql: string) => Promise<{ readonly name: string; readonly type: string }[]>;
  /** Streams a result of DOUBLE and VARCHAR columns chunk by chunk (about 2,000 rows each) in bounded memory. */
  readonly stream: (sql: string) => AsyncGenerator<ResultChunk, void>;
  /** Frees everything, the temporary folder too. Any number of times. */
  readonly close: () => Promise<void>;
};

/** Opens an empty database. `memoryLimit` is a size as DuckDB writes it (`1GiB`). */
export async function openDatabase(options: { readonly memoryLimit?: string } = {}): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-tables-"));
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    memory_limit: options.memoryLimit ?? DEFAULT_MEMORY_LIMIT,
    temp_directory: folder,
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  let closing: Promise<void> | undefined;

  return {
    run: async (sql, lists = []) => {
      await connection.run(sql, ...bound(lists));
    },
    rows: async (sql, lists = []) => {
      const reader = await connection.runAndReadAll(sql, ...bound(lists));
      return reader.getRows().map((row) =>
        row.map((value) => {
          if (value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
          return typeof value === "bigint" ? Number(value) : String(value);
        }),
      );
    },
    describe: async (sql) => {
      const reader = await connection.runAndReadAll(`DESCRIBE ${sql}`);
      return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
    },
    stream: async function* (sql) {
      const result = await connection.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield readChunk(chunk);
      }
    },
    close: () => {
      closing ??= (async () => {
        connection.closeSync();
        instance.closeSync();
        await rm(folder, { recursive: true, force: true });
      })();
      return closing;
    },
  };
}

/** Values and types of the parameters: an empty list has no type of its own. */
function bound(lists: readonly (readonly string[])[]) {
  return [lists.map((list) => listValue([...list])), lists.map(() => LIST(VARCHAR))] as const;
}

const NO_DOUBLES = new Float64Array(0);

function readChunk(chunk: DuckDBDataChunk): ResultChunk {
  const columns: ResultColumn[] = [];
  for (let i = 0; i < chunk.columnCount; i++) columns.push(readColumn(chunk.getColumnVector(i)));
  return { rows: chunk.rowCount, columns };
}

// The vectors' arrays are private to the package; reading them value by value costs ten times as much. The version is pinned, and the tests of
// this folder fail if the fields move.
function readColumn(vector: DuckDBVector): ResultColumn {
  const { items, validity } = vector as unknown as { items?: unknown; validity: { data: BigUint64Array | null } };
  const bits = validity.data;
  return {
    doubles: items instanceof Float64Array ? (vector as DuckDBDoubleVector)["items"] : NO_DOUBLES,
    present: bits === null ? undefined : new Uint32Array(bits.buffer, bits.byteOffset, 2 * bits.length),
    text: (row) => vector.getItem(row) as string | null,
  };
}

/** Whether a row's value is null. */
export function isNull(present: Uint32Array | undefined, row: number): boolean {
  return present !== undefined && ((present[row >> 5]! >>> (row & 31)) & 1) === 0;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
