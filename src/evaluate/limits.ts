/**
 * The limits that a look's numbers are held against: quantiles at the look's significance level, kept per feature, window and size rounded
 * to 5 %, since a quantile costs microseconds and there may be 50,000 features.
 */

import { chi2Isf, gammaIsf, kolmogorovIsf, noncentralChi2Isf, studentTIsf } from "../../detectors/index.ts";
import type { PreparedWindow } from "./calibrate.ts";
import type { Policy } from "./policy.ts";

/** PSI_excess that a warning and a critical verdict need: below the first a difference is real and does not matter. */
export const WARNING_EFFECT = 0.02;
export const CRITICAL_EFFECT = 0.1;
/** A drift of this PSI is tolerated where the reference's own days are unknown. */
const TOLERATED_PSI = 0.02;
/** A special bin has to grow by what 0 % to 1 % is, an ordinary one to move by half of that, in arcsine units. */
export const SPECIAL_INCREASE = 2 * Math.asin(Math.sqrt(0.01));
export const ORDINARY_CHANGE = 0.1;
/** Values for each coarse bin that any verdict needs: G's tail holds from about two expected in a bin. */
export const VALUES_PER_BIN = 10;
export const MIN_COVERAGE = 0.5;
const MAX_T_DF = 1e6;
const LN_STEP = Math.log(1.05);

/**
 * The limit of G for `used` bins and the effective size `en` = nm/(n + m): chi-square alone in a comparison; with the noise between days where
 * it is known (a `critical` verdict takes more of it); with a tolerated PSI of .02 where it is not. Infinity when there is only one bin.
 */
export function shiftLimit(policy: Policy, window: PreparedWindow, used: number, en: number, critical = false): number {
  const df = used - 1;
  if (df < 1) return Number.POSITIVE_INFINITY;
  const step = policy.mode === "compare" ? 0 : Math.round(Math.log(en) / LN_STEP);
  const key = step * 256 + df;
  const limits = critical ? window.criticalLimits : window.limits;
  const known = limits.get(key);
  if (known !== undefined) return known;
  const limit = computeShiftLimit(policy, window, df, Math.exp(step * LN_STEP), critical);
  limits.set(key, limit);
  return limit;
}

/** The noise adds μ to the mean of G per row and v to its variance; a gamma law with these two moments stands for it (Satterthwaite). */
function computeShiftLimit(policy: Policy, { alpha, calibration }: PreparedWindow, df: number, en: number, critical: boolean): number {
  if (policy.mode === "compare") return chi2Isf(alpha, df);
  if (calibration === undefined) return noncentralChi2Isf(alpha, df, en * TOLERATED_PSI);
  const mean = df + en * calibration.mu;
  const variance = 2 * df + 4 * en * calibration.mu + en * en * (critical ? calibration.vCritical : calibration.v);
  return Math.max(chi2Isf(alpha, df), gammaIsf(alpha, (mean * mean) / variance, variance / mean));
}

/** The critical Kolmogorov–Smirnov distance at the effective size `en`, by Stephens's formula. */
export function locationLimit(window: PreparedWindow, en: number): number {
  let quantile = window.limits.get(-1);
  if (quantile === undefined) {
    quantile = kolmogorovIsf(window.alpha);
    window.limits.set(-1, quantile);
  }
  const root = Math.sqrt(en);
  return quantile / (root + 0.12 + 0.11 / root);
}

/** The limit of a bin's change in units of its standard deviation: Student's t over `bins` bins and both signs. */
export function binLimit(window: PreparedWindow, bins: number, countVariance: number, dayVariance: number): number {
  const { alpha, calibration } = window;
  if (calibration === undefined || dayVariance === 0) {
    let limit = window.binLimits.get(bins);
    if (limit === undefined) {
      limit = studentTIsf(alpha / (2 * bins), MAX_T_DF);
      window.binLimits.set(bins, limit);
    }
    return limit;
  }
  const variance = countVariance + dayVariance;
  const df = Math.min(MAX_T_DF, ((calibration.blocks - 1) * variance * variance) / (dayVariance * dayVariance));
  return studentTIsf(alpha / (2 * bins), df);
}
