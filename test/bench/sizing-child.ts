/** The daemon of the bench `sizing`, as a child process: reads a file to its end. Arguments: configuration, store. */

import { stat } from "node:fs/promises";
import { startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { readVersion } from "../../src/lib/version.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { cpuSeconds } from "./figure.ts";
import { watchLoop } from "./loop-watch.ts";

export type SizingRun = {
  readonly counted: number;
  readonly evaluations: number;
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
  readonly storeBytes: number;
};

const [path, store] = process.argv.slice(2) as [string, string];
const version = readVersion(process.env);
const load = () => loadConfig(path, process.env);
let evaluations = 0;
const metrics = createMetrics({ buildInfo: { version: version.version, revision: version.revision }, clock: systemClock });
const log = createLogger({ level: "error", format: "json", stderr: (line) => void process.stderr.write(line) });
const cpu = cpuSeconds();
const watch = watchLoop();
const app = await startApp({
  loaded: await load(),
  load,
  version,
  clock: systemClock,
  log,
  metrics: {
    ...metrics,
    inc: (name, labels, by) => {
      if (name === "driftd_evaluations_total") evaluations += by ?? 1;
      metrics.inc(name, labels, by);
    },
  },
});
await app.finished;
const { counted } = app.pipeline.ingest.stats();
const run = { counted, evaluations, cpuSeconds: cpuSeconds() - cpu, maxRssBytes: watch.stop().maxRssBytes };
await app.stop();
process.send!({ ...run, storeBytes: (await stat(store)).size } satisfies SizingRun);
process.disconnect();
