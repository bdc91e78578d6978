import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fineBinsOf } from "../../src/reference/bins.ts";
import { type BuildOptions, buildSnapshot } from "../../src/reference/build.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { coarsePlan, referenceCoarse } from "../../src/reference/coarse.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { countTable } from "../../src/reference/count.ts";
import { loadSnapshot, saveSnapshot } from "../../src/reference/load.ts";
import { summarizeNumbers } from "../../src/reference/numeric.ts";
import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import { openTable } from "../../src/tables/open.ts";
import { tableFolder } from "../tables/folder.ts";

const folder = tableFolder();
const FLIGHTS = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));

const build = (input: string, options: Partial<BuildOptions> = {}) =>
  // Derived features have tests of their own (`derive.test.ts`).
  buildSnapshot({ input, model: "m", pca: "off", outliers: "off", nowMs: Date.parse("2026-01-01T00:00:00Z"), driftd: "0.1.0", ...options });

function feature<K extends SnapshotFeature["kind"]>(snapshot: Snapshot, name: string, kind: K): Extract<SnapshotFeature, { kind: K }> {
  const found = snapshot.features.find((one) => one.feature === name);
  if (found?.kind !== kind) throw new Error(`no ${kind} feature ${name}`);
  return found as Extract<SnapshotFeature, { kind: K }>;
}

/** Rows with every difficulty that CSV, JSON and Parquet can all write. */
const MIXED = `SELECT CASE WHEN i % 11 = 0 THEN NULL ELSE round(sin(i) * 50, 2) END AS amount, i % 7 AS days,
  CASE WHEN i % 13 = 0 THEN NULL ELSE 'c' || (i % 5) END AS city, i % 2 = 0 AS flag, 9007199254740993 + i % 3 AS account,
  TIMESTAMP '2026-01-01' + INTERVAL (i * 10) MINUTE AS at, CASE WHEN i % 50 = 0 THEN 'nan'::DOUBLE WHEN i % 51 = 0 THEN 'inf'::DOUBLE ELSE i / 4 END AS odd
  FROM range(2000) t(i)`;

describe("a reference of 1–14 January 2001", () => {
  it("is that of a slow recount: records, bins, half hours", async () => {
    const { snapshot, skipped } = await build(FLIGHTS, {
      timestamp: "date",
      fromMs: Date.parse("2001-01-01T00:00:00Z"),
      toMs: Date.parse("2001-01-15T00:00:00Z"),
    });
    expect(skipped).toEqual([{ feature: "date", reason: "timestamp" }]);
    expect(snapshot).toMatchObject({
      records: 228_738,
      time: { field: "date", from: "2001-01-01T00:01:00Z", to: "2001-01-14T23:59:00Z" },
      calibration: { days: 14, slot_seconds: 1800, from: "2001-01-01T00:00:00Z" },
    });
    expect(snapshot.features.map(({ feature, kind }) => [feature, kind])).toEqual([
      ["delay", "numeric"],
      ["distance", "numeric"],
      ["origin", "categorical"],
      ["destination", "categorical"],
    ]);
    for (const one of snapshot.features) {
      const slots = snapshot.calibration!.slots[one.feature]!;
      expect(slots).toHaveLength(14 * 48);
      const summed = slots.reduce(
        (sum, slot) => sum.map((count, bin) => count + (slot[bin] ?? 0)),
        new Array<number>(coarsePlan(one).size).fill(0),
      );
      expect(summed).toEqual([...referenceCoarse(one)]);
      expect(one.counts.reduce((sum, count) => sum + count, 0)).toBe(228_738);
    }
    expect(digestOf(snapshot)).toBe(snapshot.digest);
  });
});

describe("the same table", () => {
  it("gives the same features from CSV, NDJSON and Parquet", async () => {
    const options = { timestamp: "at" };
    const fromParquet = await build(await folder.copy(MIXED, "mixed.parquet"), options);
    const fromCsv = await build(await folder.copy(MIXED, "mixed.csv", "FORMAT csv, HEADER"), options);
    const fromJson = await build(await folder.copy(MIXED, "mixed.ndjson", "FORMAT json"), options);
    const content = ({ snapshot, skipped }: typeof fromCsv) => ({ ...snapshot, digest: "", provenance: null, skipped });
    expect(content(fromCsv)).toEqual(content(fromParquet));
    expect(content(fromJson)).toEqual(content(fromParquet));
    expect(fromParquet.snapshot.features.map(({ feature, kind }) => [feature, kind])).toEqual([
      ["amount", "numeric"],
      ["days", "numeric"],
      ["city", "categorical"],
      ["flag", "categorical"],
      ["account", "categorical"],
      ["odd", "numeric"],
    ]);
  });

  it("counts into its own bins as the reference has them, from any format, in the row of the panes", async () => {
    const { snapshot } = await build(await folder.copy(MIXED, "count.parquet"), { timestamp: "at" });
    const compiled = compileLayout(snapshot);
    const expected: number[] = [];
    for (const one of snapshot.features) {
      const numeric = one.kind === "numeric" ? [one.nan, one.positive_infinity, one.negative_infinity] : [0, 0, 0];
      expected.push(...one.counts, 0, 0, one.missing, ...numeric, one.wrong_type);
    }
    for (const [name, how] of [
      ["count.parquet", ""],
      ["count.csv", "FORMAT csv, HEADER"],
      ["count.ndjson", "FORMAT json"],
    ] as const) {
      const { counts, records, lacking, extra, moments } = await countTable(await folder.copy(MIXED, name, how), compiled);
      expect([...counts]).toEqual(expected);
      expect({ records, lacking, extra }).toEqual({ records: 2000, lacking: [], extra: ["at"] });
      const { moments: amount } = feature(snapshot, "amount", "numeric");
      expect(moments[0]).toBe(amount.count);
      expect(moments[1]).toBeCloseTo(amount.mean, 10);
      expect([moments[3], moments[4]]).toEqual([amount.min, amount.max]);
    }
  });
});

describe("columns", () => {
  it("that are ids, times, lists or empty are left out, each with its reason", async () => {
    const path = await folder.copy(
      `SELECT i AS row_number, hash(i) AS big_id, 'u' || i AS user, uuid() AS trace, DATE '2026-01-01' + i::INT AS dy, [i] AS tags, NULL::DOUBLE AS nothing,
       i * 1.5 AS amount, i % 3 AS kind, 5 AS constant FROM range(100) t(i)`,
      "columns.parquet",
    );
    const { snapshot, skipped } = await build(path, { exclude: ["kind"] });
    expect(skipped.map(({ feature, reason }) => [feature, reason])).toEqual([
      ["row_number", "unique_values"],
      ["big_id", "unique_values"],
      ["user", "unique_values"],
      ["trace", "unique_values"],
      ["dy", "timestamp"],
      ["tags", "unsupported_type"],
      ["nothing", "all_missing"],
      ["kind", "excluded"],
    ]);
    expect(snapshot.features.map(({ feature, counts }) => [feature, counts.length])).toEqual([
      ["amount", 201],
      ["constant", 3],
    ]);
  });

  it("of different floats, and of few different whole numbers, are features all the same", async () => {
    const { snapshot } = await build(
      await folder.copy("SELECT sqrt(i) AS a, 20 + (i * 37) % 80 AS age FROM range(25) t(i)", "floats.parquet"),
    );
    expect(snapshot.features.map(({ feature }) => feature)).toEqual(["a", "age"]);
  });

  const records =
    "SELECT i AS id, 'm' AS model, 'v' AS version, 1767225600 + i AS timestamp, i % 9 AS \"$x\", i % 2 AS prediction, i % 2 AS label FROM range(100) t(i)";

  it("of a table of records are its fields; the prediction is driftd's own, an input that begins with $ is written $$", async () => {
    const { snapshot, skipped } = await build(await folder.copy(records, "records.parquet"));
    expect(snapshot.features.map(({ feature, role }) => [feature, role])).toEqual([
      ["$$x", "feature"],
      ["$prediction", "prediction"],
    ]);
    expect(skipped.map(({ feature, reason }) => `${feature}: ${reason}`)).toEqual([
      "id: record_field",
      "model: record_field",
      "version: record_field",
      "timestamp: timestamp",
      "label: record_field",
    ]);
    expect(snapshot.time?.from).toBe("2026-01-01T00:00:00Z");
  });

  it("of a plain table are all inputs", async () => {
    const { snapshot } = await build(await folder.copy(records, "plain.parquet"), { recordColumns: false });
    expect(snapshot.features.map(({ feature }) => feature)).toEqual(["model", "version", "$$x", "prediction", "label"]);
    expect(snapshot.calibration).toBeUndefined();
  });

  it("without a name are left out, so that the snapshot can be loaded", async () => {
    const path = await folder.write("no-name.ndjson", '{"":1,"a":2}\n{"":3,"a":4}\n');
    const { snapshot, skipped } = await build(path);
    expect(skipped).toEqual([{ feature: "", reason: "no_name" }]);
    await saveSnapshot(snapshot, folder.path("no-name.json"));
    expect((await loadSnapshot(folder.path("no-name.json"))).features.map(({ feature }) => feature)).toEqual(["a"]);
  });

  it("of numbers can be taken as categories, named as JavaScript writes the numbers", async () => {
    const { snapshot } = await build(await folder.write("codes.csv", `code,x\n${"1.0,1\n2,2\n2.50,3\n2,4\n".repeat(5)}`), {
      categorical: ["code"],
    });
    expect(feature(snapshot, "code", "categorical").categories).toEqual(["2", "1", "2.5"]);
  });

  it("saved as float32 are rounded like that, and it is said", async () => {
    const { snapshot, warnings } = await build(
      await folder.copy("SELECT ((i % 100) / 10)::FLOAT AS f, (i % 8) / 8 AS d FROM range(500) t(i)", "float.parquet"),
    );
    expect([feature(snapshot, "f", "numeric").round, feature(snapshot, "d", "numeric").round]).toEqual(["float32", null]);
    expect(warnings).toEqual([expect.stringMatching(/^f: .*float32/)]);
    const { counts } = await countTable(
      await folder.copy("SELECT (i % 100) / 10 AS f, 0.5 AS d FROM range(500) t(i)", "double.parquet"),
      compileLayout(snapshot),
    );
    expect([...counts.slice(0, 201)]).toEqual(feature(snapshot, "f", "numeric").counts);
  });

  it("with more categories than are named keep the most frequent and count the rest as unnamed", async () => {
    const query = "SELECT 'c' || CASE WHEN i % 2 = 0 THEN i % 40 ELSE i % 30000 END AS c FROM range(60000) t(i)";
    const { snapshot, warnings } = await build(await folder.copy(query, "many.parquet"));
    const { categories, counts, count, unnamed } = feature(snapshot, "c", "categorical");
    expect(categories).toHaveLength(10_000);
    expect(counts.reduce((sum, one) => sum + one, 0) + unnamed!).toBe(count);
    expect(warnings).toHaveLength(1);
    const row = await countTable(folder.path("many.parquet"), compileLayout(snapshot));
    expect(row.counts[10_000]).toBe(unnamed);
  });

  it.each([
    [
      "all of them rare: said, since a drift among them is not found",
      "i % 2000",
      [expect.stringMatching(/^c: has 2000 categories, all of them rare/)],
    ],
    ["some of them frequent", "CASE WHEN i % 2 = 0 THEN i % 4 ELSE i % 2000 END", []],
    ["one alone", "7", []],
  ])("with categories, %s", async (_, category, said) => {
    const { warnings } = await build(await folder.copy(`SELECT 'c' || ${category} AS c FROM range(20000) t(i)`, "rare.parquet"));
    expect(warnings).toEqual(said);
  });

  it("named like nothing in JavaScript is are features like any other", async () => {
    const path = await folder.write(
      "proto.ndjson",
      Array.from({ length: 9 }, (_, i) => `{"__proto__":${i % 2},"toString":"a","a,\\"b\\n😀":${i % 2}}`).join("\n"),
    );
    const { snapshot } = await build(path);
    const file = folder.path("proto.reference.json");
    await saveSnapshot(snapshot, file);
    expect((await loadSnapshot(file)).features.map(({ feature }) => feature)).toEqual(["__proto__", "toString", 'a,"b\n😀']);
  });
});

describe("numbers", () => {
  it("are summed up the same by DuckDB's sort, for columns too long for memory, as by driftd's on one thread and on two", async () => {
    const table = await openTable(await folder.copy(MIXED, "long.parquet"));
    try {
      const options = { rows: 2000, bins: 64, filter: undefined, onColumn: () => {} };
      const columns = ["amount", "days", "odd"];
      const sorted = await summarizeNumbers(table, columns, options);
      expect(await summarizeNumbers(table, columns, { ...options, gatheredRows: 100 })).toEqual(sorted);
      expect(await summarizeNumbers(table, columns, { ...options, sharedValues: 0 })).toEqual(sorted);
      expect(sorted.map(({ count, missing, nan, positiveInfinity }) => [count, missing, nan, positiveInfinity])).toEqual([
        [1818, 182, 0, 0],
        [2000, 0, 0, 0],
        [1921, 0, 40, 39],
      ]);
    } finally {
      await table.close();
    }
  });

  it("so large that their sums overflow have bins and no moments", async () => {
    const { snapshot } = await build(await folder.write("huge.csv", `x\n${"1e308\n-1e308\n1.5e308\n".repeat(9)}`));
    const { moments, counts, edges } = feature(snapshot, "x", "numeric");
    expect(moments.count).toBe(0);
    expect(edges).toEqual(fineBinsOf([1e308, -1e308, 1.5e308]).edges);
    expect(counts).toEqual([0, 9, 0, 9, 0, 9, 0]);
  });
});

describe("calibration", () => {
  const HOURLY = "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS t, i % 4 AS x, 'c' || (i % 3) AS c";

  it("counts a value of each half hour in its slot, and none where none was", async () => {
    const { snapshot } = await build(await folder.copy(`${HOURLY} FROM range(3) r(i)`, "hourly.parquet"), { timestamp: "t" });
    const { slots, days } = snapshot.calibration!;
    expect(days).toBe(1);
    expect(slots["x"]!.map((slot) => slot.reduce((sum, count) => sum + count, 0))).toEqual([1, 0, 1, 0, 1]);
    expect(slots["c"]!.map((slot) => slot.length)).toEqual([4, 0, 4, 0, 4]);
  });

  it("keeps the fullest 92 days when one row has a wrong year", async () => {
    const query = `${HOURLY} FROM range(72) r(i) UNION ALL SELECT TIMESTAMP '1970-01-01', 1, 'c1' UNION ALL SELECT TIMESTAMP '2100-01-01', 1, 'c1'`;
    const { snapshot } = await build(await folder.copy(query, "years.parquet"), { timestamp: "t" });
    expect(snapshot.calibration).toMatchObject({ days: 3, from: "2026-01-01T00:00:00Z" });
    expect(snapshot.records).toBe(74);
  });

  it("is the same whether features are derived in the same scan or not", async () => {
    const years = `${MIXED} UNION ALL SELECT 1.5, 3, 'c1', true, 1, TIMESTAMP '1970-01-01', 'inf'::DOUBLE UNION ALL SELECT 1.5, 3, 'c1', true, 1, NULL, 2`;
    const path = await folder.copy(
      `SELECT *, days AS prediction, days / 3 AS share, days * days AS square FROM (${years})`,
      "derived.parquet",
    );
    const options = { timestamp: "at", categorical: ["days"] };
    const plain = (await build(path, options)).snapshot.calibration!;
    const both = (await build(path, { ...options, pca: "on", outliers: "on" })).snapshot.calibration!;
    const withPca = (await build(path, { ...options, pca: "on" })).snapshot.calibration!;
    for (const { slots, ...rest } of [both, withPca]) {
      expect(Object.keys(slots).length).toBeGreaterThan(Object.keys(plain.slots).length);
      expect({ ...rest, slots: { ...slots, ...plain.slots } }).toEqual({ ...rest, slots });
      expect({ ...plain, slots: 0 }).toEqual({ ...rest, slots: 0 });
    }
  });

  it("leaves rows without a readable time out, and says how many", async () => {
    const path = await folder.write("no-times.csv", `t,x\n${"2026-01-01,1\n".repeat(30)},2\nsoon,3\n`);
    const { snapshot, warnings } = await build(path, { timestamp: "t" });
    expect(warnings).toEqual([expect.stringContaining("2 of 32 rows")]);
    expect(snapshot.calibration!.slots["x"]!.flat().reduce((sum, count) => sum + count, 0)).toBe(30);
  });
});

describe("a current table", () => {
  const reference = () => folder.write("r.csv", `n,c,gone\n${"1,a,1\n2,b,2\n3,a,3\n".repeat(10)}`);

  it("that lacks a column counts it absent, and says which columns are missing and which are new", async () => {
    const { snapshot } = await build(await reference());
    const compiled = compileLayout(snapshot);
    const { counts, lacking, extra, records } = await countTable(await folder.write("c1.csv", "n,c,new\n1,a,x\n2,b,y\n"), compiled);
    const gone = compiled.features.find((one) => one.feature === "gone")!;
    expect({ lacking, extra, records, absent: counts[gone.offset + gone.bins + 1] }).toEqual({
      lacking: ["gone"],
      extra: ["new"],
      records: 2,
      absent: 2,
    });
  });

  it("is read by the reference's kinds: text among numbers is a wrong type, numbers among categories are text, new ones unseen", async () => {
    const { snapshot } = await build(await reference());
    const compiled = compileLayout(snapshot);
    const { counts } = await countTable(await folder.write("c2.csv", "n,c,gone\nx,1,1\ny,2,1\n,a,1\n"), compiled);
    const specials = (name: string) => {
      const { offset, bins } = compiled.features.find((one) => one.feature === name)!;
      return [...counts.slice(offset + bins, offset + bins + 7)];
    };
    expect(specials("n")).toEqual([0, 0, 1, 0, 0, 0, 2]);
    expect(specials("c")).toEqual([2, 0, 0, 0, 0, 0, 0]);
  });

  it("with a list where a number was has wrong types", async () => {
    const { snapshot } = await build(await folder.copy("SELECT i % 5 AS n FROM range(50) t(i)", "r.parquet"));
    const { counts } = await countTable(
      await folder.copy("SELECT CASE WHEN i > 0 THEN [i] END AS n FROM range(5) t(i)", "c.parquet"),
      compileLayout(snapshot),
    );
    expect([...counts.slice(-7)]).toEqual([0, 0, 1, 0, 0, 0, 4]);
  });
});

describe("what cannot be a reference", () => {
  it.each<[string, string, Partial<BuildOptions>, string]>([
    ["a table without rows", "a,b\n", {}, "REFERENCE_EMPTY"],
    ["a table without a feature", "a\n\n\n", {}, "REFERENCE_EMPTY"],
    ["a period without rows", "t,a\n2026-01-01,1\n", { timestamp: "t", fromMs: Date.parse("2027-01-01") }, "REFERENCE_EMPTY"],
    ["a period without a column of time", "t,a\n2026-01-01,1\n", { fromMs: 0 }, "REFERENCE_TIME_UNREADABLE"],
    ["a time that is none", "t,a\nsoon,1\n", { timestamp: "t" }, "REFERENCE_TIME_UNREADABLE"],
    ["a time column that is not there", "t,a\n1,1\n", { timestamp: "time" }, "TABLE_COLUMN_MISSING"],
    ["a column to leave out that is not there", "t,a\n1,1\n", { exclude: ["b"] }, "TABLE_COLUMN_MISSING"],
    ["three bins", "a\n1\n", { bins: 3 }, "REFERENCE_BINS"],
  ])("%s", async (_, content, options, code) => {
    await expect(build(await folder.write("no.csv", content), options)).rejects.toMatchObject({ code, hint: expect.stringMatching(/./) });
  });
});
