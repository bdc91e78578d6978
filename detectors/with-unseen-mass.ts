/** The reference as Good and Turing expect it: a share of its mass moved to the bin of values never seen. */
import { total } from "./counts.ts";
import type { Unseen } from "./smoothing.ts";

/**
 * A copy of the reference's counts in which `unseen.bin` holds N1 = `unseen.seenOnce` and the others are scaled by 1 - N1/m; the total
 * stays m.
 *
 * For the statistics without that option (G, Hellinger, total variation ...). PSI and KL take it as `unseen`, with the same numbers.
 * Throws a RangeError for a bin that does not exist or is not empty, N1 outside 0 … m, or bad counts.
 * Example: `withUnseenMass([60, 40, 0], { bin: 2, seenOnce: 10 })` is `[54, 36, 10]`.
 */
export function withUnseenMass(reference: ArrayLike<number>, unseen: Unseen): Float64Array {
  const m = total("withUnseenMass", "reference", reference);
  const { bin, seenOnce } = unseen;
  if (!(Number.isInteger(bin) && bin >= 0 && bin < reference.length)) {
    throw new RangeError(`withUnseenMass requires one of its ${reference.length} bins, got ${bin}`);
  }
  if (!(seenOnce >= 0 && seenOnce <= m))
    throw new RangeError(`withUnseenMass requires seenOnce between 0 and the ${m} rows, got ${seenOnce}`);
  if (reference[bin] !== 0) throw new RangeError(`withUnseenMass requires bin ${bin} to be empty in the reference, got ${reference[bin]}`);
  const expected = new Float64Array(reference);
  const scale = m > 0 ? 1 - seenOnce / m : 1;
  for (let k = 0; k < expected.length; k++) expected[k] = k === bin ? seenOnce : reference[k]! * scale;
  return expected;
}
