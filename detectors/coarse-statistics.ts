/**
 * The statistics of one comparison in one pass over its bins: what an evaluation shows for every feature and window.
 *
 * It exists for speed only: the totals are taken and checked once, PSI and both KL share a logarithm, G and chi-square a pooled share. The
 * single functions define what each number means, and a test holds the two equal.
 */
import { checkPair, total, usedBins } from "./counts.ts";
import { midpointExcess } from "./jensen-shannon.ts";

/** What stands where in the output of `coarseStatistics`. */
export const COARSE_STATISTICS = [
  "psi",
  "kl",
  "kl_reverse",
  "jensen_shannon",
  "hellinger",
  "total_variation",
  "g",
  "chi_square",
  "degrees_of_freedom",
] as const;

/**
 * Writes PSI, both KL (Jeffreys smoothing), Jensen-Shannon (nats, divergence), Hellinger, total variation, G, chi-square and the degrees of
 * freedom into `out`, in the order of `COARSE_STATISTICS`, and returns true; false, with `out` left alone, when a side is empty.
 *
 * Equal to the single functions to within 1e-15 of the sum of the absolute terms. Allocates nothing. Throws a RangeError as they do, and
 * when `out` has fewer than 9 places.
 */
export function coarseStatistics(reference: ArrayLike<number>, current: ArrayLike<number>, out: Float64Array): boolean {
  checkPair("coarseStatistics", reference, current);
  if (out.length < COARSE_STATISTICS.length) {
    throw new RangeError(`coarseStatistics requires ${COARSE_STATISTICS.length} places for its output, got ${out.length}`);
  }
  const m = total("coarseStatistics", "reference", reference);
  const n = total("coarseStatistics", "current", current);
  if (m === 0 || n === 0) return false;
  const used = usedBins(reference, current);
  const referenceTotal = m + 0.5 * used;
  const currentTotal = n + 0.5 * used;
  const all = n + m;
  let psi = 0;
  let kl = 0;
  let klReverse = 0;
  let jensenShannon = 0;
  let hellinger = 0;
  let totalVariation = 0;
  let g = 0;
  let chiSquare = 0;
  for (let k = 0; k < reference.length; k++) {
    const r = reference[k]!;
    const c = current[k]!;
    if (r === 0 && c === 0) continue;
    const smoothedP = (r + 0.5) / referenceTotal;
    const smoothedQ = (c + 0.5) / currentTotal;
    const ratio = Math.log(smoothedQ / smoothedP);
    psi += (smoothedQ - smoothedP) * ratio;
    kl += smoothedQ * ratio;
    klReverse -= smoothedP * ratio;

    const p = r / m;
    const q = c / n;
    const difference = q - p;
    jensenShannon += (p + q) * midpointExcess(difference / (p + q));
    const roots = Math.sqrt(q) - Math.sqrt(p);
    hellinger += roots * roots;
    totalVariation += Math.abs(difference);

    const pooled = (r + c) / all;
    if (c > 0) g += c * Math.log(q / pooled);
    if (r > 0) g += r * Math.log(p / pooled);
    const cross = c * m - r * n;
    chiSquare += ((cross / m) * (cross / n)) / (r + c);
  }
  out[0] = psi;
  out[1] = Math.max(0, kl);
  out[2] = Math.max(0, klReverse);
  out[3] = Math.min(jensenShannon / 4, Math.LN2);
  out[4] = Math.min(1, Math.sqrt(hellinger / 2));
  out[5] = Math.min(1, totalVariation / 2);
  out[6] = Math.max(0, 2 * g);
  out[7] = chiSquare;
  out[8] = used - 1;
  return true;
}
