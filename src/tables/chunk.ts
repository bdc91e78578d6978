/** From a chunk of DuckDB's to a chunk of a table: values, and where one is missing or of the wrong type. */

import { isNull, type ResultColumn } from "./database.ts";
import type { ColumnKind } from "./plan.ts";
import { type ChunkColumn, MISSING, WRONG_TYPE } from "./table.ts";

/** Makes a column of a chunk. `wrong` is the column of raw texts of values that do not fit the kind; undefined: there are none. */
export function chunkColumn(kind: ColumnKind, rows: number, values: ResultColumn, wrong: ResultColumn | undefined): ChunkColumn {
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
