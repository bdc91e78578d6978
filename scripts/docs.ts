/**
 * `npm run docs`: rewrites the generated blocks of README.md, each between `<!-- BEGIN:NAME -->` and `<!-- END:NAME -->`, from the tables that
 * the program itself runs by, and the dashboards. With `--check` it writes nothing and exits 1 when a block is stale (whether a dashboard is, a
 * test says). A block that README.md does not have is left out.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { detectors } from "../detectors/index.ts";
import { configTable } from "../src/config/table.ts";
import { catalog } from "../src/metrics/catalog.ts";
import { writeDashboards } from "./dashboards.ts";

const readme = join(import.meta.dirname, "..", "README.md");

/** The generated blocks by name. */
export const blocks: Readonly<Record<string, () => string>> = { CONFIG: configTable, METRICS: metricTable, DETECTORS: detectorTable };

/** Puts the blocks into a text. Throws when a block begins and does not end. */
export function withBlocks(text: string): string {
  return Object.entries(blocks).reduce((before, [name, make]) => {
    const [begin, end] = [`<!-- BEGIN:${name} -->`, `<!-- END:${name} -->`];
    const from = before.indexOf(begin);
    if (from === -1) return before;
    const to = before.indexOf(end, from);
    if (to === -1) throw new Error(`README.md: ${begin} has no ${end}`);
    return `${before.slice(0, from + begin.length)}\n\n${make()}\n\n${before.slice(to)}`;
  }, text);
}

function metricTable(): string {
  const rows = Object.values(catalog).map(({ name, type, labels, help }) => {
    const names = Object.keys(labels).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${names.join(", ")} | ${cell(help)} |`;
  });
  return ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
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
  const before = await readFile(readme, "utf8");
  const after = withBlocks(before);
  if (process.argv.includes("--check")) {
    if (before !== after) console.error("README.md is stale; run: npm run docs");
    process.exitCode = before === after ? 0 : 1;
  } else {
    await writeFile(readme, after);
    await writeDashboards();
  }
}
