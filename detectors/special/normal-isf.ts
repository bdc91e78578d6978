/** Upper quantile of the standard normal distribution. */
import { gammaP, gammaQ } from "./incomplete-gamma.ts";

const MAX_STEPS = 50;
const TOLERANCE = 1e-15;

/** 1 / sqrt(2 pi). */
const DENSITY_AT_ZERO = 0.3989422804014327;

/** Abramowitz and Stegun 26.2.23, absolute error below 4.5e-4: the start of Newton's method for p < 0.5. */
function start(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/**
 * The value that a standard normal variable exceeds with chance `p`.
 *
 * Relative error at most 1e-12 down to p = 1e-15 and beyond, near p = 1/2 too. Throws a RangeError unless 0 < p < 1.
 * Source: Abramowitz and Stegun 26.2.23, then Newton. Example: `normalIsf(0.025)` is `1.959963984540054`.
 */
export function normalIsf(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalIsf requires a probability between 0 and 1, got ${p}`);
  if (p > 0.5) return -normalIsf(1 - p);
  if (p === 0.5) return 0;
  let z = Math.max(start(p), 1e-300);
  // Near the middle 1 - 2p is the small quantity (exact in floating point), in the tail p is.
  const middle = p > 0.3;
  for (let step = 0; step < MAX_STEPS; step++) {
    const half = (z * z) / 2;
    const density = DENSITY_AT_ZERO * Math.exp(-half);
    const tail = gammaQ(0.5, half) / 2;
    const change = middle ? (1 - 2 * p - gammaP(0.5, half)) / (2 * density) : ((Math.log(tail) - Math.log(p)) * tail) / density;
    z += change;
    if (Math.abs(change) <= TOLERANCE * z) break;
  }
  return z;
}
