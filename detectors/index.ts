/**
 * The table of detectors, and everything that `driftd/detectors` exports: pure functions over two count vectors (reference, current).
 * Nothing here reads a clock, draws a random number or touches the outside.
 */
export { arcsine, arcsineDifference } from "./arcsine-difference.ts";
export { areaGap } from "./area-gap.ts";
export { chiSquare, chiSquareTest } from "./chi-square.ts";
export { degreesOfFreedom, g, gTest, type TestResult } from "./g.ts";
export { hellinger } from "./hellinger.ts";
export { type JensenShannonOptions, jensenShannon } from "./jensen-shannon.ts";
export { type KlDirection, type KlOptions, kl } from "./kl.ts";
export { type KsBracket, ks, ksBracket } from "./ks.ts";
export { ksCritical, ksPValue } from "./ks-p-value.ts";
export { psi, psiExcess } from "./psi.ts";
export type { ShareOptions, Smoothing, Unseen } from "./smoothing.ts";
export { chi2Isf } from "./special/chi2-isf.ts";
export { chi2Sf } from "./special/chi2-sf.ts";
export { gammaIsf } from "./special/gamma-isf.ts";
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
