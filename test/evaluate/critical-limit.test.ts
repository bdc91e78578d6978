import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { calibrationOf, createNormal, createRandom, judge, numericFeature, snapshotOf, windowOf } from "./make.ts";

describe("a critical shift", () => {
  const normal = createNormal(createRandom(31));
  const sample = (count: number, shift: number) => Float64Array.from({ length: count }, () => normal() + shift);
  // Every two hours the location is somewhere else: the windows of a day tell much more than one of them does.
  const wander = Array.from({ length: 14 * 12 }, () => 0.15 * normal());
  const x = numericFeature("x", sample(20_000, 0));
  const reference = prepareReference(
    snapshotOf(
      [x],
      calibrationOf(x, 14, (slot) => sample(300, wander[Math.floor(slot / 4)]!)),
    ),
    DEFAULT_POLICY,
  );

  it("has to leave more noise behind than a warning, and a large effect", () => {
    const { v, vCritical } = reference.windowOf(0, 0).calibration!;
    expect(v).toBeLessThan(vCritical);
    const severities = new Set<string>();
    for (let shift = 0; shift <= 1.2; shift += 0.01) {
      const { gates, severity, verdict } = judge(windowOf(reference.snapshot, { x: { values: sample(600, shift) } }), reference);
      const passed = (name: string) => gates.find(({ gate }) => gate === name)!.passed;
      const limits = ["shift", "shift_critical"].map((name) => gates.find(({ gate }) => gate === name)!.limit);
      expect(limits[1]).toBeGreaterThan(limits[0]!);
      const drifts = passed("shift") && passed("effect_warning");
      const critical = drifts && passed("effect_critical") && passed("shift_critical");
      expect(severity ?? verdict).toBe(critical ? "critical" : drifts ? "warning" : "no_drift");
      severities.add(passed("effect_critical") ? `${severity} of a large effect` : (severity ?? verdict));
    }
    expect(severities).toContain("no_drift");
    expect(severities).toContain("warning of a large effect");
    expect(severities).toContain("critical of a large effect");
  });
});
