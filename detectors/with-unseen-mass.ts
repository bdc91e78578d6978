/** The reference as Good and Turing expect it: a share of its mass moved to the bin of values never seen. */
import { total } from "./counts.ts";
import { type Unseen, unseenBin } from "./smoothing.ts";

/**
 * A copy of the reference's counts in which `unseen.bin` holds N1 = `unseen.seenOnce` and the others are scaled by 1 - N1/m; the total stays m.
 *
 * For the statistics without that option (G, Hellinger, total variation ...). PSI and KL take it as `unseen`, with the same numbers.
 * Throws a RangeError for a bin that does not exist, N1 outside 0 … m, or bad counts.
 * Example: `withUnseenMass([60, 40, 0], { bin: 2, seenOnce: 10 })` is `[54, 36, 10]`.
 */
export function withUnseenMass(reference: ArrayLike<number>, unseen: Unseen): Float64Array {
  const m = total("withUnseenMass", "reference", reference);
  const bin = unseenBin("withUnseenMass", unseen, reference.length, m);
  const expected = new Float64Array(reference);
  const scale = m > 0 ? 1 - unseen.seenOnce / m : 1;
  for (let k = 0; k < expected.length; k++) expected[k] = k === bin ? unseen.seenOnce : reference[k]! * scale;
  return expected;
}
