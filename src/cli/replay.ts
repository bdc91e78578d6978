/** `driftd replay`: the daemon's own pipeline over a file, in event time: what would have fired. Nothing is sent. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { decodersOf, loadJudges, ruleOf, tableColumns, timingOf } from "../assembly.ts";
import { loadConfig } from "../config/load.ts";
import type { Decision } from "../decide/decider.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { createLogger } from "../lib/logger.ts";
import { readVersion } from "../lib/version.ts";
import { noMetrics } from "../metrics/metrics.ts";
import { hashParts } from "../outputs/identity.ts";
import { createPipeline } from "../pipeline.ts";
import { openFileSource } from "../sources/file.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { type CommandSpec, exitCodes, helpText, type Io, parseArgs } from "./args.ts";
import { createReport, formatReport } from "./replay-report.ts";

const spec: CommandSpec = {
  name: "replay",
  description:
    "Run the daemon's own pipeline over a file in event time and say what would have fired. Nothing is sent.\nExits 0 when nothing fired, 1 when something did, 2 when it could not be done, 3 when it cannot tell.",
  flags: {
    config: { value: "FILE", description: "The configuration; its kafka section is not needed.", required: true },
    input: { value: "FILE", description: "NDJSON, CSV, Parquet …; - is NDJSON on standard input.", required: true },
    format: { value: "FORMAT", description: "What to print.", choices: ["text", "json"], default: "text" },
    store: { value: "FILE", description: "Keep the panes in this store; without it they go to a temporary one." },
  },
};

/** Runs the command; returns the exit code. */
export async function replayCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const version = readVersion(io.env).version;
  const storePath = parsed.text("store");
  const inputPath = parsed.text("input") as string;
  const { config } = await loadConfig(resolve(io.cwd, parsed.text("config") as string), io.env, { source: "optional" });
  const judges = await loadJudges(config);
  const log = createLogger({ level: config.log.level === "info" ? "warn" : config.log.level, format: "text", stderr: io.stderr });
  const input = inputPath === "-" ? "-" : resolve(io.cwd, inputPath);

  const scratch = storePath === undefined ? await mkdtemp(join(tmpdir(), "driftd-replay-")) : undefined;
  const store = await openSqliteStore({
    path: scratch === undefined ? resolve(io.cwd, storePath as string) : join(scratch, "replay.db"),
    log,
    driftdVersion: version,
  });
  try {
    const report = createReport();
    const rules = new Map(
      config.models.map((model) => [
        model.name,
        ruleOf({ ...config, eventTime: { ...config.eventTime, actionMaxAgeMs: null } }, model, {}),
      ]),
    );
    const fatal = Promise.withResolvers<never>();
    fatal.promise.catch(() => {});
    let eventTimeMs: () => number | undefined = () => undefined;
    const source = await openFileSource({
      path: input,
      ...tableColumns(config, judges),
      speed: 0,
      eventTimeMs: () => eventTimeMs(),
      clock: systemClock,
      log,
    });
    const pipeline = await createPipeline({
      store,
      judges,
      decoders: decodersOf({ ...config, kafka: undefined }),
      windows: config.windows,
      timing: timingOf(config),
      stallTimeoutMs: config.eventTime.stallTimeoutMs,
      retentionMs: Number.POSITIVE_INFINITY,
      sources: source.status().map((status) => status.source),
      start: () => "earliest",
      ruleOf: (model) => rules.get(model),
      hash: hashParts,
      guardNowMs: (endMs) => endMs,
      onDecided: (evaluations: readonly Evaluation[], decision: Decision) => report.add(evaluations, decision),
      onFatal: (error) => fatal.reject(error),
      random: Math.random,
      driftd: version,
      metrics: noMetrics,
      clock: systemClock,
      log,
    });
    eventTimeMs = pipeline.ingest.eventTimeMs;
    const aborted = new Promise<never>((_, reject) => {
      io.signal?.addEventListener("abort", () => reject(new DriftdError("INTERRUPTED", "replay was interrupted")), { once: true });
    });
    aborted.catch(() => {});
    await pipeline.run(source);
    try {
      await Promise.race([pipeline.finished, fatal.promise, aborted]);
    } finally {
      await pipeline.stop();
    }
    const document = report.document(pipeline.ingest.stats(), judges.subjects());
    io.stdout(parsed.text("format") === "json" ? `${JSON.stringify(document)}\n` : formatReport(document));
    if (document.models.some(({ episodes }) => episodes.length > 0)) return exitCodes.no;
    const told = document.models.some(({ evaluations, insufficient }) => evaluations > insufficient);
    return told ? exitCodes.fine : exitCodes.cannotTell;
  } finally {
    await store.close();
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}
