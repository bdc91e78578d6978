/**
 * Takes looks: counts each feature of a window into coarse bins, weighs the reference for it, and passes it through the gate (rule R, step 1)
 * to the rule that applies. 50,000 looks are taken in a third of a second, so they share scratch arrays and build no objects; asked for
 * `gates`, a look also writes down every number beside its limit.
 */

import { SPECIAL_SLOTS } from "../reference/layout.ts";
import type { PreparedReference } from "./calibrate.ts";
import { applyCompareRule } from "./compare-rule.ts";
import type { Gate, VerdictReason, WindowCounts } from "./evaluation.ts";
import { createRowsByCell, type Expected, expectCells, expectPooled, expectSpecial } from "./expected.ts";
import { firstGateOf } from "./first-reference.ts";
import { hourMixOf } from "./hour-mix.ts";
import { MIN_COVERAGE, VALUES_PER_BIN } from "./limits.ts";
import { conclude, INSUFFICIENT, type Look } from "./look.ts";
import { applyRule } from "./rule.ts";
import { applyThresholds } from "./thresholds.ts";

/** Judges the features of one window one by one; `at(i)` takes the reference's feature i. */
export type Looker = { readonly at: (index: number, gates?: Gate[]) => Look };

/** Prepares to look at the features of one window, which is the policy's window number `window`. */
export function createLooker(counts: WindowCounts, reference: PreparedReference, window: number): Looker {
  const { policy } = reference;
  const columns = reference.columnsOf(counts.layout);
  const rowsByCell = createRowsByCell(counts.blocks);
  const vectors = new Map<number, { current: Float64Array; expected: Expected }>();
  const fines = new Map<number, Float64Array>();
  // Loops over one kind of array are several times faster than over two, and the kept counts of a detail are narrower than a window's.
  const narrow = counts.counts instanceof Uint16Array ? counts.counts : undefined;
  const wide = new Map<number, Uint32Array>();
  let look: Look | undefined;
  const first = firstGateOf(reference, window);

  function widen(slots: Uint16Array): Uint32Array {
    let row = wide.get(slots.length);
    if (row === undefined) {
      row = new Uint32Array(slots.length);
      wide.set(slots.length, row);
    }
    row.set(slots);
    return row;
  }

  function begin(index: number): Look {
    const feature = reference.features[index]!;
    const prepared = reference.windowOf(index, window);
    let vector = vectors.get(feature.coarseBins);
    if (vector === undefined) {
      const size = feature.coarseBins;
      vector = { current: new Float64Array(size), expected: { counts: new Float64Array(size), total: 0 } };
      vectors.set(size, vector);
    }
    let fine = fines.get(feature.bins);
    if (fine === undefined) {
      fine = new Float64Array(feature.bins + 2);
      fines.set(feature.bins, fine);
    }
    vector.current.fill(0);
    look ??= {
      feature,
      prepared,
      current: vector.current,
      expected: vector.expected,
      fine,
      n: 0,
      row: counts.counts,
      offset: -1,
      code: INSUFFICIENT,
      reason: "empty_reference",
      bin: -1,
      label: undefined,
      shiftLimit: 0,
      locationLimit: 0,
    };
    look.feature = feature;
    look.prepared = prepared;
    look.current = vector.current;
    look.expected = vector.expected;
    look.fine = fine;
    look.n = 0;
    look.offset = -1;
    look.bin = -1;
    look.label = undefined;
    look.shiftLimit = 0;
    look.locationLimit = 0;
    return look;
  }

  /** What the reference expects: as a whole or in cells, as its own days advised, and at the window's own hours where many of a day are missing. */
  function expect({ expected, feature }: Look, calibration: Look["prepared"]["calibration"], column: number): void {
    if (calibration !== undefined && calibration.cells !== "pooled" && policy.thresholds === "auto") {
      expectCells(expected, feature, calibration, rowsByCell(calibration.cells, column));
      return;
    }
    const mix =
      policy.thresholds === "auto" && counts.blocks.length > 0 ? hourMixOf(reference.snapshot, feature, counts.window.lengthMs) : undefined;
    const rows = mix === undefined ? undefined : rowsByCell("hour", column);
    const uneven = rows === undefined ? undefined : mix!.unevenAt(rows);
    if (uneven === undefined) expectPooled(expected, feature);
    else expectCells(expected, feature, uneven, rows!);
  }

  return {
    at: (index, gates) => {
      const look = begin(index);
      const { feature, prepared, expected } = look;
      const column = columns[index]!;
      if (column < 0 || counts.changedFeatures.has(feature.feature.feature)) return conclude(look, INSUFFICIENT, "reference_changed");
      const { offset } = counts.layout.features[column]!;
      look.row = narrow === undefined ? counts.counts : widen(narrow.subarray(offset, offset + feature.bins + SPECIAL_SLOTS.length));
      look.offset = narrow === undefined ? offset : 0;
      look.n = coarseInto(look);
      const { calibration } = prepared;
      expect(look, calibration, column);
      expectSpecial(expected, feature, look.current);

      if (policy.mode === "compare" && policy.thresholds === "auto") return applyCompareRule(look, gates);
      const insufficient = insufficiency(look, counts.coverage, gates);
      if (insufficient !== undefined) return conclude(look, INSUFFICIENT, insufficient);
      const judged = policy.thresholds === "auto" ? applyRule(look, policy, gates) : applyThresholds(look, policy.thresholds, gates);
      return first === undefined ? judged : first(judged, index, gates);
    },
  };
}

/** Step 1: enough values, from enough of the window, beside a reference that has values. */
function insufficiency(look: Look, coverage: number, gates?: Gate[]): VerdictReason | undefined {
  const { feature, n } = look;
  const { calibration } = look.prepared;
  const least = VALUES_PER_BIN * feature.coarseBins;
  // At hours or on days that it does not know, the reference stands for few rows or for none.
  const known = Math.min(feature.total, look.expected.total);
  const usual = calibration === undefined ? 0 : calibration.meanValues / 2;
  if (gates !== undefined) {
    gates.push({ gate: "coverage", passed: coverage >= MIN_COVERAGE, value: coverage, limit: MIN_COVERAGE });
    gates.push({ gate: "reference_values", passed: known >= least, value: known, limit: least });
    gates.push({ gate: "values", passed: n >= least, value: n, limit: least });
    if (calibration !== undefined) gates.push({ gate: "usual_values", passed: n >= usual, value: n, limit: usual });
  }
  if (feature.total === 0) return "empty_reference";
  if (!Number.isSafeInteger(n)) return "overflow";
  if (coverage < MIN_COVERAGE) return "low_coverage";
  if (n < least || feature.total < least) return "too_few_values";
  if (known < least) return "empty_reference";
  return n < usual ? "thin_window" : undefined;
}

/** Regroups a row into coarse counts and returns their sum, the values judged. */
function coarseInto({ feature, row, offset, current: out }: Look): number {
  const { bins, coarse } = feature;
  let sum = 0;
  for (let j = 0; j < bins; j++) {
    const count = row[offset + j]!;
    if (count === 0) continue;
    out[coarse[j]!] = out[coarse[j]!]! + count;
    sum += count;
  }
  // The same as `coarseCounts` of the reference: unseen categories are `other`, infinities are out of range.
  const special = feature.other >= 0 ? feature.other : feature.outOfRange;
  const count = feature.other >= 0 ? row[offset + bins]! : row[offset + bins + 4]! + row[offset + bins + 5]!;
  out[special] = out[special]! + count;
  return sum + count;
}
