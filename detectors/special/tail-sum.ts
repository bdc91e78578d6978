/** The tail of a discrete distribution, summed from its nearer end: what the exact tests of single bins share. */

/** Terms that no longer count. */
const NEGLIGIBLE = 1e-17;

/**
 * `P(X >= from)` of a law on `lowest … highest`, given the logarithm of one probability and the ratios `P(k + 1) / P(k)`.
 *
 * Above the mean the upper tail is summed, else the lower one is taken from 1, so that a small answer keeps its digits. For laws with one peak.
 */
export function tailSum(
  from: number,
  law: {
    readonly lowest: number;
    readonly highest: number;
    readonly mean: number;
    readonly logAt: (k: number) => number;
    readonly ratioAt: (k: number) => number;
  },
): number {
  const { lowest, highest, mean, logAt, ratioAt } = law;
  if (from <= lowest) return 1;
  if (from > highest) return 0;
  if (from > mean) {
    const first = Math.exp(logAt(from));
    let sum = 1;
    let term = 1;
    for (let k = from; k < highest; k++) {
      term *= ratioAt(k);
      sum += term;
      if (term < NEGLIGIBLE * sum) break;
    }
    return Math.min(1, first * sum);
  }
  const last = Math.exp(logAt(from - 1));
  let sum = 1;
  let term = 1;
  for (let k = from - 2; k >= lowest; k--) {
    term /= ratioAt(k);
    sum += term;
    if (term < NEGLIGIBLE * sum) break;
  }
  return Math.max(0, 1 - last * sum);
}
