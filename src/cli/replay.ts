/** `driftd replay`: the daemon's own pipeline over a file or a stretch of a topic, in event time: what would have fired. Nothing is sent. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ruleOf, timingOf } from "../assembly.ts";
import type { Config } from "../config/config.ts";
import type { Judges } from "../judges.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { createLogger } from "../lib/logger.ts";
import { readVersion } from "../lib/version.ts";
import { noMetrics } from "../metrics/metrics.ts";
import { hashParts } from "../outputs/identity.ts";
import { createPipeline, type PipelineOptions } from "../pipeline.ts";
import { loadModelReferences } from "../reference/models.ts";
import { fetchReferences } from "../reference-fetch.ts";
import { createRenewals } from "../renewal.ts";
import { judgedReferences, pipelineRenewal, renewalContext, renewalFolder } from "../renewal-wiring.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { EventRow, Store } from "../store/store.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { openReplayInput, replayTopic } from "./replay-input.ts";
import { withRenewals } from "./replay-renewals.ts";
import { createReport, formatReport, type ModelReport, type ReplayDocument, type Report, recordsOf } from "./replay-report.ts";
import { judgePanes } from "./sweep-judge.ts";
import { summarized } from "./sweep-report.ts";
import { loadSettings, type Settings } from "./sweep-settings.ts";
import { configOfTopic, timeOf, topicFlags } from "./topic-input.ts";

/** Flags of a command that asks what other settings would have done. */
export const whatIfFlags = {
  set: {
    value: "KEY=VALUE",
    description: "Another value for a key of the models, or for windows: thresholds.psi.critical=0.3, windows=1h,24h, models.NAME.for=30m.",
    repeatable: true,
  },
  sweep: {
    value: "KEY=V1,V2,…",
    description: "Judge once for each value (psi.threshold=0.05,0.1,0.2); several make a grid of at most 100. Separate lists by ;.",
    repeatable: true,
  },
  onset: { value: "TIME", description: "When the change began: say how long after it the first alarm came, and what fired before." },
} satisfies CommandSpec["flags"];

const spec: CommandSpec = {
  name: "replay",
  description:
    "Run the daemon's own pipeline over a file or a stretch of a topic in event time and say what would have fired. Nothing is sent, no group is joined.\nA topic's --from and --to are Kafka timestamps: every record between the offsets found is counted by its own event time, as the daemon counts it.\nExits 0 when nothing fired, 1 when something did, 2 when it could not be done, 3 when it cannot tell.",
  flags: {
    config: { value: "FILE", description: "The configuration; its kafka section is needed for a topic only.", required: true },
    input: {
      value: "INPUT",
      description: "NDJSON, CSV, Parquet …; - is NDJSON on standard input; kafka://TOPIC or kafka://HOST:PORT/TOPIC is a topic.",
      required: true,
    },
    ...topicFlags,
    ...whatIfFlags,
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
  const onset = parsed.text("onset");
  const onsetMs = onset === undefined ? undefined : timeOf("onset", onset);
  const topic = replayTopic(parsed);
  const settings = await loadSettings(
    resolve(io.cwd, parsed.text("config") as string),
    { sets: parsed.all("set"), sweeps: parsed.all("sweep"), counted: false },
    io,
    { source: "optional" },
  );
  if (topic !== undefined) configOfTopic(settings.config, topic);
  const kept = parsed.text("store");
  const scratch = kept === undefined ? await mkdtemp(join(tmpdir(), "driftd-replay-")) : undefined;
  try {
    const storePath = scratch === undefined ? resolve(io.cwd, kept as string) : join(scratch, "replay.db");
    const document = await replay({ parsed, settings, onsetMs, storePath, io });
    io.stdout(parsed.text("format") === "json" ? `${JSON.stringify(document)}\n` : formatReport(document));
    return exitCodeOf(document.models);
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

/** 1: an episode; 0: none; 3: nothing could be judged. */
export function exitCodeOf(models: readonly ModelReport[]): number {
  if (models.some(({ episodes }) => episodes.length > 0)) return exitCodes.no;
  return models.some(({ evaluations, insufficient }) => evaluations > insufficient) ? exitCodes.fine : exitCodes.cannotTell;
}

/** Throws `USAGE` for a moment that is not within what was judged. */
export function requireOnset(onsetMs: number | undefined, fromMs: number, toMs: number): void {
  if (onsetMs === undefined || (onsetMs >= fromMs && onsetMs <= toMs)) return;
  const at = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");
  throw new DriftdError("USAGE", `--onset ${at(onsetMs)} is outside the data, which is from ${at(fromMs)} to ${at(toMs)}`, {
    hint: "it is the event time at which the change began",
  });
}

/** What a command asks the addresses of references with. */
export function fetching({ env }: Pick<Io, "env">) {
  return { clock: systemClock, version: readVersion(env).version };
}

/** Models whose reference is renewed: what a renewal is made of depends on the episodes, and so on every setting. */
export function renewing({ models }: Pick<Config, "models">): string[] {
  return models.filter(({ renew }) => renew !== undefined).map(({ name }) => name);
}

type Replay = {
  readonly parsed: ParsedArgs;
  readonly settings: Settings;
  readonly onsetMs: number | undefined;
  readonly storePath: string;
  readonly io: Io;
};

async function replay({ parsed, settings, onsetMs, storePath, io }: Replay): Promise<ReplayDocument> {
  const { config, sweep } = settings;
  const log = createLogger({ level: config.log.level === "info" ? "warn" : config.log.level, format: "text", stderr: io.stderr });
  const references = await loadModelReferences(config.models, fetchReferences(config, fetching(io)));
  const store = await openSqliteStore({ path: storePath, log, driftdVersion: readVersion(io.env).version });
  try {
    const events: EventRow[] = [];
    const renewals = createRenewals({
      ...{ store, folder: renewalFolder(storePath), context: () => renewalContext(config, references), eventMs: (dueMs) => dueMs },
      ...{ onEvents: (more) => void events.push(...more), driftd: readVersion(io.env).version, metrics: noMetrics, log },
    });
    await renewals.load(renewalContext(config, references));
    let { judges } = judgedReferences(config, references, renewals);
    const renewal = pipelineRenewal(
      renewals,
      () => ({ config, references }),
      (renewed) => {
        judges = renewed.judges;
      },
    );
    const input = await openReplayInput({ parsed, config, judges, store, io, clock: systemClock, log });
    const report = createReport();
    const began = systemClock.monotonicMs();
    let counted: Awaited<ReturnType<typeof count>>;
    try {
      counted = await count({ settings, judges, renewal, store, input, report, log, io });
    } finally {
      await input.source.stop();
    }
    const { stats, throughMs } = counted;
    const countedMs = systemClock.monotonicMs() - began;
    const place = new Map(config.models.map(({ name }, i) => [name, i]));
    // In the order of the configuration: over several partitions the order of first records is a matter of chance.
    const subjects = judges.subjects().toSorted((a, b) => (place.get(a.model) ?? 0) - (place.get(b.model) ?? 0));
    const read = recordsOf(stats);
    if (sweep.length === 0 && onsetMs === undefined) {
      return { schema: "driftd/replay/v1", ...read, models: withRenewals(report.models(subjects), events) };
    }
    if (stats.fromMs !== undefined && stats.toMs !== undefined) requireOnset(onsetMs, stats.fromMs, stats.toMs);
    const models = withRenewals(summarized(report, subjects, onsetMs), events);
    if (sweep.length === 0) return { schema: "driftd/replay/v1", ...read, models };
    for (const name of renewing(config)) {
      io.stderr(
        `note: ${name}: the settings of a sweep are judged by the reference as it was at the start; it is renewed for the first row only\n`,
      );
    }
    const reports = await judgePanes({
      ...{ store, references, subjects, throughMs: throughMs ?? Number.NEGATIVE_INFINITY, retentionMs: config.store.retentionMs },
      sources: input.source.status().map(({ source }) => source),
      ...{ configs: sweep.map((setting) => setting.config), signal: io.signal, clock: systemClock },
    });
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    io.stderr(
      `counted and judged in ${seconds(countedMs)} s, ${sweep.length} more settings in ${seconds(systemClock.monotonicMs() - began - countedMs)} s\n`,
    );
    return {
      ...{ schema: "driftd/replay/v1", ...read, models },
      sweep: sweep.map(({ set }, i) => ({ set, models: summarized(reports[i]!, subjects, onsetMs) })),
    };
  } finally {
    await store.close();
  }
}

type Count = {
  readonly settings: Settings;
  readonly judges: Judges;
  readonly renewal: NonNullable<PipelineOptions["renewal"]>;
  readonly store: Store;
  readonly input: Awaited<ReturnType<typeof openReplayInput>>;
  readonly report: Report;
  readonly log: ReturnType<typeof createLogger>;
  readonly io: Io;
};

/** Counts the input into the store and judges it by the configuration itself; resolves to what was read, and how far it was judged. */
async function count({ settings: { config }, judges, renewal, store, input: { source, decoders }, report, log, io }: Count) {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  // The guards' clock is the window's end, so nothing is ever stale.
  const timeless = { ...config, eventTime: { ...config.eventTime, actionMaxAgeMs: null } };
  const rules = new Map(config.models.map((model) => [model.name, ruleOf(timeless, model)]));
  const pipeline = await createPipeline({
    store,
    judges,
    decoders,
    windows: config.windows,
    timing: timingOf(config),
    stallTimeoutMs: config.eventTime.stallTimeoutMs,
    retentionMs: config.store.retentionMs, // nothing is pruned here; but what is usual is read from no more than the daemon keeps
    sources: source.status().map((status) => status.source),
    start: () => "earliest",
    ruleOf: (model) => rules.get(model),
    hash: hashParts,
    guardNowMs: (endMs) => endMs,
    onDecided: report.add,
    renewal,
    onFatal: ended.reject,
    patient: false,
    driftd: readVersion(io.env).version,
    metrics: noMetrics,
    clock: systemClock,
    log,
  });
  const interrupt = () => ended.reject(new DriftdError("INTERRUPTED", "replay was interrupted"));
  if (io.signal?.aborted) interrupt();
  io.signal?.addEventListener("abort", interrupt, { once: true });
  try {
    await pipeline.run(source);
    await Promise.race([pipeline.finished, ended.promise]);
  } finally {
    await pipeline.stop();
  }
  return { stats: pipeline.ingest.stats(), throughMs: pipeline.ingest.gate().throughMs };
}
