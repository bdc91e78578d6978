import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as detectors from "../../detectors/index.ts";
import { log1pMinus, poissonTerm } from "../../detectors/special/poisson-term.ts";

type Golden = { readonly special: Readonly<Record<string, readonly (readonly number[])[]>> };
const golden: Golden = JSON.parse(readFileSync(new URL("../golden/detectors.golden.json", import.meta.url), "utf8"));

const LIMIT = 1e-12;

const functions: Readonly<Record<string, (...args: number[]) => number>> = {
  lnGamma: detectors.lnGamma as (...args: number[]) => number,
  gammaQ: detectors.gammaQ as (...args: number[]) => number,
  gammaP: detectors.gammaP as (...args: number[]) => number,
  chi2Sf: detectors.chi2Sf as (...args: number[]) => number,
  chi2Isf: detectors.chi2Isf as (...args: number[]) => number,
  gammaIsf: detectors.gammaIsf as (...args: number[]) => number,
  noncentralChi2Sf: detectors.noncentralChi2Sf as (...args: number[]) => number,
  noncentralChi2Isf: detectors.noncentralChi2Isf as (...args: number[]) => number,
  kolmogorovSf: detectors.kolmogorovSf as (...args: number[]) => number,
  kolmogorovIsf: detectors.kolmogorovIsf as (...args: number[]) => number,
  normalSf: detectors.normalSf as (...args: number[]) => number,
  normalIsf: detectors.normalIsf as (...args: number[]) => number,
  studentTSf: detectors.studentTSf as (...args: number[]) => number,
  studentTIsf: detectors.studentTIsf as (...args: number[]) => number,
};

function relativeError(value: number, truth: number): number {
  return truth === 0 ? Math.abs(value) : Math.abs(value / truth - 1);
}

describe("special functions agree with 60-digit values to 1e-12", () => {
  test("every function of the golden file is tested, and every function here has golden values", () => {
    expect(Object.keys(functions).sort()).toEqual(Object.keys(golden.special).sort());
  });

  test.each(Object.keys(functions))("%s", (name) => {
    const rows = golden.special[name]!;
    expect(rows.length).toBeGreaterThan(8);
    const worst = { error: 0, at: "" };
    for (const row of rows) {
      const args = row.slice(0, -1);
      const truth = row.at(-1)!;
      const error = relativeError(functions[name]!(...args), truth);
      if (!(error <= worst.error))
        Object.assign(worst, { error, at: `${name}(${args.join(", ")}) = ${functions[name]!(...args)}, not ${truth}` });
    }
    if (process.env["SHOW_ERRORS"]) console.log(name, worst.error, worst.at);
    expect(worst.error, worst.at).toBeLessThanOrEqual(LIMIT);
  });
});

describe("quantiles undo their tails", () => {
  const inverses: readonly [string, (x: number) => number, (p: number) => number][] = [
    ["chi-square, 1 df", (x) => detectors.chi2Sf(x, 1), (p) => detectors.chi2Isf(p, 1)],
    ["chi-square, 499 df", (x) => detectors.chi2Sf(x, 499), (p) => detectors.chi2Isf(p, 499)],
    ["non-central chi-square", (x) => detectors.noncentralChi2Sf(x, 9, 40), (p) => detectors.noncentralChi2Isf(p, 9, 40)],
    ["Kolmogorov", detectors.kolmogorovSf, detectors.kolmogorovIsf],
    ["normal", detectors.normalSf, detectors.normalIsf],
    ["Student, 13.4 df", (t) => detectors.studentTSf(t, 13.4), (p) => detectors.studentTIsf(p, 13.4)],
    ["Student, 101 df", (t) => detectors.studentTSf(t, 101), (p) => detectors.studentTIsf(p, 101)],
  ];
  test.each(inverses)("%s, from 0.99 to 1e-100", (_name, sf, isf) => {
    for (let exponent = 0; exponent <= 100; exponent += 0.5) {
      const p = exponent === 0 ? 0.99 : 10 ** -exponent;
      expect(relativeError(sf(isf(p)), p), `p = ${p}`).toBeLessThan(1e-11);
    }
  });
});

test("1 minus the cumulative share would have cancelled: p = 1e-30 keeps its digits", () => {
  expect(detectors.chi2Isf(detectors.chi2Sf(200, 9), 9)).toBeCloseTo(200, 10);
  expect(detectors.chi2Sf(200, 9)).toBeLessThan(1e-30);
});

test("the lower and the upper incomplete gamma function add up to 1", () => {
  for (const a of [0.001, 0.5, 1, 7.5, 300]) {
    for (const factor of [0.01, 0.5, 1, 1.001, 2, 10])
      expect(detectors.gammaP(a, a * factor) + detectors.gammaQ(a, a * factor)).toBeCloseTo(1, 13);
  }
});

test("ln(1 + x) - x keeps its digits near 0", () => {
  expect(relativeError(log1pMinus(1e-8), -4.9999999666666669e-17)).toBeLessThan(1e-14);
  expect(log1pMinus(0)).toBe(0);
});

test("the Poisson term adds up to 1 at a large mean", () => {
  let sum = 0;
  for (let k = 0; k < 2000; k++) sum += poissonTerm(k, 1000);
  expect(sum).toBeCloseTo(1, 12);
});

test("the limits of the tails are exact", () => {
  expect(detectors.chi2Sf(0, 5)).toBe(1);
  expect(detectors.chi2Sf(-3, 5)).toBe(1);
  expect(detectors.chi2Sf(Infinity, 5)).toBe(0);
  expect(detectors.chi2Isf(1, 5)).toBe(0);
  expect(detectors.noncentralChi2Sf(0, 5, 2)).toBe(1);
  expect(detectors.noncentralChi2Sf(12, 5, 0)).toBe(detectors.chi2Sf(12, 5));
  expect(detectors.kolmogorovSf(0)).toBe(1);
  expect(detectors.normalSf(0)).toBe(0.5);
  expect(detectors.normalIsf(0.5)).toBe(0);
  expect(detectors.studentTSf(0, 3)).toBe(0.5);
  expect(detectors.studentTSf(-1, 3)).toBe(1 - detectors.studentTSf(1, 3));
});

describe("arguments outside the domain are RangeErrors, never NaN", () => {
  test.each([
    ["lnGamma(0)", () => detectors.lnGamma(0)],
    ["lnGamma(NaN)", () => detectors.lnGamma(Number.NaN)],
    ["gammaQ(0, 1)", () => detectors.gammaQ(0, 1)],
    ["gammaQ(1, -1)", () => detectors.gammaQ(1, -1)],
    ["chi2Sf(1, 0)", () => detectors.chi2Sf(1, 0)],
    ["chi2Sf(NaN, 3)", () => detectors.chi2Sf(Number.NaN, 3)],
    ["chi2Isf(0, 3)", () => detectors.chi2Isf(0, 3)],
    ["gammaIsf(0.1, 1, 0)", () => detectors.gammaIsf(0.1, 1, 0)],
    ["noncentralChi2Sf(1, 1, -1)", () => detectors.noncentralChi2Sf(1, 1, -1)],
    ["noncentralChi2Isf(1, 1, 1)", () => detectors.noncentralChi2Isf(1, 1, 1)],
    ["kolmogorovSf(NaN)", () => detectors.kolmogorovSf(Number.NaN)],
    ["kolmogorovIsf(1)", () => detectors.kolmogorovIsf(1)],
    ["normalSf(NaN)", () => detectors.normalSf(Number.NaN)],
    ["normalIsf(0)", () => detectors.normalIsf(0)],
    ["studentTSf(1, NaN)", () => detectors.studentTSf(1, Number.NaN)],
    ["studentTIsf(0.1, 0)", () => detectors.studentTIsf(0.1, 0)],
  ])("%s", (_name, call) => {
    expect(call).toThrow(RangeError);
  });
});
