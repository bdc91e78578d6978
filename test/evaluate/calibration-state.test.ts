import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { calibrationState } from "../../src/evaluate/calibration-state.ts";
import { comparePolicy, DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { calibrationOf, createNormal, createRandom, DAY, HOUR, numericFeature, snapshotOf } from "./make.ts";

const normal = createNormal(createRandom(9));
const sample = (count: number, shift = 0) => Float64Array.from({ length: count }, () => normal() + shift);
const x = numericFeature("x", sample(20_000));

function state(days: number, at: { shift?: (slot: number) => number; count?: number; window?: string; lengthMs?: number } = {}) {
  const windows = [...DEFAULT_POLICY.windows, { name: "7d", lengthMs: 7 * DAY }, { name: "1.5h", lengthMs: 1.5 * HOUR }];
  const slots = days === 0 ? undefined : calibrationOf(x, days, (slot) => sample(at.count ?? 100, at.shift?.(slot) ?? 0));
  const prepared = prepareReference(snapshotOf([x], slots), { ...DEFAULT_POLICY, windows });
  return calibrationState(
    prepared,
    0,
    windows.findIndex(({ name }) => name === (at.window ?? "1h")),
  );
}

describe("how thresholds came about", () => {
  const daily = (slot: number) => 0.5 * Math.sin((slot * Math.PI) / 24);

  it.each([
    ["own_days", () => 0],
    ["hour_of_day", daily],
    ["weekday", (slot: number) => daily(slot) + (Math.floor(slot / 48) % 7 >= 5 ? 0.8 : 0)],
  ])("is %s where the reference's days have that rhythm", (origin, shift) => {
    expect(state(14, { shift })).toEqual({ origin });
  });

  it.each([
    ["no event time", 0, {}, "the reference has no timestamps"],
    ["three days", 3, {}, "3 days of timestamps, 7 needed"],
    ["one day", 1, {}, "1 day of timestamps, 7 needed"],
    ["a window of a week", 14, { window: "7d" }, "windows of 7 d need 49 days of timestamps, there are 14"],
    ["hardly any values", 14, { count: 2 }, "windows of 1 h hold enough values on 0 days, 7 needed"],
    ["hardly any values at an odd length", 14, { count: 2, window: "1.5h" }, "windows of 90 min hold enough values on 0 days, 7 needed"],
  ])("is a tolerance, said so with the reason, where there is %s", (_, days, at, why) => {
    expect(state(days, at)).toEqual({ origin: "tolerance", degraded: `no calibration on own days: ${why}` });
  });

  it("is a tolerance for a feature without half hours", () => {
    const calibration = calibrationOf(x, 14, () => sample(100))!;
    const prepared = prepareReference(snapshotOf([x], { ...calibration, slots: {} }), DEFAULT_POLICY);
    expect(calibrationState(prepared, 0, 0).degraded).toBe("no calibration on own days: the feature has no timestamped values");
  });

  it("is the budget in a comparison, and fixed where the policy says so", () => {
    const of = (policy: Policy) => calibrationState(prepareReference(snapshotOf([x]), policy), 0, 0);
    expect(of(comparePolicy(0.01))).toEqual({ origin: "budget" });
    expect(of({ ...DEFAULT_POLICY, thresholds: { psi: { critical: 0.2 } } })).toEqual({ origin: "fixed" });
  });
});
