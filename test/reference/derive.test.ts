import { describe, expect, it } from "vitest";
import { compileLayout } from "../../src/reference/compile.ts";
import type { NumericFeature, Snapshot } from "../../src/reference/snapshot.ts";
import { validateSnapshot } from "../../src/reference/validate.ts";
import { normal, seedRandom, uniform } from "../detection/random.ts";
import { buildOf, type Columns } from "./derived-data.ts";

/** Columns of one common factor and noise of their own. */
function factorColumns(seed: number, rows: number, columns: number): Record<string, (number | null)[]> {
  const random = seedRandom(seed);
  const common = Array.from({ length: rows }, () => normal(random));
  return Object.fromEntries(
    Array.from({ length: columns }, (_, j) => [`x${j}`, common.map((factor) => 0.8 * factor + 0.6 * normal(random))]),
  );
}

const namesOf = ({ features }: Snapshot) => features.filter(({ role }) => role === "derived").map(({ feature }) => feature);
const find = (snapshot: Snapshot, name: string) => snapshot.features.find(({ feature }) => feature === name) as NumericFeature;

/** The rows in another order. */
function shuffled(columns: Columns, seed: number): Columns {
  const random = seedRandom(seed);
  const order = Array.from({ length: Object.values(columns)[0]!.length }, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const k = Math.floor(uniform(random) * (i + 1));
    [order[i], order[k]] = [order[k]!, order[i]!];
  }
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, order.map((i) => values[i]!)]));
}

describe("which features are derived", () => {
  it("enough scores for most of the variance, the residual, and the outlier score", async () => {
    const { snapshot, warnings } = await buildOf(factorColumns(1, 3000, 5));
    expect(namesOf(snapshot)).toEqual(["$pca_1", "$pca_2", "$pca_3", "$pca_residual", "$outlier"]);
    expect(warnings).toEqual([]);
    const { components } = snapshot.derived!.pca!;
    // Of five columns with correlation .64 the first component holds (1 + 4 · .64) / 5.
    expect(components[0]!.variance).toBeCloseTo(0.712, 1);
    for (const loading of components[0]!.loadings) expect(loading).toBeCloseTo(Math.sqrt(1 / 5), 1);
  });

  it("none of two numeric features, and nothing is said about it", async () => {
    const { snapshot, warnings } = await buildOf({ ...factorColumns(2, 500, 2), c: Array.from({ length: 500 }, (_, i) => `c${i % 3}`) });
    expect([namesOf(snapshot), snapshot.derived, warnings]).toEqual([[], undefined, []]);
  });

  it("as many scores as are asked for, at most one fewer than the inputs", async () => {
    const columns = factorColumns(3, 500, 4);
    expect(namesOf((await buildOf(columns, { pca: 1, outliers: "off" })).snapshot)).toEqual(["$pca_1", "$pca_residual"]);
    expect(namesOf((await buildOf(columns, { pca: 20, outliers: "off" })).snapshot)).toEqual([
      "$pca_1",
      "$pca_2",
      "$pca_3",
      "$pca_residual",
    ]);
  });

  it("each can be switched off", async () => {
    const columns = factorColumns(4, 500, 4);
    expect(namesOf((await buildOf(columns, { pca: "off" })).snapshot)).toEqual(["$outlier"]);
    expect((await buildOf(columns, { pca: "off", outliers: "off" })).snapshot.derived).toBeUndefined();
  });

  it.each([
    ["pca", "on", 2, "REFERENCE_DERIVED"],
    ["pca", 3, 2, "REFERENCE_DERIVED"],
    ["outliers", "on", 2, "REFERENCE_DERIVED"],
  ] as const)("%s %s of %i features is refused", async (what, wanted, columns, code) => {
    await expect(buildOf(factorColumns(5, 200, columns), { [what]: wanted })).rejects.toMatchObject({ code });
  });

  it("of more than 200 numeric features only when asked for, and it is said", async () => {
    const random = seedRandom(6);
    const wide = Object.fromEntries(Array.from({ length: 201 }, (_, j) => [`x${j}`, Array.from({ length: 40 }, () => normal(random))]));
    const { snapshot, warnings } = await buildOf(wide);
    expect(namesOf(snapshot)).toEqual([]);
    expect(warnings.join("\n")).toMatch(/201 numeric features are more than 200: no principal components.*--pca on/);
    expect(namesOf((await buildOf(wide, { pca: "off", outliers: "on" })).snapshot)).toEqual(["$outlier"]);
  });

  it("no components of too few records, and it is said", async () => {
    const { snapshot, warnings } = await buildOf(factorColumns(7, 30, 5));
    expect(namesOf(snapshot)).toEqual(["$outlier"]);
    expect(warnings.join("\n")).toMatch(/no principal components are made: a third of the records, \d+, is too few for 5/);
  });
});

describe("the inputs of the components", () => {
  it("are numeric features that vary and are seldom missing", async () => {
    const columns = factorColumns(8, 1000, 4);
    const { snapshot } = await buildOf({
      ...columns,
      often: columns["x0"]!.map((x, i) => (i % 25 === 0 ? null : x)),
      seldom: columns["x1"]!.map((x, i) => (i % 10 === 0 ? null : x)),
      constant: columns["x0"]!.map(() => 5),
      flag: columns["x0"]!.map((_, i) => (i % 200 === 0 ? 1 : 0)),
      text: columns["x0"]!.map((_, i) => `c${i % 4}`),
    });
    expect(snapshot.derived!.pca!.inputs.map(({ feature }) => feature)).toEqual(["x0", "x1", "x2", "x3", "often", "flag"]);
  });

  it("lose nothing of their scale to a huge outlier, and none of the scores is huge", async () => {
    const columns = factorColumns(9, 3000, 4);
    const plain = (await buildOf(columns)).snapshot;
    const hit = (await buildOf({ ...columns, x0: columns["x0"]!.map((x, i) => (i === 17 ? 1e300 : i === 18 ? -1e12 : x)) })).snapshot;
    const [before, after] = [plain, hit].map((snapshot) => snapshot.derived!.pca!.inputs[0]!);
    expect(after!.scale / before!.scale).toBeCloseTo(1, 2);
    expect(after!.center).toBeCloseTo(before!.center, 2);
    for (const name of namesOf(hit)) expect(find(hit, name).moments.max).toBeLessThan(20);
  });

  it("of a sentinel as frequent as values stand beside it are clipped, not left out", async () => {
    const columns = factorColumns(10, 3000, 3);
    const { snapshot } = await buildOf({ ...columns, x0: columns["x0"]!.map((x, i) => (i % 100 === 0 ? -999_999 : x)) });
    expect(snapshot.derived!.pca!.inputs).toHaveLength(3);
  });
});

describe("a record that lacks an input", () => {
  it("has no scores: it is missing there, and is no value", async () => {
    const columns = factorColumns(11, 3000, 3);
    const { snapshot } = await buildOf({ ...columns, x0: columns["x0"]!.map((x, i) => (i % 30 === 0 ? null : x)) });
    const { count, missing } = find(snapshot, "$pca_1");
    expect(missing / (count + missing)).toBeCloseTo(1 / 30, 2);
    expect((count + missing) / 3000).toBeCloseTo(2 / 3, 1);
    expect(find(snapshot, "$outlier").missing).toBe(0);
  });

  it("has an outlier score as long as half of its values are there", async () => {
    const columns = factorColumns(12, 1200, 3);
    const holes = Object.fromEntries(
      Object.entries(columns).map(([name, values], j) => [name, values.map((x, i) => (i % 4 > 1 + j ? null : x))]),
    );
    const { snapshot } = await buildOf(holes);
    const { count, missing } = find(snapshot, "$outlier");
    // Of four rows two lack nothing, one lacks one of three, one lacks two.
    expect(missing / (count + missing)).toBeCloseTo(1 / 4, 1);
  });
});

describe("the same data", () => {
  it("give the same bits in any order of the rows, repeated rows too", async () => {
    const random = seedRandom(13);
    const rows = 1500;
    const coarse = () => Array.from({ length: rows }, () => Math.floor(3 * uniform(random)));
    const columns: Columns = {
      ...factorColumns(14, rows, 3),
      a: coarse(),
      text: coarse().map((value) => (value === 0 ? null : `c${value}`)),
    };
    const repeated: Columns = { a: coarse(), b: coarse(), c: coarse(), d: coarse() };
    for (const data of [columns, repeated]) {
      const first = (await buildOf(data)).snapshot;
      expect((await buildOf(shuffled(data, 1))).snapshot).toEqual(first);
      expect(first.derived?.pca).toBeDefined();
    }
  });

  it("of few different rows are shared out in thirds, so that no value is in one part alone", async () => {
    const rows = 1200;
    const bits = (shift: number) => Array.from({ length: rows }, (_, i) => (i >> shift) & 1);
    const { snapshot } = await buildOf({ a: bits(0), b: bits(1), c: bits(2) }, { pca: 2 });
    expect(snapshot.derived!.pca!.records).toBe(400);
    expect(find(snapshot, "$pca_1").count).toBe(800);
    // Eight different rows, each as frequent as the others in both parts.
    const values = find(snapshot, "$pca_residual").counts.filter((count) => count > 0);
    for (const count of values) expect(count % 100).toBe(0);
  });
});

describe("a snapshot with derived features", () => {
  it("passes its own validation, as JSON too, and compiles", async () => {
    const { snapshot } = await buildOf({ ...factorColumns(15, 600, 4), text: Array.from({ length: 600 }, (_, i) => `c${i % 7}`) });
    const read = validateSnapshot(JSON.parse(JSON.stringify(snapshot)), "r.json");
    expect(read).toEqual(snapshot);
    expect(compileLayout(read).derived?.slots).toHaveLength(namesOf(snapshot).length);
  });

  it.each<[string, readonly (string | number)[], unknown, RegExp]>([
    ["another loading", ["derived", "pca", "components", 0, "loadings", 0], 0.5, /definition should be/],
    ["another rarity", ["derived", "outlier", "rarity", 0, "bins", 3], 7, /definition should be/],
    ["a scale of 0", ["derived", "pca", "inputs", 1, "scale"], 0, /pca\.inputs\[1\]\.scale should be a positive/],
    ["a loading too few", ["derived", "pca", "components", 0, "loadings"], [0.1, 0.2, 0.3], /a list of 4 numbers/],
    ["rarities of other bins", ["derived", "outlier", "rarity", 0, "bins"], [1, 2], /numbers from 0 to 65535/],
    ["an input that is no feature", ["features", 0, "feature"], "other", /pca\.inputs\[0\]\.feature should be a numeric feature/],
    ["a plain feature behind a derived one", ["features", 7, "role"], "feature", /features\[7\]\.role should be derived/],
  ])("with %s is refused", async (_, path, value, message) => {
    const { snapshot } = await buildOf(factorColumns(16, 600, 4));
    const changed = structuredClone(snapshot) as unknown as Record<string | number, unknown>;
    let at = changed;
    for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
    at[path.at(-1)!] = value;
    expect(() => validateSnapshot(changed, "r.json")).toThrow(message);
  });

  it("that this driftd cannot compute is refused when it is compiled", async () => {
    const { snapshot } = await buildOf(factorColumns(17, 600, 4));
    const features = snapshot.features.map((one) => (one.feature === "$outlier" ? { ...one, feature: "$forest" } : one));
    expect(() => compileLayout({ ...snapshot, features })).toThrow(expect.objectContaining({ code: "REFERENCE_UNKNOWN_ROLE" }));
  });
});
