import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { g, psi } from "../../detectors/index.ts";
import type { Io } from "../../src/cli/args.ts";
import { compareCommand } from "../../src/cli/compare.ts";
import type { CompareDocument } from "../../src/cli/compare-report.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import { createNormal, createRandom } from "../evaluate/make.ts";

const folder = mkdtempSync(join(tmpdir(), "driftd-compare-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runOn({}, ...args);

async function runOn(where: Partial<Io>, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTTY: false,
    env: {},
    cwd: folder,
    ...where,
  };
  return { code: await compareCommand(args, io), stdout, stderr };
}

async function compare(
  reference: string,
  current: string,
  ...more: string[]
): Promise<{ code: number; document: CompareDocument; stderr: string }> {
  const { code, stdout, stderr } = await run("--reference", reference, "--current", current, "--format", "json", ...more);
  return { code, document: JSON.parse(stdout), stderr };
}

const random = createRandom(42);
const normal = createNormal(random);
const kinds = ["red", "green", "blue", "<b>&'\"</b>"];

type Row = Readonly<Record<string, string | number | null>>;

function rows(count: number, shift = 0): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: i,
    age: Math.round(40 + 10 * normal()),
    score: Number((normal() + shift).toFixed(6)),
    kind: kinds[Math.floor(4 * random() ** 2)]!,
    sometimes: random() < 0.1 ? null : Number(random().toFixed(4)),
    nothing: null,
  }));
}

function writeCsv(name: string, table: readonly Row[]): void {
  const columns = Object.keys(table[0]!);
  const cell = (value: string | number | null): string =>
    value === null ? "" : typeof value === "number" ? String(value) : `"${value.replaceAll('"', '""')}"`;
  writeFileSync(
    join(folder, name),
    `${columns.join(",")}\n${table.map((row) => columns.map((column) => cell(row[column]!)).join(",")).join("\n")}\n`,
  );
}

const tables = { reference: rows(5000), same: rows(4000), shifted: rows(5000, 0.2), small: rows(15) };

beforeAll(() => {
  for (const [name, table] of Object.entries(tables)) writeCsv(`${name}.csv`, table);
});

describe("driftd compare", () => {
  it("exits 0 without drift, and prints nothing but the document", async () => {
    const { code, document, stderr } = await compare("reference.csv", "same.csv");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(document).toMatchObject({
      schema: "driftd/compare/v1",
      verdict: "no_drift",
      reference: { source: "reference.csv", records: 5000 },
      current: { source: "same.csv", records: 4000 },
      policy: { thresholds: "auto", false_alarm: 0.01, alpha: 0.01 / 12 },
    });
    expect(document.reference.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("exits 1 on drift and says where: .2 standard deviations in 5,000 rows", async () => {
    const { code, document } = await compare("reference.csv", "shifted.csv");
    expect(code).toBe(1);
    expect(document.features.filter(({ verdict }) => verdict === "drift").map(({ feature }) => feature)).toEqual(["score"]);
  });

  it("exits 3 when nothing can be judged", async () => {
    const { code, document } = await compare("reference.csv", "small.csv");
    expect(code).toBe(3);
    expect(document).toMatchObject({ verdict: "insufficient_data", reason: "too_few_values" });
  });

  it.each([
    ["a table that is not there", ["--reference", "none.csv", "--current", "same.csv"], "TABLE_NOT_FOUND"],
    ["a column that is not there", ["--reference", "reference.csv", "--current", "same.csv", "--exclude", "agee"], "TABLE_COLUMN_MISSING"],
    ["a false alarm rate of 2", ["--reference", "reference.csv", "--current", "same.csv", "--false-alarm", "2"], "USAGE"],
    ["no current table", ["--reference", "reference.csv"], "USAGE"],
  ])("refuses %s with a code", async (_, args, code) => {
    await expect(run(...args)).rejects.toMatchObject({ code });
  });

  it("gives every column of the reference a place, in features or in skipped", async () => {
    const { document } = await compare("reference.csv", "same.csv", "--exclude", "age");
    expect(document.features.map(({ feature }) => feature)).toEqual(["score", "kind", "sometimes"]);
    expect(document.skipped).toEqual([
      { feature: "id", reason: "unique_values" },
      { feature: "age", reason: "excluded" },
      { feature: "nothing", reason: "all_missing" },
    ]);
  });

  it("prints the shape of the contract", async () => {
    const { document } = await compare("reference.csv", "shifted.csv");
    const score = document.features.find(({ feature }) => feature === "score")!;
    expect(score).toMatchObject({
      kind: "numeric",
      verdict: "drift",
      reason: "shift",
      severity: "warning",
      reference_count: 5000,
      current_count: 5000,
      missing: { reference: 0, current: 0 },
    });
    const { statistics } = score;
    expect(Object.keys(statistics.psi!).sort()).toEqual(["excess", "threshold", "value"]);
    expect(statistics.kl?.direction).toBe("current||reference");
    expect(statistics.kl_reverse?.direction).toBe("reference||current");
    expect(statistics.kl!.value + statistics.kl_reverse!.value).toBeCloseTo(statistics.psi!.value, 12);
    expect(Object.keys(statistics.ks!).sort()).toEqual(["p_value", "threshold", "upper", "value"]);
    expect(Object.keys(statistics.g!).sort()).toEqual(["degrees_of_freedom", "p_value", "threshold", "value"]);
    expect(statistics.jensen_shannon).toMatchObject({ base: "e", form: "divergence" });
    expect(statistics.wasserstein).toMatchObject({ binned: true });
    expect(score.quality[0]).toMatchObject({ check: "missing", verdict: "no_drift", reference_share: 0, current_share: 0 });
    const sometimes = document.features.find(({ feature }) => feature === "sometimes")!;
    const empty = (table: readonly Row[]) => table.filter((row) => row["sometimes"] === null).length;
    expect(sometimes.missing).toEqual({ reference: empty(tables.reference), current: empty(tables.shifted) });
    expect(sometimes.current_count).toBe(5000 - empty(tables.shifted));
    expect(document.features.find(({ kind }) => kind === "categorical")!.statistics).not.toHaveProperty("ks");
  });

  it("brackets the exact KS distance and recounts PSI and G from the rows", async () => {
    const { document } = await compare("reference.csv", "shifted.csv");
    const { ks } = document.features.find(({ feature }) => feature === "score")!.statistics;
    const sorted = (table: readonly Row[]) => table.map((row) => row["score"] as number).sort((a, b) => a - b);
    const [a, b] = [sorted(tables.reference), sorted(tables.shifted)];
    let exact = 0;
    for (const x of [...a, ...b]) {
      const below = (list: number[]) => list.filter((value) => value <= x).length / list.length;
      if (Math.abs(x) < 0.5) exact = Math.max(exact, Math.abs(below(a) - below(b)));
    }
    expect(ks!.value).toBeLessThanOrEqual(exact);
    expect(ks!.upper).toBeGreaterThanOrEqual(exact);
    expect(exact - ks!.value).toBeLessThan(1 / 256);

    const count = (table: readonly Row[]) => kinds.map((kind) => table.filter((row) => row["kind"] === kind).length);
    const kind = document.features.find(({ feature }) => feature === "kind")!;
    const [r, c] = [count(tables.reference), count(tables.shifted)];
    expect(kind.statistics.g!.value / g(r, c)!).toBeCloseTo(1, 10);
    expect(kind.statistics.psi!.value / psi(r, c)!).toBeCloseTo(1, 10);
    expect(kind.statistics.g!.degrees_of_freedom).toBe(3);
  });

  it("gives the same document for CSV, NDJSON and Parquet", async () => {
    for (const name of ["reference", "same"] as const) {
      writeFileSync(join(folder, `${name}.ndjson`), tables[name].map((row) => JSON.stringify(row)).join("\n"));
    }
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    for (const name of ["reference", "same"]) {
      const csv = join(folder, `${name}.csv`);
      await connection.run(
        `COPY (SELECT * FROM read_csv('${csv}', all_varchar = false)) TO '${join(folder, `${name}.parquet`)}' (FORMAT parquet)`,
      );
    }
    connection.closeSync();
    instance.closeSync();
    const documents = await Promise.all(
      ["csv", "ndjson", "parquet"].map(async (format) => {
        const { document } = await compare(`reference.${format}`, `same.${format}`);
        return { ...document, reference: { ...document.reference, source: "" }, current: { ...document.current, source: "" } };
      }),
    );
    expect(documents[1]).toEqual(documents[0]);
    expect(documents[2]).toEqual(documents[0]);
  });

  it("takes a snapshot for the reference, with the same verdict and statistics", async () => {
    const { snapshot } = await buildSnapshot({
      input: join(folder, "reference.csv"),
      model: "m",
      nowMs: 0,
      driftd: "0",
      recordColumns: false,
    });
    await saveSnapshot(snapshot, join(folder, "m.reference.json"));
    const [table, saved] = [await compare("reference.csv", "shifted.csv"), await compare("m.reference.json", "shifted.csv")];
    expect(saved.code).toBe(1);
    expect(saved.document.features).toEqual(table.document.features);
    expect(saved.document.reference.digest).toBe(snapshot.digest);
    const left = await compare("m.reference.json", "shifted.csv", "--exclude", "score");
    expect(left.document.skipped).toEqual([{ feature: "score", reason: "excluded" }]);
    expect(left.document.features.map(({ feature }) => feature)).not.toContain("score");
    expect(left.code).toBe(0);
  });

  it("names the columns that differ, and judges the others", async () => {
    writeCsv(
      "other.csv",
      tables.same.map(({ score, ...rest }) => ({ ...rest, points: score! })),
    );
    const { code, document, stderr } = await compare("reference.csv", "other.csv");
    expect(code).toBe(0);
    expect(document.only_in_reference).toEqual(["score"]);
    expect(document.only_in_current).toEqual(["points"]);
    expect(stderr).toBe("warning: score: is not in other.csv\nwarning: points: is not in reference.csv\n");
    expect(document.features.find(({ feature }) => feature === "score")).toMatchObject({
      verdict: "insufficient_data",
      current_count: 0,
      missing: { reference: 0, current: 4000 },
      statistics: {},
    });
    expect(document.features.find(({ feature }) => feature === "age")?.verdict).toBe("no_drift");
  });

  it("does not take growing gaps for drift, but shows them", async () => {
    writeCsv(
      "gaps.csv",
      tables.same.map((row, i) => (i % 2 === 0 ? { ...row, age: null } : row)),
    );
    const { code, document } = await compare("reference.csv", "gaps.csv");
    expect(code).toBe(0);
    const age = document.features.find(({ feature }) => feature === "age")!;
    expect(age.verdict).toBe("no_drift");
    expect(age.quality[0]).toMatchObject({ check: "missing", verdict: "drift", reference_share: 0, current_share: 0.5 });
  });

  it("finds no difference between a table and itself", async () => {
    const { document } = await compare("reference.csv", "reference.csv");
    for (const { statistics } of document.features) for (const { value } of Object.values(statistics)) expect(value).toBe(0);
  });

  it("leaves the event time out, and takes numbers as categories when told to", async () => {
    writeCsv(
      "timed.csv",
      tables.same.map((row, i) => ({ at: 1_700_000_000 + i, ...row })),
    );
    const { document } = await compare("timed.csv", "timed.csv", "--timestamp", "at", "--categorical", "age");
    expect(document.skipped).toContainEqual({ feature: "at", reason: "timestamp" });
    expect(document.features.find(({ feature }) => feature === "age")?.kind).toBe("categorical");
  });

  it("takes the names of missing values from --null-values", async () => {
    writeCsv(
      "na.csv",
      tables.same.map((row, i) => ({ ...row, kind: i % 2 === 0 ? "NA" : row["kind"]! })),
    );
    const without = await compare("reference.csv", "na.csv");
    expect(without.code).toBe(1);
    expect(without.document.features.find(({ feature }) => feature === "kind")?.reason).toBe("unseen");
    const { code, document } = await compare("reference.csv", "na.csv", "--null-values", "NA");
    expect(code).toBe(0);
    expect(document.features.find(({ feature }) => feature === "kind")?.missing.current).toBe(2000);
  });

  it("shows a table for people, the worst column first, without a character that steers the terminal", async () => {
    writeCsv(
      "bell.csv",
      tables.shifted.map(({ score, ...rest }) => ({ ...rest, "score\u001b[31m": score! })),
    );
    writeCsv(
      "bell0.csv",
      tables.reference.map(({ score, ...rest }) => ({ ...rest, "score\u001b[31m": score! })),
    );
    const { code, stdout } = await run("--reference", "bell0.csv", "--current", "bell.csv");
    expect(code).toBe(1);
    const lines = stdout.split("\n");
    expect(lines[3]).toMatch(/^column +verdict +PSI/);
    expect(lines[4]).toMatch(/^score\\u\{1b\}\[31m +DRIFT warning +0\.\d+ +█+░+ .* distribution has shifted$/);
    expect(stdout).toContain("DRIFT (warning): 1 of 4 columns drift");
    expect(stdout).not.toContain("\u001b");
  });

  it("makes one page of HTML that loads nothing, and escapes what the tables say", async () => {
    writeCsv(
      "odd.csv",
      tables.shifted.map(({ score, ...rest }) => ({ ...rest, "<img src=x>": score! })),
    );
    const { code, stdout } = await run("--reference", "odd.csv", "--current", "odd.csv", "--format", "html");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^<!doctype html>/);
    expect(stdout).toContain("&lt;img src=x&gt;");
    expect(stdout).toContain("&lt;b&gt;&amp;&#39;&quot;&lt;/b&gt;");
    expect(stdout).not.toMatch(/<img|<b>|<script|https?:|src=["']|href=/);
  });

  describe("as a gate", () => {
    const severe = tables.reference.map((row) => ({ ...row, score: (row["score"] as number) + 1 }));

    it.each([
      ["a warning", "shifted.csv", [], 1],
      ["a warning", "shifted.csv", ["--fail-on", "warning"], 1],
      ["a warning", "shifted.csv", ["--fail-on", "critical"], 0],
      ["something critical", "severe.csv", ["--fail-on", "critical"], 1],
      ["too little data", "small.csv", ["--fail-on", "critical"], 3],
    ])("answers %s in %s with %j by exit code %d", async (_, current, flags, code) => {
      writeCsv("severe.csv", severe);
      const answer = await compare("reference.csv", current, ...flags);
      expect(answer.code).toBe(code);
      // The document is the same: only the exit code is the gate's.
      expect(answer.document.verdict).toBe(current === "small.csv" ? "insufficient_data" : "drift");
    });
  });

  describe("older tools' numbers", () => {
    const score = (document: CompareDocument) => document.features.find(({ feature }) => feature === "score")!;

    it("are absent unless asked for", async () => {
      const { document } = await compare("reference.csv", "shifted.csv");
      for (const feature of document.features) expect(feature).not.toHaveProperty("compat");
    });

    it("are exact when the reference is a table, and change nothing else", async () => {
      const flags = [
        "--psi-zero",
        "evidently",
        "--psi-bins",
        "deciles",
        "--js-base",
        "2",
        "--js-form",
        "distance",
        "--kl-direction",
        "reference||current",
      ];
      const { document, code } = await compare("reference.csv", "shifted.csv", ...flags);
      expect(code).toBe(1);
      expect(score(document).compat).toEqual({
        psi: { value: expect.closeTo(0.04, 1), zero: "evidently", bins: "deciles", exact: true },
        kl: { value: expect.closeTo(0.02, 1), direction: "reference||current", zero: "evidently", bins: "deciles", exact: true },
        jensen_shannon: { value: expect.closeTo(0.085, 1), base: 2, form: "distance", bins: "deciles", exact: true },
      });
      const { document: plain } = await compare("reference.csv", "shifted.csv");
      expect(score(document).verdict).toBe(score(plain).verdict);
      expect(score(document).statistics.psi).toEqual(score(plain).statistics.psi);
    });

    it("say that they are not exact of a snapshot that has not the edges", async () => {
      const { snapshot } = await buildSnapshot({
        input: join(folder, "reference.csv"),
        model: "m",
        nowMs: 0,
        driftd: "0",
        recordColumns: false,
      });
      await saveSnapshot(snapshot, join(folder, "plain.json"));
      const { document } = await compare("plain.json", "shifted.csv", "--psi-bins", "width:20");
      expect(score(document).compat!.psi!).toMatchObject({ zero: "jeffreys", bins: "width:20", exact: false });
    });

    it.each([
      ["--psi-zero", "half"],
      ["--psi-zero", "epsilon:2"],
      ["--psi-zero", "jeffreys:1"],
      ["--psi-bins", "tenths"],
      ["--psi-bins", "width:0"],
      ["--psi-bins", "edges:[2,1]"],
      ["--psi-bins", "deciles,doane"],
      ["--js-base", "10"],
      ["--fail-on", "never"],
    ])("refuse %s %s", async (flag, value) => {
      await expect(run("--reference", "reference.csv", "--current", "same.csv", flag, value)).rejects.toMatchObject({ code: "USAGE" });
    });
  });

  describe("on a terminal", () => {
    const terminal = { columns: 72 };
    const args = ["--reference", "reference.csv", "--current", "shifted.csv"];

    it("keeps within its lines, in colour, and draws the drifting columns", async () => {
      const { stdout } = await runOn({ terminal }, ...args);
      expect(stdout).toContain("\u001b[33mDRIFT warning\u001b[0m");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are what is taken away
      const lines = stdout.replaceAll(/\u001b\[\d+m/g, "").split("\n");
      const table = lines.slice(3, lines.indexOf("", 4));
      expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(72);
      const at = lines.findIndex((line) => line.startsWith("score  ["));
      expect(lines[at + 1]).toMatch(/^ {2}reference {2}[▁-█]{10}·$/);
      expect(lines[at + 2]).toMatch(/^ {2}current {4}[▁-█]{10}[▁·]$/);
    });

    it.each([
      ["NO_COLOR", { NO_COLOR: "1" }],
      ["a dumb terminal", { TERM: "dumb" }],
    ])("uses no colour with %s", async (_, env) => {
      expect((await runOn({ terminal, env }, ...args)).stdout).not.toContain("\u001b");
    });

    it("draws nothing elsewhere unless --bars asks for it", async () => {
      expect((await run(...args)).stdout).not.toContain("  current    ");
      const { stdout } = await run(...args, "--bars");
      expect(stdout).toContain("  current    ");
      expect(stdout).not.toContain("\u001b");
    });
  });

  describe("says what it cannot judge well", () => {
    const reasons = (document: CompareDocument, name: string) =>
      (document.features.find(({ feature }) => feature === name)!.degraded ?? []).map(({ reason }) => reason);

    it("30 rows, constant columns, empty columns", async () => {
      const poor = (count: number, constant: number, empty: boolean) =>
        rows(count).map((row) => ({ ...row, constant, empty: empty ? null : row["age"]! }));
      writeCsv("poor0.csv", poor(5000, 7, false));
      writeCsv("poor1.csv", poor(30, 7, true));
      const { document, code, stderr } = await compare("poor0.csv", "poor1.csv");
      expect(code).toBe(0);
      expect(stderr).toBe("");
      expect(reasons(document, "age")).toEqual(["few_values"]);
      expect(reasons(document, "constant")).toEqual(["constant_reference"]);
      expect(reasons(document, "empty")).toEqual(["no_values"]);
      expect(document.features.find(({ feature }) => feature === "empty")).toMatchObject({ verdict: "insufficient_data" });
      const { stdout } = await run("--reference", "poor0.csv", "--current", "poor1.csv");
      expect(stdout).toContain("note: constant: is 7 throughout the reference: only other values can be seen\n");
      expect(stdout).toContain("note: age: 5000 against 30 values are compared in 6 bins at most: small changes stay unseen\n");
      // A column that is empty in the reference is left out by name.
      writeCsv("poor2.csv", poor(5000, 8, false));
      expect((await compare("poor1.csv", "poor2.csv")).document.skipped).toContainEqual({ feature: "empty", reason: "all_missing" });
      const other = await compare("poor0.csv", "poor2.csv");
      expect(other.document.features.find(({ feature }) => feature === "constant")).toMatchObject({
        verdict: "drift",
        reason: "out_of_range",
      });
    });

    it("ten thousand categories, and more", async () => {
      const many = (count: number, of: number) => Array.from({ length: count }, (_, i) => ({ city: `c${(i * 7919) % of}` }));
      writeCsv("many0.csv", many(40_000, 12_000));
      writeCsv("many1.csv", many(20_000, 12_000));
      const { document } = await compare("many0.csv", "many1.csv", "--categorical", "city");
      expect(document.verdict).toBe("no_drift");
      expect(reasons(document, "city")).toEqual(["unnamed_categories", "rare_categories"]);
    });

    it("float32 on either side of float64, which is no drift", async () => {
      const saved = (table: readonly Row[]) =>
        table.map((row) => ({ ...row, price: Math.fround(Math.round((row["score"] as number) * 10) / 10) }));
      const exact = (table: readonly Row[]) => table.map((row) => ({ ...row, price: Math.round((row["score"] as number) * 10) / 10 }));
      writeCsv("wide.csv", exact(tables.reference));
      writeCsv("narrow.csv", saved(tables.same));
      writeCsv("shifted32.csv", saved(tables.shifted));
      const price = (document: CompareDocument) => document.features.find(({ feature }) => feature === "price")!;
      const forth = await compare("wide.csv", "narrow.csv");
      expect(forth.code).toBe(0);
      expect(reasons(forth.document, "price")).toEqual(["float32_current"]);
      const back = await compare("narrow.csv", "wide.csv");
      expect(back.code).toBe(0);
      expect(back.stderr).toContain("price: was saved as float32");
      expect(reasons(back.document, "price")).toEqual(["float32_reference"]);
      // What drifts is still seen, and the counts are those of the numbers before they were rounded.
      writeCsv("shifted64.csv", exact(tables.shifted));
      const drifted = price((await compare("wide.csv", "shifted32.csv")).document);
      expect(drifted.verdict).toBe("drift");
      expect(drifted.statistics).toEqual(price((await compare("wide.csv", "shifted64.csv")).document).statistics);
    });
  });

  it("shows its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("driftd compare --reference DATA --current DATA");
  });
});
