/** The arcsine difference of two shares: the pieces of the test of single bins, with a variance that does not depend on the share. */

/**
 * Anscombe's arcsine of a count out of a total: `2 asin sqrt((count + 3/8) / (total + 3/4))`, variance about 1/total for any share.
 *
 * Throws a RangeError unless 0 <= count <= total and the total is positive and finite. Counts may be fractions.
 * Source: Anscombe, "The Transformation of Poisson, Binomial and Negative-Binomial Data", Biometrika 35, 1948.
 * Example: `arcsine(50, 100)` is `1.5707963267948966` (pi/2).
 */
export function arcsine(count: number, total: number): number {
  if (!(count >= 0 && count <= total && total > 0 && total < Infinity)) {
    throw new RangeError(`arcsine requires a count between 0 and a positive total, got ${count} of ${total}`);
  }
  return 2 * Math.asin(Math.sqrt((count + 0.375) / (total + 0.75)));
}

/**
 * Difference of one bin's share between current and reference on the arcsine scale, positive when the current share is larger.
 *
 * Formula: `arcsine(c, n) - arcsine(r, m)`. Range: -pi to pi. Swapping the samples changes the sign. Zero counts need no rule of their own.
 * Without drift: mean about 0 and variance about 1/n + 1/m, whatever the share; divide by its root for a z value.
 * Rule of thumb: 0.2 is a small, 0.5 a medium effect (Cohen's h, Statistical Power Analysis 1988, section 6.2); an increase from 0 to 1 %
 * is 0.2.
 * Throws a RangeError as `arcsine` does. Source: Anscombe 1948; Cohen 1988.
 * Example: `arcsineDifference(0, 10000, 10, 1000)` is `0.19174558535035804`.
 */
export function arcsineDifference(r: number, m: number, c: number, n: number): number {
  return arcsine(c, n) - arcsine(r, m);
}
