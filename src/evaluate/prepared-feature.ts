/**
 * One feature of the reference as typed arrays: fine and coarse counts, the places of the special bins, and what the fine statistics need.
 * Independent of windows and policy.
 */

import { isSingleton } from "../reference/bins.ts";
import { coarsePlan, referenceCoarse } from "../reference/coarse.ts";
import type { NumericFeature, SnapshotFeature } from "../reference/snapshot.ts";

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
  /** Reference values judged: finite and infinite ones. */
  readonly total: number;
  /** Reference rows of any kind, judged or not. */
  readonly rows: number;
  /** Good–Turing share of categories that the reference has not seen, N1/m; 0 for a numeric feature. */
  readonly unseenShare: number;
  /** Numeric: reference counts of the fine bins between one bin for −Infinity and one for +Infinity; undefined for a categorical feature. */
  readonly fine: Float64Array | undefined;
  /** The same as cumulative shares, 0–1. */
  readonly fineShares: Float64Array | undefined;
  /** For those fine bins: a point that stands for each, ascending, and 1 where a bin can hold one value only. Made at first use; numeric only. */
  readonly fineShape: () => FineShape;
};

export type FineShape = { readonly support: Float64Array; readonly singleton: Uint8Array };

/** Turns one feature of a snapshot into what evaluation reads. Cost: O(bins). */
export function prepareFeature(feature: SnapshotFeature): PreparedFeature {
  let shape: FineShape | undefined;
  const plan = coarsePlan(feature);
  const counts = referenceCoarse(feature);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const fine = feature.kind === "numeric" ? fineCounts(feature) : undefined;
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
    total,
    rows: total + feature.missing + feature.wrong_type + (feature.kind === "numeric" ? feature.nan : 0),
    unseenShare: feature.kind === "categorical" && total > 0 ? Math.min(1, feature.seen_once / total) : 0,
    fine,
    fineShares: fine === undefined || total === 0 ? undefined : cumulativeShares(fine, total),
    fineShape: () => {
      shape ??= feature.kind === "numeric" ? shapeOf(feature) : { support: new Float64Array(0), singleton: new Uint8Array(0) };
      return shape;
    },
  };
}

function fineCounts(feature: NumericFeature): Float64Array {
  const fine = new Float64Array(feature.counts.length + 2);
  fine[0] = feature.negative_infinity;
  fine.set(feature.counts, 1);
  fine[fine.length - 1] = feature.positive_infinity;
  return fine;
}

function cumulativeShares(fine: Float64Array, total: number): Float64Array {
  let sum = 0;
  return fine.map((count) => {
    sum += count;
    return sum / total;
  });
}

function shapeOf({ edges, means }: NumericFeature): FineShape {
  const bins = edges.length + 1;
  const support = new Float64Array(bins + 2);
  const singleton = new Uint8Array(bins + 2).fill(1);
  const lowest = edges[0] ?? 0;
  const highest = edges[edges.length - 1] ?? 0;
  // Values out of range stand at the edge of the range: their own mean is not in the counts, so a jump far out is understated.
  support.fill(lowest, 0, 2).fill(highest, bins);
  for (let j = 1; j < bins - 1; j++) {
    const below = edges[j - 1]!;
    const above = edges[j]!;
    const middle = below / 2 + above / 2;
    support[j + 1] = Math.min(above, Math.max(below, means?.[j] ?? middle));
    singleton[j + 1] = isSingleton(edges, j) ? 1 : 0;
  }
  return { support, singleton };
}
