/** Upper tail of Student's t distribution. */
import { gammaQ } from "./incomplete-gamma.ts";
import { lnGamma, stirlingCorrection } from "./ln-gamma.ts";

const TINY = 1e-300;

/** From here on the expansion for large df; the continued fraction loses digits there (3e-11 at df = 1e6). */
const LARGE_DF = 100;

/** Terms of that expansion; at df = 100 it needs 12 at most. */
const LARGE_DF_TERMS = 30;

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

/**
 * Upper tail for large df: I(x; a, 1/2) as a series of incomplete gamma functions, of which the first is the normal tail.
 *
 * Didonato and Morris 1992, "Significant digit computation of the incomplete beta function ratios" (ACM TOMS 708), procedure BGRAT, at b =
 * 1/2.
 */
function tailLargeDf(t: number, df: number): number {
  const a = df / 2;
  const b = 0.5;
  const nu = a + (b - 1) / 2;
  const lnX = -Math.log1p((t * t) / df);
  const z = -nu * lnX;
  // z^b e^-z / Gamma(b), with Gamma(1/2) = sqrt(pi).
  const r = Math.sqrt(z / Math.PI) * Math.exp(-z);
  if (r === 0) return t < 1 ? 0.5 : 0;
  const front = Math.exp(lnGammaRatio(a) - b * Math.log(nu));
  const v = 1 / (4 * nu * nu);
  const quarterSquare = (lnX * lnX) / 4;
  const c = new Float64Array(LARGE_DF_TERMS);
  const d = new Float64Array(LARGE_DF_TERMS);
  // All terms are multiples of r; the sum is kept without that factor.
  let j = gammaQ(b, z) / r;
  let sum = j;
  let power = 1;
  let inverseFactorial = 1;
  for (let n = 1; n < LARGE_DF_TERMS; n++) {
    const b2n = b + 2 * (n - 1);
    j = (b2n * (b2n + 1) * j + (z + b2n + 1) * power) * v;
    power *= quarterSquare;
    inverseFactorial /= 2 * n * (2 * n + 1);
    c[n] = inverseFactorial;
    let inner = 0;
    for (let i = 1; i < n; i++) inner += (b * i - n) * c[i]! * d[n - i]!;
    d[n] = (b - 1) * inverseFactorial + inner / n;
    const term = d[n]! * j;
    sum += term;
    if (Math.abs(term) <= Number.EPSILON * 0.1 * sum) break;
  }
  return (front * r * sum) / 2;
}

/** Density of Student's t, without cancellation for large df. */
export function studentTDensity(t: number, df: number): number {
  return Math.exp(lnGammaRatio(df / 2) - ((df + 1) / 2) * Math.log1p((t * t) / df)) / Math.sqrt(df * Math.PI);
}

/**
 * Chance that a Student t variable with `df` degrees of freedom is at least `t`.
 *
 * Relative error at most 1e-12 for df from 1 to 1e6 and p down to 1e-60. Throws a RangeError unless df is positive and finite and t is a
 * number.
 * Source: DLMF 8.17 with I(df/(df + t^2); df/2, 1/2) / 2. Example: `studentTSf(2.1603686564627926, 13)` is `0.025`.
 */
export function studentTSf(t: number, df: number): number {
  if (!(df > 0 && df < Infinity)) throw new RangeError(`studentTSf requires positive, finite degrees of freedom, got ${df}`);
  if (Number.isNaN(t)) throw new RangeError("studentTSf requires a number, got NaN");
  if (t < 0) return 1 - studentTSf(-t, df);
  if (t === 0) return 0.5;
  if (t === Infinity) return 0;
  if (df >= LARGE_DF) return tailLargeDf(t, df);
  const square = t * t;
  const a = df / 2;
  const x = df / (df + square);
  const y = square / (df + square);
  // x^a y^(1/2) / B(a, 1/2), with 1/B = Gamma(a + 1/2) / (Gamma(a) sqrt(pi)).
  const front = Math.exp(lnGammaRatio(a) - a * Math.log1p(square / df)) * Math.sqrt(y / Math.PI);
  if (x < (a + 1) / (a + 2.5)) return (front * betaFraction(a, 0.5, x)) / (2 * a);
  return 0.5 - front * betaFraction(0.5, a, y);
}
