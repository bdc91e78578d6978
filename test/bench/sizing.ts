/**
 * What a deployment needs: CPU, memory and disk of the daemon by models, features and records a second. 26 hours of event time are read from a
 * file as fast as it goes; CPU is what that took, spread over those hours, so it leaves out the Kafka client's part (bench `kafka`).
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { digestOf } from "../../src/reference/canonical.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { ask } from "./child.ts";
import { type Figure, report } from "./figure.ts";
import { withFolder } from "./folder.ts";
import { MODEL, TRAFFIC_FROM_MS } from "./model.ts";
import { buildReference, createRecords } from "./records.ts";
import type { SizingRun } from "./sizing-child.ts";

const HOURS = 26;
/** Models, and records a second of all together. */
const SIZES = [
  { models: 1, perSecond: 1 },
  { models: 1, perSecond: 10 },
  { models: 10, perSecond: 10 },
  { models: 40, perSecond: 10 },
] as const;

await withFolder(async (folder) => {
  const snapshot = await buildReference(folder);
  const figures: Figure[] = [];
  for (const { models, perSecond } of SIZES) {
    const names = Array.from({ length: models }, (_, i) => (i === 0 ? MODEL : `${MODEL}-${i}`));
    for (const model of names) await saveSnapshot(renamed(snapshot, model), join(folder, `${model}.json`));
    const input = join(folder, "records.ndjson");
    const records = perSecond * HOURS * 3600;
    await writeRecords(input, names, records);
    const name = `${models}-${perSecond}`;
    const config = join(folder, `${name}.yaml`);
    const store = join(folder, `${name}.db`);
    await writeFile(
      config,
      JSON.stringify({
        file: { path: input },
        store: { path: store },
        http: { listen: "127.0.0.1:0" },
        event_time: { action_max_age: "off" },
        log: { level: "error", format: "json" },
        models: names.map((model) => ({ name: model, reference: `${model}.json` })),
      }),
    );
    const run = await ask<SizingRun>("sizing-child.ts", [config, store]);
    if (run.counted !== records) throw new Error(`${run.counted} of ${records} records were counted`);
    const features = models * snapshot.features.length;
    figures.push({
      figure: `${models} ${models === 1 ? "model" : "models"}, ${features} features, ${perSecond} records/s`,
      unit: "% of a core",
      value: (100 * run.cpuSeconds) / (HOURS * 3600),
      note: `RSS ${Math.round(run.maxRssBytes / 1e6)} MB; store ${((run.storeBytes * 24) / HOURS / 1e6).toFixed(1)} MB a day; ${((1e6 * run.cpuSeconds) / records).toFixed(1)} µs a record with its share of ${run.evaluations} evaluations`,
    });
  }
  report(figures);
});

function renamed({ digest: _, ...snapshot }: Snapshot, model: string): Snapshot {
  const content = { ...snapshot, model };
  return { ...content, digest: digestOf(content) };
}

/** Records of the models in turn, their event times rising evenly. */
async function writeRecords(path: string, models: readonly string[], records: number): Promise<void> {
  const make = createRecords(5);
  const out = createWriteStream(path);
  for (let i = 0; i < records; i++) {
    const line = make(TRAFFIC_FROM_MS + Math.floor((i * HOURS * 3_600_000) / records));
    const model = models[i % models.length]!;
    if (!out.write(`${model === MODEL ? line : line.replace(`"${MODEL}"`, `"${model}"`)}\n`)) {
      await once(out, "drain");
    }
  }
  out.end();
  await finished(out);
}
