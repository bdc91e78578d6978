import { describe, expect, it } from "vitest";
import type { Gate } from "../../src/evaluate/evaluation.ts";
import { distribution, driftScore, rankFeatures } from "../../src/http/feature.ts";
import { evaluations, fakeView, windowCounts } from "./fixture.ts";

const gate = (name: string, value: number, limit = 1): Gate => ({ gate: name, passed: value >= limit, value, limit });
const all = evaluations();
const models = await fakeView().models();
const { snapshot } = models[0]!.versions[0]!;

describe("driftScore", () => {
  it.each([
    ["the weaker of shift and effect", [gate("shift", 5), gate("effect_warning", 0.4)], 0.4],
    ["the stronger of shift and location", [gate("shift", 0.2), gate("location", 3), gate("effect_warning", 2)], 2],
    [
      "the special bin that is nearest",
      [gate("gap_increase", 2), gate("gap_t", 1.5), gate("unseen_increase", 9), gate("unseen_t", 0.1)],
      1.5,
    ],
    ["a fixed threshold", [gate("psi_warning", 0.3, 0.1), gate("psi_critical", 0.3, 0.2)], 3],
    ["0 for a bin that has shrunk", [gate("gap_increase", -2), gate("gap_t", 1.5)], 0],
  ])("is %s", (_, gates, expected) => {
    expect(driftScore(gates)).toBeCloseTo(expected);
  });

  it("is absent where only the gate was tried", () => {
    expect(driftScore([gate("coverage", 1, 0.5), gate("values", 3, 120)])).toBeUndefined();
  });

  it("is at least 1 exactly where the evaluation says drift", () => {
    for (const evaluation of all) {
      for (const judged of evaluation.features) {
        expect((driftScore(judged.gates) ?? 0) >= 1, `${evaluation.window} ${judged.feature}`).toBe(judged.verdict === "drift");
      }
    }
  });
});

describe("rankFeatures", () => {
  it("puts what drifts first, then what is nearest to it", async () => {
    const ranked = await rankFeatures(all[0]!, snapshot!.features);
    expect(ranked[0]!.feature).toBe("delay");
    const calm = ranked.filter(({ verdict }) => verdict === "no_drift").map(({ score }) => score!);
    expect(calm).toEqual([...calm].sort((a, b) => b - a));
    expect(ranked.find(({ feature }) => feature === "$prediction")?.role).toBe("prediction");
  });

  it("gives the same for an evaluation read back from the store", async () => {
    const stored = JSON.parse(JSON.stringify(all[0]!)) as (typeof all)[number];
    expect(stored.outcomes).toBeUndefined();
    expect(await rankFeatures(stored, snapshot!.features)).toEqual(await rankFeatures(all[0]!, snapshot!.features));
  });
});

describe("distribution", () => {
  const counts = windowCounts("1h", 1, 660, true);

  it("holds every value judged once on either side", () => {
    for (const feature of snapshot!.features) {
      const bins = distribution(feature, counts);
      const judged = all[0]!.features.find((one) => one.feature === feature.feature)!;
      expect(bins.reduce((sum, bin) => sum + bin.reference_count, 0)).toBe(feature.count);
      expect(bins.reduce((sum, bin) => sum + bin.current_count!, 0)).toBe(judged.current_count);
      expect(bins.reduce((sum, bin) => sum + bin.current_share!, 0)).toBeCloseTo(1, 12);
    }
  });

  it("names the special bins as the verdict does", () => {
    const delay = snapshot!.features.find(({ feature }) => feature === "delay")!;
    const special = distribution(delay, counts).filter((bin) => bin.special);
    expect(special.map(({ label }) => label)).toContain(all[0]!.features[0]!.bin);
  });

  it("leaves the window out when its counts are gone or under other bins", () => {
    const [feature] = snapshot!.features;
    expect(distribution(feature!, undefined)[0]).not.toHaveProperty("current_count");
    expect(distribution({ ...feature!, layout: "other" }, counts)[0]).not.toHaveProperty("current_count");
  });

  it("shows no share of nothing as NaN", () => {
    const empty = windowCounts("1h", 1, 0, false);
    for (const bin of distribution(snapshot!.features[0]!, empty)) expect(bin.current_share).toBe(0);
  });
});
