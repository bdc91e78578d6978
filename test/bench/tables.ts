/**
 * `driftd compare` of two Parquet tables of 1 M × 20, and `driftd reference build` of one with event time and calibration, as commands from
 * start to end. Against DuckDB's bare scan of the same files: every value of every column read once.
 */

import { join } from "node:path";
import { openDatabase } from "../../src/tables/database.ts";
import { type Cost, costOf } from "./command.ts";
import { type Figure, median, report } from "./figure.ts";
import { withFolder } from "./folder.ts";

const ROWS = 1_000_000;
const ROUNDS = 3;

if (process.argv[2] === "scan") await scan(process.argv.slice(3));
else await withFolder(bench);

async function bench(folder: string): Promise<void> {
  const [reference, current] = [join(folder, "reference.parquet"), join(folder, "current.parquet")];
  await writeTable(reference, 1);
  await writeTable(current, 2);
  const commands = {
    compare: ["src/main.ts", "compare", "--reference", reference, "--current", current, "--timestamp", "at", "--format", "json"],
    compareScan: ["test/bench/tables.ts", "scan", reference, current],
    build: ["src/main.ts", "reference", "build", "--input", reference, "--output", join(folder, "r.json"), "--timestamp", "at"],
    buildScan: ["test/bench/tables.ts", "scan", reference],
  };
  const costs = new Map<string, Cost[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) costs.get(name)!.push(await costOf(args));
  }
  const of = (name: keyof typeof commands, what: keyof Cost) => median(costs.get(name)!.map((cost) => cost[what]));
  const figure = (text: string, name: "compare" | "build", most: number): Figure => ({
    figure: text,
    unit: "s",
    value: of(name, "seconds"),
    baseline: { what: "DuckDB's scan", value: of(`${name}Scan`, "seconds") },
    target: { of: "value", most },
    note: `${of(name, "cpuSeconds").toFixed(1)} s of CPU against ${of(`${name}Scan`, "cpuSeconds").toFixed(1)}; RSS ${Math.round(of(name, "rssBytes") / 1e6)} MB`,
  });
  report([figure("compare two Parquet tables of 1 M × 20", "compare", 3), figure("reference build of 1 M × 20, calibrated", "build", 5)]);
}

/** Event time over two weeks, 15 numeric columns of several kinds, 4 of text. */
async function writeTable(path: string, seed: number): Promise<void> {
  const database = await openDatabase();
  try {
    await database.run(`SELECT setseed(${seed / 10})`);
    const numeric = [
      ...Array.from({ length: 6 }, (_, i) => `sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) AS gauss_${i}`),
      ...Array.from(
        { length: 4 },
        (_, i) => `round(exp(3 + 1.2 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())), 2) AS amount_${i}`,
      ),
      ...Array.from({ length: 3 }, (_, i) => `floor(-${10 ** (i + 1)} * ln(1 - random()))::INTEGER AS count_${i}`),
      "CASE WHEN random() < .7 THEN 0 ELSE random() END AS share",
      "CASE WHEN random() < .05 THEN NULL ELSE random() END AS score",
    ];
    const text = [12, 60, 200, 5].map((size, i) => `'c' || floor(random() * random() * ${size})::INTEGER AS kind_${i}`);
    const at = `TIMESTAMP '2026-01-05' + INTERVAL 1 MILLISECOND * (i * ${Math.floor((14 * 86_400_000) / ROWS)}) AS at`;
    await database.run(
      `COPY (SELECT ${[at, ...numeric, ...text].join(", ")} FROM range(${ROWS}) t(i)) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    await database.close();
  }
}

/** The least that reading every value can cost: sums of numbers, lengths of text, times. */
async function scan(paths: readonly string[]): Promise<void> {
  const database = await openDatabase();
  for (const path of paths) {
    const columns = await database.describe(`SELECT * FROM '${path}'`);
    const sums = columns.map(({ name, type }) =>
      type === "VARCHAR" ? `sum(strlen("${name}"))` : type === "TIMESTAMP" ? `sum(epoch_ms("${name}"))` : `sum("${name}")`,
    );
    const [row] = await database.rows(`SELECT ${sums.join(", ")} FROM '${path}'`);
    if (row?.length !== 20) throw new Error(`${path}: ${row?.length} columns`);
  }
  await database.close();
}
