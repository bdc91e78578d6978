/** Upper quantile of Student's t distribution. */
import { normalIsf } from "./normal-isf.ts";
import { studentTDensity, studentTSf } from "./student-t-sf.ts";

const MAX_STEPS = 200;
const TOLERANCE = 1e-14;

/**
 * The value that a Student t variable with `df` degrees of freedom exceeds with chance `p`: the critical value of the bin test.
 *
 * Relative error at most 1e-12 for df from 1 to 1e6, p from 1e-15 to 0.4; towards p = 1/2 the absolute error is at most 1e-15.
 * Throws a RangeError unless 0 < p < 1 and df is positive and finite.
 * Source: Hill 1970 (the start is one term of his expansion), then Newton on ln p in ln t. Example: `studentTIsf(0.025, 13)` is
 * `2.1603686564627926`.
 */
export function studentTIsf(p: number, df: number): number {
  if (!(df > 0 && df < Infinity)) throw new RangeError(`studentTIsf requires positive, finite degrees of freedom, got ${df}`);
  if (!(p > 0 && p < 1)) throw new RangeError(`studentTIsf requires a probability between 0 and 1, got ${p}`);
  if (p > 0.5) return -studentTIsf(1 - p, df);
  if (p === 0.5) return 0;
  const z = normalIsf(p);
  let t = z + (z * z * z + z) / (4 * df);
  const target = Math.log(p);
  for (let step = 0; step < MAX_STEPS; step++) {
    const tail = studentTSf(t, df);
    const difference = Math.log(tail) - target;
    const density = studentTDensity(t, df);
    // ln p is nearly a straight line in ln t far out (power tail) and in t near the middle.
    const next = t > 1 ? t * Math.exp((difference * tail) / (density * t)) : t + (difference * tail) / density;
    const done = Math.abs(next - t) <= TOLERANCE * t;
    t = next;
    if (done) break;
  }
  return t;
}
