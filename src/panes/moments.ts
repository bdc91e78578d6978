/** The moments of a row: count, mean, m2, min, max for each numeric feature, as one `Float64Array`. They never leave as NaN or Infinity. */

import { MOMENT_FIELDS } from "../reference/layout.ts";
import type { Moments } from "../reference/snapshot.ts";

/** Moments of nothing, for `numeric` features: count, mean and m2 are 0, min is +Infinity and max is −Infinity. */
export function newMoments(numeric: number): Float64Array {
  const moments = new Float64Array(numeric * MOMENT_FIELDS);
  for (let at = 0; at < moments.length; at += MOMENT_FIELDS) {
    moments[at + 3] = Number.POSITIVE_INFINITY;
    moments[at + 4] = Number.NEGATIVE_INFINITY;
  }
  return moments;
}

/** What is left of moments whose sums passed the range of float64: mean and m2 are absent, with the reason. */
export type OverflownMoments = { readonly count: number; readonly min: number; readonly max: number; readonly reason: "overflow" };

/** The moments of the numeric feature number `index` (`FeatureLayout.moments`). */
export function readMoments(moments: Float64Array, index: number): Moments | { readonly count: 0 } | OverflownMoments {
  const at = index * MOMENT_FIELDS;
  const [count, mean, m2, min, max] = moments.subarray(at, at + MOMENT_FIELDS) as unknown as [number, number, number, number, number];
  if (count === 0) return { count: 0 };
  if (!Number.isFinite(mean) || !Number.isFinite(m2)) return { count, min, max, reason: "overflow" };
  return { count, mean, m2, min, max };
}
