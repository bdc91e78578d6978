/**
 * Counts a whole table into the layout of a snapshot: what `driftd compare` judges, in the very row that the daemon's panes sum to. Numbers are
 * binned here as they stream by; categories are counted by DuckDB.
 */

import { openTable } from "../tables/open.ts";
import type { TableColumn } from "../tables/plan.ts";
import { MISSING, MISSING_BIN, PRESENT, type Table, UNSEEN_BIN } from "../tables/table.ts";
import { binsOf } from "./bins.ts";
import { countDerivedRows } from "./count-derived.ts";
import { createFloat32Columns, type Float32Columns } from "./float32.ts";
import { type CompiledFeature, type CompiledLayout, MOMENT_FIELDS, SPECIAL_SLOTS, type SpecialSlot } from "./layout.ts";
import { addToMoments, emptyMoments } from "./moments.ts";

export type CountOptions = {
  /** As the reference was read: texts that mean "missing". */
  readonly nullValues?: readonly string[];
  readonly memoryLimit?: string;
  /** Rows read so far. */
  readonly onRows?: (rows: number) => void;
};

/** A table counted under a layout. */
export type TableCounts = {
  readonly records: number;
  /** One row of `RowLayout.slots` counts. */
  readonly counts: Uint32Array;
  /** `RowLayout.numeric` × `MOMENT_FIELDS`, as a pane has them: min and max are ±Infinity where the count is 0. */
  readonly moments: Float64Array;
  /** Features whose column the table lacks: all its rows are counted `absent`. */
  readonly lacking: readonly string[];
  /** Columns of the table that are no feature of the layout. */
  readonly extra: readonly string[];
  /** Features whose column was saved as float32 where the reference was not: each value was counted as the reference's that it was rounded from. */
  readonly float32: readonly string[];
};

/**
 * Counts the table at `path`. A column is read as the feature's kind, whatever it looks like: text in a numeric feature is a wrong type, a number
 * in a categorical one is its text. Derived features are computed and counted where the layout has them. Throws the `TABLE_*` errors of `openTable`.
 */
export async function countTable(
  path: string,
  { features, row, derived }: CompiledLayout,
  options: CountOptions = {},
): Promise<TableCounts> {
  const table = await openTable(path, {
    kinds: new Map(features.map((feature) => [feature.key, feature.kind === "numeric" ? "number" : "text"])),
    nullValues: options.nullValues ?? [],
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
  });
  try {
    const counts = new Uint32Array(row.slots);
    const moments = emptyMoments(row.numeric);
    const columns = new Map(table.columns.map((column) => [column.name, column]));
    const records = await table.countRows();
    const lacking: string[] = [];
    const numeric: CompiledFeature[] = [];
    const readable = new Set<CompiledFeature>();
    for (const feature of features) {
      const column = columns.get(feature.key);
      columns.delete(feature.key);
      if (column !== undefined && column.kind !== "unsupported") readable.add(feature);
      if (column === undefined) {
        lacking.push(feature.feature);
        counts[specialSlot(feature, "absent")] = records;
      } else if (column.kind === "unsupported") await countUnsupported(table, column, feature, counts);
      else if (feature.kind === "numeric") numeric.push(feature);
      else await countText(table, feature, counts);
    }
    const narrow = createFloat32Columns();
    await countNumbers(table, numeric, counts, moments, { narrow, onRows: options.onRows ?? (() => {}) });
    const float32 = narrow.settle(counts);
    if (derived !== undefined) await countDerivedRows(table, features, derived, (feature) => readable.has(feature), counts, moments);
    return { records, counts, moments, lacking, extra: [...columns.keys()], float32 };
  } finally {
    await table.close();
  }
}

function specialSlot(feature: CompiledFeature, special: SpecialSlot): number {
  return feature.offset + feature.bins + SPECIAL_SLOTS.indexOf(special);
}

/** Lists and structures are no values of any kind. */
async function countUnsupported(table: Table, column: TableColumn, feature: CompiledFeature, counts: Uint32Array): Promise<void> {
  for (const { bin, count } of await table.countByCategory(column.name, [])) {
    counts[specialSlot(feature, bin === MISSING_BIN ? "missing" : "wrong_type")]! += count;
  }
}

async function countText(table: Table, feature: CompiledFeature, counts: Uint32Array): Promise<void> {
  for (const { bin, count } of await table.countByCategory(feature.key, [...feature.categories!.keys()])) {
    if (bin >= 0) counts[feature.offset + bin]! += count;
    else counts[specialSlot(feature, bin === UNSEEN_BIN ? "unseen" : bin === MISSING_BIN ? "missing" : "wrong_type")]! += count;
  }
}

async function countNumbers(
  table: Table,
  features: readonly CompiledFeature[],
  counts: Uint32Array,
  moments: Float64Array,
  { narrow, onRows }: { readonly narrow: Float32Columns; readonly onRows: (rows: number) => void },
): Promise<void> {
  if (features.length === 0) return;
  let read = 0;
  await table.scan({ columns: features.map(({ key }) => key) }, ({ rows, columns }) => {
    for (let c = 0; c < features.length; c++) {
      const column = columns[c]!;
      if ("values" in column) addValues(features[c]!, column.values, column.state, rows, { counts, moments, narrow });
    }
    read += rows;
    onRows(read);
  });
}

/** The finite values of one chunk (about 2,000 rows), and their bins. */
const block = new Float64Array(4096);
const blockBins = new Int32Array(block.length);

function addValues(
  feature: CompiledFeature,
  values: Float64Array,
  state: Uint8Array | undefined,
  rows: number,
  { counts, moments, narrow }: { readonly counts: Uint32Array; readonly moments: Float64Array; readonly narrow: Float32Columns },
): void {
  const { paddedEdges, offset, float32 } = feature;
  const missing = specialSlot(feature, "missing");
  const wrongType = specialSlot(feature, "wrong_type");
  const nan = specialSlot(feature, "nan");
  const positive = specialSlot(feature, "positive_infinity");
  const negative = specialSlot(feature, "negative_infinity");
  let finite = 0;
  for (let i = 0; i < rows; i++) {
    if (state !== undefined && state[i] !== PRESENT) {
      counts[state[i] === MISSING ? missing : wrongType]! += 1;
      continue;
    }
    const value = float32 ? Math.fround(values[i]!) : values[i]!;
    if (value - value !== 0) {
      counts[value > 0 ? positive : value < 0 ? negative : nan]! += 1;
      continue;
    }
    block[finite++] = value;
  }
  binsOf(paddedEdges, block, finite, blockBins);
  for (let i = 0; i < finite; i++) counts[offset + blockBins[i]!]! += 1;
  if (!float32) narrow.add(feature, block, blockBins, finite);
  addToMoments(moments, feature.moments * MOMENT_FIELDS, block, undefined, finite);
}
