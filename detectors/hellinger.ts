/** Hellinger distance. */
import { answer, checkPair, total } from "./counts.ts";

/**
 * Hellinger distance between the shares.
 *
 * Formula: `sqrt(1/2 sum (sqrt q - sqrt p)^2)` = sqrt(1 - sum sqrt(p q)), in the form that does not cancel. Range: 0 to 1 (no bin in
 * common). Symmetric.
 * Zero bins: no problem. `undefined` when a side is empty.
 * Minimum sample: about 10 rows a bin on the smaller side.
 * Without drift: its square has mean (K - 1)/8 (1/n + 1/m).
 * From bins: never above the distance of the unbinned laws. Scaling either sample changes nothing.
 * Rule of thumb: MLRun calls the mean of Hellinger and total variation 0.5 a possible and 0.7 a certain drift.
 * Source: Hellinger 1909; Le Cam and Yang, Asymptotics in Statistics, 2nd edition 2000, chapter 3.
 * Example: `hellinger([50, 50], [60, 40])` is `0.0711607124393506`.
 * Prefer `totalVariation` for a number that reads as a share of the rows.
 */
export function hellinger(reference: ArrayLike<number>, current: ArrayLike<number>): number | undefined {
  checkPair("hellinger", reference, current);
  const m = total("hellinger", "reference", reference);
  const n = total("hellinger", "current", current);
  if (m === 0 || n === 0) return undefined;
  let sum = 0;
  for (let k = 0; k < reference.length; k++) {
    const difference = Math.sqrt(current[k]! / n) - Math.sqrt(reference[k]! / m);
    sum += difference * difference;
  }
  return answer(Math.min(1, Math.sqrt(sum / 2)));
}
