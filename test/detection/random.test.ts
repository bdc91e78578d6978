/** The generator and the shapes: what is drawn has the probabilities that were asked for. */

import { describe, expect, it } from "vitest";
import { chi2Sf } from "../../detectors/index.ts";
import { aliasTable, drawCounts, normal, poisson, seedRandom } from "./random.ts";
import { type ShapeName, shapeOf } from "./shapes.ts";

const SHAPES: readonly ShapeName[] = ["normal", "t2", "lognormal", "zeros40", "zeros95", "category", "zipf"];

describe("drawCounts", () => {
  it.each(SHAPES)("draws %s as its probabilities say, at another location and scale too", (name) => {
    const { shape } = shapeOf(name);
    for (const [location, scale] of [
      [0, 1],
      [0.4, 1.25],
    ] as const) {
      const probabilities = new Float64Array(shape.levels);
      shape.probabilities(location, scale, probabilities);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
      const counts = new Uint32Array(shape.levels);
      const all = Uint16Array.from(counts.keys());
      const n = 200_000;
      drawCounts(seedRandom(5), aliasTable(probabilities), n, all, counts, 0);
      let statistic = 0;
      let cells = 0;
      let restSeen = 0;
      let restExpected = 0;
      for (let k = 0; k < shape.levels; k++) {
        const expected = n * probabilities[k]!;
        if (expected >= 10) {
          statistic += (counts[k]! - expected) ** 2 / expected;
          cells++;
        } else {
          restSeen += counts[k]!;
          restExpected += expected;
        }
      }
      if (restExpected > 0) statistic += (restSeen - restExpected) ** 2 / restExpected;
      const p = chi2Sf(statistic, cells);
      expect(p).toBeGreaterThan(1e-4);
      expect(p).toBeLessThan(1 - 1e-4);
    }
  });

  it("gives the same for the same seed and something else for another", () => {
    const draw = (seed: number) => Array.from({ length: 5 }, () => normal(seedRandom(seed, 1)));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});

describe("poisson", () => {
  it.each([0.5, 10, 100])("has mean and variance %d", (mean) => {
    const random = seedRandom(9);
    const values = Array.from({ length: 20_000 }, () => poisson(random, mean));
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
    expect(Math.abs(average - mean) / Math.sqrt(mean / 20_000)).toBeLessThan(4);
    expect(variance / mean).toBeGreaterThan(0.95);
    expect(variance / mean).toBeLessThan(1.05);
  });
});
