import { expect, test } from "vitest";
import { explainThresholds } from "../../src/evaluate/explain.ts";
import { ownWindowsAbove } from "../../src/evaluate/own-psi.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { calibrationOf, createNormal, createRandom, DAY, HOUR, numericFeature, snapshotOf } from "./make.ts";

const random = createNormal(createRandom(3));

/** Seven days of half hours of 100 values, with a daily cycle of `amplitude` deviations. */
function weekOf(amplitude: number) {
  const slots = Array.from({ length: 7 * 48 }, (_, slot) =>
    Array.from({ length: 100 }, () => random() + amplitude * Math.sin((2 * Math.PI * slot) / 48)),
  );
  const x = numericFeature("x", slots.flat());
  const snapshot = snapshotOf(
    [x],
    calibrationOf(x, 7, (slot) => slots[slot]!),
  );
  return { ...snapshot, time: { field: "t", from: "2001-01-01T00:00:00Z", to: "2001-01-08T00:00:00Z" } };
}

test("a daily cycle puts most windows of an hour above PSI 0.1, and no window of a day", () => {
  const snapshot = weekOf(1);
  expect(ownWindowsAbove(snapshot, HOUR, 0.1)?.share).toBeGreaterThan(0.5);
  expect(ownWindowsAbove(snapshot, DAY, 0.1)).toEqual({ feature: "x", share: 0 });
});

test("without a cycle hardly any window of an hour is above PSI 0.2", () => {
  expect(ownWindowsAbove(weekOf(0), HOUR, 0.2)?.share).toBeLessThan(0.02);
});

test("the sentence on a fixed threshold does not call it quiet where the reference's own days cross it", () => {
  const [hour, , day] = explainThresholds({ ...DEFAULT_POLICY, thresholds: { psi: { critical: 0.3 } } }, weekOf(1));
  expect(hour).toMatch(/ of healthy windows by chance, and in [4-9][\d.]+ % of the reference's own for x$/);
  expect(day).toMatch(/ of healthy windows$/);
});

test("a reference without event time, or shorter than the window, says nothing", () => {
  const { calibration: _, ...timeless } = weekOf(0);
  expect(ownWindowsAbove(timeless, HOUR, 0.1)).toBeUndefined();
  expect(ownWindowsAbove(weekOf(0), 30 * DAY, 0.1)).toBeUndefined();
});
