/** `driftd run`: the daemon, until it is told to stop. */

import { resolve } from "node:path";
import { type App, startApp } from "../app.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { systemClock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { createLogger } from "../lib/logger.ts";
import { readVersion } from "../lib/version.ts";
import { createMetrics } from "../metrics/registry.ts";
import { type CommandSpec, exitCodes, helpText, type Io, parseArgs } from "./args.ts";

const spec: CommandSpec = {
  name: "run",
  description:
    "Watch the configured models until stopped (SIGTERM, Ctrl-C). SIGHUP reads the configuration again.\nExits 0 after a clean stop, 2 when it cannot start or go on.",
  flags: { config: { value: "FILE", description: "The configuration.", required: true } },
};

/** Runs the command; returns the exit code. */
export async function runCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const path = resolve(io.cwd, parsed.text("config") as string);
  const load = () => loadConfig(path, io.env);
  const loaded = await load();
  const version = readVersion(io.env);
  const { config } = loaded;
  const metrics = createMetrics({
    buildInfo: { version: version.version, revision: version.revision },
    clock: systemClock,
    maxSeries: config.metrics.maxSeries,
    features: config.metrics.features,
    // A metric that cannot be written is a bug of ours, but no reason to stop counting.
    onMisuse: (error) => log.error({ err: error }, "a metric was written wrongly"),
  });
  const log = createLogger({
    level: config.log.level,
    format: config.log.format === "auto" ? (io.isTTY ? "text" : "json") : config.log.format,
    stderr: io.stderr,
    onMessage: (level) => metrics.inc("driftd_log_messages_total", { level }),
  });
  const follow = ({ config: { log: settings }, warnings }: LoadedConfig) => {
    log.setLevel(settings.level);
    for (const problem of warnings) log.warn({ problem: formatProblem(problem) }, "configuration warning");
  };
  follow(loaded);
  let app: App | undefined;
  const reload = () => void app?.reload().catch(() => {}); // said in the log and in a metric
  process.on("SIGHUP", reload);
  try {
    app = await startApp({
      loaded,
      load,
      onReloaded: follow,
      signal: io.signal,
      version,
      metrics,
      clock: systemClock,
      log,
    });
    return await serve(app, io.signal, log);
  } catch (thrown) {
    if (!(thrown instanceof DriftdError) || thrown.code !== "STOPPED") throw thrown;
    log.info({}, "stopped while starting");
    return exitCodes.fine;
  } finally {
    process.off("SIGHUP", reload);
  }
}

/** Until it is asked to stop, or cannot go on. */
async function serve(app: App, signal: AbortSignal | undefined, log: Log): Promise<number> {
  const reason = await Promise.race([stopAsked(signal), app.fatal]).catch(coerceError);
  if (reason instanceof Error) log.error({ err: reason }, "driftd cannot go on");
  else log.info({}, "stopping");
  const closed = await app.stop().then(
    () => true,
    () => false, // each step that failed is in the log
  );
  log.info({}, "stopped");
  return closed && !(reason instanceof Error) ? exitCodes.fine : exitCodes.failed;
}

function stopAsked(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    if (signal?.aborted) done();
    signal?.addEventListener("abort", () => done(), { once: true });
  });
}
