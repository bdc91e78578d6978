/** Pearson's two-sample chi-square test. */
import { answer, checkPair, total } from "./counts.ts";
import { degreesOfFreedom, type TestResult } from "./g.ts";
import { chi2Sf } from "./special/chi2-sf.ts";

/**
 * Pearson's two-sample chi-square statistic.
 *
 * Formula: `sum (c m - r n)^2 / (n m (r + c))`, the usual sum of (observed - expected)^2/expected over the 2 x K table. No continuity
 * correction.
 * Range: 0 (equal shares) to n + m. Symmetric.
 * Zero bins: no smoothing is needed; a bin that is empty on both sides counts for nothing. `undefined` when a side is empty.
 * Minimum sample: expected count of about 5 in every bin (Cochran 1954).
 * Without drift: chi-square with (non-empty bins - 1) degrees of freedom; with expected counts near 2 its tail is 37 times too heavy at
 * 1e-6. It grows in proportion to the sample sizes: evidence, not an effect size. From bins: exact for the bins given.
 * Rule of thumb: p below 0.05 (Evidently and NannyML for categories); on a stream that is an alarm in every twentieth healthy window.
 * Source: Pearson 1900; Cochran, "Some Methods for Strengthening the Common chi-square Tests", Biometrics 10, 1954.
 * Example: `chiSquare([50, 50], [60, 40])` is `2.0202020202020203`.
 * Prefer `g` at small levels.
 */
export function chiSquare(reference: ArrayLike<number>, current: ArrayLike<number>): number | undefined {
  checkPair("chiSquare", reference, current);
  const m = total("chiSquare", "reference", reference);
  const n = total("chiSquare", "current", current);
  if (m === 0 || n === 0) return undefined;
  let sum = 0;
  for (let k = 0; k < reference.length; k++) {
    const r = reference[k]!;
    const c = current[k]!;
    const difference = c * m - r * n;
    if (difference !== 0) sum += ((difference / m) * (difference / n)) / (r + c);
  }
  return answer(sum);
}

/**
 * Pearson's statistic with its degrees of freedom and p-value.
 *
 * With one non-empty bin there is nothing to compare: statistic 0, df 0, p-value 1. `undefined` and errors as for `chiSquare`.
 * Example: `chiSquareTest([50, 50], [60, 40])` is `{ statistic: 2.0202020202020203, df: 1, pValue: 0.1552184896846848 }`.
 */
export function chiSquareTest(reference: ArrayLike<number>, current: ArrayLike<number>): TestResult | undefined {
  const statistic = chiSquare(reference, current);
  if (statistic === undefined) return undefined;
  const df = degreesOfFreedom(reference, current);
  return { statistic, df, pValue: df === 0 ? 1 : chi2Sf(statistic, df) };
}
