/**
 * `npm run chart`: makes what the Helm chart holds of other places: the rules and dashboards (a chart reads only its own folder), the schema of
 * its values (its `config` part is driftd's own schema), the names of secret keys, and the table of values in its README.
 * With `--check` it writes nothing and exits 1 when a file is stale.
 */

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { jsonSchema } from "../src/config/json-schema.ts";
import { secretKeys } from "./chart/draft-07.ts";
import { type DescribedValue, describedValues } from "./chart/values.ts";
import { valuesSchema } from "./chart/values-schema.ts";

const root = join(import.meta.dirname, "..");
const begin = "<!-- BEGIN:VALUES -->";
const end = "<!-- END:VALUES -->";

/** The folder of the chart. */
export const chartFolder = join(root, "helm", "driftd");

/** The made files: path in the chart → text. */
export async function madeFiles(): Promise<ReadonlyMap<string, string>> {
  const values = describedValues(await readFile(join(chartFolder, "values.yaml"), "utf8"));
  const made = new Map<string, string>();
  made.set("values.schema.json", asJson(valuesSchema(values, jsonSchema())));
  made.set("files/secret-keys.json", asJson(secretKeys(jsonSchema())));
  made.set("README.md", withTable(await readFile(join(chartFolder, "README.md"), "utf8"), values));
  for (const [path, source] of await copies()) made.set(path, await readFile(source, "utf8"));
  return made;
}

/** What the chart holds a copy of: path in the chart → the original. A file that is not there yet is left out. */
export async function copies(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await namesIn(join(root, "dashboards", "rules"))).filter((file) => file === "driftd.yaml")) {
    found.set("files/rules.yaml", join(root, "dashboards", "rules", name));
  }
  for (const name of (await namesIn(join(root, "dashboards"))).filter((file) => file.endsWith(".json"))) {
    found.set(`files/dashboards/${name}`, join(root, "dashboards", name));
  }
  return found;
}

/** Copies in the chart whose original is gone. */
export async function strayCopies(): Promise<string[]> {
  const known = new Set([...(await copies()).keys()].map((path) => basename(path)));
  return (await namesIn(join(chartFolder, "files", "dashboards"))).filter((name) => !known.has(name));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function withTable(readme: string, values: readonly DescribedValue[]): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`helm/driftd/README.md has no ${begin} … ${end}`);
  const rows = values.map(({ path, description, default: value }) => {
    const shown = path.length === 1 && path[0] === "config" ? "see below" : `\`${JSON.stringify(value)}\``;
    return `| \`${path.join(".")}\` | ${cell(shown)} | ${cell(description)} |`;
  });
  const table = ["| value | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`;
}

function cell(markdown: string): string {
  return markdown.replaceAll("|", "\\|");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const check = process.argv.includes("--check");
  const stale = await strayCopies();
  for (const [path, text] of await madeFiles()) {
    const file = join(chartFolder, path);
    if ((await readFile(file, "utf8").catch(() => undefined)) === text) continue;
    stale.push(path);
    if (check) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  if (!check) for (const name of await strayCopies()) await rm(join(chartFolder, "files", "dashboards", name));
  else if (stale.length > 0) console.error(`helm/driftd is stale (${stale.join(", ")}); run: npm run chart`);
  process.exitCode = check && stale.length > 0 ? 1 : 0;
}
