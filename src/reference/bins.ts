/**
 * Fine bins of a numeric feature: how the frozen edges are made from sorted distinct values, and which bin a value falls into.
 * Counting, coarse bins and files are elsewhere.
 *
 * One sorted array of edges, one rule: the bin of x is the number of edges below x, so bin j is `(edges[j-1], edges[j]]`.
 * The first edge is `nextDown(minimum)` (bin 0 is below the minimum), the last is the maximum (the last bin is above it).
 * A point mass ("atom") has both `nextDown(a)` and `a` as edges, so that its bin holds exactly `{a}`: with that rule the
 * Kolmogorov–Smirnov distance read at the edges differs from the true one by at most max(1/B, 1/m), for every current distribution.
 */

/** Number of fine bins aimed at: the KS distance is then exact to 1/256, enough up to windows of about 50,000 rows. */
export const DEFAULT_BINS = 256;

const bits = new Float64Array(1);
const words = new BigInt64Array(bits.buffer);

/** The largest float64 below `x`: `nextDown(0)` is −5e-324, `nextDown(-Number.MAX_VALUE)` is −Infinity. `x` must not be NaN or −Infinity. */
export function nextDown(x: number): number {
  if (x === 0) return -Number.MIN_VALUE;
  bits[0] = x;
  words[0]! += x > 0 ? -1n : 1n;
  return bits[0];
}

/** The smallest float64 above `x`; the inverse of `nextDown`. */
export function nextUp(x: number): number {
  return -nextDown(-x);
}

/** What the fine bins of a feature come to, with the sums that the sorted pass gives for free. */
export type FineBins = {
  /** Ascending, finite, at least two. */
  readonly edges: number[];
  /** One more than `edges`; values in each bin. */
  readonly counts: number[];
  /** Mean of the values of each bin; null where the bin is empty. */
  readonly means: (number | null)[];
  /** Distinct values. */
  readonly distinct: number;
  /** Values that occur exactly once: `seenOnce / total` estimates the mass of values never seen (Good–Turing). */
  readonly seenOnce: number;
};

export type FineBinsBuilder = {
  /** Takes the next distinct finite values, ascending over all calls, each with its count (≥ 1). */
  readonly add: (values: ArrayLike<number>, counts: ArrayLike<number>) => void;
  /** The bins; throws a `RangeError` when no value was given or the counts do not sum to `total`. */
  readonly finish: () => FineBins;
};

/**
 * Builds fine bins in one pass over sorted distinct values, in memory O(bins). `total` is the number of values (m), `bins` is B.
 *
 * Up to B/2 distinct values: each is a bin of its own. Otherwise a value seen at least max(2, m/B) times is an atom, and the others fill
 * bins greedily: a bin is closed, at the last value in it, before its count would pass max(1, m/B). An atom closes the bin before it.
 */
export function createFineBins(total: number, bins: number = DEFAULT_BINS): FineBinsBuilder {
  const target = Math.max(1, total / bins);
  const atom = Math.max(2, total / bins);
  const edges: number[] = [];
  const counts: number[] = [];
  const means: (number | null)[] = [];
  // Until more than B/2 distinct values are known, it is open whether each becomes a bin of its own.
  const first: { values: number[]; counts: number[] } = { values: [], counts: [] };
  let undecided = true;
  let distinct = 0;
  let seenOnce = 0;
  let seen = 0;
  let previous = Number.NaN;
  // The open bin: its count, its first value, and the sum of deviations from it.
  let open = 0;
  let origin = 0;
  let sum = 0;

  const close = (edge: number): void => {
    edges.push(edge);
    counts.push(open);
    // The deviations of a bin over the whole range of doubles overflow: then its middle stands for it.
    const mean = origin + sum / open;
    means.push(open === 0 ? null : Number.isFinite(mean) ? mean : origin / 2 + edge / 2);
    open = 0;
    sum = 0;
  };
  const fill = (value: number, count: number): void => {
    if (open === 0) origin = value;
    open += count;
    sum += (value - origin) * count;
  };
  /** Opens the first inner bin; true when the value is −MAX_VALUE, which has no finite number below it and stays in bin 0 itself. */
  const start = (value: number, count: number): boolean => {
    if (value !== -Number.MAX_VALUE) {
      close(nextDown(value));
      return false;
    }
    fill(value, count);
    close(value);
    return true;
  };
  const single = (value: number, count: number): void => {
    if (edges.length === 0 && start(value, count)) return;
    const below = nextDown(value);
    if (below > edges[edges.length - 1]!) close(below);
    fill(value, count);
    close(value);
  };
  const place = (value: number, count: number): void => {
    if (count >= atom) {
      single(value, count);
      return;
    }
    if (edges.length === 0 && start(value, count)) return;
    if (open > 0 && open + count > target) close(previous);
    fill(value, count);
  };

  return {
    add: (values, valueCounts) => {
      let i = 0;
      // The first values one by one; then a loop over locals, for a number written to what a closure holds is an object on the heap.
      for (; undecided && i < values.length; i++) {
        const value = values[i]! + 0; // −0 and +0 are the same value
        const count = valueCounts[i]!;
        distinct += 1;
        seen += count;
        if (count === 1) seenOnce += 1;
        if (2 * distinct <= bins) {
          first.values.push(value);
          first.counts.push(count);
        } else {
          undecided = false;
          for (let j = 0; j < first.values.length; j++) {
            place(first.values[j]!, first.counts[j]!);
            previous = first.values[j]!;
          }
          place(value, count);
        }
        previous = value;
      }
      distinct += values.length - i;
      let last = previous;
      let inBin = open;
      let from = origin;
      let deviations = sum;
      let once = 0;
      let all = 0;
      for (; i < values.length; i++) {
        const value = values[i]! + 0;
        const count = valueCounts[i]!;
        all += count;
        if (count === 1) once++;
        if (count < atom && inBin > 0 && inBin + count <= target) {
          inBin += count;
          deviations += (value - from) * count;
        } else {
          [previous, open, origin, sum] = [last, inBin, from, deviations];
          place(value, count);
          [inBin, from, deviations] = [open, origin, sum];
        }
        last = value;
      }
      [previous, open, origin, sum] = [last, inBin, from, deviations];
      seen += all;
      seenOnce += once;
    },
    finish: () => {
      if (distinct === 0 || seen !== total) throw new RangeError(`fine bins: ${seen} values were given, ${total} were promised`);
      if (undecided) {
        for (let j = 0; j < first.values.length; j++) single(first.values[j]!, first.counts[j]!);
      } else if (previous > edges[edges.length - 1]!) close(previous);
      counts.push(0);
      means.push(null);
      return { edges, counts, means, distinct, seenOnce };
    },
  };
}

/** Fine bins of an unsorted array of finite numbers: the same as `createFineBins` over its sorted distinct values. O(n log n). */
export function fineBinsOf(values: ArrayLike<number>, bins: number = DEFAULT_BINS): FineBins {
  const sorted = Float64Array.from(values).sort();
  const builder = createFineBins(sorted.length, bins);
  forEachRun(sorted, builder.add);
  return builder.finish();
}

/** Runs handed on at a time: two arrays of 128 kB stay in the cache. */
const RUNS = 16_384;

/** Hands on the distinct values of a sorted array with their counts, some at a time, in arrays that are used again; −0 and +0 are one value. */
export function forEachRun(sorted: Float64Array, onRuns: (values: Float64Array, counts: Float64Array) => void): void {
  const values = new Float64Array(RUNS);
  const counts = new Float64Array(RUNS);
  let runs = 0;
  for (let i = 0; i < sorted.length; ) {
    const value = sorted[i]!;
    const begin = i++;
    while (i < sorted.length && sorted[i] === value) i++;
    values[runs] = value;
    counts[runs++] = i - begin;
    if (runs === RUNS) {
      onRuns(values, counts);
      runs = 0;
    }
  }
  if (runs > 0) onRuns(values.subarray(0, runs), counts.subarray(0, runs));
}

/** Edges padded with +Infinity to a length of 2^k − 1, as `binOf` needs them. */
export function padEdges(edges: ArrayLike<number>): Float64Array {
  let length = 1;
  while (length < edges.length) length = 2 * length + 1;
  const padded = new Float64Array(length).fill(Number.POSITIVE_INFINITY);
  padded.set(edges);
  return padded;
}

/** The bin of `x`: the number of edges below it. Branchless over padded edges, O(log edges). NaN gives 0: the caller tests for it. */
export function binOf(paddedEdges: Float64Array, x: number): number {
  let bin = 0;
  for (let half = (paddedEdges.length + 1) >> 1; half > 0; half >>= 1) bin += +(paddedEdges[bin + half - 1]! < x) * half;
  return bin;
}

/** The bins of the first `n` values, into `out`: as `binOf`, twice as fast, for four searches side by side wait for memory together. */
export function binsOf(paddedEdges: Float64Array, values: Float64Array, n: number, out: Int32Array): void {
  const top = (paddedEdges.length + 1) >> 1;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const [x0, x1, x2, x3] = [values[i]!, values[i + 1]!, values[i + 2]!, values[i + 3]!];
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let half = top; half > 0; half >>= 1) {
      a += +(paddedEdges[a + half - 1]! < x0) * half;
      b += +(paddedEdges[b + half - 1]! < x1) * half;
      c += +(paddedEdges[c + half - 1]! < x2) * half;
      d += +(paddedEdges[d + half - 1]! < x3) * half;
    }
    out[i] = a;
    out[i + 1] = b;
    out[i + 2] = c;
    out[i + 3] = d;
  }
  for (; i < n; i++) out[i] = binOf(paddedEdges, values[i]!);
}

/** Whether bin `j` can hold one value only, so that it has no interior (below-minimum and above-maximum are not singletons). */
export function isSingleton(edges: ArrayLike<number>, j: number): boolean {
  return j > 0 && j < edges.length && edges[j - 1] === nextDown(edges[j]!);
}

/** Whether bin `j` lies outside the range of the reference: below its minimum or above its maximum. */
export function isOuter(edges: ArrayLike<number>, j: number): boolean {
  return j === 0 || j === edges.length;
}
