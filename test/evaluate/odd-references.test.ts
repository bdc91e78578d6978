/** References that nobody would wish for: no crash, no limit that means nothing, and a degradation that is said. */

import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { type CalibrationState, calibrationState } from "../../src/evaluate/calibration-state.ts";
import type { FeatureEvaluation } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import {
  calibrationOf,
  categoricalFeature,
  createNormal,
  createRandom,
  DAY,
  type Held,
  HOUR,
  judge,
  numericFeature,
  START,
  snapshotOf,
  windowOf,
} from "./make.ts";

const normal = createNormal(createRandom(12));
const sample = (count: number, shift = 0) => Float64Array.from({ length: count }, () => normal() + shift);
const x = numericFeature("x", sample(20_000));
/** A Wednesday. */
const NOON = START + 44 * DAY + 12 * HOUR;

function look(
  snapshot: Snapshot,
  held: Held,
  options: { window?: string; endMs?: number; policy?: Policy } = {},
): FeatureEvaluation & { state: CalibrationState } {
  const { window = "1h", endMs = NOON, policy = DEFAULT_POLICY } = options;
  const reference = prepareReference(snapshot, policy);
  const judged = judge(windowOf(snapshot, { x: held }, { window, endMs }), reference);
  for (const { value, limit } of judged.gates) expect(Number.isFinite(value) && Number.isFinite(limit)).toBe(true);
  return {
    ...judged,
    state: calibrationState(
      reference,
      0,
      policy.windows.findIndex(({ name }) => name === window),
    ),
  };
}

describe("a reference", () => {
  it("of 30 rows cannot tell", () => {
    const thirty = snapshotOf([numericFeature("x", sample(30))]);
    expect(look(thirty, { values: sample(600) })).toMatchObject({ verdict: "insufficient_data", reason: "too_few_values" });
  });

  it("of one day is not calibrated, and says so; a shift is a warning at most in a short window", () => {
    const day = snapshotOf(
      [x],
      calibrationOf(x, 1, () => sample(400)),
    );
    const degraded = "no calibration on own days: 1 day of timestamps, 7 needed";
    expect(look(day, { values: sample(800) })).toMatchObject({ verdict: "no_drift", state: { origin: "tolerance", degraded } });
    expect(look(day, { values: sample(800, 1) })).toMatchObject({ severity: "warning", calibrated: false });
  });

  it("of one constant value is content with it, and with nothing else", () => {
    const constant = numericFeature("x", new Array(14 * 48 * 100).fill(7));
    const snapshot = snapshotOf(
      [constant],
      calibrationOf(constant, 14, () => new Array(100).fill(7)),
    );
    expect(look(snapshot, { values: new Array(300).fill(7) })).toMatchObject({ verdict: "no_drift", reason: "within_noise" });
    expect(look(snapshot, { values: [...new Array(299).fill(7), 8] }).verdict).toBe("no_drift");
    expect(look(snapshot, { values: [...new Array(280).fill(7), ...new Array(20).fill(8)] })).toMatchObject({
      severity: "critical",
      reason: "out_of_range",
    });
  });

  it("of nulls alone cannot tell", () => {
    const nulls = numericFeature("x", [], { missing: 9600 });
    const judged = look(
      snapshotOf(
        [nulls],
        calibrationOf(nulls, 14, () => []),
      ),
      { values: sample(300) },
    );
    expect(judged).toMatchObject({ verdict: "insufficient_data", reason: "empty_reference" });
    expect(judged.state.degraded).toBe("no calibration on own days: the feature has no timestamped values");
  });

  it("of 10,000 categories is at home with its own, and not with new ones", () => {
    const counts = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`c${i}`, 1 + Math.floor(20_000 / (i + 1))]));
    const snapshot = snapshotOf([categoricalFeature("x", counts)]);
    // Every hundredth of its own values, in the order of the categories: as many of each as the reference has, to within one.
    const own = Object.entries(counts).flatMap(([name, count]) => new Array<string>(count).fill(name));
    const values = own.filter((_, i) => i % 100 === 50);
    expect(look(snapshot, { values }, { window: "24h" }).verdict).toBe("no_drift");
    const fresh = values.map((value, i) => (i % 20 === 0 ? `new${i}` : value));
    expect(look(snapshot, { values: fresh }, { window: "24h" })).toMatchObject({ severity: "critical", reason: "unseen" });
  });

  it("with days missing in the middle is calibrated on those that it has", () => {
    const gap = (slot: number) => (slot >= 4 * 48 && slot < 9 * 48 ? [] : sample(150));
    const snapshot = snapshotOf([x], calibrationOf(x, 14, gap));
    const judged = look(snapshot, { values: sample(300) });
    expect(judged).toMatchObject({ verdict: "no_drift", state: { origin: "own_days" } });
    expect(judged.state).not.toHaveProperty("degraded");
    // The gap's half-empty windows do not make the noise look large.
    expect(judged.gates.find(({ gate }) => gate === "shift")?.limit).toBeLessThan(60);
    const four = snapshotOf(
      [x],
      calibrationOf(x, 14, (slot) => (slot >= 2 * 48 && slot < 12 * 48 ? [] : sample(150))),
    );
    expect(look(four, { values: sample(300) }).state.degraded).toBe("no calibration on own days: 4 days of timestamps, 7 needed");
  });

  it("of workdays cannot tell on a Sunday, when each day is of its own kind", () => {
    const profile = (slot: number) => {
      const weekday = Math.floor(slot / 48) % 7;
      return weekday >= 5 ? [] : sample(150, (weekday - 2) * 0.3);
    };
    const snapshot = snapshotOf([x], calibrationOf(x, 35, profile));
    const monday = START + 42 * DAY + 12 * HOUR;
    expect(look(snapshot, { values: sample(300, -0.6) }, { endMs: monday })).toMatchObject({
      verdict: "no_drift",
      reason: "within_noise",
      state: { origin: "weekday" },
    });
    expect(look(snapshot, { values: sample(300, 0.6) }, { endMs: monday }).verdict).toBe("drift");
    const sunday = look(snapshot, { values: sample(300) }, { endMs: monday - DAY });
    expect(sunday).toMatchObject({ verdict: "insufficient_data", reason: "empty_reference" });
    expect(sunday.gates.find(({ gate }) => gate === "reference_values")?.passed).toBe(false);
  });

  it("whose clock jumped by ten years is calibrated on the days that have values", () => {
    const week = calibrationOf(x, 7, () => sample(150))!;
    const raw = week.slots["x"]!;
    const jumped = [...raw, ...Array.from({ length: 48 * 3650 }, () => []), ...raw];
    const snapshot = snapshotOf([x], { ...week, days: 3664, slots: { x: jumped } });
    expect(look(snapshot, { values: sample(300) })).toMatchObject({ verdict: "no_drift", state: { origin: "own_days" } });
  });
});

describe("windows as users set them", () => {
  const windows = [1, 24, 72, 24 * 30].map((hours) => ({ name: `${hours}h`, lengthMs: hours * HOUR }));
  const policy: Policy = { ...DEFAULT_POLICY, windows };
  const of = (days: number) =>
    prepareReference(
      snapshotOf(
        [x],
        calibrationOf(x, days, () => sample(100)),
      ),
      policy,
    );

  it("are calibrated as far as the reference's days go; the longest of those tests the ordinary bins", () => {
    const reference = of(21);
    const states = windows.map((_, at) => calibrationState(reference, 0, at));
    expect(states.map(({ origin }) => origin === "tolerance")).toEqual([false, false, false, true]);
    expect(states.map(({ degraded }) => degraded)).toEqual([
      undefined,
      undefined,
      undefined,
      "no calibration on own days: windows of 30 d need 210 days of timestamps, there are 21",
    ]);
    expect(windows.map((_, at) => reference.windowOf(0, at).testsBins)).toEqual([false, false, true, false]);
    expect(of(20).windowOf(0, 2).calibration).toBeUndefined();
    expect(of(20).windowOf(0, 1).testsBins).toBe(true);
  });

  it("of 30 days are judged by the tolerance, and may be critical as the longest", () => {
    const snapshot = snapshotOf(
      [x],
      calibrationOf(x, 21, () => sample(100)),
    );
    const reference = prepareReference(snapshot, policy);
    const month = { ...windowOf(snapshot, { x: { values: sample(20_000) } }), window: windows[3]! };
    expect(judge(month, reference)).toMatchObject({ verdict: "no_drift", calibrated: false });
    const moved = { ...windowOf(snapshot, { x: { values: sample(20_000, 0.5) } }), window: windows[3]! };
    expect(judge(moved, reference)).toMatchObject({ severity: "critical", calibrated: false });
  });
});
