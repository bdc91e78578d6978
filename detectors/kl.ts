/** Kullback-Leibler divergence, both directions. */
import { answer, checkPair, total, usedBins } from "./counts.ts";
import { addedCount, floorShare, type ShareOptions, sideFill } from "./smoothing.ts";
import { withUnseenMass } from "./with-unseen-mass.ts";

/** Which sample is averaged over: KL(current || reference) or KL(reference || current). */
export type KlDirection = "current||reference" | "reference||current";

export type KlOptions = ShareOptions & { readonly direction?: KlDirection };

/**
 * Kullback-Leibler divergence, in nats.
 *
 * Formula: direction `current||reference` (default) `sum q ln(q / p)`: what it costs to code the current data with the reference's shares;
 * `reference||current`: `sum p ln(p / q)` (Evidently's direction). The two add up to PSI under `jeffreys` and `none`.
 * Range: 0 (equal shares) and up, no upper end. Not symmetric: swapping the samples swaps the directions.
 * Zero bins: option `smoothing`, default `jeffreys` (a bin that is empty on both sides counts for nothing); shares filled by `epsilon` or
 * `floor` are divided by their sum. `undefined` when a side is empty or, under `none`, when a bin is empty only in the sample that is not
 * averaged over.
 * Minimum sample: about 10 rows a bin on the smaller side.
 * Without drift: mean (K - 1)/2 (1/n + 1/m), and twice KL times nm/(n + m) is about chi-square with K - 1 degrees of freedom.
 * From bins: a lower bound of the divergence between the unbinned laws (data processing inequality). Scaling as for `psi`.
 * Rule of thumb: 0.1 (Evidently's default threshold); it ignores the sample size.
 * Source: Kullback and Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22, 1951.
 * Example: `kl([50, 50], [60, 40], { smoothing: "none" })` is `0.020135513550688863`.
 * Prefer `jensenShannon` when a bounded, symmetric number is wanted.
 */
export function kl(reference: ArrayLike<number>, current: ArrayLike<number>, options?: KlOptions): number | undefined {
  checkPair("kl", reference, current);
  if (options?.unseen !== undefined) {
    const { unseen, ...rest } = options;
    return kl(withUnseenMass(reference, unseen), current, rest);
  }
  const m = total("kl", "reference", reference);
  const n = total("kl", "current", current);
  const added = addedCount(options?.smoothing);
  const floor = floorShare("kl", options?.smoothing);
  if (m === 0 || n === 0) return undefined;
  const zeroP = sideFill("kl", options?.smoothing, reference, m);
  const zeroQ = sideFill("kl", options?.smoothing, current, n);
  // Under jeffreys a bin that is empty on both sides counts for nothing; filled shares of such a bin take part, as they do elsewhere.
  const addedTotal = added * usedBins(reference, current);
  const referenceTotal = m + addedTotal;
  const currentTotal = n + addedTotal;
  const reverse = options?.direction === "reference||current";
  // Sums of the filled shares: sum (a/A) ln((a/A) / (b/B)) = sum(a ln(a/b)) / A - ln(A/B).
  let sum = 0;
  let massP = 0;
  let massQ = 0;
  for (let k = 0; k < reference.length; k++) {
    const expected = reference[k]!;
    if (added > 0 && expected === 0 && current[k] === 0) continue;
    let p = (expected + added) / referenceTotal;
    let q = (current[k]! + added) / currentTotal;
    if (p === 0) p = zeroP;
    if (q === 0) q = zeroQ;
    if (p < floor) p = floor;
    if (q < floor) q = floor;
    massP += p;
    massQ += q;
    const a = reverse ? p : q;
    const b = reverse ? q : p;
    if (a > 0 && a !== b) sum += a * Math.log(a / b);
  }
  if (zeroP > 0 || floor > 0) {
    const massA = reverse ? massP : massQ;
    const massB = reverse ? massQ : massP;
    sum = sum / massA - Math.log(massA / massB);
  }
  // Rounding may leave a hair below the minimum.
  return answer(Math.max(0, sum));
}
