/** Upper quantile of the gamma distribution. */
import { gammaP, gammaQ } from "./incomplete-gamma.ts";
import { lnGamma } from "./ln-gamma.ts";
import { normalIsf } from "./normal-isf.ts";
import { poissonTerm } from "./poisson-term.ts";

/** Newton's method doubles the digits; from these starts it needs 3 to 8 steps. */
const MAX_STEPS = 100;
const TOLERANCE = 1e-15;

/** Wilson and Hilferty's cube-root normal approximation, or the leading power of x where that is not positive. */
function start(p: number, shape: number): number {
  const c = 1 / (9 * shape);
  const root = 1 - c + (p < 1e-300 ? 37 : normalIsf(p)) * Math.sqrt(c);
  if (root > 0.3) return shape * root * root * root;
  const x = Math.exp((Math.log1p(-p) + lnGamma(shape + 1)) / shape);
  return x > 0 ? x : Number.MIN_VALUE;
}

/**
 * The value that a gamma variable of the given shape and scale exceeds with chance `p` (inverse of the upper tail).
 *
 * Newton's method on the logarithm of the smaller tail, so that the relative error stays at most 1e-12 down to p = 1e-15 and beyond.
 * `p = 1` gives 0. Throws a RangeError unless 0 < p <= 1 and shape and scale are positive and finite.
 *
 * Satterthwaite's use: a statistic with mean M and variance V is compared with `gammaIsf(alpha, M * M / V, V / M)`.
 * Source: Wilson and Hilferty 1931 (start). Example: `gammaIsf(0.05, 4.5, 2)` is `16.918977604620448` (chi-square's at 9 degrees of
 * freedom).
 */
export function gammaIsf(p: number, shape: number, scale: number): number {
  if (!(p > 0 && p <= 1)) throw new RangeError(`gammaIsf requires a probability above 0 and at most 1, got ${p}`);
  if (!(shape > 0 && shape < Infinity)) throw new RangeError(`gammaIsf requires a positive, finite shape, got ${shape}`);
  if (!(scale > 0 && scale < Infinity)) throw new RangeError(`gammaIsf requires a positive, finite scale, got ${scale}`);
  if (p === 1) return 0;
  let x = start(p, shape);
  const upper = p <= 0.5;
  const target = upper ? Math.log(p) : Math.log1p(-p);
  for (let step = 0; step < MAX_STEPS; step++) {
    const tail = upper ? gammaQ(shape, x) : gammaP(shape, x);
    // Density times x, so that the step is taken in ln x: it cannot leave the positive numbers, and the lower tail is a straight line.
    const slope = shape * poissonTerm(shape, x);
    if (!(tail > 0 && slope > 0)) {
      x /= 2;
      continue;
    }
    const move = ((Math.log(tail) - target) * tail) / slope;
    const change = upper ? move : -move;
    // In the upper tail ln Q is concave in x: there the plain step converges from the right without overshooting.
    const next = upper && change > -0.5 ? x + change * x : x * Math.exp(change < -5 ? -5 : change > 5 ? 5 : change);
    if (Math.abs(next - x) <= TOLERANCE * x) return next * scale;
    x = next;
  }
  return x * scale;
}
