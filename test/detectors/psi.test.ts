import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chi2Isf, kl, psi, psiExcess, type Smoothing, withUnseenMass } from "../../detectors/index.ts";

const reference = Object.freeze([120, 300, 0, 80, 500]);
const current = Object.freeze([15, 20, 5, 0, 60]);

describe("zero bins", () => {
  test("jeffreys adds half a count to every bin, as written out by hand", () => {
    const p = [120.5 / 1002.5, 300.5 / 1002.5, 0.5 / 1002.5, 80.5 / 1002.5, 500.5 / 1002.5];
    const q = [15.5 / 102.5, 20.5 / 102.5, 5.5 / 102.5, 0.5 / 102.5, 60.5 / 102.5];
    const byHand = p.reduce((sum, x, k) => sum + (q[k]! - x) * Math.log(q[k]! / x), 0);
    expect(psi(reference, current)).toBeCloseTo(byHand, 14);
    expect(psi(reference, current, { smoothing: "jeffreys" })).toBe(psi(reference, current));
  });

  test("none has no answer where one side only is empty", () => {
    expect(psi(reference, current, { smoothing: "none" })).toBeUndefined();
    expect(kl(reference, current, { smoothing: "none" })).toBeUndefined();
  });

  test("KL without smoothing needs only the other sample to cover the averaged one", () => {
    const narrow = [10, 10, 0];
    const wide = [10, 10, 20];
    expect(kl(wide, narrow, { smoothing: "none" })).toBeCloseTo(Math.LN2, 12);
    expect(kl(wide, narrow, { smoothing: "none", direction: "reference||current" })).toBeUndefined();
  });

  test("epsilon replaces a share of exactly 0 and leaves the others", () => {
    const p = [0.12, 0.3, 1e-4, 0.08, 0.5];
    const q = [0.15, 0.2, 0.05, 1e-4, 0.6];
    const byHand = p.reduce((sum, x, k) => sum + (q[k]! - x) * Math.log(q[k]! / x), 0);
    expect(psi(reference, current, { smoothing: { epsilon: 1e-4 } })).toBeCloseTo(byHand, 14);
  });

  test("floor raises every small share and hides what is below it", () => {
    expect(psi([990, 10, 0], [990, 0, 10], { smoothing: { floor: 0.01 } })).toBe(0);
  });

  test.each([
    ["epsilon 0", { epsilon: 0 }],
    ["epsilon 1", { epsilon: 1 }],
    ["epsilon NaN", { epsilon: Number.NaN }],
    ["floor -0.1", { floor: -0.1 }],
  ] satisfies [string, Smoothing][])("%s is a RangeError", (_name, smoothing) => {
    expect(() => psi(reference, current, { smoothing })).toThrow("between 0 and 1");
    expect(() => kl(reference, current, { smoothing })).toThrow("between 0 and 1");
  });
});

describe("scaling", () => {
  const r = [100, 200, 300];
  const c = [30, 10, 20];
  test.each(["none", { epsilon: 1e-4 }, { floor: 0.01 }] satisfies Smoothing[])("%j: neither sample's size matters", (smoothing) => {
    expect(
      psi(
        r.map((x) => x * 7),
        c.map((x) => x * 31),
        { smoothing },
      ),
    ).toBeCloseTo(psi(r, c, { smoothing })!, 12);
  });

  test("jeffreys tends to no smoothing as both samples grow, and the gap shrinks in proportion", () => {
    const raw = psi(r, c, { smoothing: "none" })!;
    const gap = (factor: number) =>
      Math.abs(
        psi(
          r.map((x) => x * factor),
          c.map((x) => x * factor),
        )! - raw,
      );
    expect(gap(1000) / gap(100)).toBeCloseTo(0.1, 2);
    expect(gap(1e6)).toBeLessThan(1e-6);
  });
});

test("PSI is the sum of both KL directions under jeffreys", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 2, maxLength: 20 }), (rows) => {
      const r = rows.map(([x]) => x);
      const c = rows.map(([, x]) => x);
      const both = psi(r, c);
      fc.pre(both !== undefined);
      expect(kl(r, c)! + kl(r, c, { direction: "reference||current" })!).toBeCloseTo(both!, 12);
    }),
  );
});

test("swapping the samples swaps the directions of KL", () => {
  expect(kl(reference, current)).toBe(kl(current, reference, { direction: "reference||current" }));
});

describe("unseen mass (Good and Turing)", () => {
  const m = [600, 400, 0];
  test("the unseen bin gets N1, the others shrink, the total stays", () => {
    expect([...withUnseenMass(m, { bin: 2, seenOnce: 100 })]).toEqual([540, 360, 100]);
  });

  test("the option gives the same number as the expected reference, for PSI, its excess and KL", () => {
    const unseen = { bin: 2, seenOnce: 30 };
    const c = [55, 40, 5];
    const expected = withUnseenMass(m, unseen);
    expect(psi(m, c, { unseen })).toBe(psi(expected, c));
    expect(psiExcess(m, c, { unseen })).toBe(psiExcess(expected, c));
    expect(kl(m, c, { unseen, direction: "reference||current" })).toBe(kl(expected, c, { direction: "reference||current" }));
    expect(psi(m, c, { unseen, smoothing: "none" })).toBe(psi(expected, c, { smoothing: "none" }));
  });

  test("a window with as many new categories as expected has a PSI near 0, and without the option a large one", () => {
    const c = [540, 360, 100];
    expect(psi(m, c, { unseen: { bin: 2, seenOnce: 100 } })).toBeLessThan(1e-6);
    expect(psi(m, c)).toBeGreaterThan(0.3);
  });

  test.each([
    ["a bin that does not exist", { bin: 3, seenOnce: 1 }],
    ["a bin that is no index", { bin: 0.5, seenOnce: 1 }],
    ["a bin that the reference has seen", { bin: 0, seenOnce: 1 }],
    ["a negative N1", { bin: 2, seenOnce: -1 }],
    ["more than all rows", { bin: 2, seenOnce: 1001 }],
  ])("%s is a RangeError", (_name, unseen) => {
    expect(() => psi(m, [1, 1, 1], { unseen })).toThrow(RangeError);
  });

  test("the reference is not changed", () => {
    const frozen = Object.freeze([600, 400, 0]);
    psi(frozen, [1, 1, 1], { unseen: { bin: 2, seenOnce: 100 } });
    expect(frozen).toEqual([600, 400, 0]);
  });
});

describe("one outlier of 1e6 in 5,000 rows", () => {
  // Ten equal-mass bins, then out_of_range, which the reference expects two rows in.
  const m = [...Array<number>(10).fill(2000), 2];
  test.each([5000, 20000])("moves PSI by less than 0.005 (n = %d)", (n) => {
    const before = [...Array<number>(10).fill(n / 10), 0];
    const after = [n / 10 - 1, ...Array<number>(9).fill(n / 10), 1];
    expect(Math.abs(psi(m, after)! - psi(m, before)!)).toBeLessThan(0.005);
  });

  test("moves PSI by less than 0.005 where the bin was empty on both sides before", () => {
    const empty = [...Array<number>(10).fill(2000), 0];
    const before = [...Array<number>(10).fill(500), 0];
    const after = [499, ...Array<number>(9).fill(500), 1];
    expect(Math.abs(psi(empty, after)! - psi(empty, before)!)).toBeLessThan(0.005);
  });
});

/** Small, fast and fixed: Numerical Recipes' 32-bit linear congruential generator, enough for a mean over 2,000 samples. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("without drift", () => {
  const K = 10;
  const sample = (random: () => number, size: number) => {
    const counts = new Float64Array(K);
    for (let i = 0; i < size; i++) counts[Math.floor(random() * K)]! += 1;
    return counts;
  };
  const random = createRandom(7);
  const m = 4000;
  const n = 500;
  const values = Array.from({ length: 2000 }, () => [sample(random, m), sample(random, n)] as const);

  test("the mean of PSI is (K - 1)(1/n + 1/m) and that of the excess 0", () => {
    const expected = (K - 1) * (1 / n + 1 / m);
    const mean = values.reduce((sum, [r, c]) => sum + psi(r, c)!, 0) / values.length;
    const excess = values.reduce((sum, [r, c]) => sum + psiExcess(r, c)!, 0) / values.length;
    expect(mean / expected).toBeCloseTo(1, 1);
    expect(Math.abs(excess)).toBeLessThan(0.05 * expected);
  });

  test("PSI nm/(n + m) exceeds chi-square's 5 % point in about 5 % of the samples", () => {
    const limit = chi2Isf(0.05, K - 1) * (1 / n + 1 / m);
    const share = values.filter(([r, c]) => psi(r, c)! > limit).length / values.length;
    expect(share).toBeGreaterThan(0.035);
    expect(share).toBeLessThan(0.065);
  });
});

test("the excess subtracts noise for the bins that are used", () => {
  expect(psiExcess([500, 500, 0], [600, 400, 0])).toBeCloseTo(psi([500, 500], [600, 400])! - (1 / 1000 + 1 / 1000), 15);
});
