/**
 * The daemon under test, as a child process: wired as `driftd run` wires it, with a stopwatch inside. Arguments: configuration, and either
 * the number of records to be counted and judged (answers `DaemonRun`) or `idle` and a number of seconds (answers CPU seconds).
 */

import { performance } from "node:perf_hooks";
import { systemClock } from "../../src/lib/clock.ts";
import { cpuSeconds } from "./figure.ts";
import { type LoopReport, watchLoop } from "./loop-watch.ts";
import { MODEL, VERSION } from "./model.ts";
import { startDaemon } from "./start-daemon.ts";

export type DaemonRun = {
  /** From the first record to the commit and the verdict of everything, s. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly counted: number;
  /** End of the last evaluated 1 h window, ms. */
  readonly evaluatedThroughMs: number;
  readonly loop: LoopReport;
};

const [path, what, count] = process.argv.slice(2) as [string, string, string];
const settleMs = 5_000;

const begun = Promise.withResolvers<void>();
const app = await startDaemon(path, (name) => {
  if (name === "driftd_records_total") begun.resolve();
});
process.send!(what === "idle" ? await idle(Number(count)) : await drain(Number(what), Number(count)));
await app.stop();
process.disconnect();

/** `throughMs`: the end of the last window that the records allow. */
async function drain(records: number, throughMs: number): Promise<DaemonRun> {
  await begun.promise;
  const beganMs = performance.now();
  const cpu = cpuSeconds();
  const watch = watchLoop();
  const done = () =>
    app.pipeline.ingest.stats().read >= records && (app.pipeline.evaluatedThroughMs(MODEL, VERSION, "1h") ?? 0) >= throughMs;
  while (!done()) await systemClock.sleep(5);
  return {
    seconds: (performance.now() - beganMs) / 1000,
    cpuSeconds: cpuSeconds() - cpu,
    counted: app.pipeline.ingest.stats().counted,
    evaluatedThroughMs: app.pipeline.evaluatedThroughMs(MODEL, VERSION, "1h") ?? 0,
    loop: watch.stop(),
  };
}

async function idle(seconds: number): Promise<{ readonly cpuSeconds: number }> {
  await systemClock.sleep(settleMs);
  const cpu = cpuSeconds();
  await systemClock.sleep(seconds * 1000);
  return { cpuSeconds: cpuSeconds() - cpu };
}
