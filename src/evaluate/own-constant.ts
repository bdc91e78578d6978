/**
 * Whether a feature that varies holds one value only in some of the reference's own windows: the hour of the day does so in every hour, and
 * a weekday in every day. Where that is usual, a live window with one value is no finding. Not here: the verdict (`quality.ts`).
 */

import type { Calibration } from "../reference/snapshot.ts";

/** Fewer values in one bin happen by chance. */
const LEAST_VALUES = 30;
/** Windows start this often, as live ones do. */
const STARTS_PER_WINDOW = 12;

/**
 * True when a window of `lengthMs` of the reference's half hours holds at least 30 values, all in one coarse bin; undefined: its half hours do
 * not fill one window. O(slots × bins).
 */
export function ownConstant(calibration: Calibration, feature: string, lengthMs: number): boolean | undefined {
  const slots = Object.hasOwn(calibration.slots, feature) ? calibration.slots[feature]! : [];
  const slotMs = calibration.slot_seconds * 1000;
  const length = Math.max(1, Math.ceil(lengthMs / slotMs));
  const step = Math.max(1, Math.round(lengthMs / STARTS_PER_WINDOW / slotMs));
  if (slots.length < length) return undefined;
  const sums: number[] = [];
  let total = 0;
  const add = (row: readonly number[], sign: 1 | -1): void => {
    for (let k = 0; k < row.length; k++) {
      sums[k] = (sums[k] ?? 0) + sign * row[k]!;
      total += sign * row[k]!;
    }
  };
  for (let i = 0; i < slots.length; i++) {
    add(slots[i]!, 1);
    if (i >= length) add(slots[i - length]!, -1);
    if (i >= length - 1 && (i - length + 1) % step === 0 && total >= LEAST_VALUES && sums.includes(total)) return true;
  }
  return false;
}
