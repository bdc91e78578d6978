/** The daemon in this process, wired as `driftd run` wires it, with an eye on its counters. */

import { type App, startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/logger.ts";
import { readVersion } from "../../src/lib/version.ts";
import { createMetrics } from "../../src/metrics/registry.ts";

/** Starts it from a configuration; `counted` sees every counter that grows, before it does. An error that ends the daemon ends the process. */
export async function startDaemon(path: string, counted: (name: string, by: number) => void): Promise<App> {
  const version = readVersion(process.env);
  const load = () => loadConfig(path, process.env);
  const metrics = createMetrics({ buildInfo: { version: version.version, revision: version.revision }, clock: systemClock });
  const log = createLogger({ level: "warn", format: "text", stderr: (line) => void process.stderr.write(line) });
  const app = await startApp({
    loaded: await load(),
    load,
    version,
    clock: systemClock,
    log,
    metrics: {
      ...metrics,
      inc: (name, labels, by = 1) => {
        counted(name, by);
        metrics.inc(name, labels, by);
      },
    },
  });
  app.fatal.catch((error: unknown) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  });
  return app;
}
