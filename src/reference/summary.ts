/** From a column's values to its summary: sorted, then one pass over the runs for bins, moments and what the values look like. */

import { createFineBins, type FineBins, forEachRun } from "./bins.ts";
import { createEdgeFinder, createUnion, type EdgeLists, type PsiBins, type United } from "./compat-bins.ts";
import { isShortDecimal } from "./float32.ts";
import { addToMoments, emptyMoments } from "./moments.ts";
import type { Moments } from "./snapshot.ts";
import { sortDoubles } from "./sort.ts";

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
  /** Edges of older tools, and the fine bins united with them; absent: not wanted, or no finite value. */
  readonly compat?: { readonly lists: EdgeLists; readonly united: United };
};

/** Rows that hold no finite number, by kind. */
export type Others = Pick<NumericSummary, "missing" | "wrongType" | "nan" | "positiveInfinity" | "negativeInfinity">;

/** A column in memory: the first `count` of `values` are its finite numbers. */
export type Gathered = { readonly values: Float64Array<ArrayBuffer>; readonly count: number; readonly others: Others };

/** Summarizes a column; its values are sorted in place. `scratch` is as long as the values. */
export function summarizeGathered(
  { values, count, others }: Gathered,
  bins: number,
  scratch: Float64Array<ArrayBuffer>,
  psiBins: readonly PsiBins[] = [],
): NumericSummary {
  const pass = createPass(count, bins);
  const sorted = sortDoubles(values.subarray(0, count), scratch);
  forEachRun(sorted, pass.add);
  const summary = { ...others, ...pass.finish() };
  if (psiBins.length === 0 || summary.fine === undefined) return summary;
  const finder = createEdgeFinder(count, psiBins);
  forEachRun(sorted, finder.add);
  const lists = finder.finish();
  const union = createUnion(summary.fine.edges, lists);
  forEachRun(sorted, union.add);
  return { ...summary, compat: { lists, united: union.finish() } };
}

/** One pass over `total` values as sorted runs: bins, moments, and the two questions about the values. */
export function createPass(total: number, bins: number) {
  const builder = createFineBins(total, bins);
  const sums = emptyMoments(1);
  let integers = true;
  let float32 = true;
  let long = false;
  return {
    add: (values: Float64Array, counts: Float64Array): void => {
      builder.add(values, counts);
      addToMoments(sums, 0, values, counts, values.length);
      for (let i = 0; integers && i < values.length; i++) if (!Number.isInteger(values[i]!)) integers = false;
      for (let i = 0; float32 && i < values.length; i++) {
        const value = values[i]!;
        if (Math.fround(value) !== value) float32 = false;
        else if (!long && !isShortDecimal(value)) long = true;
      }
    },
    finish: () => {
      const [count, mean, m2, min, max] = sums as unknown as [number, number, number, number, number];
      // Sums of 1e308 overflow: then there are no moments, and their count says so.
      const finite = count > 0 && Number.isFinite(mean) && Number.isFinite(m2);
      const extent = count === 0 ? {} : { min: min + 0, max: max + 0 };
      const moments: Moments = finite ? { count, mean, m2, ...extent } : { count: 0, mean: 0, m2: 0, ...extent };
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
