import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { symmetricEigen } from "../../src/reference/eigen.ts";

describe("the eigen decomposition", () => {
  it.each<[string, number[], number, number[]]>([
    ["of one number is that number", [7], 1, [7]],
    ["of a diagonal is its entries, descending", [1, 0, 0, 0, 5, 0, 0, 0, 3], 3, [5, 3, 1]],
    ["of a pair correlated by .8", [1, 0.8, 0.8, 1], 2, [1.8, 0.2]],
    ["of equal columns has one value that is not 0", [1, 1, 1, 1, 1, 1, 1, 1, 1], 3, [3, 0, 0]],
    ["of a matrix with a negative value", [0, 2, 2, 0], 2, [2, -2]],
    // Eigenvalues 2 − 2 cos(kπ/5) of the second difference.
    [
      "of the second difference",
      [2, -1, 0, 0, -1, 2, -1, 0, 0, -1, 2, -1, 0, 0, -1, 2],
      4,
      [4, 3, 2, 1].map((k) => 2 - 2 * Math.cos((k * Math.PI) / 5)),
    ],
    ["of nothing", [0, 0, 0, 0], 2, [0, 0]],
  ])("%s", (_, matrix, n, values) => {
    const found = symmetricEigen(matrix, n).values;
    for (const [i, value] of values.entries()) expect(found[i]).toBeCloseTo(value, 12);
  });

  it("has unit vectors at right angles that make up the matrix again", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 64, maxLength: 64 }),
        (n, numbers) => {
          const matrix = Array.from(
            { length: n * n },
            (_, at) => numbers[Math.min(Math.floor(at / n), at % n) * 8 + Math.max(Math.floor(at / n), at % n)]!,
          );
          const { values, vectors } = symmetricEigen(matrix, n);
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < n; j++) {
              let product = 0;
              let entry = 0;
              for (let k = 0; k < n; k++) {
                product += vectors[i]![k]! * vectors[j]![k]!;
                entry += values[k]! * vectors[k]![i]! * vectors[k]![j]!;
              }
              expect(product).toBeCloseTo(i === j ? 1 : 0, 10);
              expect(entry).toBeCloseTo(matrix[i * n + j]!, 10);
            }
            if (i > 0) expect(values[i]).toBeLessThanOrEqual(values[i - 1]!);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("has vectors whose greatest entry is positive, the first of several", () => {
    for (const vector of symmetricEigen([1, -0.8, -0.8, 1], 2).vectors) expect(vector[0]).toBeGreaterThan(0);
    for (const vector of symmetricEigen([2, 0.5, 0.1, 0.5, 1, -0.3, 0.1, -0.3, 4], 3).vectors) {
      const greatest = [...vector].reduce((most, entry) => (Math.abs(entry) > Math.abs(most) ? entry : most), 0);
      expect(greatest).toBeGreaterThan(0);
    }
  });

  it("refuses a number that is none", () => {
    expect(() => symmetricEigen([1, Number.NaN, Number.NaN, 1], 2)).toThrow(RangeError);
  });
});
