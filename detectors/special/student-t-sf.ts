/** Upper tail of Student's t distribution. */
import { lnGamma, stirlingCorrection } from "./ln-gamma.ts";

const TINY = 1e-300;

/** ln of Gamma(a + 1/2) / Gamma(a): the difference of two large logarithms is taken term by term for a >= 10. */
function lnGammaRatio(a: number): number {
  if (a < 10) return lnGamma(a + 0.5) - lnGamma(a);
  return a * Math.log1p(0.5 / a) + 0.5 * Math.log(a) - 0.5 + stirlingCorrection(a + 0.5) - stirlingCorrection(a);
}

/** Continued fraction of the incomplete beta function (DLMF 8.17.22, modified Lentz), for x < (a + 1)/(a + b + 2). */
function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  if (Math.abs(d) < TINY) d = TINY;
  d = 1 / d;
  let h = d;
  for (let m = 1; ; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d;
    if (Math.abs(d) < TINY) d = TINY;
    c = 1 + even / c;
    if (Math.abs(c) < TINY) c = TINY;
    d = 1 / d;
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d;
    if (Math.abs(d) < TINY) d = TINY;
    c = 1 + odd / c;
    if (Math.abs(c) < TINY) c = TINY;
    d = 1 / d;
    const factor = d * c;
    h *= factor;
    if (Math.abs(factor - 1) <= Number.EPSILON) return h;
  }
}

/** Density of Student's t, without cancellation for large df. */
export function studentTDensity(t: number, df: number): number {
  return Math.exp(lnGammaRatio(df / 2) - ((df + 1) / 2) * Math.log1p((t * t) / df)) / Math.sqrt(df * Math.PI);
}

/**
 * Chance that a Student t variable with `df` degrees of freedom is at least `t`.
 *
 * Relative error at most 1e-12 for df from 1 to 1e6 and p down to 1e-15. Throws a RangeError unless df is positive and finite and t is a number.
 * Source: DLMF 8.17 with I(df/(df + t^2); df/2, 1/2) / 2. Example: `studentTSf(2.1603686564627926, 13)` is `0.025`.
 */
export function studentTSf(t: number, df: number): number {
  if (!(df > 0 && df < Infinity)) throw new RangeError(`studentTSf requires positive, finite degrees of freedom, got ${df}`);
  if (Number.isNaN(t)) throw new RangeError("studentTSf requires a number, got NaN");
  if (t < 0) return 1 - studentTSf(-t, df);
  if (t === 0) return 0.5;
  if (t === Infinity) return 0;
  const square = t * t;
  const a = df / 2;
  const x = df / (df + square);
  const y = square / (df + square);
  // x^a y^(1/2) / B(a, 1/2), with 1/B = Gamma(a + 1/2) / (Gamma(a) sqrt(pi)).
  const front = Math.exp(lnGammaRatio(a) - a * Math.log1p(square / df)) * Math.sqrt(y / Math.PI);
  if (x < (a + 1) / (a + 2.5)) return (front * betaFraction(a, 0.5, x)) / (2 * a);
  return 0.5 - front * betaFraction(0.5, a, y);
}
