import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  binOf,
  binsOf,
  createFineBins,
  fineBinsOf,
  forEachRun,
  isOuter,
  isSingleton,
  nextDown,
  nextUp,
  padEdges,
} from "../../src/reference/bins.ts";

/** Statistics.md 1.1, word by word and slowly. */
function naiveBin(edges: readonly number[], x: number): number {
  return edges.filter((edge) => edge < x).length;
}

function runsOf(values: readonly number[]): { values: number[]; counts: number[] } {
  const runs = { values: [] as number[], counts: [] as number[] };
  forEachRun(Float64Array.from(values).sort(), (some, counts) => {
    runs.values.push(...some);
    runs.counts.push(...counts);
  });
  return runs;
}

/** Values with atoms, ties, both zeros, denormals, huge and neighbouring doubles. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -20, max: 20 }) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, min: -1e308, max: 1e308 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 5e-324, -5e-324, 1e308, -1e308, nextUp(1), nextDown(1), 1, Number.MAX_VALUE) },
);
const sample = fc.array(value, { minLength: 1, maxLength: 400 });
const binCount = fc.constantFrom(2, 4, 16, 64, 256);

describe("nextDown", () => {
  it.each([
    ["zero", 0, -5e-324],
    ["minus zero", -0, -5e-324],
    ["the least denormal", 5e-324, 0],
    ["one", 1, 1 - 2 ** -53],
    ["minus one", -1, -1 - 2 ** -52],
    ["the largest double", Number.MAX_VALUE, 1.7976931348623155e308],
    ["the smallest double", -Number.MAX_VALUE, Number.NEGATIVE_INFINITY],
  ])("of %s", (_, x, expected) => {
    expect(nextDown(x)).toBe(expected);
  });

  it("is undone by nextUp", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e308, min: -1e308 }), (x) => nextUp(nextDown(x)) === x));
  });
});

describe("fine bins", () => {
  it("put every value where the definition puts it, with counts that are a recount", () => {
    fc.assert(
      fc.property(sample, binCount, (values, bins) => {
        const { edges, counts } = fineBinsOf(values, bins);
        const recount = new Array<number>(edges.length + 1).fill(0);
        for (const x of values) recount[naiveBin(edges, x)]! += 1;
        expect(counts).toEqual(recount);
      }),
    );
  });

  it("begin just below the minimum and end at the maximum, ascending and finite, with nothing of the reference outside", () => {
    fc.assert(
      fc.property(sample, binCount, (values, bins) => {
        const { edges, counts } = fineBinsOf(values, bins);
        expect(edges[0]).toBe(nextDown(Math.min(...values)));
        expect(edges.at(-1)! + 0).toBe(Math.max(...values) + 0);
        expect(edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]!))).toBe(true);
        expect([counts[0], counts.at(-1)]).toEqual([0, 0]);
      }),
    );
  });

  it("have edges that are reference values or lie just below an atom, never interpolated", () => {
    fc.assert(
      fc.property(sample, binCount, (values, bins) => {
        const known = new Set(values.map((x) => x + 0));
        for (const edge of fineBinsOf(values, bins).edges) expect(known.has(edge + 0) || known.has(nextUp(edge) + 0)).toBe(true);
      }),
    );
  });

  it("hold an atom alone, and no other bin holds more than max(1, m/B)", () => {
    fc.assert(
      fc.property(sample, binCount, (values, bins) => {
        const { edges, counts } = fineBinsOf(values, bins);
        const m = values.length;
        const { values: distinct, counts: times } = runsOf(values);
        distinct.forEach((x, i) => {
          if (times[i]! >= Math.max(2, m / bins)) expect(isSingleton(edges, naiveBin(edges, x))).toBe(true);
        });
        counts.forEach((count, j) => {
          if (!isSingleton(edges, j)) expect(count).toBeLessThanOrEqual(Math.max(1, m / bins));
        });
      }),
    );
  });

  it("bracket the exact Kolmogorov–Smirnov distance to any current sample within max(1/B, 1/m)", () => {
    fc.assert(
      fc.property(sample, sample, binCount, (reference, current, bins) => {
        const { edges, counts } = fineBinsOf(reference, bins);
        const m = reference.length;
        const n = current.length;
        const below = (sample: readonly number[], x: number) => sample.filter((value) => value <= x).length;
        const distanceAt = (x: number) => Math.abs(below(reference, x) / m - below(current, x) / n);
        const exact = Math.max(...[...reference, ...current].map(distanceAt));
        const atEdges = Math.max(...edges.map(distanceAt));
        const interior = Math.max(0, ...counts.filter((_, j) => !isSingleton(edges, j) && !isOuter(edges, j)).map((count) => count / m));
        expect(atEdges).toBeLessThanOrEqual(exact + 1e-12);
        expect(exact).toBeLessThanOrEqual(atEdges + interior + 1e-12);
        expect(interior).toBeLessThanOrEqual(Math.max(1 / bins, 1 / m) + 1e-12);
      }),
      { numRuns: 200 },
    );
  });

  it("give each value its own bin when there are few, so that the distance is exact", () => {
    const { edges, counts } = fineBinsOf([3, 1, 1, 7.5], 256);
    expect(edges).toEqual([nextDown(1), 1, nextDown(3), 3, nextDown(7.5), 7.5]);
    expect(counts).toEqual([0, 2, 0, 1, 0, 1, 0]);
  });

  it("of a constant are two edges and three bins", () => {
    const { edges, counts } = fineBinsOf(new Array(500).fill(7));
    expect(edges).toEqual([nextDown(7), 7]);
    expect(counts).toEqual([0, 500, 0]);
  });

  it("take both zeros for one value", () => {
    const { edges, distinct, seenOnce } = fineBinsOf([-0, 0, 1]);
    expect({ edges, distinct, seenOnce }).toEqual({ edges: [-5e-324, 0, nextDown(1), 1], distinct: 2, seenOnce: 1 });
  });

  it("count the least double as below the minimum, since no number is below it", () => {
    const { edges, counts } = fineBinsOf([-Number.MAX_VALUE, -Number.MAX_VALUE, 0]);
    expect(edges).toEqual([-Number.MAX_VALUE, -5e-324, 0]);
    expect(counts).toEqual([2, 0, 1, 0]);
  });

  it("are the same however the sorted runs are cut into pieces", () => {
    const values = Float64Array.from({ length: 3000 }, (_, i) => Math.round(Math.sin(i) * 400) / 4 + (i % 3 === 0 ? Math.cos(i) : 0));
    const runs = runsOf([...values]);
    const builder = createFineBins(values.length, 64);
    for (let i = 0; i < runs.values.length; i += 7) builder.add(runs.values.slice(i, i + 7), runs.counts.slice(i, i + 7));
    expect(builder.finish()).toEqual(fineBinsOf(values, 64));
  });

  it("know the mean of the values of each bin", () => {
    const { means } = fineBinsOf([1, 2, 2, 10, 11, 12, 13, 14], 2);
    expect(means).toEqual([null, 3.75, 12.5, null]);
  });

  it("refuse to finish when fewer values came than were promised", () => {
    expect(() => createFineBins(3).finish()).toThrow(RangeError);
  });
});

describe("binOf", () => {
  it("agrees with counting the edges below the value, also at the edges, beside them and at infinity", () => {
    fc.assert(
      fc.property(sample, binCount, fc.array(fc.double({ noNaN: true })), (values, bins, others) => {
        const { edges } = fineBinsOf(values, bins);
        const padded = padEdges(edges);
        for (const x of [...others, ...edges.flatMap((edge) => [edge, nextDown(edge), nextUp(edge)])]) {
          expect(binOf(padded, x)).toBe(naiveBin(edges, x));
        }
      }),
    );
  });
});

describe("binsOf", () => {
  it("gives the bin of each value as binOf does, however many there are", () => {
    fc.assert(
      fc.property(sample, binCount, fc.array(fc.double({ noNaN: true })), (values, bins, others) => {
        const padded = padEdges(fineBinsOf(values, bins).edges);
        const asked = Float64Array.from([...others, ...values]);
        const found = new Int32Array(asked.length);
        binsOf(padded, asked, asked.length, found);
        expect([...found]).toEqual(Array.from(asked, (x) => binOf(padded, x)));
      }),
    );
  });
});
