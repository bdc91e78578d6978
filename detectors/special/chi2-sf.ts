/** Upper tail of the chi-square distribution. */
import { gammaQ } from "./incomplete-gamma.ts";

/**
 * Chance that a chi-square variable with `df` degrees of freedom is at least `x`: the p-value of G and of Pearson's chi-square.
 *
 * Relative error at most 1e-12 down to p = 1e-15 and beyond. 1 for x <= 0. Throws a RangeError unless df is positive and x is a number.
 * Source: DLMF 8.2.4 with a = df/2. Example: `chi2Sf(16.918977604620448, 9)` is `0.05`.
 */
export function chi2Sf(x: number, df: number): number {
  return gammaQ(df / 2, x < 0 ? 0 : x / 2);
}
