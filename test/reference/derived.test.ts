import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { binOf, padEdges } from "../../src/reference/bins.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { countTable } from "../../src/reference/count.ts";
import { sumPanes } from "../../src/reference/from-panes.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { NumericFeature, Snapshot } from "../../src/reference/snapshot.ts";
import { validateSnapshot } from "../../src/reference/validate.ts";
import { normal, seedRandom, uniform } from "../detection/random.ts";
import { tableFolder } from "../tables/folder.ts";
import { buildOf, type Columns, countOf } from "./derived-data.ts";

const folder = tableFolder();

function columnsOf(seed: number, rows: number): Columns {
  const random = seedRandom(seed);
  const common = Array.from({ length: rows }, () => normal(random));
  const pick = <T>(value: T): T | null => (uniform(random) < 0.02 ? null : value);
  return {
    a: common.map((f) => pick(f + 0.3 * normal(random))),
    b: common.map((f) => Math.round(100 * Math.exp(f + 0.5 * normal(random))) / 100),
    c: common.map((f) => pick(Math.floor(3 * f))),
    d: common.map(() => Math.fround(uniform(random))),
    e: common.map((f) => (f > 1 ? "high" : uniform(random) < 0.3 ? "low" : pick(`c${Math.floor(5 * uniform(random))}`))),
  };
}

type Row = Readonly<Record<string, unknown>>;

/** The formulas of `snapshot.ts`, written down once more without a thought for speed. NaN: the record has no such value. */
function naive({ features, derived }: Snapshot, row: Row): Record<string, number> {
  const { pca, outlier } = derived!;
  const values: Record<string, number> = {};
  const number = (name: string): number => {
    const feature = features.find((one) => one.feature === name) as NumericFeature;
    const value = row[name];
    return typeof value !== "number" ? Number.NaN : feature.round === "float32" ? Math.fround(value) : value;
  };
  const rounded = (value: number) => Math.min(256, Math.max(-256, Math.round(value * 4096) / 4096));
  const z = pca!.inputs.map(({ feature, center, scale, mean, sd }) => {
    const x = number(feature);
    if (!Number.isFinite(x)) return Number.NaN;
    return (Math.round(2048 * Math.min(10, Math.max(-10, (x - center) / scale))) / 2048 - mean) / sd;
  });
  let rest = z.reduce((sum, one) => sum + one * one, 0);
  for (const [c, { loadings }] of pca!.components.entries()) {
    const score = z.reduce((sum, one, j) => sum + one * loadings[j]!, 0);
    rest -= score * score;
    values[`$pca_${c + 1}`] = rounded(score);
  }
  values["$pca_residual"] = rounded(Math.sqrt(Math.max(0, rest)));
  const rarities = outlier!.rarity.flatMap(({ feature: name, bins, other }) => {
    const feature = features.find((one) => one.feature === name)!;
    const value = row[name];
    if (feature.kind === "categorical") {
      if (typeof value !== "string") return [];
      return [bins[feature.categories.indexOf(value)] ?? other];
    }
    const x = number(name);
    if (Number.isNaN(x)) return [];
    return [Number.isFinite(x) ? bins[binOf(padEdges(feature.edges), x)]! : other];
  });
  values["$outlier"] =
    rarities.length < outlier!.least
      ? Number.NaN
      : Math.round((4.096 * rarities.reduce((sum, one) => sum + one, 0)) / rarities.length) / 4096;
  return values;
}

/** Counts of the derived features by the naive recomputation: values by bin, and how many records have none. */
function recount(snapshot: Snapshot, rows: readonly Row[]) {
  const features = snapshot.features.filter(({ role }) => role === "derived") as NumericFeature[];
  const found = rows.map((row) => naive(snapshot, row));
  return features.map(({ feature, edges, counts }) => {
    const bins = new Array<number>(counts.length).fill(0);
    const values = found.map((row) => row[feature]!);
    for (const value of values) if (!Number.isNaN(value)) bins[binOf(padEdges(edges), value)]! += 1;
    return { feature, bins, missing: values.filter(Number.isNaN).length };
  });
}

function counted(snapshot: Snapshot, counts: Uint32Array) {
  const layout = compileLayout(snapshot);
  return layout.row.features.slice(layout.features.length).map(({ feature, offset, bins }) => ({
    feature,
    bins: [...counts.slice(offset, offset + bins)],
    missing: counts[offset + bins + SPECIAL_SLOTS.indexOf("missing")]!,
  }));
}

const rowsOf = (columns: Columns): Row[] =>
  columns["a"]!.map((_, i) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[i]])));

let snapshot: Snapshot;
beforeAll(async () => {
  ({ snapshot } = await buildOf(columnsOf(1, 2000)));
});

describe("the derived features of records", () => {
  it("are those of a naive recomputation, whatever the values are", () => {
    expect(snapshot.features.find(({ feature }) => feature === "d")).toMatchObject({ round: "float32" });
    const layout = compileLayout(snapshot);
    const number = fc.oneof(
      fc.double({ min: -4, max: 4, noNaN: true }),
      fc.double(),
      fc.constantFrom(null, undefined, "1", true, 0.1, 1e308, -1e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    );
    const text = fc.oneof(fc.constantFrom("high", "low", "c1", "new", null, undefined), fc.constant(["x"]));
    const row = fc.record({ a: number, b: number, c: number, d: number, e: text });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
        const columns = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, rows.map((one) => (one as Row)[name] as null)]));
        expect(counted(snapshot, countOf(layout, columns).counts)).toEqual(recount(snapshot, rows as Row[]));
      }),
      { numRuns: 150 },
    );
  });

  it("add over panes: counted in parts and added they are those of the whole", () => {
    const layout = compileLayout(snapshot);
    const columns = columnsOf(2, 900);
    const part = (from: number, to: number): Columns =>
      Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(from, to)]));
    const whole = countOf(layout, columns).counts;
    const [first, second] = [countOf(layout, part(0, 137)).counts, countOf(layout, part(137, 900)).counts];
    expect(first.map((count, i) => count + second[i]!)).toEqual(whole);
  });

  it("have moments, as every number", () => {
    const layout = compileLayout(snapshot);
    const columns = columnsOf(3, 400);
    const { moments } = countOf(layout, columns);
    const values = rowsOf(columns)
      .map((row) => naive(snapshot, row)["$pca_1"]!)
      .filter((value) => !Number.isNaN(value));
    const at = layout.row.features.find(({ feature }) => feature === "$pca_1")!.moments * 5;
    expect(moments[at]).toBe(values.length);
    expect(moments[at + 1]).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 10);
    expect([moments[at + 3], moments[at + 4]]).toEqual([Math.min(...values), Math.max(...values)]);
  });
});

it("a reference made of panes computes its derived features as the one before", async () => {
  const layout = compileLayout(snapshot);
  const columns = columnsOf(6, 800);
  const pane = { key: { startMs: 0, paneMs: 300_000 }, ...countOf(layout, columns) };
  const sums = sumPanes(snapshot);
  sums.add(pane, layout.row);
  const renewed = await sums.snapshot({ source: "store", createdAtMs: 0, driftd: "0.0.0", version: undefined, empty: "leave_out" });
  expect(validateSnapshot(JSON.parse(JSON.stringify(renewed)), "r.json").derived).toEqual(snapshot.derived);
  expect(compileLayout(renewed).row.hash).toBe(layout.row.hash);
  const counts = Object.fromEntries(counted(snapshot, pane.counts).map(({ feature, bins }) => [feature, bins]));
  for (const { feature, role, counts: bins } of renewed.features) if (role === "derived") expect(bins).toEqual(counts[feature]);
});

describe("the derived features of a table", () => {
  const csv = (columns: Columns) =>
    `a,b,c,d,e\n${rowsOf(columns)
      .map((row) =>
        Object.values(row)
          .map((value) => value ?? "")
          .join(","),
      )
      .join("\n")}\n`;

  it("are counted as record by record, in the same row", async () => {
    const columns = columnsOf(4, 700);
    const layout = compileLayout(snapshot);
    const table = await countTable(await folder.write("current.csv", csv(columns)), layout);
    expect(counted(snapshot, table.counts)).toEqual(recount(snapshot, rowsOf(columns)));
  });

  it("are missing where the table lacks an input; the outlier score is made of the other columns", async () => {
    const columns = columnsOf(5, 300);
    const without = csv(columns).replaceAll(/^[^,]*,/gm, "");
    const table = await countTable(await folder.write("lacking.csv", without), compileLayout(snapshot));
    const rows = rowsOf(columns).map(({ a: _, ...rest }) => rest);
    const found = counted(snapshot, table.counts);
    expect(found).toEqual(recount(snapshot, rows));
    expect(found[0]!.missing).toBe(300);
    expect(found.at(-1)!.missing).toBe(0);
  });
});
