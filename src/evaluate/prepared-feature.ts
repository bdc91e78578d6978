/**
 * One feature of the reference as typed arrays: fine and coarse counts, the places of the special bins, and what the fine statistics need.
 * Independent of windows and policy.
 */

import { isSingleton } from "../reference/bins.ts";
import { coarsePlan, referenceCoarse } from "../reference/coarse.ts";
import type { CategoricalFeature, NumericFeature, SnapshotFeature } from "../reference/snapshot.ts";

export type PreparedFeature = {
  readonly feature: SnapshotFeature;
  /** Number of fine bins; the row holds as many counts for it, then the special counters. */
  readonly bins: number;
  /** Coarse bin of each fine bin. */
  readonly coarse: Uint8Array;
  /** Ordinary coarse bins, and with the special ones. */
  readonly regularBins: number;
  readonly coarseBins: number;
  /** Coarse bins that hold a reference value. */
  readonly usedBins: number;
  /** Places of the special coarse bins, or −1: `outOfRange` and `gap` of a numeric feature, `other` of a categorical one. */
  readonly outOfRange: number;
  readonly gap: number;
  readonly other: number;
  /** Reference counts by coarse bin; infinities are out of range. */
  readonly counts: Float64Array;
  /** The same as shares of `total`; zeros where there are no values. */
  readonly shares: Float64Array;
  /** Reference values judged: finite and infinite ones. */
  readonly total: number;
  /** Reference rows of any kind, judged or not. */
  readonly rows: number;
  /** Categorical: values of categories seen exactly once, by coarse bin; they stand for what has not been seen (`expectSpecial`). */
  readonly seenOnce: Float64Array | undefined;
  /** Share of values outside the named categories that is to be expected, 0–1; 0 for a numeric feature. */
  readonly unseenShare: number;
  /** Numeric: reference counts of the fine bins between one bin for −Infinity and one for +Infinity; undefined for a categorical feature. */
  readonly fine: Uint32Array | Float64Array | undefined;
  /** For those fine bins: a point that stands for each, ascending, and 1 where a bin can hold one value only. Made at first use; numeric only. */
  readonly fineShape: () => FineShape;
};

export type FineShape = { readonly support: Float64Array; readonly singleton: Uint8Array };

const MAX_UINT32 = 2 ** 32 - 1;

/** Turns one feature of a snapshot into what evaluation reads. Cost: O(bins). */
export function prepareFeature(feature: SnapshotFeature): PreparedFeature {
  let shape: FineShape | undefined;
  const plan = coarsePlan(feature);
  const counts = referenceCoarse(feature);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const seenOnce = feature.kind === "categorical" ? countOnce(feature, plan.size) : undefined;
  return {
    feature,
    bins: feature.counts.length,
    coarse: Uint8Array.from(feature.coarse),
    regularBins: plan.regular,
    coarseBins: plan.size,
    usedBins: counts.reduce((used, count) => used + (count > 0 ? 1 : 0), 0),
    outOfRange: plan.outOfRange,
    gap: plan.gap,
    other: plan.other,
    counts,
    shares: Float64Array.from(counts, (count) => (total === 0 ? 0 : count / total)),
    total,
    rows: total + feature.missing + feature.wrong_type + (feature.kind === "numeric" ? feature.nan : 0),
    seenOnce,
    unseenShare:
      seenOnce === undefined || total === 0 ? 0 : (counts[plan.other]! + seenOnce.reduce((sum, count) => sum + count, 0)) / total,
    fine: feature.kind === "numeric" ? fineCounts(feature) : undefined,
    fineShape: () => {
      shape ??= feature.kind === "numeric" ? shapeOf(feature) : { support: new Float64Array(0), singleton: new Uint8Array(0) };
      return shape;
    },
  };
}

/** Categories seen once, by coarse bin. Those beyond the named ones are in `other` already, and what they stand for is too. */
function countOnce({ counts, coarse }: CategoricalFeature, size: number): Float64Array {
  const once = new Float64Array(size);
  for (let j = 0; j < counts.length; j++) if (counts[j] === 1) once[coarse[j]!]! += 1;
  return once;
}

function fineCounts(feature: NumericFeature): Uint32Array | Float64Array {
  // Half the memory to read for the many; a reference of four thousand million rows needs doubles.
  const size = feature.counts.length + 2;
  const fine = feature.count > MAX_UINT32 ? new Float64Array(size) : new Uint32Array(size);
  fine[0] = feature.negative_infinity;
  fine.set(feature.counts, 1);
  fine[fine.length - 1] = feature.positive_infinity;
  return fine;
}

function shapeOf({ edges, means, coarse }: NumericFeature): FineShape {
  const bins = edges.length + 1;
  const support = new Float64Array(bins + 2);
  const singleton = new Uint8Array(bins + 2).fill(1);
  // Edges of older tools may lie beyond the reference's range: the outer fine bins are those whose coarse bin is the first one's.
  const outer = coarse[0];
  let from = 1;
  let to = bins - 2;
  while (from < to && coarse[from] === outer) from += 1;
  while (to > from && coarse[to] === outer) to -= 1;
  const lowest = edges[from - 1] ?? 0;
  const highest = edges[to] ?? 0;
  // Values out of range stand at the edge of the range: their own mean is not in the counts, so a jump far out is understated.
  support.fill(lowest, 0, from + 1).fill(highest, to + 2);
  for (let j = from; j <= to; j++) {
    const below = edges[j - 1]!;
    const above = edges[j]!;
    const middle = below / 2 + above / 2;
    support[j + 1] = Math.min(above, Math.max(below, means?.[j] ?? middle));
    singleton[j + 1] = isSingleton(edges, j) ? 1 : 0;
  }
  return { support, singleton };
}
