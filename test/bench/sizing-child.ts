/** The daemon of the bench `sizing`, as a child process: reads a file to its end. Arguments: configuration, store. */

import { stat } from "node:fs/promises";
import { cpuSeconds } from "./figure.ts";
import { watchLoop } from "./loop-watch.ts";
import { startDaemon } from "./start-daemon.ts";

export type SizingRun = {
  readonly counted: number;
  readonly evaluations: number;
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
  readonly storeBytes: number;
};

const [path, store] = process.argv.slice(2) as [string, string];
let evaluations = 0;
const cpu = cpuSeconds();
const watch = watchLoop();
const app = await startDaemon(path, (name, by) => {
  if (name === "driftd_evaluations_total") evaluations += by;
});
await app.finished;
const { counted } = app.pipeline.ingest.stats();
const run = { counted, evaluations, cpuSeconds: cpuSeconds() - cpu, maxRssBytes: watch.stop().maxRssBytes };
await app.stop();
process.send!({ ...run, storeBytes: (await stat(store)).size } satisfies SizingRun);
process.disconnect();
