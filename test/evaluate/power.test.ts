/** The power report against simulations that know nothing of it: raw values are drawn, binned and judged. */

import { beforeAll, describe, expect, it } from "vitest";
import { type PreparedReference, prepareReference } from "../../src/evaluate/calibrate.ts";
import { COMPARE_WINDOW, DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { createPower, type Power } from "../../src/evaluate/power.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { calibrationOf, categoricalFeature, createNormal, createRandom, judge, numericFeature, snapshotOf, windowOf } from "./make.ts";

const DAYS = 14;
const PER_SLOT = 900;
const CATEGORIES = { a: 300_000, b: 200_000, c: 100_000, d: 4_000, e: 800 };
const RECORDS = DAYS * 48 * PER_SLOT;

function withMoments(feature: ReturnType<typeof numericFeature>, values: Float64Array) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const m2 = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { ...feature, moments: { count: values.length, mean, m2, min: -9, max: 9 } };
}

/** Two weeks of normal values, or of whole numbers around 20, with a category beside them; with or without their times. */
function makeSnapshot(draw: () => number, timed: boolean): Snapshot {
  const values = Float64Array.from({ length: RECORDS }, draw);
  const x = withMoments(numericFeature("x", values), values);
  const c = categoricalFeature("c", CATEGORIES);
  if (!timed) return snapshotOf([x, c]);
  const ofX = calibrationOf(x, DAYS, (slot) => values.subarray(slot * PER_SLOT, (slot + 1) * PER_SLOT))!;
  const total = Object.values(CATEGORIES).reduce((sum, count) => sum + count, 0);
  const shares = c.coarse.map((bin) => bin);
  const slots = Array.from({ length: DAYS * 48 }, () => {
    const counts = new Array<number>(Math.max(...shares) + 2).fill(0);
    c.counts.forEach((count, i) => {
      counts[c.coarse[i]!]! += Math.round((count / total) * PER_SLOT);
    });
    return counts;
  });
  return snapshotOf([x, c], { ...ofX, slots: { ...ofX.slots, c: slots } });
}

const random = createRandom(7);
const normal = createNormal(random);
const lattice = () => Math.round(20 + 3 * normal());

/** Share of windows of raw values that are called drift. */
function found(
  reference: PreparedReference,
  window: string,
  values: () => Record<string, (number | string)[]>,
  times: number,
  feature: string,
): number {
  let drifts = 0;
  for (let i = 0; i < times; i++) {
    const held = Object.fromEntries(Object.entries(values()).map(([name, list]) => [name, { values: list }]));
    if (judge(windowOf(reference.snapshot, held, { window }), reference, feature).verdict === "drift") drifts++;
  }
  return drifts / times;
}

const TIMES = 120;
/** Shares that 120 trials of a chance of .8 keep within, once in some thousand: 3.3 standard errors. */
const SLACK = 0.12;

describe.each([
  ["normal values, calibrated", normal, true, 1],
  ["whole numbers, calibrated", lattice, true, 3],
  ["normal values, without timestamps", normal, false, 1],
] as const)("for %s", (_, draw, timed, sd) => {
  let reference: PreparedReference;
  let power: Power;
  beforeAll(() => {
    reference = prepareReference(makeSnapshot(draw, timed), DEFAULT_POLICY);
    power = createPower(reference);
  });

  it("a tenth less than the stated mean shift is found less often than 80 %, a tenth more is found more often", () => {
    const { values, meanShiftSd } = power.at(0, 0, PER_SLOT / 30, ["mean_shift"]);
    expect(values).toBe(2 * PER_SLOT);
    const shifted = (by: number) => () => ({
      x: Array.from({ length: values }, () => {
        const x = draw() + by * sd;
        return draw === lattice ? Math.floor(x) + (random() < x - Math.floor(x) ? 1 : 0) : x;
      }),
    });
    expect(found(reference, "1h", shifted(0.9 * meanShiftSd!), TIMES, "x")).toBeLessThan(0.8 + SLACK);
    expect(found(reference, "1h", shifted(1.1 * meanShiftSd!), TIMES, "x")).toBeGreaterThan(0.8 - SLACK);
    // The figure is no bound that holds for anything: far from it the answer is clear.
    expect(found(reference, "1h", shifted(0.5 * meanShiftSd!), TIMES, "x")).toBeLessThan(0.3);
    expect(found(reference, "1h", shifted(1.6 * meanShiftSd!), TIMES, "x")).toBeGreaterThan(0.97);
  });
});

describe("for normal values, calibrated", () => {
  let reference: PreparedReference;
  let power: Power;
  beforeAll(() => {
    reference = prepareReference(makeSnapshot(normal, true), DEFAULT_POLICY);
    power = createPower(reference);
  });

  it("the stated spread is right to a tenth of its growth", () => {
    const { values, spreadFactor } = power.at(0, 0, PER_SLOT / 30, ["spread"]);
    const wider = (share: number) => () => ({ x: Array.from({ length: values }, () => normal() * (1 + share * (spreadFactor! - 1))) });
    expect(found(reference, "1h", wider(0.9), TIMES, "x")).toBeLessThan(0.8 + SLACK);
    expect(found(reference, "1h", wider(1.1), TIMES, "x")).toBeGreaterThan(0.8 - SLACK);
    expect(found(reference, "1h", wider(0.5), TIMES, "x")).toBeLessThan(0.3);
    expect(found(reference, "1h", wider(1.6), TIMES, "x")).toBeGreaterThan(0.97);
  });

  it("the stated share of new categories is right to a tenth", () => {
    const { values, newShare } = power.at(1, 0, PER_SLOT / 30);
    const names = Object.entries(CATEGORIES);
    const total = names.reduce((sum, [, count]) => sum + count, 0);
    const pick = () => {
      const at = random() * total;
      let below = 0;
      for (const [name, count] of names) {
        below += count;
        if (at < below) return name;
      }
      return "a";
    };
    const fresh = (share: number) => () => ({ c: Array.from({ length: values }, () => (random() < share * newShare! ? "new" : pick())) });
    expect(found(reference, "1h", fresh(0.9), TIMES, "c")).toBeLessThan(0.8 + SLACK);
    expect(found(reference, "1h", fresh(1.1), TIMES, "c")).toBeGreaterThan(0.8 - SLACK);
    expect(found(reference, "1h", fresh(0.4), TIMES, "c")).toBeLessThan(0.3);
    expect(found(reference, "1h", fresh(1.8), TIMES, "c")).toBeGreaterThan(0.97);
  });

  it("says the same each time", () => {
    expect(createPower(reference).at(0, 1, 20)).toEqual(createPower(reference).at(0, 1, 20));
  });

  it("a longer window sees no less, and so does more traffic", () => {
    const at = (window: number, perMinute: number) => power.at(0, window, perMinute, ["mean_shift"]).meanShiftSd!;
    expect(at(2, 30)).toBeLessThanOrEqual(1.05 * at(0, 30));
    expect(at(0, 120)).toBeLessThanOrEqual(1.05 * at(0, 20));
  });

  it("a window that holds too few values is said to give no verdict", () => {
    expect(power.at(0, 0, 1)).toEqual({ values: 60, times: 0, insufficient: "too_few_values" });
  });
});

it("one look of compare has a power too", () => {
  const reference = prepareReference(makeSnapshot(normal, false), {
    ...DEFAULT_POLICY,
    mode: "compare",
    windows: [{ ...COMPARE_WINDOW, lengthMs: 3_600_000 }],
  });
  expect(createPower(reference).at(0, 0, 100, ["mean_shift"]).meanShiftSd).toBeLessThan(0.2);
});
