/**
 * Rule R, steps 4–6: shift test, bin test, and what stands in for them where the reference has fewer than seven days. Also the one look of
 * `compare`, which is step 6 without a tolerated difference. The gate before them is `look.ts`, what the noise is, `calibrate.ts`.
 */

import { arcsine, g, psiExcess } from "../../detectors/index.ts";
import type { Gate } from "./evaluation.ts";
import { binLimit, CRITICAL_EFFECT, locationLimit, ORDINARY_CHANGE, SPECIAL_INCREASE, shiftLimit, WARNING_EFFECT } from "./limits.ts";
import { CRITICAL, conclude, type Look, NO_DRIFT, WARNING } from "./look.ts";
import type { Policy } from "./policy.ts";
import type { PreparedFeature } from "./prepared-feature.ts";

/**
 * Judges a look that has passed the gate. A special bin names the cause best, so it goes before the shift that it makes; ordinary bins come
 * last and only warn. Without `gates` it stops as soon as the verdict is known.
 */
export function applyRule(look: Look, policy: Policy, gates?: Gate[]): Look {
  const { feature, prepared } = look;
  const calibrated = prepared.calibration !== undefined;
  // What is judged without the reference's own days may only be critical where most of them are seen.
  const worst = calibrated || prepared.longest ? CRITICAL : WARNING;
  const special = specialBin(look, gates);
  if (special >= 0 && worst === CRITICAL && gates === undefined) return conclude(look, CRITICAL, specialName(feature, special), special);
  const shift = shiftTest(look, policy, worst, gates);
  const reason = look.reason;
  const ordinary = calibrated && prepared.testsBins && (shift < WARNING || gates !== undefined) ? ordinaryBin(look, gates) : -1;
  if (special >= 0 && worst >= shift) return conclude(look, worst, specialName(feature, special), special);
  if (shift >= WARNING) return conclude(look, shift, reason);
  if (ordinary >= 0) return conclude(look, WARNING, "bin", ordinary);
  return conclude(look, NO_DRIFT, reason);
}

/** Step 4, or its stand-in: G above its limit (without calibration: or KS), and an effect large enough. Leaves the reason in the look. */
function shiftTest(look: Look, policy: Policy, worst: number, gates?: Gate[]): number {
  const { current, expected, n, feature, prepared } = look;
  const m = expected.total;
  const en = (n * m) / (n + m);
  const used = usedBins(look);
  const value = g(expected.counts, current) ?? 0;
  look.shiftLimit = shiftLimit(policy, prepared, used, en);
  const shifted = value > look.shiftLimit;
  let moved = false;
  let distance = 0;
  if (prepared.calibration === undefined && feature.fine !== undefined) {
    distance = largestGap(look, feature.fine);
    look.locationLimit = locationLimit(prepared, (n * feature.total) / (n + feature.total));
    moved = distance > look.locationLimit;
  }
  look.reason = "within_noise";
  if (!shifted && !moved && gates === undefined) return NO_DRIFT;
  const effect = psiExcess(expected.counts, current) ?? 0;
  if (gates !== undefined) {
    if (look.shiftLimit < Number.POSITIVE_INFINITY) gates.push({ gate: "shift", passed: shifted, value, limit: look.shiftLimit });
    if (look.locationLimit > 0) gates.push({ gate: "location", passed: moved, value: distance, limit: look.locationLimit });
    gates.push({ gate: "effect_warning", passed: effect >= WARNING_EFFECT, value: effect, limit: WARNING_EFFECT });
    gates.push({ gate: "effect_critical", passed: effect >= CRITICAL_EFFECT, value: effect, limit: CRITICAL_EFFECT });
    if (prepared.calibration !== undefined && used > 1) {
      const limit = shiftLimit(policy, prepared, used, en, true);
      gates.push({ gate: "shift_critical", passed: value > limit, value, limit });
    }
  }
  if (!shifted && !moved) return NO_DRIFT;
  look.reason = "below_effect_floor";
  if (effect < WARNING_EFFECT) return NO_DRIFT;
  look.reason = shifted ? "shift" : "location";
  if (effect < CRITICAL_EFFECT) return WARNING;
  // What the reference's own days allow for a warning is not sure enough to wake somebody.
  if (prepared.calibration !== undefined && value <= shiftLimit(policy, prepared, used, en, true)) return WARNING;
  return worst;
}

/**
 * The Kolmogorov–Smirnov distance at the edges: what `ks` of the detectors gives, bit for bit, but read from the row without a copy. Of all that
 * a look does, this takes the longest.
 */
function largestGap({ feature, row, offset, n }: Look, fine: Uint32Array | Float64Array): number {
  const { bins, total } = feature;
  // F - G = (r n - c m) / (m n), exact for whole numbers while m n is below 2^53.
  let difference = fine[0]! * n - row[offset + bins + 5]! * total;
  let largest = Math.abs(difference);
  for (let j = 0; j < bins; j++) {
    difference += fine[j + 1]! * n - row[offset + j]! * total;
    largest = Math.max(largest, Math.abs(difference));
  }
  return largest / (total * n);
}

/** Step 5 for special bins: the one that has grown most of those that hit, or −1. */
function specialBin(look: Look, gates?: Gate[]): number {
  const { feature, current } = look;
  const first = feature.regularBins;
  let hit = -1;
  let most = 0;
  for (let bin = first; bin < feature.coarseBins; bin++) {
    if (current[bin] === 0 && gates === undefined) continue;
    const increase = changeOf(look, bin);
    const grown = increase >= SPECIAL_INCREASE;
    gates?.push({ gate: `${specialName(feature, bin)}_increase`, passed: grown, value: increase, limit: SPECIAL_INCREASE });
    if (!grown && gates === undefined) continue;
    const significant = isSignificant(look, bin, increase, specialName(feature, bin), gates);
    if (grown && significant && increase > most) {
      hit = bin;
      most = increase;
    }
  }
  return hit;
}

/** Step 5 for ordinary bins: the one that has moved most of those that hit, or −1. The gates tell of it, or of the one that moved most. */
function ordinaryBin(look: Look, gates?: Gate[]): number {
  let hit = -1;
  let widest = 0;
  let most = -1;
  for (let bin = 0; bin < look.feature.regularBins; bin++) {
    const size = Math.abs(changeOf(look, bin));
    const hits = size >= ORDINARY_CHANGE && isSignificant(look, bin, size, "bin");
    if (hit >= 0 ? !hits || size <= most : !hits && size <= most) continue;
    if (hits) hit = bin;
    widest = bin;
    most = size;
  }
  if (gates !== undefined) {
    gates.push({ gate: "bin_change", passed: most >= ORDINARY_CHANGE, value: most, limit: ORDINARY_CHANGE });
    isSignificant(look, widest, most, "bin", gates);
  }
  return hit;
}

/** How far a bin's share has moved, in arcsine units; positive when it has grown. */
function changeOf({ current, expected, n }: Look, bin: number): number {
  // Weighed counts may exceed their total by a rounding error.
  return arcsine(current[bin]!, n) - arcsine(Math.min(expected.counts[bin]!, expected.total), expected.total);
}

function isSignificant(look: Look, bin: number, change: number, name: string, gates?: Gate[]): boolean {
  const { prepared, feature } = look;
  const countVariance = 1 / look.n + 1 / look.expected.total;
  const dayVariance = prepared.calibration?.binVariance[bin] ?? 0;
  const value = Math.abs(change) / Math.sqrt(countVariance + dayVariance);
  const limit = binLimit(prepared, feature.coarseBins, countVariance, dayVariance);
  gates?.push({ gate: `${name}_t`, passed: value > limit, value, limit });
  return value > limit;
}

function specialName(feature: PreparedFeature, bin: number): "out_of_range" | "gap" | "unseen" {
  return bin === feature.outOfRange ? "out_of_range" : bin === feature.gap ? "gap" : "unseen";
}

function usedBins({ current, expected }: Look): number {
  let bins = 0;
  for (let k = 0; k < current.length; k++) if (current[k]! > 0 || expected.counts[k]! > 0) bins++;
  return bins;
}
