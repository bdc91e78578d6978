/** Why a feature's noise at a window length could not be learnt from the reference's own days: a closed list. */

import { DAY_MS } from "./cells.ts";

/** Fewer days say too little about how days differ. A window longer than a day needs as many of its own length. */
const MIN_DAYS = 7;

/** Calendar days with values that a calibration for windows of `lengthMs` needs. */
export function neededDays(lengthMs: number): number {
  return Math.ceil(MIN_DAYS * Math.max(1, lengthMs / DAY_MS));
}

/** What is lacking; `days` is what there is, `needed` what it would take. */
export type Uncalibrated =
  | { readonly reason: "no_timestamps" }
  /** The snapshot has half hours, but none of this feature. */
  | { readonly reason: "no_values" }
  | { readonly reason: "few_days"; readonly days: number; readonly needed: number }
  | { readonly reason: "long_window"; readonly days: number; readonly needed: number; readonly lengthMs: number }
  /** Days on which a window of this length holds ten values a bin, as a live one must. */
  | { readonly reason: "thin_days"; readonly days: number; readonly needed: number; readonly lengthMs: number };
