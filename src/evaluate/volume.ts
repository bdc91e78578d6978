/**
 * Whether a window holds as many records as is usual at its hour: a verdict of its own, two-sided (collapse and flood), which never asks for
 * retraining. Pure; what is usual comes from `traffic.ts`, what becomes of findings is the quality state's matter.
 *
 * A window is out of the ordinary when it holds less than 3/5 of the least, or more than 5/3 of the greatest count that is usual at its hour, and
 * the distance of Anscombe's scale, in deviations of healthy traffic, is beyond the level. So neither trifles nor thin hours alarm.
 */

import type { Severity, Verdict } from "../decide/alert.ts";
import type { QualityFinding } from "./evaluation.ts";
import { exceeds } from "./quality-share.ts";
import { anscombe, deviationOf, type Rhythm, type Spread, type Usual, type UsualLack } from "./traffic.ts";

/** Less than this part of what is usual, or more than one divided by it: half the traffic is seen through its own noise. */
const LEAST_CHANGE = 0.6;
/** Beyond this factor it is critical. */
const CRITICAL_CHANGE = 0.1;

/** Why the verdict on a window's number of records is what it is: a closed list. */
export type VolumeReason =
  | "collapse"
  | "flood"
  | "partition_silent" // one source partition has no record at all
  | "usual"
  // insufficient_data
  | "short_history" // fewer than three days of traffic to compare with
  | "no_weekend_yet" // a weekend, and no day of one to compare with
  | "thin_hour" // so few records are usual that none at all would be no wonder
  | "no_calibration"; // the reference holds no counts of records by half hour

/** The verdict on a window's number of records, as the API shows it. */
export type Volume = {
  readonly verdict: Verdict;
  readonly reason: VolumeReason;
  readonly severity?: Severity;
  readonly records: number;
  /** What is usual, and what is compared; absent where nothing is known. */
  readonly expected?: number;
  readonly low?: number;
  readonly high?: number;
  readonly rhythm?: Rhythm;
  /** Weeks or days compared. */
  readonly periods?: number;
  /** Days of traffic that there are, where they are too few. */
  readonly days?: number;
  /** Distance from the nearest usual count in deviations of healthy traffic, and the limit of its magnitude. */
  readonly z?: number;
  readonly limit?: number;
  /** The silent partition, as `source/partition`; the numbers are its own then. */
  readonly partition?: string;
  /** The verdict fails below the first and above the second count. */
  readonly fails?: { readonly below: number; readonly above: number };
};

/** Judges a count of records; `limit` is the number of deviations that the level allows on either side. */
export function judgeVolume(records: number, usual: Usual | UsualLack, spread: Spread | undefined, limit: number): Volume {
  if ("lack" in usual) return { verdict: "insufficient_data", reason: usual.lack, records, days: usual.days };
  if (spread === undefined) return { verdict: "insufficient_data", reason: "short_history", records, days: usual.periods };
  const { expected, low, high, rhythm, periods } = usual;
  const below = deviationOf(spread, low, periods);
  const above = deviationOf(spread, high, periods);
  const z = records < low ? anscombe(records, low) / below : records > high ? anscombe(records, high) / above : 0;
  const fails = {
    below: Math.min(LEAST_CHANGE * low, countAt(low, -limit * below)),
    above: Math.max(high / LEAST_CHANGE, countAt(high, limit * above)),
  };
  const facts = { records, expected, low, high, rhythm, periods, z, limit, fails };
  if (records < fails.below || records > fails.above) {
    const change = records < low ? records / low : high / records;
    const severity: Severity = change < CRITICAL_CHANGE ? "critical" : "warning";
    return { verdict: "drift", reason: records < low ? "collapse" : "flood", severity, ...facts };
  }
  if (fails.below <= 0) return { verdict: "insufficient_data", reason: "thin_hour", ...facts };
  return { verdict: "no_drift", reason: "usual", ...facts };
}

/** The count that lies `distance` from an expectation on Anscombe's scale; 0 or less: no count does. */
function countAt(expected: number, distance: number): number {
  const root = Math.sqrt(expected + 3 / 8) + distance / 2;
  return root <= 0 ? -3 / 8 : root * root - 3 / 8;
}

/** The finding of a volume that fails or cannot be told; none where it is usual. */
export function volumeFinding(volume: Volume): QualityFinding | undefined {
  if (volume.verdict === "no_drift") return undefined;
  const { records, severity = "warning", fails, verdict } = volume;
  const limit = fails === undefined ? 0 : volume.reason === "flood" ? fails.above : Math.max(0, fails.below);
  return { feature: "$volume", check: "volume", verdict, severity, value: records, limit };
}

/** Records with an id, and those of them whose id had been seen before in the same pane. */
export type Repeats = { readonly checked: number; readonly repeated: number };

/** The finding of repeated ids, at the level `alpha`, where more than the tolerated share (0–1) repeats or too few have an id to say. */
export function duplicatesFinding({ checked, repeated }: Repeats, tolerated: number, alpha: number): QualityFinding | undefined {
  if (checked === 0) return undefined; // records without ids are not looked at
  const fails = exceeds({ count: repeated, total: checked }, tolerated, alpha);
  if (fails === false) return undefined;
  const share = repeated / checked;
  return {
    ...{ feature: "$duplicates", check: "duplicates", verdict: fails === true ? "drift" : "insufficient_data" },
    ...{ severity: share > 0.5 ? "critical" : "warning", value: share, limit: tolerated },
  };
}
