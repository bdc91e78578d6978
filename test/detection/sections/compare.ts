/** The promise of `driftd compare`: its stated share of false alarms, and what it finds. */

import { interval, STATED, simulateHealthyPairs } from "../compare-pairs.ts";
import { COLUMN_SHAPES, type ColumnName } from "../compare-shapes.ts";
import { percent, table } from "../markdown.ts";
import { part, type Section } from "./section.ts";

export type HealthyPairs = readonly { readonly name: string; readonly pairs: number; readonly alarms: readonly number[] }[];

const PAIRS = 60;
const SHIFTED = 400;
const MOVED = ["normal", "exponential", "uniform"] as const satisfies readonly ColumnName[];

/** Healthy pairs of one shape, or of mixed ones. */
export function healthyPairs(name: ColumnName | undefined, pairs: number, seed: number): HealthyPairs {
  const { tallies } = simulateHealthyPairs(pairs, seed, name === undefined ? [] : [name]);
  return [...tallies].map(([key, { pairs: of, alarms }]) => ({ name: key, pairs: of, alarms }));
}

export const compareSection: Section = {
  name: "compare",
  title: "`driftd compare`: two tables",
  write: async (pool, share) => {
    const names = Object.keys(COLUMN_SHAPES) as ColumnName[];
    const [parts, found] = await Promise.all([
      Promise.all(names.map((name, i) => pool.run("healthyPairs", name, part(PAIRS, share), 400 + i))),
      Promise.all(MOVED.map(async (name, i) => [name, await pool.run("simulateShiftedPairs", name, 0.2, 5000, SHIFTED, 450 + i)] as const)),
    ]);
    const total = new Map<string, { pairs: number; alarms: number[] }>();
    for (const { name, pairs, alarms } of parts.flat()) {
      const sum = total.get(name) ?? { pairs: 0, alarms: alarms.map(() => 0) };
      total.set(name, { pairs: sum.pairs + pairs, alarms: sum.alarms.map((value, i) => value + alarms[i]!) });
    }
    const rows = [...total]
      .sort(([a], [b]) => Number(b === "all pairs") - Number(a === "all pairs"))
      .map(([name, { pairs, alarms }]) => [
        name,
        String(pairs),
        ...alarms.map((hits) => {
          const [low, high] = interval(hits, pairs);
          return `${percent(hits / pairs)} (${percent(low)}–${percent(high)})`;
        }),
      ]);
    return `Healthy pairs of tables of ten columns and 30 to 20,000 rows; the share that is called drift, with its 95 % interval (Wilson), must not be above
the one stated by \`--false-alarm\`.

${table(["healthy pairs", "pairs", ...STATED.map((share) => `stated ${share}`)], rows)}

One of ten columns moved by .2 sd, 5,000 rows on each side, stated .01: found in ${found.map(([name, share]) => `${percent(share)} (${name})`).join(", ")} of ${SHIFTED} pairs.`;
  },
};
