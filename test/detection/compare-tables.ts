/** `driftd compare`, the command itself, on parts of small public tables: halves of one population, and populations that differ. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

type Part = (row: string, index: number) => boolean;
type Comparison = {
  readonly title: string;
  readonly file: string;
  readonly reference: Part;
  readonly current: Part;
  readonly exclude: readonly string[];
};

const matching =
  (pattern: RegExp): Part =>
  (row) =>
    pattern.test(row);
const every =
  (part: Part, remainder: number): Part =>
  (row, index) =>
    index % 2 === remainder && part(row, index);

const WEATHER = { file: "weather.csv", exclude: ["location", "date"] } as const;
const STRIKES = {
  file: "birdstrikes.csv",
  exclude: ["Airport Name", "Aircraft Make Model", "Flight Date", "Origin State", "Wildlife Species"],
} as const;
const STOCKS = { file: "sp500-2000.csv", exclude: ["date"] } as const;
const seattle = matching(/^Seattle/);

export const COMPARISONS: readonly Comparison[] = [
  { title: "Seattle, every other day against the days between", ...WEATHER, reference: every(seattle, 0), current: every(seattle, 1) },
  { title: "Seattle 2012 against 2014", ...WEATHER, reference: matching(/^Seattle,2012/), current: matching(/^Seattle,2014/) },
  { title: "Seattle, Januaries against Julies", ...WEATHER, reference: matching(/^Seattle,\d+-01/), current: matching(/^Seattle,\d+-07/) },
  { title: "Seattle against New York", ...WEATHER, reference: seattle, current: matching(/^New York/) },
  {
    title: "bird strikes, every other against those between",
    ...STRIKES,
    reference: (_, index) => index % 2 === 0,
    current: (_, index) => index % 2 === 1,
  },
  {
    title: "bird strikes, 1990–1992 against 1999–2001",
    ...STRIKES,
    reference: matching(/,199[012]-/),
    current: matching(/,(1999|200[01])-/),
  },
  { title: "S&P 500, 2005 against 2006", ...STOCKS, reference: matching(/^2005/), current: matching(/^2006/) },
  { title: "S&P 500, 2005 against 2008", ...STOCKS, reference: matching(/^2005/), current: matching(/^2008/) },
];

export type Compared = {
  readonly title: string;
  readonly rows: readonly [number, number];
  readonly features: readonly { readonly feature: string; readonly verdict: string; readonly severity?: string }[];
};

/** Runs one comparison; its place in `COMPARISONS`. */
export async function compareTables(index: number): Promise<Compared> {
  const { title, file, reference, current, exclude } = COMPARISONS[index]!;
  const text = await readFile(join(ROOT, "node_modules/vega-datasets/data", file), "utf8");
  const [header, ...rows] = text.trim().split(/\r?\n/);
  const folder = await mkdtemp(join(tmpdir(), "driftd-detection-"));
  try {
    const parts = [reference, current].map((part) => rows.filter(part));
    const [a, b] = [join(folder, "reference.csv"), join(folder, "current.csv")];
    await writeFile(a, [header, ...parts[0]!].join("\n"));
    await writeFile(b, [header, ...parts[1]!].join("\n"));
    const output = await driftd(["compare", "--reference", a, "--current", b, "--exclude", exclude.join(","), "--format", "json"]);
    const { features } = JSON.parse(output) as Pick<Compared, "features">;
    return {
      title,
      rows: [parts[0]!.length, parts[1]!.length],
      features: features.map(({ feature, verdict, severity }) => ({ feature, verdict, ...(severity === undefined ? {} : { severity }) })),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the command prints; it exits with 1 when it found drift. */
function driftd(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(ROOT, "src/main.ts"), ...args], (error, stdout, stderr) => {
      if (error !== null && stdout === "") reject(new Error(`driftd ${args.join(" ")}: ${stderr}`));
      else resolve(stdout);
    });
  });
}
