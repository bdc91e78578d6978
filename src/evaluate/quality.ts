/**
 * Quality beside drift: how much of a feature is missing, of the wrong type, out of range; whether it is stuck on one value or gone. These have
 * verdicts of their own and never make drift, since a burst of nulls is a broken pipe and not a changed world: it alerts, it does not retrain.
 * Here is the detail of one feature; what looks at 50,000 of them is `quality-scan.ts`, declared expectations are `expect.ts`.
 */

import type { PreparedReference } from "./calibrate.ts";
import type { QualityCheck } from "./evaluation.ts";
import type { Look } from "./look.ts";
import { ownConstant } from "./own-constant.ts";
import { grownFrom, hasGrown, LEAST_ROWS, type Side, shareOf } from "./quality-share.ts";

/** A share has to grow by one percentage point, unless the policy says otherwise. */
const DEFAULT_GROWTH = 0.01;
/** Tests of one feature for the level of each: the calibration shares the level between as many. */
export const QUALITY_TESTS = 5;
/** Without the reference's own days a stuck value is told from an hour or a weekday only in windows of a day. */
const UNCALIBRATED_MS = 86_400_000;

/** Rows without a value: the key absent, or null. */
export function missingRows(look: Look): { readonly reference: number; readonly current: number } {
  const { row, offset, feature } = look;
  const current = offset < 0 ? 0 : row[offset + feature.bins + 1]! + row[offset + feature.bins + 2]!;
  return { reference: feature.feature.missing, current };
}

/** The least growth of a share that is a finding, 0–1. */
export function leastGrowth({ policy }: PreparedReference): number {
  return policy.quality?.growth ?? DEFAULT_GROWTH;
}

/** What one window of a feature's kind is checked for; none where its bins have changed, and none of what driftd has computed itself. */
export function qualityOf(look: Look, reference: PreparedReference, windowMs: number): QualityCheck[] {
  const { feature, row, offset, current, n } = look;
  const snapshot = feature.feature;
  if (offset < 0 || snapshot.role === "derived") return [];
  const special = offset + feature.bins;
  const absent = row[special + 1]!;
  const missing = absent + row[special + 2]!;
  const wrongType = row[special + 6]!;
  const nan = snapshot.kind === "numeric" ? row[special + 3]! : 0;
  const rows = n + missing + wrongType + nan;
  const growth = { least: leastGrowth(reference), deviations: look.prepared.qualityLimit };
  const checks: QualityCheck[] = [];
  const add = (check: QualityCheck["check"], before: Side, now: Side): void => {
    const grown = hasGrown(before, now, growth);
    checks.push({
      check,
      verdict: verdictOf(grown),
      reference_share: shareOf(before),
      current_share: shareOf(now),
      ...(grown === undefined ? {} : { limit: grownFrom(before, now.total, growth) }),
    });
  };
  const ofRows = (count: number): Side => ({ count, total: feature.rows });
  add("missing", ofRows(snapshot.missing), { count: missing, total: rows });
  if (snapshot.kind === "numeric") {
    const infinite = row[special + 4]! + row[special + 5]!;
    const infiniteBefore = snapshot.positive_infinity + snapshot.negative_infinity;
    add("nan", ofRows(snapshot.nan), { count: nan, total: rows });
    add("infinite", ofRows(infiniteBefore), { count: infinite, total: rows });
    add("wrong_type", ofRows(snapshot.wrong_type), { count: wrongType, total: rows });
    const outside = { count: current[feature.outOfRange]! - infinite, total: n };
    add("out_of_range", { count: feature.counts[feature.outOfRange]! - infiniteBefore, total: feature.total }, outside);
  } else {
    add("wrong_type", ofRows(snapshot.wrong_type), { count: wrongType, total: rows });
    add("unseen", { count: feature.unseenShare * feature.total, total: feature.total }, { count: current[feature.other]!, total: n });
  }
  checks.push(constantCheck(look, reference, windowMs));
  checks.push(vanishedCheck(look, absent, rows));
  return checks;
}

/**
 * Stuck on one value: all values of the window stand in one fine bin that held only a part q of the reference's, and n of them would do so by
 * chance with a probability of qⁿ, below the level. Values out of range or unseen are another check's.
 */
function constantCheck(look: Look, reference: PreparedReference, windowMs: number): QualityCheck {
  const { feature, n, row, offset } = look;
  let bin = -1;
  let largest = 0;
  for (let j = 0; j < feature.bins; j++) {
    if (row[offset + j]! <= largest) continue;
    largest = row[offset + j]!;
    bin = j;
  }
  const before = bin < 0 || feature.total === 0 ? 0 : feature.feature.counts[bin]! / feature.total;
  const shares = { check: "constant" as const, reference_share: before, current_share: n === 0 ? 0 : largest / n };
  if (n < LEAST_ROWS || feature.total < LEAST_ROWS) return { ...shares, verdict: "insufficient_data" };
  const inRange = feature.coarse[bin]! < feature.regularBins;
  const level = look.prepared.alpha / QUALITY_TESTS;
  if (largest < n || !inRange || feature.usedBins < 2 || n * Math.log(before) >= Math.log(level)) return { ...shares, verdict: "no_drift" };
  const usual = usuallyConstant(look, reference, windowMs);
  return { ...shares, verdict: usual === undefined ? "insufficient_data" : usual ? "no_drift" : "drift", limit: 1 };
}

const known = new WeakMap<Look["prepared"], { readonly usual: boolean | undefined }>();

/** Whether the reference's own windows hold one value too; undefined: it cannot tell. */
function usuallyConstant({ feature, prepared }: Look, { snapshot, policy }: PreparedReference, windowMs: number): boolean | undefined {
  if (policy.mode === "compare") return false;
  let found = known.get(prepared);
  if (found === undefined) {
    const own = snapshot.calibration && ownConstant(snapshot.calibration, feature.feature.feature, windowMs);
    found = { usual: own ?? (windowMs >= UNCALIBRATED_MS ? false : undefined) };
    known.set(prepared, found);
  }
  return found.usual;
}

/** The key is in no record, though a share p of the reference's rows has a value: n rows without one have the probability (1 − p)ⁿ. */
function vanishedCheck({ feature, prepared }: Look, absent: number, rows: number): QualityCheck {
  const before = feature.rows === 0 ? 1 : feature.feature.missing / feature.rows;
  const shares = { check: "vanished" as const, reference_share: before, current_share: rows === 0 ? 0 : absent / rows };
  if (rows < LEAST_ROWS || feature.rows < LEAST_ROWS) return { ...shares, verdict: "insufficient_data" };
  const gone = absent === rows && rows * Math.log(before) < Math.log(prepared.alpha / QUALITY_TESTS);
  return { ...shares, verdict: verdictOf(gone), limit: 1 };
}

function verdictOf(fails: boolean | undefined): QualityCheck["verdict"] {
  return fails === undefined ? "insufficient_data" : fails ? "drift" : "no_drift";
}
