/**
 * `npm run docs`: rewrites the generated blocks of README.md and docs/operate.md, each between `<!-- BEGIN:NAME -->` and `<!-- END:NAME -->`,
 * from the tables that the program itself runs by, and the dashboards. With `--check` it writes nothing and exits 1 when a block is stale
 * (whether a dashboard is, a test says). A block that a file does not have is left out.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { detectors } from "../detectors/index.ts";
import { configTable } from "../src/config/table.ts";
import { catalog } from "../src/metrics/catalog.ts";
import { writeDashboards } from "./dashboards.ts";
import { alertTable, seriesTable } from "./operate-tables.ts";

const files = ["README.md", "docs/operate.md"];

/** The generated blocks by name. */
export const blocks: Readonly<Record<string, () => string>> = {
  CONFIG: configTable,
  METRICS: metricTable,
  DETECTORS: detectorTable,
  ALERTS: alertTable,
  SERIES: seriesTable,
};

/** Puts the blocks into a text. Throws when a block begins and does not end. */
export function withBlocks(text: string): string {
  return Object.entries(blocks).reduce((before, [name, make]) => {
    const [begin, end] = [`<!-- BEGIN:${name} -->`, `<!-- END:${name} -->`];
    const from = before.indexOf(begin);
    if (from === -1) return before;
    const to = before.indexOf(end, from);
    if (to === -1) throw new Error(`${begin} has no ${end}`);
    return `${before.slice(0, from + begin.length)}\n\n${make()}\n\n${before.slice(to)}`;
  }, text);
}

function metricTable(): string {
  const rows = Object.values(catalog).map(({ name, type, labels, worse = "", help }) => {
    const names = Object.keys(labels).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${names.join(", ")} | ${worse} | ${cell(help)} |`;
  });
  return ["| metric | type | labels | worse | meaning |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

function detectorTable(): string {
  const rows = Object.values(detectors).map(({ name, doc, unit, range, symmetric, needsOrder }) => {
    const ends = `${range[0]} … ${range[1] === undefined ? "∞" : Number(range[1].toPrecision(4))}`;
    return `| \`${name}\` | ${cell(doc)} | ${unit} | ${ends} | ${symmetric ? "yes" : "no"} | ${needsOrder ? "numeric" : "all"} |`;
  });
  return ["| statistic | what it is | unit | range | symmetric | features |", "| --- | --- | --- | --- | --- | --- |", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const check = process.argv.includes("--check");
  for (const file of files) {
    const path = join(import.meta.dirname, "..", file);
    const before = await readFile(path, "utf8");
    const after = withBlocks(before);
    if (before === after) continue;
    if (check) {
      console.error(`${file} is stale; run: npm run docs`);
      process.exitCode = 1;
    } else await writeFile(path, after);
  }
  if (!check) await writeDashboards();
}
