import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sortDoubles } from "../../src/reference/sort.ts";

const LENGTH = 6000; // above the size from which it is a radix sort

describe("sortDoubles", () => {
  it.each<[string, (i: number) => number]>([
    ["whole numbers", (i) => (i * 7919) % 101],
    ["numbers of both signs over many magnitudes", (i) => Math.sin(i) * 10 ** ((i % 600) - 300)],
    ["neighbouring doubles, whose upper halves are equal", (i) => 1 + ((i * 7919) % LENGTH) * Number.EPSILON],
    ["negative neighbours", (i) => -1e9 - ((i * 7919) % LENGTH) * 1e-6],
    ["one value", () => 4.25],
    ["zeros and denormals", (i) => [0, -0, 5e-324, -5e-324][i % 4]!],
  ])("sorts %s like the built-in sort", (_, make) => {
    const values = Float64Array.from({ length: LENGTH }, (_, i) => make(i));
    const expected = values.slice().sort();
    expect(sortDoubles(values).every((x, i) => x === expected[i])).toBe(true);
  });

  it("sorts anything like the built-in sort", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }), (some) => {
        const values = Float64Array.from({ length: LENGTH }, (_, i) => some[(i * 31) % some.length]! * (i % 5));
        const expected = values.slice().sort();
        expect(sortDoubles(values).every((x, i) => x === expected[i])).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
