/**
 * Looks at the quality of every feature of a window: a few additions and comparisons each, on the counts that the look at drift has just made.
 * Only where a share has passed its least growth, or all values stand in one bin, the checks themselves are made (`quality.ts`).
 */

import type { PreparedReference } from "./calibrate.ts";
import { FEW_ROWS, FEW_VALUES, type QualityFinding } from "./evaluation.ts";
import type { Look } from "./look.ts";
import { leastGrowth, qualityOf } from "./quality.ts";
import { LEAST_ROWS, severityOfShare } from "./quality-share.ts";

/** Shares of missing, nan, infinite, wrong_type, and out_of_range or unseen; then the logarithm of the share that is missing. */
const NUMBERS = 6;
/** Below this logarithm of its chance it is worth a look that no record has the key: any level is smaller. */
const UNLIKELY = -3;

export type QualityScan = {
  /** The look at feature `index` of the reference, just taken. */
  readonly look: (look: Look, index: number) => void;
  /** By feature: what could not be judged, as bits. */
  readonly unjudged: Uint8Array;
};

const limits = new WeakMap<PreparedReference, Float64Array>();

/** Prepares the scan of one window; what fails is added to `findings`. */
export function createQualityScan(reference: PreparedReference, windowMs: number, findings: QualityFinding[]): QualityScan {
  const unjudged = new Uint8Array(reference.features.length);
  const shares = limitsOf(reference);

  function check(look: Look): void {
    for (const one of qualityOf(look, reference, windowMs)) {
      if (one.verdict !== "drift") continue;
      findings.push({
        feature: look.feature.feature.feature,
        check: one.check,
        verdict: "drift",
        severity: one.check === "constant" ? "warning" : severityOfShare(one.current_share, one.reference_share),
        value: one.current_share,
        limit: one.limit ?? 1,
      });
    }
  }

  return {
    unjudged,
    look: (look, index) => {
      const { row, offset, feature, current, n } = look;
      if (offset < 0) {
        unjudged[index] = FEW_ROWS | FEW_VALUES;
        return;
      }
      const special = offset + feature.bins;
      const absent = row[special + 1]!;
      const missing = absent + row[special + 2]!;
      const wrongType = row[special + 6]!;
      let nan = 0;
      let infinite = 0;
      let strange: number;
      if (feature.other < 0) {
        nan = row[special + 3]!;
        infinite = row[special + 4]! + row[special + 5]!;
        strange = current[feature.outOfRange]! - infinite;
      } else strange = current[feature.other]!;
      const rows = n + missing + wrongType + nan;
      if (n < LEAST_ROWS) unjudged[index] = rows < LEAST_ROWS ? FEW_ROWS | FEW_VALUES : FEW_VALUES;
      if (rows < LEAST_ROWS) return;
      const at = index * NUMBERS;
      if (
        missing >= shares[at]! * rows ||
        nan >= shares[at + 1]! * rows ||
        infinite >= shares[at + 2]! * rows ||
        wrongType >= shares[at + 3]! * rows ||
        (n > 0 && strange >= shares[at + 4]! * n) ||
        (absent === rows && rows * shares[at + 5]! < UNLIKELY) ||
        (feature.usedBins > 1 && inOneBin(current, n))
      ) {
        check(look);
      }
    },
  };
}

/** The shares from which on a check is worth making: the reference's, and the least growth. */
function limitsOf(reference: PreparedReference): Float64Array {
  const known = limits.get(reference);
  if (known !== undefined) return known;
  const found = new Float64Array(reference.features.length * NUMBERS);
  const growth = leastGrowth(reference);
  for (const [i, { feature, rows, total, counts, outOfRange, unseenShare }] of reference.features.entries()) {
    const numeric = feature.kind === "numeric" ? feature : undefined;
    const infinite = numeric === undefined ? 0 : numeric.positive_infinity + numeric.negative_infinity;
    const strange = numeric === undefined || total === 0 ? unseenShare : (counts[outOfRange]! - infinite) / total;
    const ofRows = [feature.missing, numeric?.nan ?? 0, infinite, feature.wrong_type].map((count) => (rows === 0 ? 0 : count / rows));
    for (const [k, share] of [...ofRows, strange].entries()) {
      // A hair less, so that rounding passes nothing over; a share of 0 is never worth a look. What driftd computes itself is not checked.
      found[i * NUMBERS + k] = feature.role === "derived" ? Number.POSITIVE_INFINITY : Math.max(1e-12, (share + growth) * (1 - 1e-9));
    }
    found[i * NUMBERS + 5] = rows === 0 || feature.role === "derived" ? 0 : Math.log(feature.missing / rows);
  }
  limits.set(reference, found);
  return found;
}

function inOneBin(current: Float64Array, n: number): boolean {
  for (let k = 0; k < current.length; k++) {
    const count = current[k]!;
    if (count > 0) return count === n && n >= LEAST_ROWS;
  }
  return false;
}
