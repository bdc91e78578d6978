import { describe, expect, it } from "vitest";
import { psiExcess, psiInterval } from "../../detectors/index.ts";
import { createDraw } from "../../src/evaluate/draw.ts";

const SHARES = [0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.15];

/** Shares tilted by `strength` across the bins. */
function tilted(strength: number): number[] {
  const weights = SHARES.map((share, k) => share * Math.exp(strength * (k / 4.5 - 1)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

const psiOf = (p: readonly number[], q: readonly number[]) =>
  q.reduce((sum, share, k) => sum + (share - p[k]!) * Math.log(share / p[k]!), 0);

describe("the interval holds the true PSI in 95 of 100 samples", () => {
  it.each([
    ["no change", 20_000, 3_000, 0],
    ["a small change", 20_000, 3_000, 0.25],
    ["a large change", 20_000, 3_000, 1],
    ["two samples of one size", 2_000, 2_000, 0.5],
    ["a day against months", 1_000_000, 14_400, 0.25],
  ])("for %s", (_, m, n, strength) => {
    const draw = createDraw(m + n + 100 * strength);
    const q = tilted(strength);
    const truth = psiOf(SHARES, q);
    let above = 0;
    let below = 0;
    for (let i = 0; i < 2_000; i++) {
      const interval = psiInterval(
        SHARES.map((share) => draw.poisson(m * share)),
        q.map((share) => draw.poisson(n * share)),
      );
      if (interval!.lower > truth) above++;
      if (interval!.upper < truth) below++;
    }
    // 2.5 % on each side are 50; some more on one side is the price of a simple formula, stated here.
    expect(above).toBeLessThan(75);
    expect(below).toBeLessThan(100);
  });

  it("and is no wider than it has to be: of a clear change the half width is a quarter of the value", () => {
    const q = tilted(1);
    const interval = psiInterval(
      SHARES.map((share) => 20_000 * share),
      q.map((share) => Math.round(3_000 * share)),
    )!;
    expect(interval.upper - interval.lower).toBeLessThan(0.5 * interval.value);
  });
});

it("its value is psiExcess", () => {
  const r = [120, 300, 80, 0, 500];
  const c = [20, 90, 3, 4, 70];
  expect(psiInterval(r, c)!.value).toBeCloseTo(psiExcess(r, c)!, 12);
});

it("a wider confidence is a wider interval", () => {
  const at = (confidence: number) => psiInterval([500, 300, 200], [40, 40, 20], confidence)!;
  expect(at(0.99).upper).toBeGreaterThan(at(0.9).upper);
  expect(() => at(1)).toThrow(RangeError);
});

it("an empty side has no interval", () => {
  expect(psiInterval([0, 0], [1, 2])).toBeUndefined();
  expect(psiInterval([1, 2], [0, 0])).toBeUndefined();
});
