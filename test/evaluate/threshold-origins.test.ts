import { expect, it } from "vitest";
import { describeOrigins, withThresholdOrigins } from "../../src/evaluate/threshold-origins.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { calibrationOf, categoricalFeature, createNormal, createRandom, numericFeature, snapshotOf } from "./make.ts";

const normal = createNormal(createRandom(3));

function snapshot(days: number) {
  const perSlot = 300;
  const values = Float64Array.from({ length: days * 48 * perSlot }, normal);
  const feature = numericFeature("x", values);
  return snapshotOf(
    [feature, categoricalFeature("c", { a: 900, b: 100 })],
    calibrationOf(feature, days, (slot) => values.subarray(slot * perSlot, (slot + 1) * perSlot)),
  );
}

it("a snapshot says by feature and window how its limits come about, under a digest of its own", () => {
  const before = snapshot(8);
  const after = withThresholdOrigins(before);
  expect(after.thresholds?.["x"]).toEqual({
    "1h": expect.stringMatching(/^(own_days|hour_of_day)$/),
    "6h": expect.any(String),
    "24h": expect.any(String),
  });
  expect(after.thresholds?.["c"]).toEqual({ "1h": "tolerance", "6h": "tolerance", "24h": "tolerance" });
  const { digest, ...content } = after;
  expect(digest).toBe(digestOf(content));
  expect(digest).not.toBe(before.digest);
  expect({ ...after, digest: before.digest, thresholds: undefined }).toEqual({ ...before, thresholds: undefined });
});

it("people read what could not be calibrated, and why", () => {
  expect(describeOrigins(snapshot(3))).toContain("no calibration on own days: 3 days of timestamps, 7 needed");
  expect(describeOrigins(snapshot(8))).toContain("no calibration on own days: the feature has no timestamped values for c");
});
