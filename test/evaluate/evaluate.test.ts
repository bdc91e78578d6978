import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as detectors from "../../detectors/index.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow, featureEvaluation, insufficientEvaluation } from "../../src/evaluate/evaluate.ts";
import { type Gate, OUTCOMES } from "../../src/evaluate/evaluation.ts";
import { comparePolicy, DEFAULT_POLICY, type FixedThreshold, type Policy } from "../../src/evaluate/policy.ts";
import { coarseCounts, coarsePlan, referenceCoarse } from "../../src/reference/coarse.ts";
import {
  calibrationOf,
  categoricalFeature,
  createNormal,
  createRandom,
  type Held,
  judge,
  numericFeature,
  type Special,
  snapshotOf,
  uniform,
  windowOf,
} from "./make.ts";

const reference = uniform(20_000);
const x = numericFeature("x", reference);
const plain = snapshotOf([x]);
const uncalibrated = prepareReference(plain, DEFAULT_POLICY);
/** Fourteen days of independent values, 400 in each half hour. */
const noise = createRandom(11);
const calibrated = prepareReference(
  snapshotOf(
    [x],
    calibrationOf(x, 14, () => Array.from({ length: 400 }, noise)),
  ),
  DEFAULT_POLICY,
);
const compare = prepareReference(plain, comparePolicy(0.01));

const gate = (gates: readonly Gate[], name: string): Gate | undefined => gates.find((one) => one.gate === name);
const once = (held: Held, options: Parameters<typeof windowOf>[2] = {}, judged = uncalibrated) =>
  judge(windowOf(judged.snapshot, { x: held }, options), judged);
const twoSided = (count: number, moved: number): number[] => [...uniform(count - moved), ...uniform(moved, 0, 0.1)];

describe("the gate before every verdict", () => {
  it.each([
    ["half of the panes", 0.5, "no_drift"],
    ["less than half of the panes", 0.49, "insufficient_data"],
  ])("of a window with values in %s", (_, coverage, verdict) => {
    const judged = once({ values: uniform(1000) }, { coverage });
    expect(judged.verdict).toBe(verdict);
    if (coverage < 0.5) expect(judged.reason).toBe("low_coverage");
    expect(gate(judged.gates, "coverage")).toMatchObject({ passed: coverage >= 0.5, value: coverage, limit: 0.5 });
  });

  it("asks for ten values a coarse bin", () => {
    const least = 10 * coarsePlan(x).size;
    expect(once({ values: uniform(least) }).verdict).toBe("no_drift");
    expect(once({ values: uniform(least - 1) })).toMatchObject({ verdict: "insufficient_data", reason: "too_few_values", statistics: {} });
  });

  it("asks for half of what the reference's own windows hold", () => {
    expect(once({ values: uniform(401) }, {}, calibrated).verdict).toBe("no_drift");
    const thin = once({ values: uniform(399) }, {}, calibrated);
    expect(thin).toMatchObject({ verdict: "insufficient_data", reason: "thin_window" });
    expect(gate(thin.gates, "usual_values")).toMatchObject({ passed: false, value: 399, limit: 400 });
  });

  it("says which side is empty", () => {
    const nothing = prepareReference(snapshotOf([numericFeature("x", [])]), DEFAULT_POLICY);
    expect(once({ values: uniform(1000) }, {}, nothing).reason).toBe("empty_reference");
    expect(once({}).reason).toBe("too_few_values");
  });

  it("judges no feature whose bins have changed, and goes on with the others", () => {
    const other = numericFeature("y", reference);
    const both = prepareReference(snapshotOf([x, other]), DEFAULT_POLICY);
    const window = windowOf(both.snapshot, { x: { values: uniform(1000) }, y: { values: uniform(1000) } });
    const changed = { ...window, changedFeatures: new Set(["x"]) };
    expect(judge(changed, both, "x").reason).toBe("reference_changed");
    expect(judge(changed, both, "y").verdict).toBe("no_drift");
    const rebinned = {
      ...window,
      layout: { ...window.layout, features: window.layout.features.map((one) => ({ ...one, layout: `${one.layout}!` })) },
    };
    expect(judge(rebinned, both, "y").reason).toBe("reference_changed");
  });
});

describe("the shift test", () => {
  const at = (moved: number, options = {}, judged = calibrated) => once({ values: twoSided(2000, moved) }, options, judged);

  it("is silent inside the noise", () => {
    expect(at(10)).toMatchObject({ verdict: "no_drift", reason: "within_noise", calibrated: true });
  });

  it("does not call a difference drift that is real and too small to matter", () => {
    const judged = once({ values: twoSided(60_000, 3000) }, {}, calibrated);
    expect(judged).toMatchObject({ verdict: "no_drift", reason: "below_effect_floor" });
    expect(gate(judged.gates, "shift")?.passed).toBe(true);
    expect(gate(judged.gates, "effect_warning")?.passed).toBe(false);
  });

  it("warns from a PSI excess of .02 on, and is critical from .1 on", () => {
    const verdicts = [40, 80, 150, 200, 320, 400, 500].map((moved) => at(moved));
    for (const { severity, verdict, gates } of verdicts) {
      const excess = gate(gates, "effect_warning")!.value;
      const shifted = gate(gates, "shift")!.passed;
      expect(verdict).toBe(shifted && excess >= 0.02 ? "drift" : "no_drift");
      if (verdict === "drift") expect(severity).toBe(excess >= 0.1 ? "critical" : "warning");
    }
    expect(new Set(verdicts.map(({ severity }) => severity ?? "none"))).toEqual(new Set(["none", "warning", "critical"]));
  });

  it("may only be critical in the longest window where the reference has too few days", () => {
    expect(at(900, {}, uncalibrated)).toMatchObject({ severity: "warning", reason: "shift", calibrated: false });
    expect(at(900, { window: "24h" }, uncalibrated)).toMatchObject({ severity: "critical", calibrated: false });
    expect(at(900, { window: "1h" }, calibrated)).toMatchObject({ severity: "critical", calibrated: true });
  });

  it("tolerates a PSI of .02 where the reference has too few days, which a comparison does not", () => {
    const values = [...uniform(1800), ...uniform(100, 0, 0.1), ...uniform(100, 0.9, 1)];
    expect(once({ values }, {}, uncalibrated).verdict).toBe("no_drift");
    expect(judge(windowOf(plain, { x: { values } }, { window: "all" }), compare)).toMatchObject({ verdict: "drift", severity: "warning" });
  });
});

describe("the bin test", () => {
  const outside = (share: number, total = 2000): number[] => [
    ...uniform(Math.round(total * (1 - share))),
    ...new Array(Math.round(total * share)).fill(2),
  ];

  it.each([
    [0.009, false],
    [0.02, true],
  ])("finds a share of %d beyond the range in the shortest window, critical from an increase of 1 %% on: %s", (share, hit) => {
    const judged = once({ values: outside(share) }, {}, calibrated);
    expect(gate(judged.gates, "out_of_range_increase")?.passed).toBe(hit);
    if (hit) expect(judged).toMatchObject({ severity: "critical", reason: "out_of_range", bin: "out_of_range" });
    else expect(judged).toMatchObject({ severity: "warning", reason: "shift" });
  });

  it("takes infinities for values out of range", () => {
    const judged = once({ values: uniform(1900), special: { positive_infinity: 60, negative_infinity: 40 } }, {}, calibrated);
    expect(judged).toMatchObject({ verdict: "drift", reason: "out_of_range", current_count: 2000 });
    expect(judged.statistics.ks?.value).toBeCloseTo(0.03, 3);
  });

  it("finds values between those of a feature of whole numbers", () => {
    const integers = numericFeature(
      "x",
      reference.map((value) => Math.floor(20 * value)),
    );
    const whole = prepareReference(snapshotOf([integers]), DEFAULT_POLICY);
    const values = uniform(2000).map((value, i) => (i % 25 === 0 ? Math.floor(18 * value) + 0.5 : Math.floor(20 * value)));
    expect(judge(windowOf(whole.snapshot, { x: { values } }, { window: "24h" }), whole)).toMatchObject({
      verdict: "drift",
      severity: "critical",
      reason: "gap",
      bin: "gap",
    });
  });

  it("finds categories that the reference never saw, but not those that Good and Turing expect", () => {
    const fresh = (feature: ReturnType<typeof categoricalFeature>, share: number) => {
      const prepared = prepareReference(snapshotOf([feature]), DEFAULT_POLICY);
      const values = Array.from({ length: 2000 }, (_, i) => (i % 100 < share * 100 ? `new${i}` : i % 2 === 0 ? "a" : "b"));
      return judge(windowOf(prepared.snapshot, { c: { values } }, { window: "24h" }), prepared);
    };
    expect(fresh(categoricalFeature("c", { a: 10_000, b: 10_000 }), 0.02)).toMatchObject({
      severity: "critical",
      reason: "unseen",
      bin: "other",
    });
    // A tenth of the reference's values came once: as many new ones are to be expected, and the frequent categories stay as they are.
    const tail = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`once${i}`, 1]));
    expect(fresh(categoricalFeature("c", { a: 9000, b: 9000, ...tail }), 0.1)).toMatchObject({
      verdict: "no_drift",
      reason: "within_noise",
    });
  });

  it("tests ordinary bins in the longest window only, and only warns", () => {
    // The last bin loses a third of its mass to all the others: PSI stays below the floor.
    const values = uniform(24_000).filter((value, i) => !(value > 0.9 && i % 3 === 0));
    const long = once({ values }, { window: "24h" }, calibrated);
    expect(long).toMatchObject({ verdict: "drift", severity: "warning", reason: "bin" });
    expect(gate(long.gates, "bin_change")).toMatchObject({ passed: true, limit: 0.1 });
    expect(long.bin).toMatch(/^\(0\.9/);
    expect(once({ values }, { window: "6h" }, calibrated).verdict).toBe("no_drift");
  });
});

describe("fixed thresholds", () => {
  const policy = (thresholds: Policy["thresholds"]): Policy => ({ ...DEFAULT_POLICY, thresholds });
  const values = twoSided(2000, 400);
  const psi = judge(windowOf(plain, { x: { values } }), uncalibrated).statistics.psi!.value;

  it.each<[string, FixedThreshold, string | undefined]>([
    ["at the critical limit", { warning: psi / 2, critical: psi }, "critical"],
    ["between the limits", { warning: psi, critical: psi * 1.001 }, "warning"],
    ["below both", { warning: psi * 1.001, critical: psi * 2 }, undefined],
    ["at the only limit", { critical: psi }, "critical"],
  ])("judge PSI %s", (_, limits, severity) => {
    const fixed = prepareReference(plain, policy({ psi: limits }));
    const judged = once({ values }, {}, fixed);
    expect(judged.severity).toBe(severity);
    expect(judged.reason).toBe(severity === undefined ? "within_noise" : "threshold");
    expect(judged.statistics.psi?.threshold).toBe(limits.warning ?? limits.critical);
  });

  it("take the worst of several statistics", () => {
    const fixed = prepareReference(plain, policy({ psi: { critical: 10 }, ks: { warning: 0.05 }, hellinger: { critical: 0.01 } }));
    const judged = once({ values }, {}, fixed);
    expect(judged.severity).toBe("critical");
    expect(gate(judged.gates, "ks_warning")?.passed).toBe(true);
    expect(gate(judged.gates, "psi_critical")?.passed).toBe(false);
  });

  it("do not judge too few values either", () => {
    const fixed = prepareReference(plain, policy({ psi: { critical: 0 } }));
    expect(once({ values: uniform(30) }, {}, fixed).verdict).toBe("insufficient_data");
  });
});

describe("quality beside drift", () => {
  it.each<[string, Special, string]>([
    ["nulls", { missing: 1000 }, "missing"],
    ["absent keys", { absent: 1000 }, "missing"],
    ["NaN", { nan: 1000 }, "nan"],
    ["wrong types", { wrong_type: 1000 }, "wrong_type"],
  ])("half of the rows being %s has a verdict of its own and is no drift", (_, special, check) => {
    const judged = once({ values: uniform(1000), special }, {}, calibrated);
    expect(judged.verdict).toBe("no_drift");
    expect(judged.current_count).toBe(1000);
    expect(judged.quality.filter(({ verdict }) => verdict === "drift")).toMatchObject([
      { check, verdict: "drift", reference_share: 0, current_share: 0.5 },
    ]);
  });

  it("does not mind the share that the reference has, nor growth of less than a point", () => {
    const half = prepareReference(snapshotOf([numericFeature("x", reference, { missing: 20_000 })]), DEFAULT_POLICY);
    const quality = (missing: number) => once({ values: uniform(50_000), special: { missing } }, {}, half).quality[0];
    expect(quality(50_000)).toMatchObject({ check: "missing", verdict: "no_drift", reference_share: 0.5, current_share: 0.5 });
    expect(quality(51_500)?.verdict).toBe("no_drift");
    expect(quality(56_000)?.verdict).toBe("drift");
  });

  it("gives the unseen and out of range shares", () => {
    const c = prepareReference(snapshotOf([categoricalFeature("c", { a: 500, b: 500 })]), DEFAULT_POLICY);
    const values = Array.from({ length: 400 }, (_, i) => (i < 100 ? "new" : i % 2 === 0 ? "a" : "b"));
    expect(judge(windowOf(c.snapshot, { c: { values } }), c).quality).toContainEqual(
      expect.objectContaining({ check: "unseen", verdict: "drift", reference_share: 0, current_share: 0.25 }),
    );
    expect(once({ values: [...uniform(300), ...new Array(100).fill(9)] }).quality).toContainEqual(
      expect.objectContaining({ check: "out_of_range", verdict: "drift", reference_share: 0, current_share: 0.25 }),
    );
  });
});

describe("the statistics shown", () => {
  const window = windowOf(plain, { x: { values: twoSided(3000, 300) } }, { window: "all" });

  it("are those of the detectors over the coarse and fine bins of the snapshot", () => {
    const { statistics } = judge(window, compare);
    const r = referenceCoarse(x);
    const c = coarseCounts(x, window.counts, 0, new Float64Array(r.length));
    const fine = Array.from(window.counts.subarray(0, x.counts.length));
    expect(statistics.psi?.value).toBe(detectors.psi(r, c));
    expect(statistics.psi?.excess).toBe(detectors.psiExcess(r, c));
    expect(statistics.kl).toEqual({ value: detectors.kl(r, c), direction: "current||reference" });
    expect(statistics.kl_reverse).toEqual({
      value: detectors.kl(r, c, { direction: "reference||current" }),
      direction: "reference||current",
    });
    expect(statistics.g?.value).toBe(detectors.g(r, c));
    expect(statistics.ks?.value).toBeCloseTo(detectors.ks(x.counts, fine)!, 14);
    expect(statistics.ks!.upper).toBeGreaterThan(statistics.ks!.value);
    expect(statistics.ks!.upper - statistics.ks!.value).toBeLessThan(1 / 128);
    expect(statistics.jensen_shannon?.value).toBe(detectors.jensenShannon(r, c));
    expect(statistics.wasserstein?.value).toBeCloseTo(0.045, 2);
    expect(statistics.g?.degrees_of_freedom).toBe(9);
  });

  it("has nothing of order for categories", () => {
    const c = prepareReference(snapshotOf([categoricalFeature("c", { a: 500, b: 500 })]), DEFAULT_POLICY);
    const judged = judge(windowOf(c.snapshot, { c: { values: new Array(300).fill("a") } }), c);
    expect(Object.keys(judged.statistics).sort()).toEqual(
      ["chi_square", "g", "hellinger", "jensen_shannon", "kl", "kl_reverse", "psi", "total_variation"].sort(),
    );
  });

  it("are exactly zero for identical samples, with infinities too", () => {
    const infinite = numericFeature("x", reference, { positive_infinity: 7, negative_infinity: 1 });
    const prepared = prepareReference(snapshotOf([infinite]), comparePolicy(0.01));
    const same = windowOf(
      prepared.snapshot,
      { x: { values: reference, special: { positive_infinity: 7, negative_infinity: 1 } } },
      { window: "all" },
    );
    const { statistics, verdict } = judge(same, prepared);
    expect(verdict).toBe("no_drift");
    for (const statistic of Object.values(statistics)) expect(statistic.value).toBe(0);
  });

  it("hold the limits that decide", () => {
    const { statistics, gates } = judge(window, compare);
    expect(statistics.g?.threshold).toBe(gate(gates, "shift")?.limit);
    expect(statistics.ks?.threshold).toBe(gate(gates, "location")?.limit);
    expect(statistics.ks?.value).toBe(gate(gates, "location")?.value);
    expect(statistics.psi!.value >= statistics.psi!.threshold!).toBe(gate(gates, "effect_warning")?.passed);
  });
});

describe("an evaluation", () => {
  const two = prepareReference(snapshotOf([x, numericFeature("y", reference)]), DEFAULT_POLICY);
  const drifting = () => windowOf(two.snapshot, { x: { values: uniform(1000) }, y: { values: uniform(1000, 0, 0.5) } }, { window: "24h" });

  it("takes the verdict of the worst feature", () => {
    expect(evaluateWindow(drifting(), two)).toMatchObject({ verdict: "drift", severity: "critical", reason: "shift" });
    const y = { values: uniform(1000) };
    expect(evaluateWindow(windowOf(two.snapshot, { y }), two)).toMatchObject({ verdict: "no_drift" });
    expect(evaluateWindow(windowOf(two.snapshot, {}), two)).toMatchObject({ verdict: "insufficient_data", reason: "too_few_values" });
  });

  it("says the same in outcomes, in features and feature by feature", () => {
    const evaluation = evaluateWindow(drifting(), two);
    expect(evaluation.outcomes?.features).toEqual(["x", "y"]);
    expect([...evaluation.outcomes!.codes].map((code) => OUTCOMES[code])).toEqual(["no_drift", "critical"]);
    expect(evaluation.features.map(({ severity, verdict }) => severity ?? verdict)).toEqual(["no_drift", "critical"]);
    expect(featureEvaluation(evaluation, 1)).toBe(evaluation.features[1]);
    expect(featureEvaluation(evaluation, 2)).toBeUndefined();
  });

  it("keeps what it saw when the window's running sums go on", () => {
    const window = drifting();
    const evaluation = evaluateWindow(window, two);
    const seen = JSON.stringify(evaluateWindow(drifting(), two));
    (window.counts as Uint32Array).fill(0);
    for (const { values } of window.blocks) values.fill(0);
    expect(JSON.stringify(evaluation)).toBe(seen);
  });

  it("carries the digests of policy and reference", () => {
    const evaluation = evaluateWindow(drifting(), two);
    expect(evaluation.policy).toBe(two.policyDigest);
    expect(evaluation.referenceDigest).toBe("sha256:test");
    expect(insufficientEvaluation(drifting(), "no_reference", two.policyDigest, null)).toMatchObject({
      verdict: "insufficient_data",
      reason: "no_reference",
      referenceDigest: null,
      features: [],
    });
  });

  it("judges the features that the policy names", () => {
    const only = (features: Policy["features"]) => prepareReference(two.snapshot, { ...DEFAULT_POLICY, features }).names;
    expect(only({ include: ["y"], exclude: [] })).toEqual(["y"]);
    expect(only({ exclude: ["y"] })).toEqual(["x"]);
  });

  it("holds no number that JSON cannot, and decides with gates as without, whatever was counted", () => {
    const names = ["x", "c", "empty", "one"];
    const features = [
      numericFeature("x", reference.slice(0, 3000), { positive_infinity: 3, nan: 4 }),
      categoricalFeature("c", { a: 50, b: 49, c: 1, "": 100 }, { wrong_type: 2 }),
      numericFeature("empty", []),
      numericFeature("one", new Array(500).fill(7)),
    ];
    const slots = calibrationOf(features[0] as ReturnType<typeof numericFeature>, 8, (slot) => uniform(slot % 97));
    const references = [
      prepareReference(snapshotOf(features), DEFAULT_POLICY),
      prepareReference(snapshotOf(features, slots), DEFAULT_POLICY),
      prepareReference(snapshotOf(features), comparePolicy(0.01)),
      prepareReference(snapshotOf(features), { ...DEFAULT_POLICY, thresholds: { psi: { warning: 0.1 }, ks: { critical: 0.2 } } }),
    ];
    const special = fc.record({
      unseen: fc.nat(300),
      absent: fc.nat(300),
      missing: fc.nat(300),
      nan: fc.nat(300),
      positive_infinity: fc.nat(300),
      negative_infinity: fc.nat(300),
      wrong_type: fc.nat(300),
    });
    const value = fc.oneof(
      fc.constantFrom(-Number.MAX_VALUE, Number.MAX_VALUE, 0, -0, 5e-324, 7),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1, max: 2 }),
    );
    const held = fc.record({
      x: fc.record({ values: fc.array(value, { maxLength: 400 }), special: special.map(({ unseen: _, ...rest }) => rest) }),
      c: fc.record({
        values: fc.array(fc.constantFrom("a", "b", "c", "", "new"), { maxLength: 400 }),
        special: special.map(({ missing, absent }) => ({ missing, absent })),
      }),
      empty: fc.record({ values: fc.array(value, { maxLength: 300 }) }),
      one: fc.record({ values: fc.array(fc.constantFrom(7, 7, 7, 8), { maxLength: 300 }) }),
    });
    fc.assert(
      fc.property(held, fc.constantFrom("1h", "6h", "24h"), fc.constantFrom(0, 1, 2, 3), (counts, name, which) => {
        const judged = references[which]!;
        const window = windowOf(judged.snapshot, counts, { window: which === 2 ? "all" : name });
        const evaluation = evaluateWindow(window, judged);
        const written = JSON.parse(JSON.stringify(evaluation), (key, item) => {
          if (item === null && key !== "referenceDigest") throw new Error(`${key} is not finite`);
          return item;
        });
        expect(written.features.map(({ feature }: { feature: string }) => feature)).toEqual(names);
        for (const [i, { verdict, severity }] of evaluation.features.entries()) {
          expect(severity ?? verdict).toBe(OUTCOMES[evaluation.outcomes!.codes[i]!]);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("healthy streams", () => {
  it("raise no alarm without calibration, over 20 features and 200 looks", () => {
    const normal = createNormal(createRandom(3));
    const features = Array.from({ length: 20 }, (_, i) => numericFeature(`f${i}`, Float64Array.from({ length: 3000 }, normal)));
    const judged = prepareReference(snapshotOf(features), DEFAULT_POLICY);
    let alarms = 0;
    for (let look = 0; look < 200; look++) {
      const held = Object.fromEntries(features.map(({ feature }) => [feature, { values: Float64Array.from({ length: 200 }, normal) }]));
      const { outcomes } = evaluateWindow(windowOf(judged.snapshot, held), judged);
      alarms += outcomes!.codes.filter((code) => code > 1).length;
    }
    expect(alarms).toBe(0);
  });
});
