import { expect, test } from "vitest";
import { explainThresholds } from "../../src/evaluate/explain.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";

const snapshot = {
  records: 20_000,
  time: { field: "t", from: "2001-01-01T00:00:00Z", to: "2001-01-07T22:40:00Z" },
  features: [{ coarse: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }],
} as unknown as Snapshot;

test("PSI > 0.1 on about 120 records fires in roughly a quarter to half of healthy windows", () => {
  const [line] = explainThresholds({ ...DEFAULT_POLICY, thresholds: { psi: { warning: 0.1 } } }, snapshot);
  expect(line).toMatch(/^PSI > 0\.1 on about 120 records \(1h\) fires in (2[0-9]|3[0-9]|4[0-9]) % of healthy windows$/);
});

test("over a day the same threshold practically never fires on its own", () => {
  const lines = explainThresholds({ ...DEFAULT_POLICY, thresholds: { psi: { critical: 0.1 } } }, snapshot);
  expect(lines.at(-1)).toContain("(24h) fires in less than 0.01 % of healthy windows");
});

test("calibrated thresholds need no explanation", () => {
  expect(explainThresholds(DEFAULT_POLICY, snapshot)).toEqual([]);
});
