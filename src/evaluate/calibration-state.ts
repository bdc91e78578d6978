/**
 * How the thresholds of one feature in one window came about, for people: in the snapshot's description, the API, a metric. It only tells what
 * was prepared; the calibration itself is `calibrate.ts`.
 */

import type { PreparedReference } from "./calibrate.ts";
import type { CellLayout } from "./cells.ts";
import { DAY_MS } from "./cells.ts";
import type { Uncalibrated } from "./uncalibrated.ts";

/**
 * `own_days`, `hour_of_day`, `weekday`: calibrated on the reference's own days, all hours together, hour by hour, or with days of the week
 * apart. `tolerance`: not calibrated, a tolerated PSI stands in. `budget`: the chance of a false alarm alone (`compare`). `fixed`: given.
 */
export type CalibrationOrigin = "own_days" | "hour_of_day" | "weekday" | "tolerance" | "budget" | "fixed";

export type CalibrationState = {
  readonly origin: CalibrationOrigin;
  /** What could not be had and why, in words; absent when nothing is missing. */
  readonly degraded?: string;
};

const ORIGIN: Readonly<Record<CellLayout, CalibrationOrigin>> = {
  pooled: "own_days",
  hour: "hour_of_day",
  weekend_hour: "weekday",
  weekday_hour: "weekday",
};

/**
 * Says how the thresholds of judged feature `feature` at the policy's window `window` (its place in `policy.windows`) came about. Makes the
 * calibration of that pair if it has not been made yet (about a millisecond).
 */
export function calibrationState(prepared: PreparedReference, feature: number, window: number): CalibrationState {
  const { policy } = prepared;
  if (policy.thresholds !== "auto") return { origin: "fixed" };
  if (policy.mode === "compare") return { origin: "budget" };
  const { calibration, uncalibrated } = prepared.windowOf(feature, window);
  if (calibration !== undefined) return { origin: ORIGIN[calibration.cells] };
  return { origin: "tolerance", ...(uncalibrated === undefined ? {} : { degraded: `no calibration on own days: ${why(uncalibrated)}` }) };
}

function why(lacking: Uncalibrated): string {
  switch (lacking.reason) {
    case "no_timestamps":
      return "the reference has no timestamps";
    case "no_values":
      return "the feature has no timestamped values";
    case "few_days":
      return `${count(lacking.days, "day")} of timestamps, ${lacking.needed} needed`;
    case "long_window":
      return `windows of ${lengthOf(lacking.lengthMs)} need ${lacking.needed} days of timestamps, there are ${lacking.days}`;
    case "thin_days":
      return `windows of ${lengthOf(lacking.lengthMs)} hold enough values on ${count(lacking.days, "day")}, ${lacking.needed} needed`;
  }
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function lengthOf(ms: number): string {
  if (ms % DAY_MS === 0) return `${ms / DAY_MS} d`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : `${Math.round(ms / 60_000)} min`;
}
