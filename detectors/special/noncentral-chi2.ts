/**
 * The non-central chi-square distribution as a Poisson mixture of central ones: upper tail, density and upper quantile.
 *
 * It is the law of G when the true difference is not 0: `lambda` = (effective sample size) x (tolerated PSI).
 */
import { chi2Isf } from "./chi2-isf.ts";
import { gammaQ } from "./incomplete-gamma.ts";
import { poissonTerm } from "./poisson-term.ts";

const MAX_STEPS = 100;
const TOLERANCE = 1e-14;

/**
 * First Poisson index that is summed. The tails of the components grow with the index, so what is left out is at most
 * P(J < first) of the result: below 1e-20.
 */
function firstIndex(mean: number): number {
  return Math.max(0, Math.floor(mean - 10 * Math.sqrt(mean) - 10));
}

function check(name: string, df: number, lambda: number): void {
  if (!(df > 0 && df < Infinity)) throw new RangeError(`${name} requires positive, finite degrees of freedom, got ${df}`);
  if (!(lambda >= 0 && lambda < Infinity)) throw new RangeError(`${name} requires a finite non-centrality of at least 0, got ${lambda}`);
}

/** Upper tail, or density with `density` true: the same mixture over the same weights. All terms are positive, so nothing cancels. */
function mixture(x: number, df: number, lambda: number, density: boolean): number {
  const mean = lambda / 2;
  const half = x / 2;
  const first = firstIndex(mean);
  let weight = poissonTerm(first, mean);
  let shape = df / 2 + first;
  let tail = gammaQ(shape, half);
  // Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1).
  let increment = poissonTerm(shape, half);
  let sum = 0;
  for (let j = first + 1; ; j++) {
    // The density of chi-square at 2a degrees of freedom is half the Poisson term at a - 1.
    const term = weight * (density ? (increment * shape) / (2 * half) : tail);
    sum += term;
    // The weights fall at least by mean/(j + 1) from here on; a component's tail is at most 1 and its density at most 1.
    if (j > mean && weight <= Number.EPSILON * 0.01 * sum * (1 - mean / (j + 1))) break;
    if (weight === 0 && j > mean) break;
    weight *= mean / j;
    tail += increment;
    shape += 1;
    increment *= half / shape;
  }
  return sum;
}

/**
 * Chance that a non-central chi-square variable is at least `x`.
 *
 * Relative error at most 1e-12 down to p = 1e-15, for df up to 1,000 and lambda up to 1e4. `lambda = 0` is `chi2Sf`. 1 for x <= 0.
 * Cost: about 20 sqrt(lambda) steps. Throws a RangeError for df <= 0, lambda < 0 or NaN.
 * Source: Patnaik 1949; Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 29.3.
 * Example: `noncentralChi2Sf(30, 9, 12)` is `0.1356366826458239`.
 */
export function noncentralChi2Sf(x: number, df: number, lambda: number): number {
  check("noncentralChi2Sf", df, lambda);
  if (Number.isNaN(x)) throw new RangeError("noncentralChi2Sf requires a number, got NaN");
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  if (lambda === 0) return gammaQ(df / 2, x / 2);
  return Math.min(1, mixture(x, df, lambda, false));
}

/**
 * The value that a non-central chi-square variable exceeds with chance `p`: the critical G when a shift of `lambda` is tolerated.
 *
 * Relative error at most 1e-12 for p from 1e-15 to 0.9. Throws a RangeError unless 0 < p < 1, df > 0, lambda >= 0.
 * Source: Patnaik 1949 (start: a scaled central chi-square with the same two moments), then Newton on ln p.
 * Example: `noncentralChi2Isf(0.05, 9, 12)` is `35.74748027983427`.
 */
export function noncentralChi2Isf(p: number, df: number, lambda: number): number {
  check("noncentralChi2Isf", df, lambda);
  if (!(p > 0 && p < 1)) throw new RangeError(`noncentralChi2Isf requires a probability between 0 and 1, got ${p}`);
  if (lambda === 0) return chi2Isf(p, df);
  const scale = (df + 2 * lambda) / (df + lambda);
  let x = scale * chi2Isf(p, (df + lambda) / scale);
  const target = Math.log(p);
  for (let step = 0; step < MAX_STEPS; step++) {
    const tail = noncentralChi2Sf(x, df, lambda);
    const density = mixture(x, df, lambda, true);
    const change = ((Math.log(tail) - target) * tail) / density;
    const next = change > -0.5 * x ? x + change : x / 2;
    if (Math.abs(next - x) <= TOLERANCE * x) return next;
    x = next;
  }
  return x;
}
