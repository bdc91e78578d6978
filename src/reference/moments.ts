/**
 * Moments of many values at a time: each block in two passes without a division per value, blocks merged by Chan, Golub and LeVeque
 * ("Updating formulae and a pairwise algorithm for computing sample variances", 1979). As exact as Welford's recurrence, several times as fast.
 */

import { MOMENT_FIELDS } from "./layout.ts";

/** A row of moments in which nothing is counted: count, mean, m2, min = +Infinity, max = −Infinity, for each feature. */
export function emptyMoments(features: number): Float64Array {
  const moments = new Float64Array(features * MOMENT_FIELDS);
  for (let at = 0; at < moments.length; at += MOMENT_FIELDS) {
    moments[at + 3] = Number.POSITIVE_INFINITY;
    moments[at + 4] = Number.NEGATIVE_INFINITY;
  }
  return moments;
}

/** Adds the first `length` finite values, each `weights[i]` times (undefined: once), to the five numbers at `at`. Sums beyond 1e308 end as ±Infinity or NaN. */
export function addToMoments(
  moments: Float64Array,
  at: number,
  values: Float64Array,
  weights: Float64Array | undefined,
  length: number,
): void {
  if (length === 0) return;
  // Deviations from a value of the block, not sums of the values: no digits are lost where all are large and near each other.
  const origin = values[0]!;
  let count = 0;
  let sum = 0;
  let min = origin;
  let max = origin;
  for (let i = 0; i < length; i++) {
    const value = values[i]!;
    const weight = weights === undefined ? 1 : weights[i]!;
    count += weight;
    sum += weight * (value - origin);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const shift = sum / count;
  let m2 = 0;
  for (let i = 0; i < length; i++) {
    const deviation = values[i]! - origin - shift;
    m2 += (weights === undefined ? 1 : weights[i]!) * deviation * deviation;
  }
  const before = moments[at]!;
  const total = before + count;
  const delta = origin + shift - moments[at + 1]!;
  moments[at] = total;
  moments[at + 1]! += delta * (count / total);
  moments[at + 2]! += m2 + delta * delta * ((before * count) / total);
  if (min < moments[at + 3]!) moments[at + 3] = min;
  if (max > moments[at + 4]!) moments[at + 4] = max;
}

/** Adds the five numbers at `from` of other moments to those at `at`. In another order the last bits are others. */
export function mergeMoments(moments: Float64Array, at: number, other: Float64Array, from: number): void {
  const count = other[from]!;
  if (count === 0) return;
  const before = moments[at]!;
  const total = before + count;
  const delta = other[from + 1]! - moments[at + 1]!;
  moments[at] = total;
  // The mean of nothing is no number to start from: 0 + delta would lose digits of a large mean.
  moments[at + 1] = before === 0 ? other[from + 1]! : moments[at + 1]! + delta * (count / total);
  moments[at + 2]! += other[from + 2]! + (before === 0 ? 0 : delta * delta * ((before * count) / total));
  if (other[from + 3]! < moments[at + 3]!) moments[at + 3] = other[from + 3]!;
  if (other[from + 4]! > moments[at + 4]!) moments[at + 4] = other[from + 4]!;
}
