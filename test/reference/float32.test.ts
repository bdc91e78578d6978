import { describe, expect, it } from "vitest";
import { beforeFloat32, isShortDecimal } from "../../src/reference/float32.ts";

describe("a value that was rounded to float32", () => {
  const edges = Float64Array.of(0.09999999999999999, 0.1, 0.29999999999999993, 0.3, 5);

  it.each([
    ["is the reference's that it was rounded from", Math.fround(0.1), 0.1],
    ["from above too", Math.fround(0.3), 0.3],
    ["stays where no value of the reference is near", Math.fround(0.2), Math.fround(0.2)],
    ["stays when it needed no rounding", 5, 5],
    ["stays below the first edge", Math.fround(-0.1), Math.fround(-0.1)],
    ["stays above the last", Math.fround(7.7), Math.fround(7.7)],
  ])("%s", (_, value, before) => {
    expect(beforeFloat32(edges, value)).toBe(before);
  });
});

it.each([
  [3, true],
  [0.5, true],
  [0.1, true],
  [123456.789, true],
  [Math.fround(0.1), false],
  [1 / 3, false],
  [-0, true],
])("%d is a short decimal: %s", (value, short) => {
  expect(isShortDecimal(value)).toBe(short);
});
