/** A feature as counts of its distinct values, and what other tools' statistics are made of: every sum here is exact, no bins are between. */

/** The reference of one feature. Levels are values in ascending order (`values`), or categories. */
export type LevelReference = {
  readonly kind: "numeric" | "categorical";
  readonly values: Float64Array;
  readonly counts: Uint32Array;
  readonly total: number;
};

export type LevelCounts = Uint32Array;

/** Number of levels that the reference holds. */
export function distinctOf({ counts }: LevelReference): number {
  let distinct = 0;
  for (const count of counts) if (count > 0) distinct++;
  return distinct;
}

/** First and last level with a count, in either of two rows. */
export function rangeOf(a: LevelCounts, b: LevelCounts = a): { first: number; last: number } {
  let first = 0;
  let last = a.length - 1;
  while (first < last && a[first] === 0 && b[first] === 0) first++;
  while (last > first && a[last] === 0 && b[last] === 0) last--;
  return { first, last };
}

/** Mean, standard deviation and skewness of the values. */
export function momentsOf({ values, counts, total }: LevelReference): { mean: number; sd: number; skewness: number } {
  let mean = 0;
  for (let k = 0; k < counts.length; k++) mean += (counts[k]! * values[k]!) / total;
  let m2 = 0;
  let m3 = 0;
  for (let k = 0; k < counts.length; k++) {
    const d = values[k]! - mean;
    m2 += (counts[k]! * d * d) / total;
    m3 += (counts[k]! * d * d * d) / total;
  }
  return { mean, sd: Math.sqrt(m2), skewness: m2 > 0 ? m3 / m2 ** 1.5 : 0 };
}

/** The largest difference of the cumulative shares: the exact Kolmogorov–Smirnov D. */
export function largestGap(reference: LevelReference, counts: LevelCounts, n: number): number {
  let difference = 0;
  let largest = 0;
  for (let k = 0; k < counts.length; k++) {
    difference += reference.counts[k]! * n - counts[k]! * reference.total;
    largest = Math.max(largest, Math.abs(difference));
  }
  return largest / (reference.total * n);
}

/** The exact Wasserstein-1 distance: the area between the cumulative shares. */
export function wassersteinOf({ values, counts: reference, total }: LevelReference, counts: LevelCounts, n: number): number {
  let area = 0;
  let difference = 0;
  for (let k = 0; k < counts.length - 1; k++) {
    difference += reference[k]! * n - counts[k]! * total;
    area += Math.abs(difference) * (values[k + 1]! - values[k]!);
  }
  return area / (total * n);
}

/** Counts by group: level k is counted in `groups[k]`. */
export function regroup(counts: LevelCounts, groups: Uint16Array, size: number): Float64Array {
  const out = new Float64Array(size);
  for (let k = 0; k < counts.length; k++) out[groups[k]!]! += counts[k]!;
  return out;
}

/** Bins of equal width between two values; what lies below or above has the bins `bins` and `bins + 1`. The last bin has its upper end. */
export function equalWidth(values: Float64Array, from: number, to: number, bins: number): Uint16Array<ArrayBuffer> {
  const width = (to - from) / bins;
  const groups = new Uint16Array(values.length);
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (value < from) groups[k] = bins;
    else if (value > to) groups[k] = bins + 1;
    else groups[k] = width > 0 ? Math.min(bins - 1, Math.floor((value - from) / width)) : 0;
  }
  return groups;
}

/** The same between two levels, kept until others are asked for: the range of a window hardly moves. */
export function createEqualWidth(values: Float64Array): (first: number, last: number, bins: number) => Uint16Array {
  let known = { first: -1, last: -1, bins: 0, groups: new Uint16Array(0) };
  return (first, last, bins) => {
    if (known.first !== first || known.last !== last || known.bins !== bins) {
      known = { first, last, bins, groups: equalWidth(values, values[first]!, values[last]!, bins) };
    }
    return known.groups;
  };
}

/** Bins between the reference's q/bins quantiles (equal ones are merged), open at both ends. */
export function quantileBins({ counts, total }: LevelReference, bins: number): { groups: Uint16Array; size: number } {
  const groups = new Uint16Array(counts.length);
  let below = 0;
  let size = 0;
  let quantile = 1;
  for (let k = 0; k < counts.length; k++) {
    groups[k] = size;
    below += counts[k]!;
    if (below === total || below * bins < quantile * total) continue;
    while (below * bins >= quantile * total) quantile++;
    size++;
  }
  return { groups, size: size + 1 };
}

/** Σ of a function of both shares over groups. */
export function sumShares(reference: Float64Array, current: Float64Array, term: (p: number, q: number) => number): number {
  const m = reference.reduce((sum, count) => sum + count, 0);
  const n = current.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (let k = 0; k < reference.length; k++) sum += term(reference[k]! / m, current[k]! / n);
  return sum;
}

const part = (a: number, b: number): number => (a > 0 ? a * Math.log((2 * a) / (a + b)) : 0);

/** Jensen–Shannon distance: the root of the divergence in nats. */
export function jensenShannonDistance(reference: Float64Array, current: Float64Array): number {
  return Math.sqrt(
    Math.max(
      0,
      sumShares(reference, current, (p, q) => (part(p, q) + part(q, p)) / 2),
    ),
  );
}

export function hellingerDistance(reference: Float64Array, current: Float64Array): number {
  return Math.sqrt(Math.max(0, 1 - sumShares(reference, current, (p, q) => Math.sqrt(p * q))));
}

/** PSI with shares changed by `fill` before the logarithm. */
export function psiOf(reference: Float64Array, current: Float64Array, fill: (share: number) => number): number {
  return sumShares(reference, current, (p, q) => {
    const [a, b] = [fill(p), fill(q)];
    return (b - a) * Math.log(b / a);
  });
}
