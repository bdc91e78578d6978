/**
 * The promise of `driftd compare`, simulated: how often a healthy pair of tables is called drift, for every shape of column and every size, and how
 * often a shift by .2 standard deviations is found. Run it to print the tables: `node test/detection/compare-pairs.ts [pairs per shape]`.
 */

import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow, featureEvaluation } from "../../src/evaluate/evaluate.ts";
import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { COMPARE_WINDOW, comparePolicy } from "../../src/evaluate/policy.ts";
import { binOf, forEachRun, padEdges } from "../../src/reference/bins.ts";
import { CATEGORIES_MAX } from "../../src/reference/categorical.ts";
import { coarseOfCategorical, coarseOfNumeric } from "../../src/reference/coarse.ts";
import { isIdNumber, isIdText } from "../../src/reference/columns.ts";
import { rowLayoutOf } from "../../src/reference/compile.ts";
import { beforeFloat32 } from "../../src/reference/float32.ts";
import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import { sortDoubles } from "../../src/reference/sort.ts";
import { createPass } from "../../src/reference/summary.ts";
import { COLUMN_SHAPES, type ColumnName, type ColumnShape } from "./compare-shapes.ts";
import { nextUint32, type Random, seedRandom, uniform } from "./random.ts";

/** The shares that `--false-alarm` states. */
export const STATED = [0.01, 0.05, 0.1] as const;
export const COLUMNS = 10;
const SMALLEST = 30;
const LARGEST = 20_000;

export type PairOptions = {
  readonly shapes: readonly ColumnName[];
  /** Rows of the two tables. */
  readonly rows: readonly [number, number];
  /** Standard deviations by which the first column of the current table is moved. */
  readonly shift?: number;
  readonly stated?: readonly number[];
};

/** One pair of tables, judged: for each stated share whether it was called drift, and which columns for the first time by what reason. */
export type PairResult = {
  readonly drift: readonly boolean[];
  /** Reasons of the first column's verdict at each stated share; undefined: no drift. */
  readonly first: readonly (string | undefined)[];
  /** Reason and shape of each column that drifts at the greatest stated share. */
  readonly reasons: readonly string[];
};

/** Draws and judges one pair of tables of as many columns as shapes. */
export function judgePair(random: Random, { shapes, rows: [m, n], shift = 0, stated = STATED }: PairOptions): PairResult {
  const made = shapes.map((name, j) => makeColumn(random, name, m, n, j === 0 ? shift : 0, `f${j}`));
  const columns = made.filter((column) => column !== undefined);
  if (columns.length === 0) return { drift: stated.map(() => false), first: stated.map(() => undefined), reasons: [] };
  const features = columns.map(({ feature }) => feature);
  const snapshot: Snapshot = {
    schema: "driftd/reference/v1",
    digest: "sha256:simulated",
    model: "m",
    records: m,
    provenance: { source: "simulation", driftd: "0", created_at: "2001-01-01T00:00:00Z", quantiles: "exact" },
    features,
  };
  const layout = rowLayoutOf(features);
  const counts = new Uint32Array(layout.slots);
  for (const [j, column] of columns.entries()) counts.set(column.current, layout.features[j]!.offset);
  const window: WindowCounts = {
    model: "m",
    version: "",
    window: COMPARE_WINDOW,
    startMs: 0,
    endMs: 0,
    layout,
    counts,
    records: n,
    coverage: 1,
    blocks: [],
    changedFeatures: new Set(),
    incomplete: false,
    lost: 0,
    offsets: [],
  };
  const drift: boolean[] = [];
  const first: (string | undefined)[] = [];
  let reasons: string[] = [];
  for (const share of stated) {
    const evaluation = evaluateWindow(window, prepareReference(snapshot, comparePolicy(share)));
    drift.push(evaluation.verdict === "drift");
    const { codes } = evaluation.outcomes!;
    reasons = [];
    let found: string | undefined;
    for (let j = 0; j < codes.length; j++) {
      if (codes[j]! < 2) continue;
      const { reason } = featureEvaluation(evaluation, j)!;
      reasons.push(`${columns[j]!.name}: ${reason}`);
      if (j === 0 && made[0] !== undefined) found = reason;
    }
    first.push(found);
  }
  return { drift, first, reasons };
}

type Column = { readonly name: ColumnName; readonly feature: SnapshotFeature; readonly current: Uint32Array };

/** One column of both tables, or undefined where `driftd` leaves it out as an id. */
function makeColumn(random: Random, name: ColumnName, m: number, n: number, shift: number, feature: string): Column | undefined {
  const shape: ColumnShape = COLUMN_SHAPES[name];
  const reference = drawColumn(random, shape, m, 0, shape.float32 === "reference");
  const current = drawColumn(random, shape, n, shift, shape.float32 === "current");
  if (reference.length === 0) return undefined;
  return shape.kind === "numeric" ? numericColumn(name, feature, reference, current) : categoricalColumn(name, feature, reference, current);
}

function drawColumn(random: Random, { draw, missing = 0 }: ColumnShape, rows: number, shift: number, float32: boolean): Float64Array {
  const values = new Float64Array(rows);
  let count = 0;
  for (let i = 0; i < rows; i++) {
    if (missing > 0 && uniform(random) < missing) continue;
    const value = draw(random, shift);
    values[count++] = float32 ? Math.fround(value) : value;
  }
  return values.subarray(0, count);
}

const COMMON = { role: "feature", layout: "x", missing: 0, wrong_type: 0 } as const;

function numericColumn(name: ColumnName, feature: string, reference: Float64Array, current: Float64Array): Column | undefined {
  const pass = createPass(reference.length, 256);
  forEachRun(sortDoubles(reference), pass.add);
  const summary = pass.finish();
  const others = { missing: 0, wrongType: 0, nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  if (isIdNumber(name, { ...summary, ...others })) return undefined;
  const fine = summary.fine!;
  const edges = padEdges(fine.edges);
  const counts = new Uint32Array(fine.counts.length);
  const narrow = !summary.float32 && COLUMN_SHAPES[name] === COLUMN_SHAPES["float32 current"];
  for (const value of current) {
    const bin = binOf(edges, summary.float32 ? Math.fround(value) : narrow ? beforeFloat32(fine.edges, value) : value);
    counts[bin] = counts[bin]! + 1;
  }
  return {
    name,
    current: counts,
    feature: {
      ...COMMON,
      feature,
      kind: "numeric",
      count: reference.length,
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      round: summary.float32 ? "float32" : null,
      edges: fine.edges,
      counts: fine.counts,
      means: fine.means,
      coarse: coarseOfNumeric(fine),
      moments: summary.moments,
    },
  };
}

function categoricalColumn(name: ColumnName, feature: string, reference: Float64Array, current: Float64Array): Column | undefined {
  const byId = new Map<number, number>();
  for (const id of reference) byId.set(id, (byId.get(id) ?? 0) + 1);
  if (isIdText({ count: reference.length, distinct: byId.size })) return undefined;
  const ordered = [...byId].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const kept = ordered.slice(0, CATEGORIES_MAX);
  const place = new Map(kept.map(([id], j) => [id, j]));
  const counts = kept.map(([, count]) => count);
  const row = new Uint32Array(kept.length + 1);
  for (const id of current) {
    const bin = place.get(id) ?? kept.length;
    row[bin] = row[bin]! + 1;
  }
  const unnamed = reference.length - counts.reduce((sum, count) => sum + count, 0);
  return {
    name,
    current: row,
    feature: {
      ...COMMON,
      feature,
      kind: "categorical",
      count: reference.length,
      categories: kept.map(([id]) => `c${id}`),
      counts,
      coarse: coarseOfCategorical(counts, reference.length),
      seen_once: counts.filter((count) => count === 1).length,
      ...(unnamed > 0 ? { unnamed } : {}),
    },
  };
}

/** Rows of a pair: each side between 30 and 20,000 with equal chance for every order of magnitude; half of the pairs of equal size. */
export function drawRows(random: Random): readonly [number, number] {
  const one = (): number => Math.round(SMALLEST * (LARGEST / SMALLEST) ** uniform(random));
  const m = one();
  return [m, uniform(random) < 0.5 ? m : one()];
}

/** Ten different shapes. */
export function drawShapes(random: Random): ColumnName[] {
  const names = Object.keys(COLUMN_SHAPES) as ColumnName[];
  for (let i = 0; i < COLUMNS; i++) {
    const j = i + (nextUint32(random) % (names.length - i));
    [names[i], names[j]] = [names[j]!, names[i]!];
  }
  return names.slice(0, COLUMNS);
}

/** How many of how many pairs were called drift at each stated share. */
export type Tally = { pairs: number; readonly alarms: number[] };

/** The class of a pair of tables by their sizes. */
export function sizeClass([m, n]: readonly [number, number]): string {
  const smaller = Math.min(m, n);
  const size = smaller < 100 ? "30-99" : smaller < 1000 ? "100-999" : "1,000-20,000";
  const ratio = Math.max(m, n) / smaller;
  return `${size} rows, ${ratio < 3 ? "similar sizes" : m > n ? "current smaller" : "reference smaller"}`;
}

/**
 * The false-alarm table of `driftd compare`: `pairs` healthy pairs of ten columns of ten different shapes, and as many for each shape with ten
 * columns of that shape. Seeded: the same seed gives the same table. By class: `all`, `shape …`, `size …`; also what the alarms rested on.
 */
export function simulateHealthyPairs(
  pairs: number,
  seed: number,
  names: readonly ColumnName[] = Object.keys(COLUMN_SHAPES) as ColumnName[],
  onShape: (name: string) => void = () => {},
): { readonly tallies: ReadonlyMap<string, Tally>; readonly reasons: ReadonlyMap<string, number> } {
  const tallies = new Map<string, Tally>();
  const reasons = new Map<string, number>();
  const add = (name: string, drift: readonly boolean[]): void => {
    let tally = tallies.get(name);
    if (tally === undefined) {
      tally = { pairs: 0, alarms: STATED.map(() => 0) };
      tallies.set(name, tally);
    }
    tally.pairs += 1;
    for (const [i, one] of drift.entries()) if (one) tally.alarms[i]! += 1;
  };
  for (const [k, name] of ["mixed" as const, ...names].entries()) {
    const random = seedRandom(seed, k);
    for (let pair = 0; pair < pairs; pair++) {
      const shapes = name === "mixed" ? drawShapes(random) : new Array<ColumnName>(COLUMNS).fill(name);
      const rows = drawRows(random);
      const judged = judgePair(random, { shapes, rows });
      add("all pairs", judged.drift);
      add(name === "mixed" ? "ten shapes" : `shape ${name}`, judged.drift);
      add(`size ${sizeClass(rows)}`, judged.drift);
      for (const reason of judged.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    onShape(name);
  }
  return { tallies, reasons };
}

/**
 * The power table: of `pairs` pairs of `rows` rows in which one column of ten, of the shape named, is moved by `shift` standard deviations, the share in
 * which that column is found at the default of `--false-alarm`, .01.
 */
export function simulateShiftedPairs(name: ColumnName, shift: number, rows: number, pairs: number, seed: number): number {
  const random = seedRandom(seed, 1);
  let found = 0;
  for (let pair = 0; pair < pairs; pair++) {
    // The other columns only share the budget: small ones that draw fast.
    const shapes: ColumnName[] = [name, ...new Array<ColumnName>(COLUMNS - 1).fill("binary .5")];
    if (judgePair(random, { shapes, rows: [rows, rows], shift, stated: [0.01] }).first[0] !== undefined) found += 1;
  }
  return found / pairs;
}

/** Wilson's 95 % interval of a share. */
export function interval(hits: number, of: number): readonly [number, number] {
  const z = 1.96;
  const centre = (hits + (z * z) / 2) / (of + z * z);
  const half = (z / (of + z * z)) * Math.sqrt((hits * (of - hits)) / of + (z * z) / 4);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/**
 * Both tables as Markdown: false alarms of `pairs` healthy pairs a shape (and as many of ten shapes) at each stated share, with Wilson's 95 %
 * intervals, by shape and by size; and the share of 200 pairs of 5,000 rows in which one column of ten, moved by .2 standard deviations, is found.
 * Seeded: equal arguments give equal text. About 35 ms a pair: 500 pairs a shape take a quarter of an hour of one core.
 */
export function compareTables(pairs: number, seed: number, onShape?: (name: string) => void): string {
  const percent = (share: number): string => (100 * share).toFixed(2);
  const { tallies } = simulateHealthyPairs(pairs, seed, undefined, onShape);
  const healthy = [...tallies].map(([name, { pairs: of, alarms }]) => {
    const cells = alarms.map((hits) => {
      const [low, high] = interval(hits, of);
      return `${percent(hits / of)} (${percent(low)}–${percent(high)})`;
    });
    return `| ${name} | ${of} | ${cells.join(" | ")} |`;
  });
  const names = Object.keys(COLUMN_SHAPES) as ColumnName[];
  const shifted = names.map((name) => `| ${name} | ${percent(simulateShiftedPairs(name, 0.2, 5000, 200, seed))} |`);
  return [
    `| healthy pairs of ten columns | pairs | ${STATED.map((share) => `% called drift at ${share}`).join(" | ")} |`,
    "|---|---|---|---|---|",
    ...healthy,
    "",
    "| one column of ten moved by .2 sd, 5,000 rows against 5,000 | % found at 0.01 |",
    "|---|---|",
    ...shifted,
    "",
  ].join("\n");
}

if (import.meta.main) {
  const pairs = Number(process.argv[2] ?? 500);
  process.stdout.write(compareTables(pairs, 20_260_101, (name) => process.stderr.write(`${name}\n`)));
}
