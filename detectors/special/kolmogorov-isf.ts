/** Upper quantile of Kolmogorov's distribution. */
import { kolmogorovCdfSmall, kolmogorovSf } from "./kolmogorov-sf.ts";

const MAX_STEPS = 100;
const TOLERANCE = 1e-15;

/** Density of Kolmogorov's distribution at t >= 0.5 or so: 8 t sum (-1)^(k-1) k^2 exp(-2 k^2 t^2). */
function densityLarge(t: number): number {
  let sum = 0;
  let sign = 1;
  for (let k = 1; ; k++) {
    const term = k * k * Math.exp(-2 * k * k * t * t);
    sum += sign * term;
    sign = -sign;
    if (term <= Number.EPSILON * sum) break;
  }
  return 8 * t * sum;
}

/** d ln P(K <= t) / dt for small t. */
function slopeSmall(t: number): number {
  const base = -(Math.PI * Math.PI) / (8 * t * t);
  let weighted = 0;
  let sum = 0;
  for (let odd = 1; odd < 30; odd += 2) {
    const term = Math.exp(odd * odd * base - base);
    sum += term;
    weighted += odd * odd * term;
  }
  return (-2 * base * (weighted / sum) - 1) / t;
}

/**
 * The value that Kolmogorov's limit variable exceeds with chance `p`; for small p close to sqrt(ln(2/p) / 2).
 *
 * Relative error at most 1e-12 down to p = 1e-15 and beyond. Throws a RangeError unless 0 < p < 1. For the critical D of two samples use
 * `ksCritical`.
 * Source: Newton's method on the logarithm of the smaller tail. Example: `kolmogorovIsf(0.05)` is `1.3580986393225505`.
 */
export function kolmogorovIsf(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`kolmogorovIsf requires a probability between 0 and 1, got ${p}`);
  if (p <= 0.5) {
    let t = Math.sqrt((Math.LN2 - Math.log(p)) / 2);
    const target = Math.log(p);
    for (let step = 0; step < MAX_STEPS; step++) {
      const tail = kolmogorovSf(t);
      const change = ((Math.log(tail) - target) * tail) / densityLarge(t);
      t += change;
      if (Math.abs(change) <= TOLERANCE * t) break;
    }
    return t;
  }
  // Lower tail: ln cdf is concave, so Newton's method climbs from the left without overshooting.
  const target = Math.log1p(-p);
  let t = Math.PI / Math.sqrt(8 * (3 - target));
  for (let step = 0; step < MAX_STEPS; step++) {
    const change = (target - Math.log(kolmogorovCdfSmall(t))) / slopeSmall(t);
    t += change;
    if (Math.abs(change) <= TOLERANCE * t) break;
  }
  return t;
}
