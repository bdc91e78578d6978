/**
 * Quality beside drift: how much of a feature is missing, of the wrong type, out of range. These have verdicts of their own and never make
 * drift, since a burst of nulls is a broken pipe and not a changed world: it alerts, it does not retrain.
 */

import { arcsine } from "../../detectors/index.ts";
import type { QualityCheck } from "./evaluation.ts";
import type { Look } from "./look.ts";

/** A share has to grow by one percentage point, beyond what chance does. */
const LEAST_GROWTH = 0.01;
/** Fewer rows on either side say nothing about a share of 1 %. */
const LEAST_ROWS = 30;

type Side = { readonly count: number; readonly total: number };

/** Rows without a value: the key absent, or null. */
export function missingRows(look: Look): { readonly reference: number; readonly current: number } {
  const { row, offset, feature } = look;
  const current = offset < 0 ? 0 : row[offset + feature.bins + 1]! + row[offset + feature.bins + 2]!;
  return { reference: feature.feature.missing, current };
}

/** All checks that apply to the feature's kind; none where its bins have changed. */
export function qualityOf(look: Look): QualityCheck[] {
  const { feature, row, offset, current, n } = look;
  if (offset < 0) return [];
  const special = offset + feature.bins;
  const snapshot = feature.feature;
  const missing = missingRows(look).current;
  const wrongType = row[special + 6]!;
  const nan = snapshot.kind === "numeric" ? row[special + 3]! : 0;
  const rows = n + missing + wrongType + nan;
  const checks: QualityCheck[] = [];
  const add = (check: QualityCheck["check"], reference: Side, window: Side): void => {
    checks.push(checkOf(check, reference, window, look.prepared.qualityLimit));
  };
  const ofRows = (count: number): Side => ({ count, total: feature.rows });
  add("missing", ofRows(snapshot.missing), { count: missing, total: rows });
  if (snapshot.kind === "numeric") add("nan", ofRows(snapshot.nan), { count: nan, total: rows });
  add("wrong_type", ofRows(snapshot.wrong_type), { count: wrongType, total: rows });
  const ofValues = (count: number): Side => ({ count, total: feature.total });
  if (feature.outOfRange >= 0) {
    add("out_of_range", ofValues(feature.counts[feature.outOfRange]!), { count: current[feature.outOfRange]!, total: n });
  } else {
    add("unseen", ofValues(feature.unseenShare * feature.total), { count: current[feature.other]!, total: n });
  }
  return checks;
}

function checkOf(check: QualityCheck["check"], reference: Side, current: Side, limit: number): QualityCheck {
  const referenceShare = reference.total > 0 ? reference.count / reference.total : 0;
  const currentShare = current.total > 0 ? current.count / current.total : 0;
  const shares = { reference_share: referenceShare, current_share: currentShare };
  if (reference.total < LEAST_ROWS || current.total < LEAST_ROWS) return { check, verdict: "insufficient_data", ...shares };
  const change = arcsine(current.count, current.total) - arcsine(reference.count, reference.total);
  const grown = currentShare - referenceShare >= LEAST_GROWTH && change / Math.sqrt(1 / current.total + 1 / reference.total) > limit;
  return { check, verdict: grown ? "drift" : "no_drift", ...shares };
}
