/**
 * The reference made ready for evaluation: coarse bins, and what its own days say about its noise (rule R, steps 2–5). Every window of the
 * live length inside the reference is compared with the reference without the calendar days that it touches; the spread of those
 * comparisons is what healthy traffic does. Not here: the verdict on a live window (`evaluate.ts`).
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { chi2Isf, normalIsf } from "../../detectors/index.ts";
import type { RowLayout } from "../reference/layout.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { type CellLayout, cellLayouts, DAY_MS } from "./cells.ts";
import { compareOwnWindows, type OwnWindows } from "./own-windows.ts";
import { alphaOf, type Policy, policyDigest } from "./policy.ts";
import { type PreparedFeature, prepareFeature } from "./prepared-feature.ts";
import { readSlots } from "./slots.ts";
import { MIN_DAYS, type Uncalibrated } from "./uncalibrated.ts";

/** Tests of one look, for the budget: shift and bin; uncalibrated also location. */
const CALIBRATED_TESTS = 2;
const UNCALIBRATED_TESTS = 3;
const QUALITY_CHECKS = 5;
/** Calibration windows start this often, as live windows do. */
const STARTS_PER_WINDOW = 12;

/** What the reference's own windows of one length say about one feature. */
export type WindowCalibration = {
  readonly cells: CellLayout;
  /** Reference counts by cell and coarse bin, `cells × coarseBins`; and rows by cell. */
  readonly cellCounts: Float64Array;
  readonly cellTotals: Float64Array;
  /** Calibration windows: those that hold ten values a bin, as a live one must; and the mean number of values in one. */
  readonly windows: number;
  readonly meanValues: number;
  /** Mean and variance between days of the shift per row: PSI-like, not noise of counting. */
  readonly mu: number;
  readonly v: number;
  /** Variance between days of each coarse bin's arcsine share; 0 for bins that are not tested at this length, or empty in the reference. */
  readonly binVariance: Float64Array;
  readonly days: number;
  /** Windows of the reference that hold too few values to be judged, as a share of all, 0–1: a thin reference has many. */
  readonly thinShare: number;
};

/** A feature at one window length: significance level, calibration (undefined: judged by step 6) and the limits already computed. */
export type PreparedWindow = {
  readonly alpha: number;
  readonly calibration: WindowCalibration | undefined;
  /** What a calibration lacks; undefined where there is one, and in a comparison, which needs none. */
  readonly uncalibrated: Uncalibrated | undefined;
  /** G limits by degrees of freedom and effective size (rounded to 5 %). */
  readonly limits: Map<number, number>;
  /** The same for the bin test's limits without variance between days, by number of coarse bins. */
  readonly binLimits: Map<number, number>;
  /** Standard deviations that a quality share has to grow by. */
  readonly qualityLimit: number;
  /** No other window of the policy is longer: here ordinary bins are tested, and an uncalibrated feature may be critical. */
  readonly longest: boolean;
};

export type PreparedReference = {
  readonly snapshot: Snapshot;
  readonly policy: Policy;
  readonly policyDigest: string;
  /** The judged features, in the snapshot's order. */
  readonly features: readonly PreparedFeature[];
  readonly names: readonly string[];
  /** The feature at one of the policy's windows (by its place in `policy.windows`); made at first use. */
  readonly windowOf: (feature: number, window: number) => PreparedWindow;
  /** Makes that for all features of a window in short turns of the event loop; undefined when all of it is there. */
  readonly readyFor: (window: number) => Promise<void> | undefined;
  /** Where each judged feature stands in a row of counts: its place in `layout.features`, or −1 when its bins there are not these. */
  readonly columnsOf: (layout: RowLayout) => Int32Array;
};

/**
 * Prepares a snapshot for evaluation under a policy. What a feature needs at a window length is made at its first evaluation and kept:
 * about a millisecond for two weeks of half hours.
 */
export function prepareReference(snapshot: Snapshot, policy: Policy): PreparedReference {
  const include = policy.features.include === undefined ? undefined : new Set(policy.features.include);
  const exclude = new Set(policy.features.exclude);
  const features = snapshot.features
    .filter(({ feature }) => (include?.has(feature) ?? true) && !exclude.has(feature))
    .map((feature) => prepareFeature(feature));
  const windows: (PreparedWindow | undefined)[] = new Array(features.length * policy.windows.length);
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  // Uncalibrated limits depend on no feature's own noise: one map for each window serves all of them.
  const shared = policy.windows.map(() => ({ limits: new Map<number, number>(), binLimits: new Map<number, number>() }));
  const columns = new WeakMap<RowLayout, Int32Array>();

  const ready = policy.windows.map(() => false);
  const making = new Map<number, Promise<void>>();

  function readyFor(window: number): Promise<void> | undefined {
    if (ready[window] !== false) return undefined; // also for a window that the policy does not have
    const running = making.get(window) ?? makeAll(window);
    making.set(window, running);
    return running;
  }

  async function makeAll(window: number): Promise<void> {
    for (let feature = 0; feature < features.length; feature++) {
      windowOf(feature, window);
      if (snapshot.calibration !== undefined) await nextTurn(); // it took a millisecond or more
    }
    ready[window] = true;
  }

  function windowOf(feature: number, window: number): PreparedWindow {
    const at = feature * policy.windows.length + window;
    windows[at] ??= prepareWindow(feature, window);
    return windows[at];
  }

  function prepareWindow(feature: number, window: number): PreparedWindow {
    const { lengthMs } = policy.windows[window]!;
    const longest = lengthMs === longestMs;
    const found = policy.mode === "monitor" ? calibrateOrSay(snapshot, features[feature]!, lengthMs, longest) : undefined;
    const calibration = found === undefined || "reason" in found ? undefined : found;
    const tests = calibration === undefined ? UNCALIBRATED_TESTS : CALIBRATED_TESTS;
    const alpha = alphaOf(policy, policy.windows[window]!, features.length, tests);
    return {
      alpha,
      calibration,
      uncalibrated: found !== undefined && "reason" in found ? found : undefined,
      limits: calibration === undefined ? shared[window]!.limits : new Map(),
      binLimits: calibration === undefined ? shared[window]!.binLimits : new Map(),
      qualityLimit: normalIsf(alpha / QUALITY_CHECKS),
      longest,
    };
  }

  return {
    snapshot,
    policy,
    policyDigest: policyDigest(policy),
    features,
    names: features.map(({ feature }) => feature.feature),
    windowOf,
    readyFor,
    columnsOf: (layout) => {
      let found = columns.get(layout);
      if (found === undefined) {
        const places = new Map(layout.features.map(({ feature, layout: bins }, i) => [feature, { i, bins }]));
        found = Int32Array.from(features, ({ feature }) => {
          const place = places.get(feature.feature);
          return place?.bins === feature.layout ? place.i : -1;
        });
        columns.set(layout, found);
      }
      return found;
    },
  };
}

/**
 * Calibrates one feature for windows of `lengthMs` (rule R, steps 2–5), or undefined when the snapshot has half hours of fewer than 7 days on
 * which a window of this length holds ten values a bin. Windows start at slots and last whole slots; a length that is not a multiple is rounded up.
 * `ordinaryBins`: the ordinary bins are tested at this length too, not the special ones alone.
 */
export function calibrateFeature(
  snapshot: Snapshot,
  feature: PreparedFeature,
  lengthMs: number,
  ordinaryBins: boolean,
): WindowCalibration | undefined {
  const found = calibrateOrSay(snapshot, feature, lengthMs, ordinaryBins);
  return "reason" in found ? undefined : found;
}

/** The same, or what is lacking. */
function calibrateOrSay(
  snapshot: Snapshot,
  feature: PreparedFeature,
  lengthMs: number,
  ordinaryBins: boolean,
): WindowCalibration | Uncalibrated {
  const calibration = snapshot.calibration;
  if (calibration === undefined) return { reason: "no_timestamps" };
  if (calibration.days < MIN_DAYS) return { reason: "few_days", days: calibration.days, needed: MIN_DAYS };
  const raw = Object.hasOwn(calibration.slots, feature.feature.feature) ? calibration.slots[feature.feature.feature] : undefined;
  if (raw === undefined || raw.length === 0) return { reason: "no_values" };
  const slotMs = calibration.slot_seconds * 1000;
  const windowSlots = Math.max(1, Math.ceil(lengthMs / slotMs));
  const needed = Math.ceil((MIN_DAYS * Math.max(DAY_MS, lengthMs)) / DAY_MS);
  if (calibration.days < needed) return { reason: "long_window", days: calibration.days, needed, lengthMs };
  const slots = readSlots(raw, feature.coarseBins, Date.parse(calibration.from), slotMs);
  const step = Math.max(1, Math.round(lengthMs / STARTS_PER_WINDOW / slotMs));

  const shape = { length: windowSlots, step, firstBin: ordinaryBins ? 0 : feature.regularBins };

  let best: OwnWindows | undefined;
  for (const layout of cellLayouts(calibration.days)) {
    const own = compareOwnWindows(slots, layout, shape);
    if (own !== undefined && (best === undefined || own.meanG < best.meanG)) best = own;
  }
  if (best === undefined || best.days < needed) return { reason: "thin_days", days: best?.days ?? 0, needed, lengthMs };
  const { mu, v } = shiftNoise(best, feature.usedBins - 1, calibration.days);
  const meanValues = best.meanValues * Math.min(1, lengthMs / (windowSlots * slotMs));
  return {
    cells: best.layout,
    cellCounts: best.cellCounts,
    cellTotals: best.cellTotals,
    windows: best.gs.length,
    meanValues,
    mu,
    v,
    binVariance: best.binVariance,
    days: calibration.days,
    thinShare: best.thinShare,
  };
}

/** Mean and variance of the shift per row, beyond what counting alone makes; the variance is taken at the lower 5 % of what so few days can show. */
function shiftNoise({ gs, en }: OwnWindows, df: number, days: number): { mu: number; v: number } {
  const total = en.reduce((sum, size) => sum + size, 0);
  let mean = 0;
  for (let i = 0; i < gs.length; i++) mean += ((gs[i]! - df) / en[i]!) * (en[i]! / total);
  const mu = Math.max(0, mean);
  let spread = 0;
  for (let i = 0; i < gs.length; i++) {
    const size = en[i]!;
    const phi = (gs[i]! - df) / size;
    spread += (size / total) * ((phi - mu) * (phi - mu) - (2 * df + 4 * size * mu) / (size * size));
  }
  return { mu, v: (Math.max(0, spread) * (days - 1)) / chi2Isf(0.95, days - 1) };
}
