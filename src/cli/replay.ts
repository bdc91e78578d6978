/** `driftd replay`: the daemon's own pipeline over a file, in event time: what would have fired. Nothing is sent. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { decodersOf, loadJudges, ruleOf, tableColumns, timingOf } from "../assembly.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import type { Judges } from "../judges.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { createLogger } from "../lib/logger.ts";
import { readVersion } from "../lib/version.ts";
import { noMetrics } from "../metrics/metrics.ts";
import { hashParts } from "../outputs/identity.ts";
import { createPipeline } from "../pipeline.ts";
import { openFileSource } from "../sources/file.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { type CommandSpec, exitCodes, helpText, type Io, parseArgs } from "./args.ts";
import { createReport, formatReport, type ReplayDocument } from "./replay-report.ts";

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
  const { config } = await loadConfig(resolve(io.cwd, parsed.text("config") as string), io.env, { source: "optional" });
  const judges = await loadJudges(config);
  const input = parsed.text("input") as string;
  const kept = parsed.text("store");
  const scratch = kept === undefined ? await mkdtemp(join(tmpdir(), "driftd-replay-")) : undefined;
  try {
    const document = await replay({
      config,
      judges,
      input: input === "-" ? "-" : resolve(io.cwd, input),
      storePath: scratch === undefined ? resolve(io.cwd, kept as string) : join(scratch, "replay.db"),
      log: createLogger({ level: config.log.level === "info" ? "warn" : config.log.level, format: "text", stderr: io.stderr }),
      version: readVersion(io.env).version,
      signal: io.signal,
    });
    io.stdout(parsed.text("format") === "json" ? `${JSON.stringify(document)}\n` : formatReport(document));
    if (document.models.some(({ episodes }) => episodes.length > 0)) return exitCodes.no;
    const told = document.models.some(({ evaluations, insufficient }) => evaluations > insufficient);
    return told ? exitCodes.fine : exitCodes.cannotTell;
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

type Replay = {
  readonly config: Config;
  readonly judges: Judges;
  /** Absolute path, or `-`. */
  readonly input: string;
  readonly storePath: string;
  readonly log: Log;
  readonly version: string;
  readonly signal: AbortSignal | undefined;
};

async function replay({ config, judges, input, storePath, log, version, signal }: Replay): Promise<ReplayDocument> {
  const store = await openSqliteStore({ path: storePath, log, driftdVersion: version });
  try {
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    const report = createReport();
    // The guards' clock is the window's end, so nothing is ever stale.
    const timeless = { ...config, eventTime: { ...config.eventTime, actionMaxAgeMs: null } };
    const rules = new Map(config.models.map((model) => [model.name, ruleOf(timeless, model)]));
    const source = await openFileSource({
      path: input,
      ...tableColumns(config, judges),
      speed: 0,
      eventTimeMs: () => undefined,
      clock: systemClock,
      log,
    });
    const names = source.status().map((status) => status.source);
    if ((await store.cursors()).some((cursor) => cursor.finished && names.includes(cursor.source))) {
      log.warn({ store: storePath }, "the store has read this very input to its end before: nothing is left to be replayed");
    }
    const pipeline = await createPipeline({
      store,
      judges,
      decoders: decodersOf({ ...config, kafka: undefined }),
      windows: config.windows,
      timing: timingOf(config),
      stallTimeoutMs: config.eventTime.stallTimeoutMs,
      retentionMs: Number.POSITIVE_INFINITY,
      sources: names,
      start: () => "earliest",
      ruleOf: (model) => rules.get(model),
      hash: hashParts,
      guardNowMs: (endMs) => endMs,
      onDecided: report.add,
      onFatal: ended.reject,
      patient: false,
      driftd: version,
      metrics: noMetrics,
      clock: systemClock,
      log,
    });
    const interrupt = () => ended.reject(new DriftdError("INTERRUPTED", "replay was interrupted"));
    if (signal?.aborted) interrupt();
    signal?.addEventListener("abort", interrupt, { once: true });
    await pipeline.run(source);
    try {
      await Promise.race([pipeline.finished, ended.promise]);
    } finally {
      await pipeline.stop();
    }
    return report.document(pipeline.ingest.stats(), judges.subjects());
  } finally {
    await store.close();
  }
}
