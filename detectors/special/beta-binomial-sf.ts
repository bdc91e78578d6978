/** Upper tail of the beta-binomial distribution: how many of the current values may fall where the reference has hardly looked. */
import { lnGamma } from "./ln-gamma.ts";
import { tailSum } from "./tail-sum.ts";

const lnBeta = (a: number, b: number): number => lnGamma(a) + lnGamma(b) - lnGamma(a + b);

/**
 * Chance of at least `x` hits in `n` trials whose common probability is itself drawn from a beta law with parameters `a` and `b`.
 *
 * With `a = 2`, `b = m - 1` it is the exact law of the values outside the range of m reference values of any continuous feature (the mass
 * beyond both extremes is Beta(2, m - 1)). Relative error below 1e-8 for n up to 1e7. Throws a RangeError unless x and n are whole numbers, n >= 0, and
 * a and b are positive and finite.
 * Source: Wilks, "Determination of Sample Sizes for Setting Tolerance Limits", Annals of Mathematical Statistics 12, 1941; Skellam, JRSS B 10,
 * 1948.
 * Example: `betaBinomialSf(1, 1, 2, 3)` is `0.4`.
 */
export function betaBinomialSf(x: number, n: number, a: number, b: number): number {
  const whole = Math.floor(x) === x && Math.floor(n) === n && n >= 0 && n <= Number.MAX_SAFE_INTEGER;
  if (!(whole && a > 0 && a < Infinity && b > 0 && b < Infinity)) {
    throw new RangeError(`betaBinomialSf requires whole numbers and positive parameters, got ${x} of ${n}, ${a} and ${b}`);
  }
  const base = lnGamma(n + 1) - lnBeta(a, b);
  return tailSum(x, {
    lowest: 0,
    highest: n,
    mean: (n * a) / (a + b),
    logAt: (k) => base - lnGamma(k + 1) - lnGamma(n - k + 1) + lnBeta(a + k, b + n - k),
    ratioAt: (k) => ((n - k) / (k + 1)) * ((a + k) / (b + n - k - 1)),
  });
}
