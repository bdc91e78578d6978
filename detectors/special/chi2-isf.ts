/** Upper quantile of the chi-square distribution. */
import { gammaIsf } from "./gamma-isf.ts";

/**
 * The value that a chi-square variable with `df` degrees of freedom exceeds with chance `p`: the critical value of G at level `p`.
 *
 * Relative error at most 1e-12 down to p = 1e-15. `p = 1` gives 0. Throws a RangeError unless 0 < p <= 1 and df is positive.
 * Source: gamma quantile with shape df/2. Example: `chi2Isf(0.05, 9)` is `16.918977604620448`.
 */
export function chi2Isf(p: number, df: number): number {
  return gammaIsf(p, df / 2, 2);
}
