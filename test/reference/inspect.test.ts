import { describe, expect, it } from "vitest";
import { describeSnapshot, thinness } from "../../src/reference/inspect.ts";
import type { Calibration } from "../../src/reference/snapshot.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

const x = numericFeature(
  "x",
  Array.from({ length: 1000 }, (_, i) => i % 4),
);
const c = categoricalFeature("c", { a: 600, b: 400 });

/** Slots of `days` days with so many values of `x` each. */
function calibration(days: number, values: number): Calibration {
  const slots = { x: Array.from({ length: 48 * days }, () => [values, 0, 0, 0, 0, 0]) };
  return { days, time_zone: "UTC", slot_seconds: 1800, from: "2026-01-01T00:00:00Z", slots };
}

it("a snapshot is shown with its head and a bar for each coarse bin", () => {
  const text = describeSnapshot(snapshotOf([x, { ...c, missing: 50 }], { records: 1000, version: "3" }));
  expect(text).toContain("model        m version 3\nrecords      1,000\n");
  expect(text).toContain("x: numeric, 1,000 values, 0 to 3, median 1, mean 1.5, sd 1.11859, 9 bins");
  expect(text).toMatch(/^ {2}0 +25\.0 % █{30}$/m);
  expect(text).toContain("c: categorical, 1,000 values, 4.8 % missing, 2 categories");
  expect(text).toMatch(/^ {2}b +40\.0 % █{20}$/m);
});

describe("a thin reference", () => {
  it("without event time is uncalibrated", () => {
    expect(thinness(snapshotOf([x], { records: 1000 }))).toEqual([expect.stringContaining("no event time")]);
  });

  it("of fewer than seven days is uncalibrated", () => {
    expect(thinness(snapshotOf([x], { records: 1000, calibration: calibration(6, 100) }))).toEqual([
      expect.stringContaining("6 calendar days"),
    ]);
  });

  it("of one day says so in good English", () => {
    expect(thinness(snapshotOf([x], { records: 1000, calibration: calibration(1, 100) }))).toEqual([
      expect.stringMatching(/^1 calendar day is fewer than 7/),
    ]);
  });

  it("of few records says so", () => {
    expect(thinness(snapshotOf([x], { records: 999, calibration: calibration(7, 100) }))).toEqual([expect.stringContaining("999 records")]);
  });

  it("names the windows that hold fewer than ten values a coarse bin on average, and the features", () => {
    // Six coarse bins need 60 values; 12 in half an hour are 24 in an hour and 144 in six.
    expect(thinness(snapshotOf([x], { records: 1000, calibration: calibration(7, 12) }))).toEqual([
      expect.stringMatching(/windows of 1h.*x \(24 of 60\)/),
    ]);
  });

  it("is no concern where there is enough of everything", () => {
    expect(thinness(snapshotOf([x], { records: 1000, calibration: calibration(7, 30) }))).toEqual([]);
  });
});
