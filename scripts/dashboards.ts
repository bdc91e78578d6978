/** Writes `dashboards/*.json` from the builders beside them; `npm run docs` does it too. Which panel shows what is in the builders, not here. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { classicJson } from "../dashboards/grafana.ts";
import { dashboards } from "../dashboards/index.ts";

const folder = join(import.meta.dirname, "..", "dashboards");

/** The files by path, as they have to be. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(dashboards).map(([name, dashboard]) => [
      join(folder, `${name}.json`),
      `${JSON.stringify(classicJson(dashboard), null, 2)}\n`,
    ]),
  );
}

/** Writes them. */
export async function writeDashboards(): Promise<void> {
  for (const [path, text] of dashboardFiles()) await writeFile(path, text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await writeDashboards();
