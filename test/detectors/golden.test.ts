import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  chiSquareTest,
  gTest,
  hellinger,
  jensenShannon,
  kl,
  ks,
  ksPValue,
  psi,
  totalVariation,
  wasserstein,
} from "../../detectors/index.ts";

type Row = { readonly reference: number[]; readonly current: number[]; readonly support: number[] } & Readonly<Record<string, unknown>>;
const golden: { readonly exact_ks: [number, number, number, number][]; readonly statistics: Readonly<Record<string, Row>> } = JSON.parse(
  readFileSync(new URL("../golden/detectors.golden.json", import.meta.url), "utf8"),
);

const RELATIVE = 1e-9;

type Numbers = ArrayLike<number>;
const single: Readonly<Record<string, (r: Numbers, c: Numbers, support: Numbers) => number | undefined>> = {
  psi: (r, c) => psi(r, c),
  "psi none": (r, c) => psi(r, c, { smoothing: "none" }),
  "psi epsilon 1e-4": (r, c) => psi(r, c, { smoothing: { epsilon: 1e-4 } }),
  "psi floor 0.01": (r, c) => psi(r, c, { smoothing: { floor: 0.01 } }),
  kl: (r, c) => kl(r, c),
  kl_reverse: (r, c) => kl(r, c, { direction: "reference||current" }),
  "kl none": (r, c) => kl(r, c, { smoothing: "none" }),
  "kl epsilon 1e-4": (r, c) => kl(r, c, { smoothing: { epsilon: 1e-4 } }),
  "kl_reverse epsilon 1e-4": (r, c) => kl(r, c, { smoothing: { epsilon: 1e-4 }, direction: "reference||current" }),
  "kl floor 0.01": (r, c) => kl(r, c, { smoothing: { floor: 0.01 } }),
  jensen_shannon: (r, c) => jensenShannon(r, c),
  "jensen_shannon distance base 2": (r, c) => jensenShannon(r, c, { base: 2, distance: true }),
  hellinger,
  total_variation: totalVariation,
  wasserstein,
  ks,
};

/** Relative closeness; a minimum of exactly 0 in scipy may be rounding on either side. */
function expectClose(value: number | undefined, truth: number): void {
  expect(value).toBeTypeOf("number");
  expect(Math.abs(value! - truth)).toBeLessThanOrEqual(RELATIVE * Math.abs(truth) + 1e-15);
}

describe.each(Object.entries(golden.statistics))("scipy and driftd agree to 1e-9 on: %s", (_name, row) => {
  test.each(Object.entries(single))("%s", (statistic, compute) => {
    const truth = row[statistic];
    const value = compute(row.reference, row.current, row.support);
    // null in the file: scipy says infinity, so there is no answer.
    if (truth === null) expect(value).toBeUndefined();
    else expectClose(value, truth as number);
  });

  test.each([
    ["g", gTest],
    ["chi_square", chiSquareTest],
  ] as const)("%s with its degrees of freedom and p-value", (statistic, compute) => {
    const [value, df, pValue] = row[statistic] as [number, number, number];
    const result = compute(row.reference, row.current)!;
    expectClose(result.statistic, value);
    expect(result.df).toBe(df);
    expect(Math.abs(result.pValue - pValue)).toBeLessThanOrEqual(RELATIVE * pValue);
  });
});

test.each(golden.exact_ks)("Stephens' p-value for m = %d, n = %d, D = %d lies within 10 %% of the exact one, %d", (m, n, d, exact) => {
  expect(Math.abs(ksPValue(d, m, n) / exact - 1)).toBeLessThan(0.1);
});
