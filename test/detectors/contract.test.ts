/**
 * What every statistic of the table must obey, the ones to come included.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Detector, detectors } from "../../detectors/index.ts";

const count = fc.oneof(fc.constant(0), fc.nat({ max: 5 }), fc.nat({ max: 5000 }));

/** Two count vectors over the same bins, neither of them empty. */
const pair = fc
  .integer({ min: 2, max: 30 })
  .chain((bins) => fc.tuple(fc.array(count, { minLength: bins, maxLength: bins }), fc.array(count, { minLength: bins, maxLength: bins })))
  .filter(([r, c]) => r.some((x) => x > 0) && c.some((x) => x > 0));

const supportOf = (counts: ArrayLike<number>) => Array.from({ length: counts.length }, (_, k) => k ** 1.5 - 10);
const compute = (detector: Detector, r: ArrayLike<number>, c: ArrayLike<number>) => detector.compute(r, c, supportOf(r));

/** These smooth by half a count, so scaling changes them; what holds instead is in psi.test.ts. */
const SMOOTHED = new Set(["psi", "kl", "kl_reverse"]);

test("the table names each statistic once, in the form of the JSON contract", () => {
  const names = detectors.map((detector) => detector.name);
  expect(new Set(names).size).toBe(names.length);
  for (const detector of detectors) {
    expect(detector.name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(detector.doc).toMatch(/^[A-Z].*\.$/);
  }
});

describe.each(detectors.map((detector) => [detector.name, detector] as const))("%s", (name, detector) => {
  test("identical samples give exactly the minimum", () => {
    fc.assert(
      fc.property(pair, ([r]) => {
        expect(compute(detector, r, r)).toBe(detector.range[0]);
      }),
    );
  });

  test.each([
    ["one value", [0, 7, 0]],
    ["two values", [4, 0, 6]],
    ["one row", [0, 1]],
    ["all rows out of range", [3, 0, 0, 0, 9]],
    ["a huge sample", [2 ** 51, 2 ** 51, 1]],
    ["fractions", [0.1, 0.2, 0.30000000000000004]],
  ])("identical samples give exactly the minimum: %s", (_case, counts) => {
    expect(compute(detector, counts, counts)).toBe(detector.range[0]);
  });

  test("a different sample of the same size gives more than the minimum", () => {
    expect(compute(detector, [50, 50, 10], [60, 40, 10])).toBeGreaterThan(detector.range[0]);
  });

  test("the answer is a finite number within the range", () => {
    fc.assert(
      fc.property(pair, ([r, c]) => {
        const value = compute(detector, r, c)!;
        expect(Number.isFinite(value)).toBe(true);
        expect(value).toBeGreaterThanOrEqual(detector.range[0]);
        if (detector.range[1] !== undefined) expect(value).toBeLessThanOrEqual(detector.range[1]);
      }),
    );
  });

  test("samples without a bin in common reach the upper end of the range", () => {
    const value = compute(detector, [0, 0, 30, 70], [5, 5, 0, 0])!;
    const most = detector.range[1];
    if (most === undefined) expect(value).toBeGreaterThan(compute(detector, [0, 0, 30, 70], [5, 5, 50, 40])!);
    else expect(value).toBeCloseTo(most, 12);
  });

  test("it is symmetric exactly when the table says so", () => {
    if (!detector.symmetric) {
      expect(compute(detector, [50, 50, 10], [60, 40, 100])).not.toBeCloseTo(compute(detector, [60, 40, 100], [50, 50, 10])!, 6);
      return;
    }
    fc.assert(
      fc.property(pair, ([r, c]) => {
        const forth = compute(detector, r, c)!;
        expect(Math.abs(compute(detector, c, r)! - forth)).toBeLessThanOrEqual(1e-12 * Math.max(1, forth));
      }),
    );
  });

  test("it depends on the order of the bins exactly when the table says so", () => {
    const r = [10, 20, 30, 40];
    const c = [30, 5, 40, 25];
    const ordered = compute(detector, r, c)!;
    // The swap of the two middle bins.
    const swapped = compute(detector, [10, 30, 20, 40], [30, 40, 5, 25])!;
    if (detector.needsOrder) expect(swapped).not.toBeCloseTo(ordered, 6);
    else expect(swapped).toBeCloseTo(ordered, 12);
  });

  // Smoothing adds a fixed amount to counts, so what is smoothed is not scale-free: `psi.test.ts` holds the unsmoothed forms.
  const scaleFree = SMOOTHED.has(name) ? () => {} : test;
  scaleFree("scaling both samples leaves an effect size as it is, and evidence grows in proportion", () => {
    fc.assert(
      fc.property(pair, fc.integer({ min: 2, max: 1000 }), ([r, c], factor) => {
        const once = compute(detector, r, c)!;
        const times = compute(
          detector,
          r.map((x) => x * factor),
          c.map((x) => x * factor),
        )!;
        expect(Math.abs(times - (detector.effectSize ? once : once * factor))).toBeLessThanOrEqual(1e-9 * Math.max(1, times));
      }),
    );
  });

  const sizeFree = detector.effectSize ? scaleFree : () => {};
  sizeFree("scaling one sample only leaves an effect size as it is", () => {
    expect(compute(detector, [300, 600, 90], [5, 5, 2])).toBeCloseTo(compute(detector, [100, 200, 30], [5, 5, 2])!, 12);
  });

  test("a bin that is empty on both sides changes nothing", () => {
    fc.assert(
      fc.property(pair, fc.nat(30), ([r, c], at) => {
        const k = at % (r.length + 1);
        const insert = (counts: readonly number[]) => [...counts.slice(0, k), 0, ...counts.slice(k)];
        const support = supportOf(r);
        const wider = [...support.slice(0, k), Number.NaN, ...support.slice(k)];
        expect(detector.compute(insert(r), insert(c), wider)).toBe(detector.compute(r, c, support));
      }),
    );
  });

  test("arrays, Float64Array and Uint32Array give the same bits", () => {
    fc.assert(
      fc.property(pair, ([r, c]) => {
        const value = compute(detector, r, c);
        expect(compute(detector, Float64Array.from(r), Uint32Array.from(c))).toBe(value);
        expect(compute(detector, Uint32Array.from(r), Float64Array.from(c))).toBe(value);
      }),
    );
  });

  test("inputs are not changed", () => {
    const r = Object.freeze([50, 0, 50, 3]);
    const c = Object.freeze([60, 4, 40, 0]);
    const support = Object.freeze([1, 2, 3, 4]);
    const typed = Float64Array.from(r);
    expect(detector.compute(r, c, support)).toBe(detector.compute(typed, c, support));
    expect(typed).toEqual(Float64Array.from(r));
  });

  test("the same call twice gives the same bits", () => {
    expect(compute(detector, [5, 6, 7], [7, 6, 1])).toBe(compute(detector, [5, 6, 7], [7, 6, 1]));
  });

  test.each([
    ["an empty reference", [0, 0], [1, 2]],
    ["an empty current side", [1, 2], [0, 0]],
    ["two empty sides", [0, 0], [0, 0]],
  ])("%s cannot be answered: undefined", (_case, r, c) => {
    expect(compute(detector, r, c)).toBeUndefined();
  });

  test.each([
    ["lengths that differ", [1, 2], [1, 2, 3]],
    ["one bin", [1], [1]],
    ["no bins", [], []],
    ["a negative reference count", [5, -1], [1, 2]],
    ["a negative current count", [1, 2], [5, -1]],
    ["NaN in the reference", [Number.NaN, 1], [1, 2]],
    ["NaN in the current side", [1, 2], [1, Number.NaN]],
    ["an infinity", [1, Number.POSITIVE_INFINITY], [1, 2]],
    ["infinities of both signs", [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY], [1, 2]],
    ["a sum past 2^53", [2 ** 53, 2 ** 53], [1, 2]],
    ["negative counts beside an empty side", [0, 0], [-1, 1]],
  ])("misuse is a RangeError that says what is required: %s", (_case, r, c) => {
    expect(() => compute(detector, r, c)).toThrow(RangeError);
    expect(() => compute(detector, r, c)).toThrow(/^\w+ requires /);
  });

  test("the smallest and the largest counts that are allowed give a finite answer or none", () => {
    for (const [r, c] of [
      [
        [5e-324, 1e-300],
        [1, 2],
      ],
      [
        [1e-300, 2 ** 52],
        [2 ** 52, 1e-300],
      ],
      [
        [5e-324, 5e-324],
        [5e-324, 5e-324],
      ],
    ] as const) {
      const value = compute(detector, r, c);
      if (value !== undefined) expect(Number.isFinite(value)).toBe(true);
    }
  });
});
