/**
 * The rule of `driftd compare`: one look at two tables, without days of their own to calibrate on. It holds the chance that a healthy pair is
 * called drift in any feature at or below the stated one, for every shape and size: the budget is shared by the features (Bonferroni) and,
 * within a feature, by three tests that are valid for small counts too.
 *
 * 1. Shift: G over bins that both samples chose together (`compare-groups.ts`), divided by Williams' factor, against chi-square.
 * 2. Location (numeric): Kolmogorov–Smirnov at the fine edges against Kolmogorov's law, which is conservative for small samples and ties.
 * 3. Single bins: growth of what the reference lacks (beyond its range, in its gaps, unseen categories) by the law of what a sample misses, and of
 *    every single value or category by Fisher's exact test.
 *
 * Each also needs an effect: a real difference may be too small to matter. Not here: the daemon's rule R (`rule.ts`).
 */

import {
  arcsine,
  betaBinomialSf,
  chi2Isf,
  degreesOfFreedom,
  g,
  hypergeometricSf,
  kolmogorovIsf,
  ks,
  psiExcess,
  williamsFactor,
} from "../../detectors/index.ts";
import { isSingleton } from "../reference/bins.ts";
import { type FinePair, joinCategories, joinNumeric } from "./compare-groups.ts";
import type { Gate, VerdictReason } from "./evaluation.ts";
import { CRITICAL_EFFECT, ORDINARY_CHANGE, SPECIAL_INCREASE, WARNING_EFFECT } from "./limits.ts";
import { CRITICAL, conclude, fillFine, INSUFFICIENT, type Look, NO_DRIFT, WARNING } from "./look.ts";

/** Values that each side needs for any verdict. */
export const COMPARE_LEAST = 30;
/** A distance of the cumulative shares that matters: what a shift by .14 standard deviations of a normal feature makes, as a PSI of .02 is. */
const LOCATION_EFFECT = 0.0564;
/** A value with less than this share of the reference is rare: it has to grow as an unseen one has. */
const RARE_SHARE = 0.005;

/** Judges one feature of a comparison; the look's coarse counts stand for the statistics that are shown, its fine ones for the verdict. */
export function applyCompareRule(look: Look, gates?: Gate[]): Look {
  const { feature, n, prepared } = look;
  const m = feature.total;
  gates?.push({ gate: "reference_values", passed: m >= COMPARE_LEAST, value: m, limit: COMPARE_LEAST });
  gates?.push({ gate: "values", passed: n >= COMPARE_LEAST, value: n, limit: COMPARE_LEAST });
  if (m === 0) return conclude(look, INSUFFICIENT, "empty_reference");
  if (!Number.isSafeInteger(n)) return conclude(look, INSUFFICIENT, "overflow");
  if (m < COMPARE_LEAST || n < COMPARE_LEAST) return conclude(look, INSUFFICIENT, "too_few_values");

  const pair = finePair(look);
  const special = specialBin(look, pair, gates);
  const grown = grownValue(look, pair, gates);
  const shift = shiftOf(look, pair);
  const shifted = shift.value > shift.limit;
  const distance = feature.fine === undefined ? 0 : (ks(pair.reference, pair.current) ?? 0);
  look.locationLimit = feature.fine === undefined ? 0 : kolmogorovIsf(prepared.alpha) / Math.sqrt((n * m) / (n + m));
  const moved = feature.fine !== undefined && distance > look.locationLimit;
  // The G that is shown is over the stored coarse bins: the same level for their number.
  const df = degreesOfFreedom(look.expected.counts, look.current);
  look.shiftLimit = df === 0 ? 0 : chi2Isf(prepared.alpha, df);
  const { effect } = shift;
  if (gates !== undefined) {
    if (shift.limit < Number.POSITIVE_INFINITY) gates.push({ gate: "shift", passed: shifted, value: shift.value, limit: shift.limit });
    if (feature.fine !== undefined) {
      gates.push({ gate: "location", passed: moved, value: distance, limit: look.locationLimit });
      gates.push({ gate: "effect_location", passed: distance >= LOCATION_EFFECT, value: distance, limit: LOCATION_EFFECT });
    }
    gates.push({ gate: "effect_warning", passed: effect >= WARNING_EFFECT, value: effect, limit: WARNING_EFFECT });
    gates.push({ gate: "effect_critical", passed: effect >= CRITICAL_EFFECT, value: effect, limit: CRITICAL_EFFECT });
  }
  const severity = effect >= CRITICAL_EFFECT ? CRITICAL : WARNING;
  if (special !== undefined) return conclude(look, CRITICAL, special.reason, special.bin);
  if (shifted && effect >= WARNING_EFFECT) return conclude(look, severity, "shift");
  if (moved && (effect >= WARNING_EFFECT || distance >= LOCATION_EFFECT)) return conclude(look, severity, "location");
  if (grown !== undefined) {
    look.label = grown.label;
    return conclude(look, severity, "bin", grown.bin);
  }
  return conclude(look, NO_DRIFT, shifted || moved ? "below_effect_floor" : "within_noise");
}

/** G over the joined bins with Williams' factor taken out, its limit at the look's level, and the size of the difference as a PSI. */
function shiftOf({ feature, prepared }: Look, pair: FinePair): { readonly value: number; readonly limit: number; readonly effect: number } {
  const { reference, current } = feature.fine === undefined ? joinCategories(pair) : joinNumeric(feature, pair);
  const df = reference.length < 2 ? 0 : degreesOfFreedom(reference, current);
  if (df === 0) return { value: 0, limit: Number.POSITIVE_INFINITY, effect: 0 };
  const value = (g(reference, current) ?? 0) / (williamsFactor(reference, current) ?? 1);
  return { value, limit: chi2Isf(prepared.alpha, df), effect: psiExcess(reference, current) ?? 0 };
}

/** Both samples over the fine bins, with infinities at the ends (numeric), or over the categories, with the unseen last. */
function finePair(look: Look): FinePair {
  const { feature, row, offset, n } = look;
  if (feature.fine !== undefined) return { reference: feature.fine, current: fillFine(look), m: feature.total, n };
  const { feature: snapshot, bins, total } = feature;
  const reference = Float64Array.from([...snapshot.counts, snapshot.kind === "categorical" ? (snapshot.unnamed ?? 0) : 0]);
  const current = new Float64Array(bins + 1);
  for (let j = 0; j <= bins; j++) current[j] = row[offset + j]!;
  return { reference, current, m: total, n };
}

type SpecialBin = { readonly bin: number; readonly reason: VerdictReason };

/**
 * What the reference has not seen. The mass that a sample of m values misses is known from the sample itself: of a continuous feature Beta(2, m − 1)
 * lies beyond its range; of categories Good's N1/m, with variance (N1 + 2 N2)/m² (Esty 1983), N1 and N2 those seen once and twice. One value
 * is added to N1: with N1 = 0 the law is then exactly that of one category that was missed.
 */
function specialBin(look: Look, pair: FinePair, gates?: Gate[]): SpecialBin | undefined {
  const { feature, current, n, prepared } = look;
  const m = feature.total;
  const bins = [feature.outOfRange, feature.gap, feature.other].filter((bin) => bin >= 0);
  let hit: SpecialBin | undefined;
  let most = 0;
  for (const bin of bins) {
    const reason = bin === feature.outOfRange ? "out_of_range" : bin === feature.gap ? "gap" : "unseen";
    const known = bin === feature.gap ? 0 : feature.counts[bin]!;
    const missed = reason === "out_of_range" ? { mean: known + 2, shape: known + 2 } : unseenMass(pair, known);
    const count = current[bin]!;
    // The effect is beside what the reference holds, or expects for ever: chance is the other condition's matter.
    const usual = reason === "unseen" ? missed.mean - 1 : known;
    const increase = arcsine(count, n) - arcsine(Math.min(usual, m), m);
    const limit = prepared.alpha / 2 / bins.length;
    // The shape of a beta law of this mean: a smaller one spreads it, as pairs do.
    const b = (missed.shape * Math.max(1, m + 1 - missed.mean)) / missed.mean;
    const p = increase > 0 || gates !== undefined ? betaBinomialSf(count, n, missed.shape, b) : 1;
    gates?.push({ gate: `${reason}_increase`, passed: increase >= SPECIAL_INCREASE, value: increase, limit: SPECIAL_INCREASE });
    gates?.push({ gate: `${reason}_p`, passed: p < limit, value: p, limit });
    if (increase >= SPECIAL_INCREASE && p < limit && increase > most) {
      hit = { bin, reason };
      most = increase;
    }
  }
  return hit;
}

/** Expected values of what was never seen, and the shape of its gamma law. */
function unseenMass({ reference }: FinePair, known: number): { readonly mean: number; readonly shape: number } {
  let once = 0;
  let twice = 0;
  for (let j = 0; j < reference.length; j++) {
    if (reference[j] === 1) once += 1;
    else if (reference[j] === 2) twice += 1;
  }
  const mean = known + once + 1;
  return { mean, shape: (mean * mean) / (mean + 2 * twice) };
}

/** The single value or category that has grown most of those that hit. Growth only: a value that was picked for being frequent falls back by itself. */
function grownValue(look: Look, pair: FinePair, gates?: Gate[]): { readonly label: string; readonly bin: number } | undefined {
  const { feature, prepared } = look;
  const { feature: snapshot } = feature;
  const { reference, current, m, n } = pair;
  const shift = snapshot.kind === "numeric" ? 1 : 0;
  const single = (j: number): boolean =>
    reference[j]! > 0 && (snapshot.kind === "numeric" ? isSingleton(snapshot.edges, j - 1) : j < feature.bins);
  let tests = 0;
  for (let j = 0; j < reference.length; j++) if (single(j)) tests += 1;
  if (tests < 2) return undefined;
  const limit = prepared.alpha / 2 / tests;
  let hit = -1;
  let widest = -1;
  let most = -Infinity;
  for (let j = 0; j < reference.length; j++) {
    if (!single(j)) continue;
    const increase = arcsine(current[j]!, n) - arcsine(reference[j]!, m);
    if (widest < 0 || increase > most) {
      widest = j;
      most = increase;
    }
  }
  let best = 0;
  for (let j = 0; j < reference.length; j++) {
    if (!single(j)) continue;
    const increase = arcsine(current[j]!, n) - arcsine(reference[j]!, m);
    const floor = reference[j]! < RARE_SHARE * m ? SPECIAL_INCREASE : ORDINARY_CHANGE;
    if (increase < floor || increase <= best) continue;
    if (hypergeometricSf(current[j]!, reference[j]! + current[j]!, n, m + n) >= limit) continue;
    hit = j;
    best = increase;
  }
  if (gates !== undefined) {
    const shown = hit >= 0 ? hit : widest;
    const floor = reference[shown]! < RARE_SHARE * m ? SPECIAL_INCREASE : ORDINARY_CHANGE;
    const increase = arcsine(current[shown]!, n) - arcsine(reference[shown]!, m);
    const p = hypergeometricSf(current[shown]!, reference[shown]! + current[shown]!, n, m + n);
    gates.push({ gate: "bin_increase", passed: increase >= floor, value: increase, limit: floor });
    gates.push({ gate: "bin_p", passed: p < limit, value: p, limit });
  }
  if (hit < 0) return undefined;
  const label = snapshot.kind === "categorical" ? snapshot.categories[hit]! : String(snapshot.edges[hit - shift]!);
  return { label, bin: snapshot.coarse[hit - shift]! };
}
