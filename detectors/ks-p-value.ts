/** P-value and critical value of the two-sample Kolmogorov-Smirnov statistic. */
import { kolmogorovIsf } from "./special/kolmogorov-isf.ts";
import { kolmogorovSf } from "./special/kolmogorov-sf.ts";

/** What D is multiplied by: Stephens' sqrt(en) + 0.12 + 0.11/sqrt(en), en = nm/(n + m). */
function stephensFactor(name: string, m: number, n: number): number {
  if (!(m > 0 && m < Infinity && n > 0 && n < Infinity)) throw new RangeError(`${name} requires positive sample sizes, got ${m} and ${n}`);
  const root = Math.sqrt(1 / (1 / n + 1 / m));
  return root + 0.12 + 0.11 / root;
}

/**
 * P-value of D for samples of `m` and `n` values.
 *
 * Within 5 % of the exact two-sample value for n >= 100 and m >= 10 n, within 10 % for n, m >= 30 up to 1e-3; on data with ties it is too
 * large (conservative), and so it is for a D taken from bins. Shown, not decided by: compare D with `ksCritical` instead.
 * Throws a RangeError unless D lies in 0 … 1 and the sizes are positive.
 * Source: Stephens, JRSS B 32, 1970. Example: `ksPValue(0.1, 1000, 500)` is `0.002320731728954016`.
 */
export function ksPValue(d: number, m: number, n: number): number {
  if (!(d >= 0 && d <= 1)) throw new RangeError(`ksPValue requires a statistic between 0 and 1, got ${d}`);
  return kolmogorovSf(stephensFactor("ksPValue", m, n) * d);
}

/**
 * The D that two samples of `m` and `n` values of one law exceed with chance `alpha`; may be above 1, which means: never at these sizes.
 *
 * An error of 5 % in p at 1e-7 moves it by 0.2 %. Throws a RangeError unless 0 < alpha < 1 and the sizes are positive.
 * Source: Stephens, JRSS B 32, 1970. Example: `ksCritical(0.05, 1000, 500)` is `0.0738761830440118`.
 */
export function ksCritical(alpha: number, m: number, n: number): number {
  return kolmogorovIsf(alpha) / stephensFactor("ksCritical", m, n);
}
