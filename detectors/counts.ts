/**
 * What every detector asks of its two count vectors, in one place.
 *
 * The rule of this folder: **misuse throws a RangeError** (lengths that differ, fewer than 2 bins, a count that is negative or not finite);
 * **data that cannot answer gives `undefined`** (an empty side, an infinite result). A detector never returns NaN or an infinity.
 * Counts need not be whole numbers: an expected reference, weighed by the hours of the window, is a count vector too.
 */

/** Throws a RangeError unless both vectors have the same number of bins, and at least 2. */
export function checkPair(name: string, reference: ArrayLike<number>, current: ArrayLike<number>): void {
  if (reference.length !== current.length) {
    throw new RangeError(`${name} requires two vectors of the same length, got ${reference.length} and ${current.length} bins`);
  }
  if (reference.length < 2) throw new RangeError(`${name} requires at least 2 bins, got ${reference.length}`);
}

/**
 * Throws a RangeError unless a side's counts, of which the sum and the smallest are given, can be counts: NaN and infinities survive in the
 * sum, a negative count in the minimum. The sum may be at most 2^53 - 1, up to which whole numbers are exact.
 */
export function checkTotal(name: string, side: string, sum: number, smallest: number): void {
  if (sum <= Number.MAX_SAFE_INTEGER && smallest >= 0) return;
  throw new RangeError(`${name} requires ${side} counts that are finite, not negative and at most 2^53 - 1 together`);
}

/** The sum of the counts, checked as in `checkTotal`. */
export function total(name: string, side: string, counts: ArrayLike<number>): number {
  let sum = 0;
  let smallest = 0;
  for (let k = 0; k < counts.length; k++) {
    const count = counts[k]!;
    sum += count;
    // Math.min compiles to no branch.
    smallest = Math.min(smallest, count);
  }
  checkTotal(name, side, sum, smallest);
  return sum;
}

/** The number as a detector may return it: `undefined` for NaN and infinities. */
export function answer(value: number): number | undefined {
  return value - value === 0 ? value : undefined;
}

/** Number of bins that at least one side uses: a bin that is empty on both sides counts for nothing. */
export function usedBins(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let used = 0;
  for (let k = 0; k < reference.length; k++) if (reference[k]! > 0 || current[k]! > 0) used++;
  return used;
}
