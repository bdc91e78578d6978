/**
 * Whether a window of a day or more holds the hours of the day as the reference does. On a daemon's first day, after a gap, or where a field was
 * null all morning, it does not; the pooled reference would then call the missing hours a drift of every feature with a daily cycle. Such a
 * window is held against the reference at its own hours instead (`expectCells`). Shorter windows never hold a whole day: their calibration
 * knows (`calibrate-feature.ts`).
 */

import type { Snapshot } from "../reference/snapshot.ts";
import { CELL_COUNT, DAY_MS, hourOf } from "./cells.ts";
import type { CellSums } from "./expected.ts";
import type { PreparedFeature } from "./prepared-feature.ts";

const HOURS = CELL_COUNT.hour;
/** Total variation between two mixes of hours from which they differ: three hours of a day missing. */
const UNEVEN = 0.1;
/** And what chance makes of n values: at most ½ · Σ √(2p/πn) ≤ ½ · √(2 · 24 / πn) on average. */
const CHANCE = 0.5 * Math.sqrt((2 * HOURS) / Math.PI);

/**
 * The reference's sums by hour of the day when the window's values by hour (`rows`, 24) are another mix of them; undefined when the mix is the
 * reference's, when the reference does not know its hours, or when the window has values at hours that it does not know. Allocates at most once.
 */
export type HourMix = { readonly unevenAt: (rows: Float64Array) => CellSums | undefined };

const mixes = new WeakMap<PreparedFeature, HourMix>();

/** The mix of one feature of a snapshot, for windows of `lengthMs`; undefined when such windows do not hold a whole day. */
export function hourMixOf(snapshot: Snapshot, feature: PreparedFeature, lengthMs: number): HourMix | undefined {
  if (lengthMs < DAY_MS || snapshot.calibration === undefined) return undefined;
  let mix = mixes.get(feature);
  if (mix === undefined) {
    mix = createHourMix(snapshot.calibration, feature);
    mixes.set(feature, mix);
  }
  return mix;
}

function createHourMix(calibration: NonNullable<Snapshot["calibration"]>, { feature, coarseBins }: PreparedFeature): HourMix {
  const slots = Object.hasOwn(calibration.slots, feature.feature) ? calibration.slots[feature.feature]! : [];
  const fromMs = Date.parse(calibration.from);
  const slotMs = calibration.slot_seconds * 1000;
  const cellTotals = new Float64Array(HOURS);
  let total = 0;
  for (let i = 0; i < slots.length; i++) {
    const hour = hourOf(fromMs + i * slotMs);
    for (const count of slots[i]!) {
      cellTotals[hour]! += count;
      total += count;
    }
  }
  let sums: CellSums | undefined;

  /** Made when it is needed: most features of most windows never do. */
  function sumsByHour(): CellSums {
    const cellCounts = new Float64Array(HOURS * coarseBins);
    for (let i = 0; i < slots.length; i++) {
      const at = hourOf(fromMs + i * slotMs) * coarseBins;
      for (let k = 0; k < coarseBins; k++) cellCounts[at + k]! += slots[i]![k] ?? 0;
    }
    return { cells: "hour", cellCounts, cellTotals };
  }

  return {
    unevenAt: (rows) => {
      let n = 0;
      for (let hour = 0; hour < HOURS; hour++) n += rows[hour]!;
      if (n === 0 || total === 0) return undefined;
      let distance = 0;
      for (let hour = 0; hour < HOURS; hour++) {
        if (rows[hour]! > 0 && cellTotals[hour] === 0) return undefined;
        distance += Math.abs(rows[hour]! / n - cellTotals[hour]! / total);
      }
      if (distance / 2 <= UNEVEN + CHANCE / Math.sqrt(n)) return undefined;
      sums ??= sumsByHour();
      return sums;
    },
  };
}
