/** A confidence interval for the population stability index of the populations behind two samples, from the counts alone. */
import { checkPair, total, usedBins } from "./counts.ts";
import { normalIsf } from "./special/normal-isf.ts";

/** A value with the ends of its confidence interval: `lower <= value <= upper` except where the value itself is below 0. */
export type Interval = { readonly value: number; readonly lower: number; readonly upper: number };

/**
 * PSI less its sampling noise, with a two-sided confidence interval: how large the change can be said to be, apart from whether there is one.
 *
 * Formula: `PSI - (K - 1)(1/n + 1/m)` with Jeffreys' half counts, plus and minus z times the root of
 * `Var_q(ln(q/p) - p/q) / n + Var_p(ln(p/q) - q/p) / m + 2 (K - 1) (1/n + 1/m)^2`: the first-order (delta) variance of a divergence, which
 * vanishes without a change, and the variance of the chi-square law that is then left. The lower end is at least 0.
 * Range: value as `psiExcess`; lower and upper at least 0. Bins that are empty on both sides count for nothing.
 * `undefined` when a side is empty. Minimum sample: about 10 rows a bin on either side; below, the interval is too narrow.
 * It is the interval of independent values: days that differ from one another are no part of it.
 * Throws a RangeError for a confidence outside 0 to 1 (both excluded), and as `psi` does.
 * Source: delta method, e.g. Bishop, Fienberg and Holland, Discrete Multivariate Analysis, 1975, 14.6; null variance from Yurdakul 2018.
 * Example: `psiInterval([500, 500], [600, 400]).lower` is `0.002765480851370579`.
 */
export function psiInterval(reference: ArrayLike<number>, current: ArrayLike<number>, confidence = 0.95): Interval | undefined {
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`psiInterval requires a confidence between 0 and 1, got ${confidence}`);
  checkPair("psiInterval", reference, current);
  const m = total("psiInterval", "reference", reference);
  const n = total("psiInterval", "current", current);
  if (m === 0 || n === 0) return undefined;
  const used = usedBins(reference, current);
  const referenceTotal = m + used / 2;
  const currentTotal = n + used / 2;
  let psi = 0;
  // Means and mean squares, under q and under p, of how PSI changes with a share.
  let meanQ = 0;
  let squareQ = 0;
  let meanP = 0;
  let squareP = 0;
  for (let k = 0; k < reference.length; k++) {
    if (reference[k] === 0 && current[k] === 0) continue;
    const p = (reference[k]! + 0.5) / referenceTotal;
    const q = (current[k]! + 0.5) / currentTotal;
    const ln = Math.log(q / p);
    psi += (q - p) * ln;
    const byQ = ln - p / q;
    const byP = -ln - q / p;
    meanQ += q * byQ;
    squareQ += q * byQ * byQ;
    meanP += p * byP;
    squareP += p * byP * byP;
  }
  const noise = 1 / n + 1 / m;
  const variance = Math.max(0, squareQ - meanQ * meanQ) / n + Math.max(0, squareP - meanP * meanP) / m + 2 * (used - 1) * noise * noise;
  const value = psi - (used - 1) * noise;
  const half = normalIsf((1 - confidence) / 2) * Math.sqrt(variance);
  if (!(half < Infinity)) return undefined;
  return { value, lower: Math.max(0, value - half), upper: Math.max(0, value + half) };
}
