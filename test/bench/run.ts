/**
 * `npm run bench [-- names…] [--write <machine and date>]`: runs each bench in a process of its own, one after another, and prints one table.
 * With `--write` it also puts the table into `README.md` beside it, under the words that it was given.
 */

import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ask } from "./child.ts";
import { cells, type Figure, HEADINGS, isReached } from "./figure.ts";

/** In this order: the short ones first. */
const BENCHES = ["count", "evaluate", "memory", "scrape", "tables", "start", "idle", "kafka", "sizing"];
const README = fileURLToPath(new URL("README.md", import.meta.url));
const BEGIN = "<!-- results: begin -->";
const END = "<!-- results: end -->";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: "string" } } });
const unknown = positionals.find((name) => !BENCHES.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`no bench ${unknown}; there are ${BENCHES.join(", ")}\n`);
  process.exit(2);
}
const names = positionals.length === 0 ? BENCHES : BENCHES.filter((name) => positionals.includes(name));
const rows: string[][] = [];
let missed = 0;
let failed = 0;
for (const name of names) {
  const load = loadavg()[0]!.toFixed(1);
  process.stderr.write(`${name} (load ${load}) …\n`);
  try {
    const { figures } = await ask<{ figures: readonly Figure[] }>(`${name}.ts`);
    for (const figure of figures) {
      rows.push([...cells(figure), load]);
      if (isReached(figure) === false) missed++;
    }
  } catch (error) {
    failed++;
    process.stderr.write(`${name}: ${error}\n`);
  }
}

const table = markdown([[...HEADINGS, "load before"], ...rows]);
process.stdout.write(`\n${table}\n\n${machine()}; ${rows.length} figures, ${missed} targets missed, ${failed} benches failed\n`);
if (values.write !== undefined && failed === 0) await writeResults(values.write);
process.exitCode = failed === 0 ? 0 : 1;

function machine(): string {
  const processors = cpus();
  return `${processors.length} × ${processors[0]!.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

/** Columns are padded, so that the table can be read in a terminal as well. */
function markdown([head, ...body]: string[][]): string {
  const widths = head!.map((_, column) => Math.max(3, ...[head!, ...body].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head!), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(line)].join("\n");
}

async function writeResults(words: string): Promise<void> {
  const text = await readFile(README, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${README} has no block of results`);
  await writeFile(README, `${text.slice(0, from + BEGIN.length)}\n${words}; ${machine()}.\n\n${table}\n${text.slice(to)}`);
}
