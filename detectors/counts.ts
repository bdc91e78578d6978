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

/** The sum of the counts. Throws a RangeError for a count that is negative or not finite, and when the sum is not finite. */
export function total(name: string, side: string, counts: ArrayLike<number>): number {
  let sum = 0;
  let smallest = 0;
  for (let k = 0; k < counts.length; k++) {
    const count = counts[k]!;
    sum += count;
    if (count < smallest) smallest = count;
  }
  // One test after the loop: NaN and infinities survive in the sum, a negative count in the minimum.
  if (!(sum < Infinity) || smallest < 0) throw new RangeError(`${name} requires ${side} counts that are finite and not negative`);
  return sum;
}

/** The number as a detector may return it: `undefined` for NaN and infinities. */
export function answer(value: number): number | undefined {
  return value - value === 0 ? value : undefined;
}
