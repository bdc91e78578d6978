/**
 * The reference made ready for evaluation: coarse bins, and what its own days say about its noise (rule R, steps 2–5). Every window of the
 * live length inside the reference is compared with the reference without the calendar days that it touches; the spread of those
 * comparisons is what healthy traffic does. Not here: the verdict on a live window (`evaluate.ts`).
 */

import { arcsineDifference, chi2Isf, g, normalIsf } from "../../detectors/index.ts";
import type { RowLayout } from "../reference/layout.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { CELL_COUNT, type CellLayout, cellLayouts, cellOf, dayOf, hourOf } from "./cells.ts";
import { VALUES_PER_BIN } from "./limits.ts";
import { alphaOf, type Policy, policyDigest } from "./policy.ts";
import { type PreparedFeature, prepareFeature } from "./prepared-feature.ts";

/** Fewer days say too little about how days differ: step 6 judges then. */
const MIN_DAYS = 7;
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

  function prepareWindow(feature: number, window: number): PreparedWindow {
    const { lengthMs } = policy.windows[window]!;
    const longest = lengthMs === longestMs;
    const calibration = policy.mode === "monitor" ? calibrateFeature(snapshot, features[feature]!, lengthMs, longest) : undefined;
    const tests = calibration === undefined ? UNCALIBRATED_TESTS : CALIBRATED_TESTS;
    const alpha = alphaOf(policy, policy.windows[window]!, features.length, tests);
    return {
      alpha,
      calibration,
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
    windowOf: (feature, window) => {
      const at = feature * policy.windows.length + window;
      windows[at] ??= prepareWindow(feature, window);
      return windows[at];
    },
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

/** Half hours of one feature as dense matrices, with sums over time and over each hour of each day. */
type Slots = {
  readonly bins: number;
  readonly length: number;
  readonly day: Int32Array;
  readonly hour: Uint8Array;
  readonly firstDay: number;
  readonly days: number;
  /** Sums of the slots before i: `(length + 1) × bins`, and the same of all bins together. */
  readonly before: Float64Array;
  readonly totalBefore: Float64Array;
  /** Counts of each hour of each day: `days × 24 × bins`, and the same of all bins together. */
  readonly hourly: Float64Array;
  readonly hourlyTotal: Float64Array;
};

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
  const calibration = snapshot.calibration;
  if (calibration === undefined || calibration.days < MIN_DAYS) return undefined;
  const raw = Object.hasOwn(calibration.slots, feature.feature.feature) ? calibration.slots[feature.feature.feature] : undefined;
  const slotMs = calibration.slot_seconds * 1000;
  const windowSlots = Math.max(1, Math.ceil(lengthMs / slotMs));
  if (raw === undefined || raw.length < windowSlots) return undefined;
  const slots = readSlots(raw, feature.coarseBins, Date.parse(calibration.from), slotMs);
  const step = Math.max(1, Math.round(lengthMs / STARTS_PER_WINDOW / slotMs));

  let best: Comparison | undefined;
  for (const layout of cellLayouts(calibration.days)) {
    const comparison = compareOwnWindows(slots, layout, windowSlots, step, ordinaryBins ? 0 : feature.regularBins);
    if (comparison !== undefined && (best === undefined || comparison.meanG < best.meanG)) best = comparison;
  }
  if (best === undefined) return undefined;
  const { mu, v } = shiftNoise(best, feature.usedBins - 1, calibration.days);
  const meanValues = best.meanValues * Math.min(1, lengthMs / (windowSlots * slotMs));
  return {
    cells: best.layout,
    ...cellSums(slots, best.layout),
    windows: best.gs.length,
    meanValues,
    mu,
    v,
    binVariance: best.binVariance,
    days: calibration.days,
    thinShare: 1 - best.gs.length / (Math.floor((slots.length - windowSlots) / step) + 1),
  };
}

function readSlots(raw: readonly (readonly number[])[], bins: number, fromMs: number, slotMs: number): Slots {
  const length = raw.length;
  const day = new Int32Array(length);
  const hour = new Uint8Array(length);
  const firstDay = dayOf(fromMs);
  const days = dayOf(fromMs + (length - 1) * slotMs) - firstDay + 1;
  const before = new Float64Array((length + 1) * bins);
  const totalBefore = new Float64Array(length + 1);
  const hourly = new Float64Array(days * 24 * bins);
  const hourlyTotal = new Float64Array(days * 24);
  for (let i = 0; i < length; i++) {
    const startMs = fromMs + i * slotMs;
    day[i] = dayOf(startMs) - firstDay;
    hour[i] = hourOf(startMs);
    const at = day[i]! * 24 + hour[i]!;
    const row = raw[i]!;
    let total = 0;
    for (let k = 0; k < bins; k++) {
      const count = row[k] ?? 0;
      total += count;
      before[(i + 1) * bins + k] = before[i * bins + k]! + count;
      hourly[at * bins + k] = hourly[at * bins + k]! + count;
    }
    totalBefore[i + 1] = totalBefore[i]! + total;
    hourlyTotal[at] = hourlyTotal[at]! + total;
  }
  return { bins, length, day, hour, firstDay, days, before, totalBefore, hourly, hourlyTotal };
}

function cellSums(slots: Slots, layout: CellLayout): { cellCounts: Float64Array; cellTotals: Float64Array } {
  const { bins } = slots;
  const cellCounts = new Float64Array(CELL_COUNT[layout] * bins);
  const cellTotals = new Float64Array(CELL_COUNT[layout]);
  for (let at = 0; at < slots.days * 24; at++) {
    const cell = cellOf(layout, slots.firstDay + Math.floor(at / 24), at % 24);
    for (let k = 0; k < bins; k++) cellCounts[cell * bins + k] = cellCounts[cell * bins + k]! + slots.hourly[at * bins + k]!;
    cellTotals[cell] = cellTotals[cell]! + slots.hourlyTotal[at]!;
  }
  return { cellCounts, cellTotals };
}

/** The reference's own windows, each against the reference without its days, under one layout of cells. */
type Comparison = {
  readonly layout: CellLayout;
  readonly gs: readonly number[];
  /** Effective sizes nm/(n + m). */
  readonly en: readonly number[];
  readonly meanG: number;
  readonly meanValues: number;
  readonly binVariance: Float64Array;
};

function compareOwnWindows(slots: Slots, layout: CellLayout, windowSlots: number, step: number, firstBin: number): Comparison | undefined {
  const { bins } = slots;
  const { cellCounts, cellTotals } = cellSums(slots, layout);
  const cells = CELL_COUNT[layout];
  const all = slots.before.subarray(slots.length * bins, (slots.length + 1) * bins);
  const allTotal = slots.totalBefore[slots.length]!;
  const current = new Float64Array(bins);
  const pool = new Float64Array(bins);
  const expected = new Float64Array(bins);
  const rows = new Float64Array(cells);
  const gs: number[] = [];
  const en: number[] = [];
  const squares = new Float64Array(bins);
  const touched = new Set<number>();
  let values = 0;

  for (let start = 0; start + windowSlots <= slots.length; start += step) {
    const end = start + windowSlots;
    const n = slots.totalBefore[end]! - slots.totalBefore[start]!;
    // A window that could have no verdict of its own teaches nothing: with a few values a bin, G is far from its law, and a handful of night
    // flights would make the noise of every hour look large.
    if (n < VALUES_PER_BIN * bins) continue;
    values += n;
    const firstDay = slots.day[start]!;
    const lastDay = slots.day[end - 1]!;

    // The reference without every calendar day that the window touches.
    pool.set(all);
    let poolTotal = allTotal;
    for (let at = firstDay * 24; at < (lastDay + 1) * 24; at++) {
      for (let k = 0; k < bins; k++) pool[k] = pool[k]! - slots.hourly[at * bins + k]!;
      poolTotal -= slots.hourlyTotal[at]!;
    }
    if (poolTotal <= 0) continue;

    rows.fill(0);
    for (let i = start; i < end; i++) {
      const cell = cellOf(layout, slots.firstDay + slots.day[i]!, slots.hour[i]!);
      rows[cell] = rows[cell]! + slots.totalBefore[i + 1]! - slots.totalBefore[i]!;
    }
    expected.fill(0);
    let inverse = 0;
    for (let cell = 0; cell < cells; cell++) {
      if (rows[cell] === 0) continue;
      const weight = rows[cell]! / n;
      let total = cellTotals[cell]!;
      const left: number[] = [];
      for (let day = firstDay; day <= lastDay; day++) {
        for (let hour = 0; hour < 24; hour++) {
          if (cellOf(layout, slots.firstDay + day, hour) !== cell) continue;
          left.push(day * 24 + hour);
          total -= slots.hourlyTotal[day * 24 + hour]!;
        }
      }
      for (let k = 0; k < bins; k++) {
        let count = cellCounts[cell * bins + k]!;
        for (const at of left) count -= slots.hourly[at * bins + k]!;
        expected[k] = expected[k]! + (weight * (count + pool[k]! / poolTotal)) / (total + 1);
      }
      inverse += (weight * weight) / Math.max(1, total);
    }
    const m = 1 / inverse;
    for (let k = 0; k < bins; k++) {
      expected[k] = expected[k]! * m;
      current[k] = slots.before[end * bins + k]! - slots.before[start * bins + k]!;
    }
    for (let day = firstDay; day <= lastDay; day++) touched.add(day);
    gs.push(g(expected, current) ?? 0);
    en.push((n * m) / (n + m));
    for (let k = firstBin; k < bins; k++) {
      if (all[k] === 0) continue;
      // Weighed counts may exceed their total by a rounding error.
      const y = arcsineDifference(Math.min(expected[k]!, m), m, current[k]!, n);
      squares[k] = squares[k]! + y * y - 1 / n - 1 / m;
    }
  }
  if (touched.size < MIN_DAYS) return undefined;
  return {
    layout,
    gs,
    en,
    meanG: gs.reduce((sum, value) => sum + value, 0) / gs.length,
    meanValues: values / gs.length,
    binVariance: squares.map((sum) => Math.max(0, sum / gs.length)),
  };
}

/** Mean and variance of the shift per row, beyond what counting alone makes; the variance is taken at the lower 5 % of what so few days can show. */
function shiftNoise({ gs, en }: Comparison, df: number, days: number): { mu: number; v: number } {
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
