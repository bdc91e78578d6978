import { describe, expect, it } from "vitest";
import { chi2Isf } from "../../detectors/index.ts";
import type { OwnWindows } from "../../src/evaluate/own-windows.ts";
import { shiftNoise } from "../../src/evaluate/shift-noise.ts";
import { createNormal, createRandom, DAY, HOUR } from "./make.ts";

const DF = 10;
const EN = 1e9;
const PER_DAY = 24;

/** Windows so large that counting makes no noise: G = df + en φ. */
function windows(days: number, phiAt: (day: number, window: number) => number): OwnWindows {
  const at = Array.from({ length: days * PER_DAY }, (_, i) => [Math.floor(i / PER_DAY), i % PER_DAY] as const);
  return {
    layout: "pooled",
    cellCounts: new Float64Array(0),
    cellTotals: new Float64Array(0),
    gs: at.map(([day, window]) => DF + EN * phiAt(day, window)),
    en: at.map(() => EN),
    dayAt: at.map(([day]) => day),
    meanValues: 0,
    thinShare: 0,
    binVariance: new Float64Array(0),
    days,
  };
}

const bound = (n: number) => (n - 1) / chi2Isf(0.95, n - 1);

describe("the noise between healthy windows", () => {
  const normal = createNormal(createRandom(8));

  it("has the mean and the variance of the shift, and bounds the variance by as many windows as are independent", () => {
    const noise = shiftNoise(
      windows(400, () => 1 + 0.1 * normal()),
      DF,
      400,
      HOUR,
    );
    expect(noise.mu).toBeCloseTo(1, 2);
    expect(noise.independent).toBeGreaterThan(400 * 15);
    expect(noise.independent).toBeLessThanOrEqual(400 * 24);
    expect(noise.vCritical / 0.01).toBeCloseTo(bound(400), 1);
  });

  it("takes the windows of a day for one where whole days differ", () => {
    const days = Array.from({ length: 14 }, () => Math.abs(normal()));
    const { v, vCritical, independent } = shiftNoise(
      windows(14, (day) => days[day]!),
      DF,
      14,
      HOUR,
    );
    expect(independent).toBe(14);
    expect(v).toBe(vCritical);
  });

  it("asks more of a critical verdict than of a warning where the windows of a day differ, unless the windows are days", () => {
    const squares = windows(14, () => normal() ** 2);
    const hours = shiftNoise(squares, DF, 14, HOUR);
    expect(hours.v).toBeLessThan(0.85 * hours.vCritical);
    const days = shiftNoise(squares, DF, 14, DAY);
    expect(days.independent).toBe(14);
    expect(days.v).toBe(days.vCritical);
    const weeks = shiftNoise(squares, DF, 49, 7 * DAY);
    expect(weeks.independent).toBe(7);
  });

  it("is at least that of a single cause, as far as the bound for critical goes", () => {
    const even = shiftNoise(
      windows(14, (_, window) => (window % 2 === 0 ? 0.9 : 1.1)),
      DF,
      14,
      HOUR,
    );
    expect(even.v).toBe(even.vCritical);
    expect(even.vCritical).toBeCloseTo(0.01 * bound(14), 6);
  });

  it("is none where healthy windows scatter less than counting does", () => {
    const still = shiftNoise(
      windows(14, () => -1e-9),
      DF,
      14,
      HOUR,
    );
    expect(still).toMatchObject({ mu: 0, v: 0, vCritical: 0 });
  });
});
