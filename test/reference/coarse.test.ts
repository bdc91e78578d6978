import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fineBinsOf, isSingleton } from "../../src/reference/bins.ts";
import {
  coarseCounts,
  coarseLabels,
  coarseOfCategorical,
  coarseOfNumeric,
  coarsePlan,
  referenceCoarse,
} from "../../src/reference/coarse.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import { categoricalFeature, numericFeature } from "./snapshots.ts";

const repeat = (x: number, times: number): number[] => new Array<number>(times).fill(x);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("coarse bins of a numeric feature", () => {
  it("are ten of nearly equal mass for many different values", () => {
    const feature = numericFeature(
      "x",
      range(5000).map((i) => Math.sin(i) * 100),
    );
    const plan = coarsePlan(feature);
    expect(plan.regular).toBe(10);
    for (const count of referenceCoarse(feature).slice(0, 10)) expect(Math.abs(count - 500)).toBeLessThanOrEqual(5000 / 256);
  });

  it("are one for each value of up to twelve, in order", () => {
    const feature = numericFeature(
      "x",
      range(12).flatMap((i) => repeat(i, i + 5)),
    );
    expect(coarsePlan(feature)).toEqual({ size: 14, regular: 12, outOfRange: 12, gap: 13, other: -1 });
    expect(coarseLabels(feature)).toEqual([...range(12).map(String), "out_of_range", "gap"]);
    expect([...referenceCoarse(feature)]).toEqual([...range(12).map((i) => i + 5), 0, 0]);
  });

  it("keep an atom of a twentieth of the mass for itself and cut the rest evenly", () => {
    const feature = numericFeature("x", [...repeat(0, 4000), ...range(6000).map((i) => 1 + i / 7)]);
    const counts = [...referenceCoarse(feature)];
    expect(coarseLabels(feature)[0]).toBe("0");
    expect(counts[0]).toBe(4000);
    expect(coarsePlan(feature).regular).toBe(10);
    for (const count of counts.slice(1, 10)) expect(Math.abs(count - 6000 / 9)).toBeLessThanOrEqual(40);
  });

  it("do not spread over an atom that has a bin of its own", () => {
    const feature = numericFeature("x", [...repeat(0, 3000), ...range(3000).map((i) => -1 - i / 7), ...range(3000).map((i) => 1 + i / 7)]);
    const labels = coarseLabels(feature);
    expect(labels).toContain("0");
    expect(labels.filter((label) => label.includes(", 0)"))).toHaveLength(1);
    expect(labels.filter((label) => label.startsWith("(0, "))).toHaveLength(1);
  });

  it("put an empty place between two values of a lattice into gap, and what lies outside into out_of_range", () => {
    const feature = numericFeature(
      "x",
      range(2000).map((i) => i % 50),
    );
    const { gap, outOfRange } = coarsePlan(feature);
    const binOfHalf = feature.edges.filter((edge) => edge < 3.5).length;
    expect(feature.coarse[binOfHalf]).toBe(gap);
    expect([feature.coarse[0], feature.coarse.at(-1)]).toEqual([outOfRange, outOfRange]);
  });

  it("have no gap where one value in a hundred is new: a new value among them is nothing strange", () => {
    const values = [...range(990).map((i) => i % 33), ...range(10).map((i) => 100 + 3 * i)];
    expect(coarsePlan(numericFeature("x", values)).gap).toBe(-1);
    expect(
      coarsePlan(
        numericFeature(
          "x",
          range(100).map((i) => Math.sqrt(i)),
        ),
      ).gap,
    ).toBe(-1);
  });

  it("are between one and twenty, cover every fine bin, and leave none without a reference value", () => {
    const sample = fc.array(fc.oneof(fc.integer({ min: 0, max: 30 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
      minLength: 1,
      maxLength: 600,
    });
    fc.assert(
      fc.property(sample, fc.constantFrom(16, 64, 256), (values, bins) => {
        const fine = fineBinsOf(values, bins);
        const coarse = coarseOfNumeric(fine);
        const feature = { ...numericFeature("x", values, bins), coarse };
        const { regular, outOfRange, gap, size } = coarsePlan(feature);
        expect(regular).toBeGreaterThanOrEqual(1);
        expect(regular).toBeLessThanOrEqual(20);
        expect(new Set(coarse).size).toBe(size);
        const counts = referenceCoarse(feature);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        for (let bin = 0; bin < regular; bin++) expect(counts[bin]).toBeGreaterThan(0);
        expect(counts[outOfRange]).toBe(0);
        if (gap >= 0) expect(counts[gap]).toBe(0);
        coarse.forEach((bin, j) => {
          if (bin === gap && gap >= 0) expect([isSingleton(fine.edges, j - 1), isSingleton(fine.edges, j + 1)]).toEqual([true, true]);
        });
      }),
    );
  });
});

describe("coarse bins of a categorical feature", () => {
  it("are one for each category of a hundredth of the mass, and rare for the rest", () => {
    const feature = categoricalFeature("c", { a: 900, b: 90, c: 10, d: 9, e: 1 });
    expect(feature.coarse).toEqual([0, 1, 2, 2, 2]);
    expect(coarseLabels(feature)).toEqual(["a", "b", "rare (3 categories)", "other"]);
    expect([...referenceCoarse(feature)]).toEqual([900, 90, 20, 0]);
  });

  it("are at most fifty of their own", () => {
    const coarse = coarseOfCategorical(repeat(100, 80), 8000);
    expect(Math.max(...coarse)).toBe(50);
    expect(coarse.filter((bin) => bin === 50)).toHaveLength(30);
  });

  it("need thirty values of their own where there are more than twelve, so that luck does not choose them", () => {
    expect(coarseOfCategorical([100, 30, 29, ...repeat(5, 10)], 209)).toEqual([0, 1, ...repeat(2, 11)]);
    expect(coarseOfCategorical([100, 30, 29, ...repeat(5, 9)], 204)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });

  it("count the values of unnamed categories as other", () => {
    expect([...referenceCoarse({ ...categoricalFeature("c", { a: 90, b: 10 }), unnamed: 7 })]).toEqual([90, 10, 7]);
  });
});

describe("coarseCounts", () => {
  const slots = (special: Partial<Record<(typeof SPECIAL_SLOTS)[number], number>>) => SPECIAL_SLOTS.map((name) => special[name] ?? 0);

  it("adds both infinities to out_of_range and leaves missing, NaN and wrong types out", () => {
    const feature = numericFeature("x", [1, 1, 2]);
    // Bins: below 1, {1}, between, {2}, above 2; one value in three is new, so "between" is no gap and goes with 1.
    expect(feature.coarse).toEqual([2, 0, 0, 1, 2]);
    const row = [
      9,
      9,
      30,
      20,
      1,
      40,
      50,
      ...slots({ absent: 100, missing: 100, nan: 100, positive_infinity: 2, negative_infinity: 1, wrong_type: 100 }),
    ];
    expect([...coarseCounts(feature, row, 2, new Float64Array(3))]).toEqual([21, 40, 83]);
  });

  it("adds unseen categories to other", () => {
    const feature = categoricalFeature("c", { a: 5, b: 5 });
    expect([...coarseCounts(feature, [1, 2, ...slots({ unseen: 3, missing: 9 })], 0, new Uint32Array(3))]).toEqual([1, 2, 3]);
  });
});
