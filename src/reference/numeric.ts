/**
 * The numeric features of a reference: one pass over the table gathers columns, each is sorted, and one pass over its sorted runs gives bins,
 * moments and what the values look like. A column too long for memory is sorted by DuckDB instead, which spills; the result is the same.
 */

import { MISSING, PRESENT, type Table, type TimeFilter } from "../tables/table.ts";
import { createFineBins, type FineBins, runsOf } from "./bins.ts";
import type { Moments } from "./snapshot.ts";
import { sortDoubles } from "./sort.ts";

/** Values gathered at once over all columns: 24 million doubles are 192 MB. */
const GATHERED_VALUES = 24_000_000;
/** A column longer than this is sorted by DuckDB: sorting it here needs twice its 64 MB. */
const GATHERED_ROWS = 8_000_000;

/** What the finite values of a column come to, and how many others there are. */
export type NumericSummary = {
  readonly count: number;
  readonly missing: number;
  readonly wrongType: number;
  readonly nan: number;
  readonly positiveInfinity: number;
  readonly negativeInfinity: number;
  /** Undefined when there is no finite value. */
  readonly fine: FineBins | undefined;
  readonly moments: Moments;
  /** Every value is a whole number. */
  readonly integers: boolean;
  /** Every value is exactly a float32, and some are no short decimals: the column was saved as float32. */
  readonly float32: boolean;
};

/** Summaries of the number columns, in their order. `onColumn` is told after each. Memory: about 400 MB at most, whatever the table. */
export async function summarizeNumbers(
  table: Table,
  columns: readonly string[],
  options: {
    readonly rows: number;
    readonly bins: number;
    readonly filter: TimeFilter | undefined;
    readonly onColumn: () => void;
    readonly gatheredRows?: number;
  },
): Promise<NumericSummary[]> {
  const { rows, bins, filter, onColumn, gatheredRows = GATHERED_ROWS } = options;
  const summaries: NumericSummary[] = [];
  if (rows > gatheredRows) {
    for (const column of columns) {
      summaries.push(await summarizeLong(table, column, bins, filter));
      onColumn();
    }
    return summaries;
  }
  const together = Math.max(1, Math.floor(GATHERED_VALUES / Math.max(1, rows)));
  for (let from = 0; from < columns.length; from += together) {
    for (const gathered of await gather(table, columns.slice(from, from + together), rows, filter)) {
      summaries.push(summarizeGathered(gathered, bins));
      onColumn();
      // The columns of a group are sorted one by one: between two, the process may answer a signal.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return summaries;
}

type Others = { missing: number; wrongType: number; nan: number; positiveInfinity: number; negativeInfinity: number };
type Gathered = { values: Float64Array; count: number; others: Others };

async function gather(table: Table, columns: readonly string[], rows: number, filter: TimeFilter | undefined): Promise<Gathered[]> {
  const gathered = columns.map(
    (): Gathered => ({
      values: new Float64Array(rows),
      count: 0,
      others: { missing: 0, wrongType: 0, nan: 0, positiveInfinity: 0, negativeInfinity: 0 },
    }),
  );
  await table.scan({ columns, ...(filter === undefined ? {} : { filter }) }, (chunk) => {
    for (let c = 0; c < columns.length; c++) {
      const column = chunk.columns[c]!;
      if ("values" in column) append(gathered[c]!, column.values, column.state, chunk.rows);
    }
  });
  return gathered;
}

function append(into: Gathered, values: Float64Array, state: Uint8Array | undefined, rows: number): void {
  let { count } = into;
  const { values: out, others } = into;
  for (let i = 0; i < rows; i++) {
    const value = values[i]!;
    if (state !== undefined && state[i] !== PRESENT) {
      if (state[i] === MISSING) others.missing += 1;
      else others.wrongType += 1;
    } else if (value - value === 0) out[count++] = value;
    else if (value > 0) others.positiveInfinity += 1;
    else if (value < 0) others.negativeInfinity += 1;
    else others.nan += 1;
  }
  into.count = count;
}

function summarizeGathered({ values, count, others }: Gathered, bins: number): NumericSummary {
  const runs = runsOf(sortDoubles(values.subarray(0, count)));
  const pass = createPass(count, bins);
  pass.add(runs.values, runs.counts);
  return { ...others, ...pass.finish() };
}

async function summarizeLong(table: Table, column: string, bins: number, filter: TimeFilter | undefined): Promise<NumericSummary> {
  const { count, ...others } = await table.countNumbers(column, filter);
  const pass = createPass(count, bins);
  await table.sortedNumbers(column, filter, pass.add);
  return { ...others, ...pass.finish() };
}

/** One pass over sorted distinct values with their counts: bins, moments (Welford, weighted), and the two questions about the values. */
function createPass(total: number, bins: number) {
  const builder = createFineBins(total, bins);
  let count = 0;
  let mean = 0;
  let m2 = 0;
  let min = 0;
  let max = 0;
  let integers = true;
  let float32 = true;
  let long = false;
  return {
    add: (values: Float64Array, counts: Float64Array): void => {
      builder.add(values, counts);
      for (let i = 0; i < values.length; i++) {
        const value = values[i]! + 0;
        const weight = counts[i]!;
        if (count === 0) min = value;
        max = value;
        count += weight;
        const delta = value - mean;
        mean += delta * (weight / count);
        m2 += weight * delta * (value - mean);
        if (integers && !Number.isInteger(value)) integers = false;
        if (float32 && Math.fround(value) !== value) float32 = false;
        if (float32 && !long && !isShortDecimal(value)) long = true;
      }
    },
    finish: () => {
      const finite = count > 0 && Number.isFinite(mean) && Number.isFinite(m2);
      // Sums of 1e308 overflow: then there are no moments, and their count says so.
      const moments: Moments =
        count === 0 ? { count: 0, mean: 0, m2: 0 } : finite ? { count, mean, m2, min, max } : { count: 0, mean: 0, m2: 0, min, max };
      return {
        count,
        fine: count === 0 ? undefined : builder.finish(),
        moments,
        integers: count > 0 && integers,
        float32: count > 0 && float32 && long,
      };
    },
  };
}

/** A number that people or programs write with at most nine digits, the most that a float32 can carry of a decimal, or a whole number. */
function isShortDecimal(value: number): boolean {
  return Number.isInteger(value) || Number(value.toPrecision(9)) === value;
}
