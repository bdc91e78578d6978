/** Other tools' statistics: exact where a plain formula over the raw values exists, and each rule on both sides of its threshold. */

import { describe, expect, it } from "vitest";
import { normal, seedRandom } from "../random.ts";
import type { LevelReference } from "./levels.ts";
import { largestGap, quantileBins, wassersteinOf } from "./levels.ts";
import { RULES } from "./rules.ts";
import {
  evidentlyLarge,
  evidentlyPsi,
  evidentlySmall,
  mlrun,
  nannyml,
  plainPsi,
  sagemaker,
  scouter,
  testP,
  whylogsHellinger,
  whylogsKs,
} from "./statistics.ts";

const LEVELS = 801;
/** Values −4, −3.99 … 4. */
const VALUES = Float64Array.from({ length: LEVELS }, (_, k) => (k - 400) / 100);

function sample(seed: number, n: number, mean = 0): { raw: number[]; counts: Uint32Array } {
  const random = seedRandom(seed);
  const counts = new Uint32Array(LEVELS);
  const raw = Array.from({ length: n }, () => {
    const level = Math.min(800, Math.max(0, Math.round((normal(random) + mean) * 100) + 400));
    counts[level]! += 1;
    return VALUES[level]!;
  }).sort((a, b) => a - b);
  return { raw, counts };
}

function reference(seed: number, n: number): LevelReference & { readonly raw: readonly number[] } {
  const { raw, counts } = sample(seed, n);
  return { kind: "numeric", values: VALUES, counts, total: n, raw };
}

const shareBelow = (sorted: readonly number[], x: number): number => sorted.filter((value) => value <= x).length / sorted.length;

describe("levels", () => {
  const ref = reference(1, 600);
  const { raw, counts } = sample(2, 300, 0.3);

  it("give the exact Kolmogorov–Smirnov distance and Wasserstein-1", () => {
    const gaps = [...VALUES].map((x) => Math.abs(shareBelow(ref.raw, x) - shareBelow(raw, x)));
    expect(largestGap(ref, counts, 300)).toBeCloseTo(Math.max(...gaps), 12);
    expect(wassersteinOf(ref, counts, 300)).toBeCloseTo(
      gaps.slice(0, -1).reduce((sum, gap) => sum + gap / 100, 0),
      12,
    );
  });

  it("give bins between the reference's quantiles that hold about a tenth each", () => {
    const { groups, size } = quantileBins(ref, 10);
    const held = new Array<number>(size).fill(0);
    ref.counts.forEach((count, k) => {
      held[groups[k]!]! += count;
    });
    expect(size).toBe(10);
    for (const count of held) expect(Math.abs(count - 60)).toBeLessThan(10);
  });
});

describe("every rule's statistic", () => {
  const ref = reference(3, 20_000);
  const random = seedRandom(1);
  const near = sample(4, 2000);
  const far = sample(5, 2000, 1);

  it.each([
    ["testP", testP],
    ["evidentlySmall", evidentlySmall],
    ["whylogsKs", whylogsKs],
  ])("%s is a p-value that a shift of one sd makes vanish", (_, statistic) => {
    const one = statistic(ref, random);
    expect(one.of(near.counts, 2000, "1 h")).toBeGreaterThan(0.01);
    expect(one.of(far.counts, 2000, "1 h")).toBeLessThan(1e-9);
  });

  it.each([
    ["evidentlyLarge", 1, 0.05, evidentlyLarge],
    ["evidentlyPsi", 1, 0.1, evidentlyPsi],
    ["plainPsi", 0.9, 0.06, plainPsi],
    ["whylogsHellinger", 0.3428, 0.05, whylogsHellinger],
  ] as const)("%s is about %d (within %d) after a shift of one sd", (_, value, within, statistic) => {
    // Normal distributions one sd apart: W1 = 1 sd, PSI = 1 (over deciles .9), Hellinger = sqrt(1 − exp(−1/8)).
    const one = statistic(ref, random);
    expect(Math.abs(one.of(far.counts, 2000, "1 h") - value)).toBeLessThan(within);
    expect(one.of(near.counts, 2000, "1 h")).toBeLessThan(0.15);
  });

  it("mlrun is the mean of total variation and Hellinger distance", () => {
    // 2 Φ(1/2) − 1 = .3829 and .3428.
    expect(mlrun(ref, random).of(far.counts, 2000, "1 h")).toBeCloseTo((0.3829 + 0.3428) / 2, 1);
    expect(mlrun({ ...ref, kind: "categorical" }, random).of(far.counts, 2000, "1 h")).toBeNaN();
  });

  it("sagemaker is D less 1.8 √((n + m)/(n m))", () => {
    const offset = 1.8 * Math.sqrt(22_000 / 40_000_000);
    expect(sagemaker(ref, random).of(far.counts, 2000, "1 h")).toBeCloseTo(largestGap(ref, far.counts, 2000) - offset, 12);
  });

  it("scouter's threshold shrinks with the window, so that it alarms in half of healthy windows as large as the reference", () => {
    let alarms = 0;
    for (let i = 0; i < 200; i++) {
      const small = reference(1000 + i, 1000);
      if (scouter(small, random).of(sample(2000 + i, 1000).counts, 1000, "1 h") >= 1) alarms++;
    }
    expect(alarms / 200).toBeGreaterThan(0.4);
    expect(alarms / 200).toBeLessThan(0.6);
  });

  it("nannyml holds a window against the chunks of the reference of the same length", () => {
    const one = nannyml(ref, random);
    for (let i = 0; i < 100; i++) one.learn!(sample(100 + i, 500).counts, 500, "1 h");
    expect(one.of(sample(7, 500).counts, 500, "1 h")).toBeLessThan(1);
    expect(one.of(sample(8, 500, 0.5).counts, 500, "1 h")).toBeGreaterThan(1);
  });
});

describe("RULES", () => {
  it.each(RULES.map((rule) => [rule.title, rule] as const))("%s has both sides", (_, { feature, model }) => {
    const values = [0, 0.001, 0.04, 0.06, 0.12, 0.3, 0.45, 0.6, 0.8, 1.5, 3];
    const said = values.map((value) => (model === undefined ? feature!(value, 10) : model(new Float64Array(10).fill(value))));
    expect(new Set(said)).toEqual(new Set([true, false]));
  });
});
