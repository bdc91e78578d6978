/** The rule of `compare`: each of its tests finds what it is there for, and not what is too small; its numbers stand in the gates. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { betaBinomialSf, chi2Isf, hypergeometricSf, kolmogorovIsf } from "../../detectors/index.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { joinCategories, joinNumeric } from "../../src/evaluate/compare-groups.ts";
import type { FeatureEvaluation, Gate } from "../../src/evaluate/evaluation.ts";
import { comparePolicy } from "../../src/evaluate/policy.ts";
import { prepareFeature } from "../../src/evaluate/prepared-feature.ts";
import type { SnapshotFeature } from "../../src/reference/snapshot.ts";
import { categoricalFeature, type Held, judge, numericFeature, snapshotOf, uniform, windowOf } from "./make.ts";

const FALSE_ALARM = 0.01;
/** One feature: the level of each of its three tests. */
const ALPHA = FALSE_ALARM / 3;

function compare(feature: SnapshotFeature, held: Held): FeatureEvaluation {
  const reference = prepareReference(snapshotOf([feature]), comparePolicy(FALSE_ALARM));
  return judge(windowOf(reference.snapshot, { [feature.feature]: held }, { window: "all" }), reference);
}

const gate = ({ gates }: FeatureEvaluation, name: string): Gate => gates.find((one) => one.gate === name)!;
const repeat = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).flatMap(([name, count]) => new Array<string>(count).fill(name));

describe("too little data", () => {
  it.each([
    ["29 values", 1000, 29, "insufficient_data"],
    ["30 values", 1000, 30, "no_drift"],
    ["a reference of 29", 29, 1000, "insufficient_data"],
    ["a reference of 30", 30, 1000, "no_drift"],
  ])("%s", (_, m, n, verdict) => {
    const judged = compare(numericFeature("x", uniform(m)), { values: uniform(n) });
    expect(judged.verdict).toBe(verdict);
    if (verdict === "insufficient_data") expect(judged.reason).toBe("too_few_values");
  });

  it("a reference without values is told from one with too few", () => {
    expect(compare(numericFeature("x", []), { values: uniform(1000) }).reason).toBe("empty_reference");
  });

  it("thirty values against thirty are enough to see what is great", () => {
    expect(compare(numericFeature("x", uniform(30)), { values: uniform(30, 0, 0.4) }).verdict).toBe("drift");
  });
});

describe("shift", () => {
  const x = numericFeature("x", uniform(5000));

  it("is G over ten bins against chi-square, and an effect", () => {
    const judged = compare(x, { values: [...uniform(3000, 0, 0.5), ...uniform(2000, 0.5, 1)] });
    expect(judged).toMatchObject({ verdict: "drift", severity: "warning", reason: "shift" });
    expect(gate(judged, "shift").limit).toBeCloseTo(chi2Isf(ALPHA, 9), 8);
    expect(gate(judged, "shift").value).toBeGreaterThan(90);
    expect(gate(judged, "effect_warning").passed).toBe(true);
    expect(gate(judged, "effect_critical").passed).toBe(false);
    expect(compare(x, { values: uniform(5000, 0, 0.7) })).toMatchObject({ severity: "critical", reason: "shift" });
  });

  it("that is real and small is below the floor", () => {
    const judged = compare(numericFeature("x", uniform(50_000)), { values: [...uniform(26_500, 0, 0.5), ...uniform(23_500, 0.5, 1)] });
    expect(judged).toMatchObject({ verdict: "no_drift", reason: "below_effect_floor" });
    expect(gate(judged, "shift").passed).toBe(true);
  });

  it("of a value that dies out needs no count of its own", () => {
    expect(compare(categoricalFeature("c", { a: 500, b: 500, c: 100 }), { values: repeat({ a: 550, b: 550 }) })).toMatchObject({
      verdict: "drift",
      reason: "shift",
    });
  });
});

it("location is the distance of the cumulative shares against Kolmogorov's law", () => {
  const judged = compare(numericFeature("x", uniform(400)), { values: uniform(300, 0.1, 1.0) });
  const { value, limit } = gate(judged, "location");
  expect(limit).toBeCloseTo(kolmogorovIsf(ALPHA) / Math.sqrt((400 * 300) / 700), 12);
  expect(value).toBeCloseTo(0.1, 2);
  expect(gate(judged, "effect_location")).toMatchObject({ value, passed: true });
});

describe("what the reference has not seen", () => {
  const x = numericFeature("x", uniform(1000));

  it.each([
    ["2 %", 20, "drift"],
    ["half a per cent", 5, "no_drift"],
  ])("beyond its range: %s", (_, beyond, verdict) => {
    const judged = compare(x, { values: [...uniform(1000 - beyond), ...new Array<number>(beyond).fill(5)] });
    expect(judged.verdict).toBe(verdict);
    if (verdict === "drift") expect(judged).toMatchObject({ severity: "critical", reason: "out_of_range", bin: "out_of_range" });
    expect(gate(judged, "out_of_range_p").value).toBeCloseTo(betaBinomialSf(beyond, 1000, 2, 999), 12);
  });

  it("infinities are beyond it, and expected where the reference has them", () => {
    const some = { values: uniform(960), special: { positive_infinity: 40 } };
    expect(compare(x, some)).toMatchObject({ verdict: "drift", reason: "out_of_range" });
    expect(compare(numericFeature("x", uniform(960), { positive_infinity: 40 }), some).verdict).toBe("no_drift");
  });

  it.each([
    ["of a whole feature is drift", 0, 40, "drift"],
    ["is expected where as many were seen once", 40, 40, "no_drift"],
    ["is drift where it is several times as many", 40, 160, "drift"],
  ])("a share of new categories %s", (_, once, unseen, verdict) => {
    const rare = Object.fromEntries(Array.from({ length: once }, (_unused, i) => [`r${i}`, 1]));
    const judged = compare(categoricalFeature("c", { a: 600, b: 400 - once, ...rare }), {
      values: [...repeat({ a: 600, b: 400 - once }), ...Array.from({ length: unseen }, (_unused, i) => `new ${i}`)],
    });
    expect(judged.verdict).toBe(verdict);
    expect(gate(judged, "unseen_p").passed).toBe(verdict === "drift");
  });

  it("a value between those of a lattice is a gap", () => {
    const steps = numericFeature(
      "x",
      Array.from({ length: 2000 }, (_, i) => 5 * (i % 8)),
    );
    const values = Array.from({ length: 1000 }, (_, i) => (i < 30 ? 7 : 5 * (i % 8)));
    expect(compare(steps, { values })).toMatchObject({ verdict: "drift", severity: "critical", reason: "gap" });
  });
});

describe("a single category", () => {
  const c = categoricalFeature("c", { a: 4890, b: 100, c: 10 });

  it.each([
    ["twice as frequent", { a: 4790, b: 210 }, "drift"],
    ["half as much more", { a: 4850, b: 150 }, "no_drift"],
    ["rare, and still below a hundredth", { a: 4855, b: 100, c: 45 }, "no_drift"],
    ["rare no more", { a: 4780, b: 100, c: 120 }, "drift"],
  ])("%s", (_, current, verdict) => {
    expect(compare(c, { values: repeat(current) }).verdict).toBe(verdict);
  });

  it("is named, with Fisher's exact chance", () => {
    const judged = compare(c, { values: repeat({ a: 4780, b: 210, c: 10 }) });
    expect(judged).toMatchObject({ verdict: "drift", severity: "warning", reason: "bin", bin: "b" });
    expect(gate(judged, "bin_p").value).toBeCloseTo(hypergeometricSf(210, 310, 5000, 10_000), 12);
    // Half of the level of the test of single bins, shared by three categories.
    expect(gate(judged, "bin_p").limit).toBeCloseTo(ALPHA / 2 / 3, 12);
  });

  it("that others hide among the rare is named too", () => {
    const rare = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`r${i}`, 4]));
    const judged = compare(categoricalFeature("c", { a: 16_000, ...rare }), { values: repeat({ a: 240, r7: 12, r8: 24, r9: 24 }) });
    expect(gate(judged, "bin_p").passed).toBe(true);
  });
});

describe("the bins of a comparison", () => {
  const counts = fc.array(fc.nat({ max: 60 }), { minLength: 2, maxLength: 60 });
  const sum = (list: ArrayLike<number>) => Array.from(list).reduce((total, count) => total + count, 0);

  it("hold every value of both samples once, and enough of them", () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const size = Math.min(a.length, b.length);
        const [reference, current] = [a.slice(0, size), b.slice(0, size)];
        const [m, n] = [sum(reference), sum(current)];
        fc.pre(m >= 30 && n >= 30);
        const groups = joinCategories({ reference, current, m, n });
        expect(sum(groups.reference)).toBe(m);
        expect(sum(groups.current)).toBe(n);
        const least = (5 * (m + n)) / Math.min(m, n);
        for (const [k, r] of groups.reference.entries())
          if (groups.reference.length > 1) expect(r + groups.current[k]!).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  it("of categories are the same whichever sample is the reference", () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const size = Math.min(a.length, b.length);
        const [reference, current] = [a.slice(0, size), b.slice(0, size)];
        const [m, n] = [sum(reference), sum(current)];
        fc.pre(m >= 30 && n >= 30);
        const forth = joinCategories({ reference, current, m, n });
        const back = joinCategories({ reference: current, current: reference, m: n, n: m });
        expect(back.reference).toEqual(forth.current);
        expect(back.current).toEqual(forth.reference);
      }),
    );
  });

  it.each([
    ["ten of a continuous feature", uniform(1000), 10],
    ["six where thirty values must be enough for five in each", uniform(30), 6],
    ["one for each of a few values", Array.from({ length: 900 }, (_, i) => i % 3), 3],
    ["one for a frequent value, nine for the rest", Array.from({ length: 1000 }, (_, i) => (i < 400 ? 0 : i)), 10],
  ])("are %s", (_, values, bins) => {
    const feature = prepareFeature(numericFeature("x", values));
    const fine = feature.fine!;
    const groups = joinNumeric(feature, { reference: fine, current: fine, m: values.length, n: values.length });
    expect(groups.reference).toHaveLength(bins);
    expect(sum(groups.reference)).toBe(values.length);
    expect(groups.current).toEqual(groups.reference);
  });
});
