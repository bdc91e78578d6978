/**
 * What a reference's own days say about the noise of one feature (rule R, steps 2–5). Every window of the live length inside the reference is
 * compared with the reference without the calendar days that it touches; the spread of those comparisons is what healthy traffic does.
 */

import { gammaIsf } from "../../detectors/index.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { type CellLayout, cellLayouts, DAY_MS, dayOf, weekdayOf } from "./cells.ts";
import { compareOwnWindows, type OwnWindows } from "./own-windows.ts";
import type { PreparedFeature } from "./prepared-feature.ts";
import { type ShiftNoise, shiftNoise } from "./shift-noise.ts";
import { readSlots, type Slots } from "./slots.ts";
import { neededDays, type Uncalibrated } from "./uncalibrated.ts";

/** Calibration windows start this often, as live windows do. */
const STARTS_PER_WINDOW = 12;

/** Significance level at which layouts of cells are compared: that of a look, by order of magnitude. */
const CHOICE_LEVEL = 1e-6;
/** Finer cells have to be better than the coarser ones before them by more than chance makes them. */
const CLEARLY = 0.95;

/** What the reference's own windows of one length say about one feature. */
export type WindowCalibration = ShiftNoise & {
  readonly cells: CellLayout;
  /** Reference counts by cell and coarse bin, `cells × coarseBins`; and rows by cell. */
  readonly cellCounts: Float64Array;
  readonly cellTotals: Float64Array;
  /** Calibration windows: those that a live one like them would be judged; and the mean number of values in one. */
  readonly windows: number;
  readonly meanValues: number;
  /** Variance between days of each coarse bin's arcsine share; 0 for bins that are not tested at this length, or empty in the reference. */
  readonly binVariance: Float64Array;
  /** Calendar days with values of the feature; and as many as that, or windows where they are longer than a day. */
  readonly days: number;
  readonly blocks: number;
  /** Windows of the reference that hold too few values to be judged, as a share of all, 0–1: a thin reference has many. */
  readonly thinShare: number;
};

/** Calendar days of the snapshot's calibration on which the feature has values: gaps are no days. O(slots). */
export function timedDays({ calibration }: Snapshot, { feature }: PreparedFeature): number {
  const raw = slotsOf(calibration, feature.feature);
  if (calibration === undefined || raw === undefined) return 0;
  const fromMs = Date.parse(calibration.from);
  const days = new Set<number>();
  raw.forEach((row, i) => {
    if (row.some((count) => count > 0)) days.add(dayOf(fromMs + i * calibration.slot_seconds * 1000));
  });
  return days.size;
}

/**
 * Calibrates one feature for windows of `lengthMs` (rule R, steps 2–5), or says what is lacking: half hours of at least 7 days (of 7 window
 * lengths, if that is more) on which a window of this length holds ten values a bin. Windows start at slots and last whole slots; a length that
 * is not a multiple is rounded up. `ordinaryBins`: the ordinary bins are tested at this length too, not the special ones alone.
 */
export function calibrateFeature(
  snapshot: Snapshot,
  feature: PreparedFeature,
  lengthMs: number,
  ordinaryBins: boolean,
): WindowCalibration | Uncalibrated {
  const { calibration } = snapshot;
  if (calibration === undefined) return { reason: "no_timestamps" };
  const needed = neededDays(lengthMs);
  const raw = slotsOf(calibration, feature.feature.feature);
  const days = timedDays(snapshot, feature);
  if (raw === undefined || days === 0) return { reason: "no_values" };
  if (days < neededDays(0)) return { reason: "few_days", days, needed: neededDays(0) };
  if (days < needed) return { reason: "long_window", days, needed, lengthMs };
  const slotMs = calibration.slot_seconds * 1000;
  const slots = readSlots(raw, feature.coarseBins, Date.parse(calibration.from), slotMs);
  const length = Math.max(1, Math.ceil(lengthMs / slotMs));
  const step = Math.max(1, Math.round(lengthMs / STARTS_PER_WINDOW / slotMs));
  const shape = { length, step, firstBin: ordinaryBins ? 0 : feature.regularBins };

  let best: OwnWindows | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  for (const layout of cellLayouts(daysByWeekday(slots))) {
    const own = compareOwnWindows(slots, layout, shape);
    if (own === undefined) continue;
    const shift = smallestShift(own, feature.usedBins - 1);
    if (shift < CLEARLY * smallest) [best, smallest] = [own, shift];
  }
  if (best === undefined || best.days < needed) return { reason: "thin_days", days: best?.days ?? 0, needed, lengthMs };
  return {
    ...shiftNoise(best, feature.usedBins - 1, days, lengthMs),
    cells: best.layout,
    cellCounts: best.cellCounts,
    cellTotals: best.cellTotals,
    windows: best.gs.length,
    meanValues: best.meanValues * Math.min(1, lengthMs / (length * slotMs)),
    binVariance: best.binVariance,
    days,
    blocks: days / Math.max(1, lengthMs / DAY_MS),
    thinShare: best.thinShare,
  };
}

function daysByWeekday({ dailyTotal, firstDay }: Slots): number[] {
  const days = new Array<number>(7).fill(0);
  for (let day = 0; day < dailyTotal.length; day++) if (dailyTotal[day]! > 0) days[weekdayOf(firstDay + day)]! += 1;
  return days;
}

/**
 * The PSI that a layout of cells lets see: what it costs and gains in one number, (T − df)/en. T is the limit of G for windows of the mean effective
 * size en under the noise μ of a single cause (a gamma law with the mean df + en μ and the variance 2 df + 4 en μ + 2 en² μ²; the variance found
 * would be chosen for its luck). Finer cells take rhythms out of μ, and leave fewer reference rows to each window, a smaller en: the lowest mean
 * G alone would call that a gain (it chose hours and weekdays for data without any rhythm).
 */
function smallestShift({ gs, en }: OwnWindows, df: number): number {
  if (df < 1) return 0;
  let excess = 0;
  let size = 0;
  for (let i = 0; i < gs.length; i++) {
    excess += gs[i]! - df;
    size += en[i]!;
  }
  const usual = size / gs.length;
  const noise = usual * Math.max(0, excess / size);
  const mean = df + noise;
  const variance = 2 * (df + 2 * noise + noise * noise);
  return (gammaIsf(CHOICE_LEVEL, (mean * mean) / variance, variance / mean) - df) / usual;
}

/** Names come from users: a feature may be called `constructor`. */
function slotsOf(calibration: Snapshot["calibration"], name: string): readonly (readonly number[])[] | undefined {
  return calibration !== undefined && Object.hasOwn(calibration.slots, name) ? calibration.slots[name] : undefined;
}
