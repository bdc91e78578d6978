/** The guards of `npm run detection`: few false alarms where a common rule has thousands, short delays, and a committed page that is not stale. */

import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ksPValue } from "../../detectors/index.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { medianOf } from "./markdown.ts";
import { quickOf, REPORT } from "./report.ts";
import type { ScenarioName } from "./scenarios.ts";
import { quickTables } from "./sections/quick.ts";
import { simulate, simulateDelays } from "./simulate.ts";

/** 10,080 windows of one hour, one every five minutes. */
const MONTHS = 35 / 30;

describe("false alarms over 50 features and 10,080 looks", () => {
  it.each(["iid", "daily"] satisfies ScenarioName[])(
    "at most 2 episodes on the stream %s, where KS p < .05 alarms in more than 1,000 looks",
    { timeout: 180_000 },
    (scenario) => {
      let looks = 0;
      let alarmed = 0;
      const { warningOrWorse } = simulate({
        scenario,
        months: MONTHS,
        monthsPerReference: 2,
        rate: 10,
        seed: 1,
        fineBins: true,
        onWindow: (window, _, { snapshot }) => {
          if (window.window.name !== "1h") return;
          looks++;
          // Asking for one look in seven is enough to count a thousand.
          if (looks % 7 === 0 && anyKs(window.counts, snapshot)) alarmed++;
        },
      });
      expect(looks).toBe(10_080);
      expect(alarmed).toBeGreaterThan(1000);
      expect(warningOrWorse).toBeLessThanOrEqual(2);
    },
  );
});

describe("delays in one of 50 features at 50 records a minute", () => {
  it.each([
    ["mean + .25 sd", { kind: "mean", by: 0.25 }, 0, 60],
    ["2 % of a new category", { kind: "new_category", share: 0.02 }, 4, 30],
  ] as const)("finds %s in time", (_, fault, faulty, limit) => {
    const { firstWarningMin } = simulateDelays({ scenario: "iid", fault, faulty, trials: 5, withinDays: 0.2, seed: 2 });
    expect(firstWarningMin).toHaveLength(5);
    expect(Math.min(...firstWarningMin)).toBeGreaterThan(0);
    expect(medianOf(firstWarningMin)).toBeLessThanOrEqual(limit);
  });

  it("calls nulls no drift", () => {
    const { firstWarningMin } = simulateDelays({
      scenario: "iid",
      features: 5,
      fault: { kind: "missing", share: 0.2 },
      trials: 2,
      withinDays: 1,
      seed: 3,
    });
    expect(firstWarningMin).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});

describe("docs/detection.md", () => {
  it("is what this code writes: if not, run npm run detection", async () => {
    expect(quickTables()).toBe(quickOf(await readFile(REPORT, "utf8")));
  });
});

/** Whether the KS test over fine bins gives p < .05 for any numeric feature. */
function anyKs(counts: ArrayLike<number>, { features }: Snapshot): boolean {
  let offset = 0;
  for (const feature of features) {
    const bins = feature.counts.length;
    if (feature.kind === "numeric") {
      let n = 0;
      for (let k = 0; k < bins; k++) n += counts[offset + k]!;
      let difference = 0;
      let largest = 0;
      for (let k = 0; k < bins; k++) {
        difference += feature.counts[k]! * n - counts[offset + k]! * feature.count;
        largest = Math.max(largest, Math.abs(difference));
      }
      if (n > 0 && ksPValue(largest / (n * feature.count), feature.count, n) < 0.05) return true;
    }
    offset += bins + SPECIAL_SLOTS.length;
  }
  return false;
}
