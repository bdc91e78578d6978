/**
 * What only one statistic has: options, support points, tests, the arcsine scale, the one-pass function.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arcsine,
  arcsineDifference,
  areaGap,
  COARSE_STATISTICS,
  chi2Sf,
  chiSquareTest,
  coarseStatistics,
  degreesOfFreedom,
  detectors,
  g,
  gTest,
  hellinger,
  jensenShannon,
  wasserstein,
} from "../../detectors/index.ts";
import { midpointExcess } from "../../detectors/jensen-shannon.ts";

const rows = fc.array(fc.tuple(fc.nat(2000), fc.nat(2000)), { minLength: 2, maxLength: 30 });
const split = (pairs: readonly (readonly [number, number])[]) => [pairs.map(([x]) => x), pairs.map(([, x]) => x)] as const;

describe("G and chi-square", () => {
  test("bins that are empty on both sides are not counted in the degrees of freedom", () => {
    expect(degreesOfFreedom([5, 0, 5, 0], [4, 0, 6, 1])).toBe(2);
    expect(gTest([5, 0, 5], [4, 0, 6])).toMatchObject({ df: 1 });
  });

  test.each([
    ["G", gTest],
    ["chi-square", chiSquareTest],
  ])("%s over one non-empty bin has nothing to compare: 0, no degrees of freedom, p = 1", (_name, compute) => {
    expect(compute([0, 9, 0], [0, 4, 0])).toEqual({ statistic: 0, df: 0, pValue: 1 });
  });

  test.each([
    ["G", gTest],
    ["chi-square", chiSquareTest],
  ])("%s without a current sample has no answer", (_name, compute) => {
    expect(compute([5, 5], [0, 0])).toBeUndefined();
  });

  test("the p-value keeps its digits far out", () => {
    const result = gTest([10_000, 10_000], [700, 300])!;
    expect(result.pValue).toBe(chi2Sf(result.statistic, 1));
    expect(result.pValue).toBeGreaterThan(1e-40);
    expect(result.pValue).toBeLessThan(1e-30);
  });

  test("G is 4n times the Jensen-Shannon divergence when both samples have n rows", () => {
    expect(g([30, 70], [60, 40])).toBeCloseTo(4 * 100 * jensenShannon([30, 70], [60, 40])!, 10);
  });
});

describe("Jensen-Shannon", () => {
  test("base 2 and the distance are the same number in another form", () => {
    const nats = jensenShannon([30, 70, 5], [60, 40, 0])!;
    expect(jensenShannon([30, 70, 5], [60, 40, 0], { base: 2 })).toBe(nats / Math.LN2);
    expect(jensenShannon([30, 70, 5], [60, 40, 0], { distance: true })).toBe(Math.sqrt(nats));
    expect(jensenShannon([1, 0], [0, 1], { base: 2 })).toBe(1);
  });

  test.each([
    ["the series", 0.05, 0.002501042709730597],
    ["the series at its end", 0.1249, 0.015640825282790177],
    ["the logarithms", 0.6, 0.3854895140435148],
    ["no overlap", 1, 2 * Math.LN2],
    ["no difference", 0, 0],
  ])("its term keeps 14 digits: %s", (_name, t, truth) => {
    expect(Math.abs(midpointExcess(t) - truth)).toBeLessThanOrEqual(1e-14 * truth);
    expect(midpointExcess(-t)).toBe(midpointExcess(t));
  });

  test("a difference of one row in ten million keeps its digits", () => {
    // Second order: (1/8) sum (p - q)^2 / s.
    const d = 1e-7;
    expect(jensenShannon([5e6, 5e6], [5e6 + 1, 5e6 - 1])! / ((d * d) / 2)).toBeCloseTo(1, 8);
    expect(hellinger([5e6, 5e6], [5e6 + 1, 5e6 - 1])! ** 2 / ((d * d) / 2)).toBeCloseTo(1, 6);
  });
});

test("rounding does not carry Hellinger above 1", () => {
  const reference = [11, 3, 12, 4, 13, 5, 14, 6, 15, 7, ...Array<number>(10).fill(0)];
  const current = [...Array<number>(10).fill(0), ...Array<number>(10).fill(1)];
  expect(hellinger(reference, current)).toBe(1);
});

describe("Wasserstein", () => {
  test("a shift of every value by 10 is 10", () => {
    expect(wasserstein([1, 1, 0], [0, 1, 1], [0, 10, 20])).toBe(10);
  });

  test("it scales with the unit", () => {
    expect(wasserstein([3, 1, 4], [1, 5, 9], [0, 1000, 3000])).toBeCloseTo(1000 * wasserstein([3, 1, 4], [1, 5, 9], [0, 1, 3])!, 9);
  });

  test.each([
    ["of another length", [1, 2]],
    ["that descends", [1, 3, 2]],
    ["with NaN in a bin that is used", [1, Number.NaN, 2]],
    ["with an infinity in a bin that is used", [1, 2, Number.POSITIVE_INFINITY]],
  ])("a support %s is a RangeError", (_name, support) => {
    expect(() => wasserstein([1, 1, 1], [1, 1, 1], support)).toThrow(RangeError);
  });

  test("a result past the largest number is no answer", () => {
    expect(wasserstein([1, 0], [0, 1], [-Number.MAX_VALUE, Number.MAX_VALUE])).toBeUndefined();
  });
});

describe("area gap", () => {
  test("all current values on one side of the reference: one half", () => {
    expect(areaGap([0, 5, 5, 0], [7, 0, 0, 0])).toBe(0.5);
    expect(areaGap([0, 5, 5, 0], [0, 0, 0, 7])).toBe(0.5);
  });

  test("two curves that cross inside a bin: two triangles", () => {
    // F - G goes from 0 to -0.5, then to +0.25, then back: 0.2 * 0.25 + 0.6 * (0.25 + 0.0625)/(2 * 0.75) + 0.2 * 0.125.
    expect(areaGap([2, 6, 2], [14, -0, 6].map(Math.abs))).toBeCloseTo(0.2 * 0.25 + (0.6 * (0.25 + 0.01)) / (2 * 0.6) + 0.2 * 0.05, 12);
  });

  test("finer bins move it by less than the mass of a coarse bin", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(20)), { minLength: 40, maxLength: 40 }), (pairs) => {
        const [r, c] = split(pairs);
        fc.pre(c.some((x) => x > 0));
        const merge = (counts: readonly number[]) => {
          const merged = new Float64Array(counts.length / 4);
          counts.forEach((x, k) => {
            merged[Math.floor(k / 4)]! += x;
          });
          return merged;
        };
        const coarse = merge(r);
        const most = Math.max(...coarse) / coarse.reduce((a, b) => a + b, 0);
        expect(Math.abs(areaGap(merge(r), merge(c))! - areaGap(r, c)!)).toBeLessThanOrEqual(most);
      }),
    );
  });
});

describe("the arcsine scale", () => {
  test("half of the rows is pi/2", () => {
    expect(arcsine(50, 100)).toBeCloseTo(Math.PI / 2, 15);
  });

  test("swapping the samples changes the sign", () => {
    expect(arcsineDifference(3, 100, 9, 50)).toBe(-arcsineDifference(9, 50, 3, 100));
  });

  test("more rows in the bin than before is positive", () => {
    expect(arcsineDifference(0, 10_000, 10, 1000)).toBeGreaterThan(0.15);
  });

  test.each([
    ["more than the total", 6, 5],
    ["a negative count", -1, 5],
    ["no rows", 0, 0],
    ["NaN", Number.NaN, 5],
    ["an infinite total", 1, Number.POSITIVE_INFINITY],
  ])("%s is a RangeError", (_name, count, total) => {
    expect(() => arcsine(count, total)).toThrow(RangeError);
  });
});

describe("one pass over the coarse bins", () => {
  test("it equals the single functions to within rounding", () => {
    const single = new Map(detectors.map((detector) => [detector.name, detector.compute]));
    fc.assert(
      fc.property(rows, (pairs) => {
        const [r, c] = split(pairs);
        const out = new Float64Array(COARSE_STATISTICS.length);
        const answered = coarseStatistics(r, c, out);
        expect(answered).toBe(g(r, c) !== undefined);
        if (!answered) return;
        COARSE_STATISTICS.forEach((name, i) => {
          const value = name === "degrees_of_freedom" ? degreesOfFreedom(r, c) : single.get(name)!(r, c, r)!;
          expect(Math.abs(out[i]! - value), name).toBeLessThanOrEqual(1e-15 * Math.max(10, 10 * value));
        });
      }),
    );
  });

  test("identical samples give exactly the minimum", () => {
    const out = new Float64Array(COARSE_STATISTICS.length);
    expect(coarseStatistics([3, 0, 9], [3, 0, 9], out)).toBe(true);
    expect([...out]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test("an empty side leaves the output alone", () => {
    const out = new Float64Array(COARSE_STATISTICS.length).fill(-1);
    expect(coarseStatistics([3, 1], [0, 0], out)).toBe(false);
    expect(out.every((x) => x === -1)).toBe(true);
  });

  test.each([
    ["a short output", [1, 2], [1, 2], 8],
    ["a negative count", [1, -2], [1, 2], 9],
    ["lengths that differ", [1, 2], [1, 2, 3], 9],
  ])("%s is a RangeError", (_name, r, c, places) => {
    expect(() => coarseStatistics(r, c, new Float64Array(places))).toThrow(RangeError);
  });
});
