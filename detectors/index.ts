/**
 * The table of detectors, and everything that `driftd/detectors` exports: pure functions over two count vectors (reference, current).
 * Nothing here reads a clock, draws a random number or touches the outside.
 */
import { areaGap } from "./area-gap.ts";
import { chiSquare } from "./chi-square.ts";
import { g } from "./g.ts";
import { hellinger } from "./hellinger.ts";
import { jensenShannon } from "./jensen-shannon.ts";
import { kl } from "./kl.ts";
import { ks } from "./ks.ts";
import { psi } from "./psi.ts";
import { totalVariation } from "./total-variation.ts";
import { wasserstein } from "./wasserstein.ts";

export { arcsine, arcsineDifference } from "./arcsine-difference.ts";
export { areaGap } from "./area-gap.ts";
export { chiSquare, chiSquareTest } from "./chi-square.ts";
export { COARSE_STATISTICS, coarseStatistics } from "./coarse-statistics.ts";
export { degreesOfFreedom, g, gTest, type TestResult, williamsFactor } from "./g.ts";
export { hellinger } from "./hellinger.ts";
export { type JensenShannonOptions, jensenShannon } from "./jensen-shannon.ts";
export { type KlDirection, type KlOptions, kl } from "./kl.ts";
export { type KsBracket, ks, ksBracket } from "./ks.ts";
export { ksCritical, ksPValue } from "./ks-p-value.ts";
export { psi, psiExcess } from "./psi.ts";
export { type Interval, psiInterval } from "./psi-interval.ts";
export type { ShareOptions, Smoothing, Unseen } from "./smoothing.ts";
export { betaBinomialSf } from "./special/beta-binomial-sf.ts";
export { chi2Isf } from "./special/chi2-isf.ts";
export { chi2Sf } from "./special/chi2-sf.ts";
export { gammaIsf } from "./special/gamma-isf.ts";
export { hypergeometricSf } from "./special/hypergeometric-sf.ts";
export { gammaP, gammaQ } from "./special/incomplete-gamma.ts";
export { kolmogorovIsf } from "./special/kolmogorov-isf.ts";
export { kolmogorovSf } from "./special/kolmogorov-sf.ts";
export { lnGamma } from "./special/ln-gamma.ts";
export { noncentralChi2Isf, noncentralChi2Sf } from "./special/noncentral-chi2.ts";
export { normalIsf } from "./special/normal-isf.ts";
export { normalSf } from "./special/normal-sf.ts";
export { studentTIsf } from "./special/student-t-isf.ts";
export { studentTSf } from "./special/student-t-sf.ts";
export { totalVariation } from "./total-variation.ts";
export { wasserstein } from "./wasserstein.ts";
export { withUnseenMass } from "./with-unseen-mass.ts";

/** One statistic as the table knows it: what documentation, metrics and the shared contract test need. */
export type Detector = {
  /** As in the JSON contract. */
  readonly name: string;
  /** One line for a reader who chooses. */
  readonly doc: string;
  readonly unit: "nats" | "share" | "distance" | "evidence" | "feature's unit" | "rank";
  /** Swapping the samples changes nothing. */
  readonly symmetric: boolean;
  /** Smallest value (equal shares, the only data that reach it) and largest; `undefined` where there is no upper end. */
  readonly range: readonly [number, number | undefined];
  /** The bins must be in order: numeric features only. */
  readonly needsOrder: boolean;
  /** Reads a support point for each bin; the others ignore that argument. */
  readonly needsSupport: boolean;
  /** An effect size does not grow with the samples; evidence does. */
  readonly effectSize: boolean;
  /** The statistic with its default options; `undefined` when a side is empty. */
  readonly compute: (reference: ArrayLike<number>, current: ArrayLike<number>, support: ArrayLike<number>) => number | undefined;
};

const COMMON = { symmetric: true, needsOrder: false, needsSupport: false, effectSize: true } as const;

/** Every statistic, in the order in which documentation shows them. A new one is a file of its own and one entry here. */
export const detectors: readonly Detector[] = [
  {
    ...COMMON,
    name: "psi",
    doc: "Population stability index: how far the shares moved; grows when rare bins change. Judge it with its excess over sampling noise.",
    unit: "nats",
    range: [0, undefined],
    compute: (reference, current) => psi(reference, current),
  },
  {
    ...COMMON,
    name: "kl",
    doc: "Kullback-Leibler divergence of the current from the reference: surprise of the new data to a model of the old.",
    unit: "nats",
    symmetric: false,
    range: [0, undefined],
    compute: (reference, current) => kl(reference, current),
  },
  {
    ...COMMON,
    name: "kl_reverse",
    doc: "Kullback-Leibler divergence of the reference from the current: grows when a part of the reference dies out.",
    unit: "nats",
    symmetric: false,
    range: [0, undefined],
    compute: (reference, current) => kl(reference, current, { direction: "reference||current" }),
  },
  {
    ...COMMON,
    name: "jensen_shannon",
    doc: "Jensen-Shannon divergence: a bounded, symmetric effect size without a zero problem.",
    unit: "nats",
    range: [0, Math.LN2],
    compute: (reference, current) => jensenShannon(reference, current),
  },
  {
    ...COMMON,
    name: "hellinger",
    doc: "Hellinger distance: bounded, symmetric, sensitive to rare bins.",
    unit: "distance",
    range: [0, 1],
    compute: hellinger,
  },
  {
    ...COMMON,
    name: "total_variation",
    doc: "Total variation distance: the share of rows that would have to change bins.",
    unit: "share",
    range: [0, 1],
    compute: totalVariation,
  },
  {
    ...COMMON,
    name: "ks",
    doc: "Kolmogorov-Smirnov D over ordered bins: the largest gap of the cumulative shares; best for a shift in location.",
    unit: "share",
    range: [0, 1],
    needsOrder: true,
    compute: ks,
  },
  {
    ...COMMON,
    name: "wasserstein",
    doc: "Wasserstein-1 distance with one point per bin: how far values moved, in the feature's unit.",
    unit: "feature's unit",
    range: [0, undefined],
    needsOrder: true,
    needsSupport: true,
    compute: wasserstein,
  },
  {
    ...COMMON,
    name: "area_gap",
    doc: "Area between the cumulative curves over reference ranks: how far ranks moved; free of units and of heavy tails.",
    unit: "rank",
    range: [0, 0.5],
    needsOrder: true,
    compute: areaGap,
  },
  {
    ...COMMON,
    name: "g",
    doc: "Two-sample G test: the evidence that decides; its chi-square tail holds down to 1e-6.",
    unit: "evidence",
    range: [0, undefined],
    effectSize: false,
    compute: g,
  },
  {
    ...COMMON,
    name: "chi_square",
    doc: "Pearson's two-sample chi-square: the classic test; prefer G at small levels.",
    unit: "evidence",
    range: [0, undefined],
    effectSize: false,
    compute: chiSquare,
  },
];
