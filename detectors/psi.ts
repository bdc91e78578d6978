/** Population stability index, and the part of it that sampling noise does not explain. */
import { answer, checkPair, total, usedBins } from "./counts.ts";
import { addedCount, floorShare, type ShareOptions, sideFill, withoutUnseen } from "./smoothing.ts";
import { withUnseenMass } from "./with-unseen-mass.ts";

/**
 * Population stability index: how far the current shares have moved from the reference's, in nats.
 *
 * Formula: `sum (q - p) ln(q / p)` = KL(q||p) + KL(p||q) (Jeffreys' divergence), p and q the smoothed shares of reference and current.
 * Range: 0 (equal shares) and up, no upper end. Symmetric under `jeffreys`, `none`, `evidently`, `epsilon` and `floor`; not with `unseen`.
 * Zero bins: option `smoothing`, default `jeffreys`. A bin that is empty on both sides counts for nothing, in K neither
 * (but under `evidently`, see there). `undefined` when a
 * side is empty or, under `none`, when a bin is empty on one side only.
 * Minimum sample: about 10 rows a bin on the smaller side.
 * Without drift: mean (K - 1)(1/n + 1/m), and PSI nm/(n + m) is about chi-square with K - 1 degrees of freedom. So 0.1 on 10 bins is
 * an ordinary value at n = 100 (exceeded by 40 % of healthy windows under a fill of 1e-4): judge by `g`, or by `psiExcess` as an effect
 * size.
 * From bins: exact for the bins that it is given; other bins give another PSI. Scaling both sides changes nothing under `none`, `epsilon`
 * and `floor`; under `jeffreys` the half counts weigh less as the samples grow, and PSI tends to that of `none`.
 * Rule of thumb: below 0.1 nothing, above 0.25 act (credit scoring, quoted by Lin, "Examining Distributional Shifts by Using Population
 * Stability Index (PSI) for Model Validation and Diagnosis", WUSS 2017); it ignores the sample size.
 * Source: Yurdakul, "Statistical Properties of Population Stability Index", dissertation, Western Michigan University 2018.
 * Example: `psi([50, 50], [60, 40], { smoothing: "none" })` is `0.04054651081081642`.
 * Prefer `g` to decide, `ks` for a shift in location, `jensenShannon` for a bounded effect size.
 */
export function psi(reference: ArrayLike<number>, current: ArrayLike<number>, options?: ShareOptions): number | undefined {
  checkPair("psi", reference, current);
  if (options?.unseen !== undefined) return psi(withUnseenMass(reference, options.unseen), current, withoutUnseen(options));
  const m = total("psi", "reference", reference);
  const n = total("psi", "current", current);
  const added = addedCount(options?.smoothing);
  const floor = floorShare("psi", options?.smoothing);
  if (m === 0 || n === 0) return undefined;
  const zeroP = sideFill("psi", options?.smoothing, reference, m);
  const zeroQ = sideFill("psi", options?.smoothing, current, n);
  const addedTotal = added * usedBins(reference, current);
  const referenceTotal = m + addedTotal;
  const currentTotal = n + addedTotal;
  let sum = 0;
  for (let k = 0; k < reference.length; k++) {
    const expected = reference[k]!;
    // Both shares would be the same, unless each side has a fill of its own.
    if (expected === 0 && current[k] === 0 && zeroP === zeroQ) continue;
    let p = (expected + added) / referenceTotal;
    let q = (current[k]! + added) / currentTotal;
    if (p === 0) p = zeroP;
    if (q === 0) q = zeroQ;
    if (p < floor) p = floor;
    if (q < floor) q = floor;
    if (p !== q) sum += (q - p) * Math.log(q / p);
  }
  return answer(sum);
}

/**
 * PSI less what sampling noise alone gives on average: an effect size that can be compared across window lengths.
 *
 * Formula: `psi - (K - 1)(1/n + 1/m)`. Range: above -(K - 1)(1/n + 1/m); about 0 without drift, negative half of the time. Symmetry, zero
 * bins, options, `undefined` and errors as for `psi`.
 * Rule of thumb: 0.02 is worth a look and 0.1 worth acting on, once `g` says that it is not noise (driftd's own floors, from replays of
 * real data).
 * Source: first-order bias under no drift, E[KL] = (K - 1)/2 (1/n + 1/m), in each direction.
 * Example: `psiExcess([500, 500], [600, 400], { smoothing: "none" })` is `0.03854651081081642`.
 */
export function psiExcess(reference: ArrayLike<number>, current: ArrayLike<number>, options?: ShareOptions): number | undefined {
  const expected = options?.unseen === undefined ? reference : withUnseenMass(reference, options.unseen);
  const value = psi(expected, current, withoutUnseen(options));
  if (value === undefined) return undefined;
  const noise = 1 / total("psiExcess", "current", current) + 1 / total("psiExcess", "reference", expected);
  return answer(value - (usedBins(expected, current) - 1) * noise);
}
