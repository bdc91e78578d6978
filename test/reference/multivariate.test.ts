/** What the derived features are for: drift that no single column shows. Seeded; the healthy pairs hold the level that is stated. */

import { describe, expect, it } from "vitest";
import { normal, seedRandom, uniform } from "../detection/random.ts";
import { buildOf, type Columns, drifted, judge } from "./derived-data.ts";

type Data = (random: Int32Array, rows: number, drift: boolean) => Columns;

const FEATURES = 8;
const ROWS = 4000;
const REPETITIONS = 4;

/** Loadings of three factors, rows of length 1: so each column is standard normal whatever they are. */
function loadingsOf(seed: number): number[][] {
  const random = seedRandom(99, seed);
  return Array.from({ length: FEATURES }, () => {
    const row = [normal(random), normal(random), normal(random)];
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  });
}

function columnsOf(rows: number, row: () => readonly number[]): Record<string, number[]> {
  const columns = Array.from({ length: FEATURES }, () => new Array<number>(rows));
  for (let i = 0; i < rows; i++) for (const [j, value] of row().entries()) columns[j]![i] = value;
  return Object.fromEntries(columns.map((column, j) => [`x${j}`, column]));
}

function factors(random: Int32Array, rows: number, loadings: readonly (readonly number[])[]): Record<string, number[]> {
  return columnsOf(rows, () => {
    const hidden = [normal(random), normal(random), normal(random)];
    return loadings.map((row) => Math.sqrt(0.7) * row.reduce((sum, l, c) => sum + l * hidden[c]!, 0) + Math.sqrt(0.3) * normal(random));
  });
}

const CASES: readonly (readonly [string, Data, RegExp])[] = [
  [
    "one pair's correlation falls from .8 to .5",
    (random, rows, drift) =>
      columnsOf(rows, () => {
        const row = Array.from({ length: FEATURES }, () => normal(random));
        const r = drift ? 0.5 : 0.8;
        row[1] = r * row[0]! + Math.sqrt(1 - r * r) * row[1]!;
        return row;
      }),
    /^\$pca_residual$/,
  ],
  ["the loadings are rotated", (random, rows, drift) => factors(random, rows, loadingsOf(drift ? 2 : 1)), /^\$pca_(\d|residual)$/],
  [
    "one column is shuffled",
    (random, rows, drift) => {
      const columns = factors(random, rows, loadingsOf(3));
      const column = columns["x0"]!;
      for (let i = rows - 1; drift && i > 0; i--) {
        const k = Math.floor(uniform(random) * (i + 1));
        [column[i], column[k]] = [column[k]!, column[i]!];
      }
      return columns;
    },
    /^\$pca_residual$/,
  ],
];

describe("drift between columns whose own distributions stay", () => {
  it.each(CASES)("%s: no column drifts, scores or the residual do", async (_, data, expected) => {
    let univariate = 0;
    for (let seed = 0; seed < REPETITIONS; seed++) {
      const random = seedRandom(21, seed);
      const { snapshot } = await buildOf(data(random, ROWS, false));
      const names = drifted(judge(snapshot, data(random, ROWS / 2, true)));
      expect(names.some((name) => expected.test(name))).toBe(true);
      if (names.some((name) => !name.startsWith("$"))) univariate++;
    }
    // At a stated .01 for all features together; two of four would be chance once in a thousand and more.
    expect(univariate).toBeLessThanOrEqual(1);
  });

  it.each(CASES)("%s, but it does not happen: nothing drifts", async (_, data) => {
    let alarms = 0;
    for (let seed = 0; seed < REPETITIONS; seed++) {
      const random = seedRandom(22, seed);
      const { snapshot } = await buildOf(data(random, ROWS, false));
      if (drifted(judge(snapshot, data(random, ROWS / 2, false))).length > 0) alarms++;
    }
    expect(alarms).toBeLessThanOrEqual(1);
  });
});

describe("healthy pairs", () => {
  const mixed: Data = (random, rows) =>
    columnsOf(rows, () =>
      Array.from({ length: FEATURES }, (_, j) =>
        j % 4 === 0
          ? normal(random)
          : j % 4 === 1
            ? Math.exp(normal(random))
            : j % 4 === 2
              ? Math.floor(-3 * Math.log(uniform(random)))
              : Number(uniform(random) < 0.3),
      ),
    );
  const plain: Data = (random, rows) => columnsOf(rows, () => Array.from({ length: FEATURES }, () => normal(random)));
  const withText: Data = (random, rows) => ({
    ...plain(random, rows, false),
    many: Array.from({ length: rows }, () => `c${Math.floor(400 * uniform(random) ** 3)}`),
  });

  it.each([
    ["of independent features", plain, 600],
    ["of mixed shapes", mixed, 600],
    ["with many categories", withText, 900],
  ] as const)("%s, few rows against many, alarm no more often than is stated", async (_, data, rows) => {
    let alarms = 0;
    for (let seed = 0; seed < 40; seed++) {
      const random = seedRandom(23, seed);
      const { snapshot } = await buildOf(data(random, rows, false));
      expect(snapshot.derived?.pca).toBeDefined();
      if (drifted(judge(snapshot, data(random, 1500, false))).length > 0) alarms++;
    }
    // 1 % of 40 is .4; three or more would be chance once in a hundred and thirty, were the rule not safer than it says.
    expect(alarms).toBeLessThanOrEqual(2);
  });
});
