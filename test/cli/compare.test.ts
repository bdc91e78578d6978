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

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
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

  it("shows its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("driftd compare --reference DATA --current DATA");
  });
});
