/** The promise of `compare`: how often healthy data is called drift, and what is found. */

import { describe, expect, it } from "vitest";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import { comparePolicy } from "../../src/evaluate/policy.ts";
import { healthyShareAbove } from "../../src/evaluate/thresholds.ts";
import type { SnapshotFeature } from "../../src/reference/snapshot.ts";
import { categoricalFeature, createNormal, createRandom, numericFeature, snapshotOf, windowOf } from "./make.ts";

const random = createRandom(2024);
const normal = createNormal(random);
const draw = {
  normal: () => normal(),
  exponential: () => -Math.log(random()),
  integer: () => Math.floor(20 * random() ** 2),
  inflated: () => (random() < 0.6 ? 0 : Math.exp(2 * normal())),
};
/** Zipf-like, with a long tail that every sample sees another part of. */
const category = () => `c${Math.floor(random() ** -1.5)}`;

function features(rows: number): SnapshotFeature[] {
  const numeric = Object.entries(draw).map(([name, value]) => numericFeature(name, Float64Array.from({ length: rows }, value)));
  const counts: Record<string, number> = {};
  for (let i = 0; i < rows; i++) {
    const name = category();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return [...numeric, categoricalFeature("category", counts)];
}

function compareOnce(m: number, n: number, falseAlarm: number, shift = 0) {
  const reference = prepareReference(snapshotOf(features(m)), comparePolicy(falseAlarm));
  const held = Object.fromEntries(
    Object.entries(draw).map(([name, value]) => [
      name,
      { values: Float64Array.from({ length: n }, () => value() + (name === "normal" ? shift : 0)) },
    ]),
  );
  const values = Array.from({ length: n }, category);
  return evaluateWindow(windowOf(reference.snapshot, { ...held, category: { values } }, { window: "all" }), reference);
}

describe("one look at two tables", () => {
  it.each([
    [2000, 2000],
    [5000, 400],
    [1000, 5000],
  ])("calls healthy pairs of %d and %d rows drift no more often than stated", (m, n) => {
    const pairs = 300;
    const alarms = Array.from({ length: pairs }, () => compareOnce(m, n, 0.05)).filter(({ verdict }) => verdict === "drift").length;
    // A twentieth is allowed; were the test itself off, it would be a multiple: scaling all categories by 1 - N1/m gave 44.
    expect(alarms).toBeLessThanOrEqual(15);
  });

  it("finds a shift of .2 standard deviations in 5,000 rows, in that column only", () => {
    for (let pair = 0; pair < 20; pair++) {
      const { features: judged, verdict } = compareOnce(5000, 5000, 0.01, 0.2);
      expect(verdict).toBe("drift");
      expect(judged.filter((feature) => feature.verdict === "drift").map(({ feature }) => feature)).toEqual(["normal"]);
    }
  });
});

describe("what a fixed threshold means", () => {
  it("is the share of healthy windows that reach it, by the chi-square law", () => {
    // Ten equal bins: PSI > .1 in over a third of windows of 100 values, hardly ever from 430 on.
    expect(healthyShareAbove(0.1, { n: 100, m: 10_000, bins: 10 })).toBeCloseTo(0.3586, 4);
    expect(healthyShareAbove(0.1, { n: 430, m: 20_000, bins: 10 })).toBeLessThan(1e-5);
    expect(healthyShareAbove(0.1, { n: 0, m: 100, bins: 10 })).toBe(0);
  });
});
