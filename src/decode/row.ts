/** The row decoder: a row of a table is a record; its record columns are the record's fields, every other column is a feature. */

import { createFieldReader, type FieldPaths } from "./fields.ts";
import type { RowDecoder } from "./record.ts";

/** Makes the decoder. The paths name columns; `features` is the row itself. */
export function createRowDecoder(paths: FieldPaths): RowDecoder {
  const readFields = createFieldReader({ ...paths, features: [] });
  return (row, into) => readFields(row, undefined, into);
}
