/**
 * x^a e^-x / Gamma(a + 1): the Poisson probability of a at mean x, for any real a >= 0. It stands before every incomplete gamma function.
 */
import { lnGamma, stirlingCorrection } from "./ln-gamma.ts";

/** From here on Stirling's form; below it the logarithms are small enough not to cancel. */
const LARGE_SHAPE = 10;

/** Within this distance of 0, ln(1 + x) - x is summed as a series (71 terms at most); outside, the subtraction loses less than a digit. */
const SERIES_LIMIT = 0.5;

/** ln(1 + x) - x, accurate near 0 (atanh series: ln(1 + x) = 2 atanh(x / (2 + x))). */
export function log1pMinus(x: number): number {
  if (!(Math.abs(x) < SERIES_LIMIT)) return Math.log1p(x) - x;
  const r = x / (2 + x);
  const y = r * r;
  let sum = 0;
  let power = 1;
  for (let divisor = 3; ; divisor += 2) {
    const term = power / divisor;
    if (term <= Number.EPSILON * 0.01 * sum) break;
    sum += term;
    power *= y;
  }
  return r * (2 * y * sum - x);
}

/**
 * The Poisson term x^a e^-x / Gamma(a + 1), for a >= 0 and x >= 0.
 *
 * For a >= 10 the exponent is a (ln(x/a) - x/a + 1), computed without cancellation, so that the relative error stays near |exponent| *
 * 1e-16 however large a is (Loader 2000, "Fast and accurate computation of binomial probabilities").
 */
export function poissonTerm(a: number, x: number): number {
  if (x === 0) return a === 0 ? 1 : 0;
  if (a < LARGE_SHAPE) return Math.exp(a * Math.log(x) - x - lnGamma(a + 1));
  return Math.exp(a * log1pMinus((x - a) / a) - stirlingCorrection(a)) / Math.sqrt(2 * Math.PI * a);
}
