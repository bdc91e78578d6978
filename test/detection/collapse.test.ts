/** The fewer bins of the simulations change no verdict, and draw from the same law. */

import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import { collapse } from "./collapse.ts";
import { createProcess, DAY, HOUR, START } from "./process.ts";
import { buildReference } from "./reference.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { walk } from "./windows.ts";

function begin(scenario: ScenarioName) {
  const process = createProcess({ scenario: SCENARIOS[scenario], features: 5, rate: 20, seed: [6], startMs: START });
  const whole = buildReference(process, 8);
  return { whole, few: collapse(whole), process };
}

describe.each(["weekly", "heavy", "zeros_daily", "correlated"] satisfies ScenarioName[])("of the stream %s", (scenario) => {
  const { whole, few, process } = begin(scenario);

  it("has the coarse counts of the whole reference in fewer bins", () => {
    expect(few.layout.slots).toBeLessThan(whole.layout.slots / 2);
    const [all, some] = [prepareReference(whole.snapshot, DEFAULT_POLICY), prepareReference(few.snapshot, DEFAULT_POLICY)];
    for (const [j, { counts, outOfRange, gap, other }] of all.features.entries()) {
      expect(some.features[j]).toMatchObject({ counts, outOfRange, gap, other });
    }
  });

  it("gives the same window the same verdict for the same reason", () => {
    const [all, some] = [prepareReference(whole.snapshot, DEFAULT_POLICY), prepareReference(few.snapshot, DEFAULT_POLICY)];
    const mapped = whole.snapshot.features.map((feature, j) => binsOf(feature.coarse, few.snapshot.features[j]!.coarse));
    let judged = 0;
    let drifted = 0;
    const fault = { feature: 0, fault: { kind: "mean", by: 1 }, onsetMs: process.now() + DAY } as const;
    const live = createProcess({ scenario: SCENARIOS[scenario], features: 5, rate: 20, seed: [6, 1], startMs: process.now(), fault });
    const fromMs = live.now() + DAY;
    walk({ process: live, built: whole, windows: DEFAULT_POLICY.windows, fromMs, toMs: fromMs + 6 * HOUR }, (windows) => {
      for (const window of windows) {
        const counts = new Uint32Array(few.layout.slots);
        for (const [j, { offset, bins }] of whole.layout.features.entries()) {
          const to = few.layout.features[j]!;
          for (let i = 0; i < bins; i++) counts[to.offset + mapped[j]![i]!]! += window.counts[offset + i]!;
          for (let i = 0; i < SPECIAL_SLOTS.length; i++) counts[to.offset + to.bins + i]! += window.counts[offset + bins + i]!;
        }
        const [one, other] = [evaluateWindow(window, all), evaluateWindow({ ...window, layout: few.layout, counts }, some)];
        expect(other.features.map(({ verdict, severity, reason }) => ({ verdict, severity, reason }))).toEqual(
          one.features.map(({ verdict, severity, reason }) => ({ verdict, severity, reason })),
        );
        judged += one.features.length;
        drifted += one.features.filter(({ verdict }) => verdict === "drift").length;
      }
      return true;
    });
    expect(judged).toBeGreaterThan(300);
    expect(drifted).toBeGreaterThan(10);
  });

  it("draws each bin as often as the levels fall into it", () => {
    const [byLevel, byGroup] = [whole, few].map((built) => {
      const live = createProcess({ scenario: SCENARIOS[scenario], features: 5, rate: 20, seed: [6, 2], startMs: process.now() });
      const counts = new Uint32Array(built.layout.slots);
      const rows = new Array<Uint32Array>(6).fill(counts);
      for (let slot = 0; slot < 96; slot++) live.slot(built.placesOf(live), rows);
      return prepareReference(built.snapshot, DEFAULT_POLICY).features.map(({ coarse, coarseBins, bins }, j) => {
        const sums = new Array<number>(coarseBins).fill(0);
        for (let i = 0; i < bins; i++) sums[coarse[i]!]! += counts[built.layout.features[j]!.offset + i]!;
        return sums;
      });
    });
    for (const [j, sums] of byLevel!.entries()) {
      for (const [k, count] of sums.entries()) expect(Math.abs(count - byGroup![j]![k]!)).toBeLessThan(5 * Math.sqrt(2 * count + 2));
    }
  });
});

/** The bin of the few that each of the many fine bins went into: runs of one coarse bin. */
function binsOf(many: readonly number[], few: readonly number[]): number[] {
  let at = 0;
  return many.map((coarse, j) => {
    if (j > 0 && coarse !== many[j - 1] && few.length < many.length) at++;
    else if (j > 0 && few.length === many.length) at++;
    return at;
  });
}
