/**
 * The promise of `driftd compare`, held by simulation: the small form of `test/detection/compare-pairs.ts`, which prints the whole table. Seeded, so a
 * failure is a change of the rule and no bad luck.
 */

import { describe, expect, it } from "vitest";
import { COLUMNS, drawRows, drawShapes, interval, judgePair, STATED, simulateShiftedPairs } from "../detection/compare-pairs.ts";
import type { ColumnName } from "../detection/compare-shapes.ts";
import { seedRandom } from "../detection/random.ts";

describe("healthy pairs of ten columns", () => {
  it("of all shapes and sizes are called drift no more often than stated", () => {
    const pairs = 150;
    const random = seedRandom(1);
    const hits = STATED.map(() => 0);
    for (let pair = 0; pair < pairs; pair++) {
      const shapes = drawShapes(random);
      for (const [i, drift] of judgePair(random, { shapes, rows: drawRows(random) }).drift.entries()) hits[i]! += Number(drift);
    }
    for (const [i, stated] of STATED.entries()) expect(hits[i]! / pairs).toBeLessThanOrEqual(stated);
    // A rule that never says drift would pass as well: power is tested below.
    expect(hits.at(-1)).toBeGreaterThan(0);
  });

  // Most of them were called drift several times as often as stated by rules that came before; the share at .05 is named.
  it.each<[string, ColumnName, number, number]>([
    ["bins cut at equal pooled mass (12.7 %)", "normal", 80, 2000],
    ["bins of five expected values", "normal", 40, 40],
    ["integers with bins of their own for being frequent in the reference (11 %)", "20 equal integers", 400, 5000],
    ["the same of many integers (16 %)", "Poisson 60", 400, 5000],
    ["a few categories, chosen by 1 % of the reference (16 %)", "12 skewed categories", 400, 5000],
    ["more categories, chosen by 30 values (26 %)", "80 equal categories", 3000, 3000],
    ["categories that are new for ever", "Zipf 1.3", 400, 2000],
    ["rare values", "binary .01", 300, 3000],
    ["single values of a lattice", "300 equal integers", 500, 5000],
  ])("%s: %s, %d rows against %d", (_, name, m, n) => {
    const pairs = 60;
    const random = seedRandom(2, m, n);
    let hits = 0;
    for (let pair = 0; pair < pairs; pair++) {
      hits += Number(judgePair(random, { shapes: new Array<ColumnName>(COLUMNS).fill(name), rows: [m, n], stated: [0.05] }).drift[0]);
    }
    expect(hits / pairs).toBeLessThanOrEqual(0.07);
    expect(interval(hits, pairs)[0]).toBeLessThanOrEqual(0.05);
  });
});

describe("one column of ten", () => {
  it.each<ColumnName>([
    "normal",
    "lognormal s=3",
    "Student t2",
    "zeros 95 %",
    "prices, 2 digits",
    "binary .01",
    "Zipf 1.3",
    "80 equal categories",
  ])("%s, moved by .2 standard deviations, is found in 95 %% of pairs of 5,000 rows", (name) => {
    expect(simulateShiftedPairs(name, 0.2, 5000, 20, 3)).toBeGreaterThanOrEqual(0.95);
  });

  it("moved by .05 is real at 20,000 rows, and too small to matter", () => {
    expect(simulateShiftedPairs("normal", 0.05, 20_000, 10, 4)).toBe(0);
  });
});
