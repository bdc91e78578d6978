import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ks, ksBracket, ksCritical, ksPValue } from "../../detectors/index.ts";

/** Exact two-sample D on raw values: the supremum over every value of either sample. */
function exactD(reference: readonly number[], current: readonly number[]): number {
  const share = (values: readonly number[], x: number) => values.filter((value) => value <= x).length / values.length;
  return Math.max(...[...reference, ...current].map((x) => Math.abs(share(reference, x) - share(current, x))));
}

const bits = new Float64Array(1);
const words = new BigInt64Array(bits.buffer);
function nextDown(x: number): number {
  if (x === 0) return -5e-324;
  bits[0] = x;
  words[0]! += x > 0 ? -1n : 1n;
  return bits[0]!;
}

/**
 * Edges as the theory wants them: right-closed bins, reference values only, an atom (count at least max(2, m/B)) between `nextDown(a)` and `a`,
 * the others filled greedily up to max(1, m/B).
 */
function makeEdges(reference: readonly number[], bins: number): number[] {
  const m = reference.length;
  const target = Math.max(1, m / bins);
  const counts = new Map<number, number>();
  for (const value of [...reference].sort((a, b) => a - b)) counts.set(value, (counts.get(value) ?? 0) + 1);
  const edges = new Set<number>();
  const values = [...counts];
  edges.add(nextDown(values[0]![0]));
  let filled = 0;
  values.forEach(([value, count], i) => {
    const previous = values[i - 1]?.[0];
    const atom = 2 * values.length <= bins || count >= Math.max(2, m / bins);
    if (previous !== undefined && filled > 0 && (atom || filled + count > target)) {
      edges.add(previous);
      filled = 0;
    }
    if (atom) {
      edges.add(nextDown(value));
      edges.add(value);
    } else filled += count;
  });
  edges.add(values.at(-1)![0]);
  return [...edges].sort((a, b) => a - b);
}

const binned = (edges: readonly number[], values: readonly number[]) => {
  const counts = new Float64Array(edges.length + 1);
  for (const value of values) counts[edges.filter((edge) => edge < value).length]! += 1;
  return counts;
};

/** 1 where a bin holds one float64 only; the outer bins need no mark. */
const singletons = (edges: readonly number[]) => [0, ...edges.slice(1).map((edge, i) => (nextDown(edge) === edges[i] ? 1 : 0)), 0];

/** Ties, atoms, both zeros, denormals, infinities of size, and plain values. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: -100, max: 100, noNaN: true }) },
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 5e-324, -5e-324, 1e-310, 1e300, -1e300, Number.MAX_VALUE, 0.1, Math.fround(0.1)) },
);
const sample = fc.array(value, { minLength: 1, maxLength: 60 });

describe("the certified bracket", () => {
  test.each([4, 8, 16, 256])("D at the edges <= exact D <= upper, and within max(1/B, 1/m), for B = %d", (bins) => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        const edges = makeEdges(reference, bins);
        const exact = exactD(reference, current);
        const { lower, upper } = ksBracket(binned(edges, reference), binned(edges, current), singletons(edges))!;
        expect(lower).toBeLessThanOrEqual(exact + 1e-15);
        expect(upper).toBeGreaterThanOrEqual(exact - 1e-15);
        expect(exact - lower).toBeLessThanOrEqual(Math.max(1 / bins, 1 / reference.length) + 1e-15);
      }),
      { numRuns: 300 },
    );
  });

  test("its lower end is D, bit for bit", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 2, maxLength: 20 }), (rows) => {
        const r = rows.map(([x]) => x);
        const c = rows.map(([, x]) => x);
        expect(ksBracket(r, c, Array(rows.length).fill(0))?.lower).toBe(ks(r, c));
      }),
    );
  });

  test("bins of one value leave nothing open", () => {
    expect(ksBracket([10, 10, 10, 10], [5, 5, 15, 15], [1, 1, 1, 1])).toEqual({ lower: 0.25, upper: 0.25 });
  });

  test("a bin with an interior leaves its mass open", () => {
    expect(ksBracket([10, 10, 10, 10], [5, 5, 15, 15], [0, 0, 0, 0])).toEqual({ lower: 0.25, upper: 0.5 });
  });

  test("bins outside the reference's range need no mark", () => {
    expect(ksBracket([0, 10, 0], [5, 10, 5], [0, 1, 0])).toEqual({ lower: 0.25, upper: 0.25 });
  });

  test("an atom that moves by 1e-9 out of its bin is seen whole", () => {
    const reference = [...Array<number>(40).fill(0), ...Array.from({ length: 60 }, (_, i) => i + 1)];
    const edges = makeEdges(reference, 16);
    for (const moved of [-1e-9, 1e-9]) {
      const current = reference.map((x) => (x === 0 ? moved : x));
      expect(ks(binned(edges, reference), binned(edges, current))).toBeCloseTo(0.4, 12);
    }
  });

  test("a constant feature that changes its value has D = 1", () => {
    const edges = makeEdges([7, 7, 7], 256);
    for (const moved of [6.9999, 7.0001]) expect(ks(binned(edges, [7, 7, 7]), binned(edges, [moved]))).toBe(1);
    expect(ks(binned(edges, [7, 7, 7]), binned(edges, [7]))).toBe(0);
  });

  test("an empty side has no bracket", () => {
    expect(ksBracket([1, 1], [0, 0], [0, 0])).toBeUndefined();
  });

  test.each([
    ["marks of another length", [1, 2], [1, 2], [0]],
    ["a negative count", [1, -2], [1, 2], [0, 0]],
    ["NaN", [1, 2], [1, Number.NaN], [0, 0]],
    ["one bin", [1], [1], [0]],
  ])("%s is a RangeError", (_name, r, c, marks) => {
    expect(() => ksBracket(r, c, marks)).toThrow(RangeError);
  });
});

describe("p-value and critical value", () => {
  test("D at the critical value has the p-value alpha", () => {
    for (const alpha of [0.5, 0.05, 1e-6, 1e-15]) expect(ksPValue(ksCritical(alpha, 1e6, 14_400), 1e6, 14_400) / alpha).toBeCloseTo(1, 10);
  });

  test("at alpha 2e-6 it is 2.63 / sqrt(en)", () => {
    expect(ksCritical(2e-6, 2e9, 14_000) * Math.sqrt(14_000)).toBeCloseTo(2.63, 1);
  });

  test("no difference has the p-value 1, the largest a vanishing one", () => {
    expect(ksPValue(0, 1000, 100)).toBe(1);
    expect(ksPValue(1, 1000, 100)).toBeLessThan(1e-70);
  });

  test.each([
    ["D above 1", () => ksPValue(1.1, 10, 10)],
    ["D is NaN", () => ksPValue(Number.NaN, 10, 10)],
    ["no rows", () => ksPValue(0.1, 0, 10)],
    ["alpha 0", () => ksCritical(0, 10, 10)],
    ["infinitely many rows", () => ksCritical(0.1, Number.POSITIVE_INFINITY, 10)],
  ])("%s is a RangeError", (_name, call) => {
    expect(call).toThrow(RangeError);
  });
});
