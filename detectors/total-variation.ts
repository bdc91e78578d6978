/** Total variation distance. */
import { answer, checkPair, total } from "./counts.ts";

/**
 * Total variation distance: the share of the rows that would have to change bins.
 *
 * Formula: `1/2 sum |q - p|`. Range: 0 to 1 (no bin in common). Symmetric. Zero bins: no problem. `undefined` when a side is empty.
 * Minimum sample: about 10 rows a bin on the smaller side.
 * Without drift: mean about `sum sqrt(p (1 - p) (1/n + 1/m) / (2 pi))`; for K equal bins about 0.4 sqrt((K - 1)(1/n + 1/m)).
 * From bins: never above the distance of the unbinned laws. Scaling either sample changes nothing.
 * Rule of thumb: MLRun calls the mean of Hellinger and total variation 0.5 a possible and 0.7 a certain drift.
 * Source: Levin, Peres and Wilmer, Markov Chains and Mixing Times, 2nd edition 2017, section 4.1.
 * Example: `totalVariation([50, 50], [60, 40])` is `0.09999999999999998`.
 * Prefer `psi` where rare bins matter: a bin that goes from 0 to 1 % moves this number by 0.01 only.
 */
export function totalVariation(reference: ArrayLike<number>, current: ArrayLike<number>): number | undefined {
  checkPair("totalVariation", reference, current);
  const m = total("totalVariation", "reference", reference);
  const n = total("totalVariation", "current", current);
  if (m === 0 || n === 0) return undefined;
  let sum = 0;
  for (let k = 0; k < reference.length; k++) sum += Math.abs(current[k]! / n - reference[k]! / m);
  return answer(Math.min(1, sum / 2));
}
