/** A temporary folder of table files for tests; DuckDB writes the ones that people do not write by hand. */

import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openDatabase } from "../../src/tables/database.ts";

export type TableFolder = {
  readonly path: (name: string) => string;
  /** Writes a file and returns its path. */
  readonly write: (name: string, content: string | Buffer) => Promise<string>;
  /** Writes the result of a query by `COPY`, in the format of the name (and zstd or gzip by its last extension). */
  readonly copy: (query: string, name: string, options?: string) => Promise<string>;
};

/** Makes the folder and sees to its end. */
export function tableFolder(): TableFolder {
  const folder = mkdtempSync(join(tmpdir(), "driftd-test-tables-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: async (name, content) => {
      await writeFile(path(name), content);
      return path(name);
    },
    copy: async (query, name, options = "") => {
      const database = await openDatabase();
      try {
        await database.run(`COPY (${query}) TO '${path(name)}' (${options || "FORMAT parquet"})`);
      } finally {
        await database.close();
      }
      return path(name);
    },
  };
}
