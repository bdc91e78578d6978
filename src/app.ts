/**
 * The daemon: opens every part in order, wires them, and closes them in reverse. It holds no logic of its own, and is one straight line on
 * purpose: a stage begins only when what stands behind it works.
 *
 * Start: store → outputs → references → pipeline (state restored) → HTTP (not ready) → sources → ready.
 * Stop: sources, the last commit, outputs within the deadline, HTTP, store.
 */

import { createAppView } from "./app-view.ts";
import { decodersOf, loadJudges, ruleOf, timestampPath, timingOf } from "./assembly.ts";
import type { Config } from "./config/config.ts";
import type { LoadedConfig } from "./config/load.ts";
import { restartKeysChanged } from "./config/masked.ts";
import type { DecideRule } from "./decide/decider.ts";
import { explainThresholds } from "./evaluate/explain.ts";
import { createHttpServer } from "./http/server.ts";
import type { Clock } from "./lib/clock.ts";
import { createClosers } from "./lib/closers.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import { createSchedule } from "./lib/schedule.ts";
import type { Version } from "./lib/version.ts";
import { createObserver } from "./metrics/observer.ts";
import type { MetricsRegistry } from "./metrics/registry.ts";
import { createEventLog, type EventLog, openFileSink } from "./outputs/event-log.ts";
import { hashParts } from "./outputs/identity.ts";
import { createOutputs } from "./outputs/index.ts";
import { createOutbox } from "./outputs/outbox.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { openSource } from "./sources/index.ts";
import type { Source, Start } from "./sources/source.ts";
import { openSqliteStore } from "./store/sqlite.ts";

/** A stop ends within this, whatever hangs: supervisors kill after 10 s. */
const STOP_DEADLINE_MS = 9_000;
/** Of that, what deliveries in flight may take. */
const DRAIN_MS = 3_000;
const MEASURE_EVERY_MS = 10_000;

export type AppOptions = {
  readonly loaded: LoadedConfig;
  /** Reads the configuration again, for `reload`. */
  readonly load: () => Promise<LoadedConfig>;
  readonly version: Version;
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Log;
};

export type App = {
  /** Where HTTP listens. */
  readonly url: string;
  readonly pipeline: Pipeline;
  /** A finite source has been judged to its end. */
  readonly finished: Promise<void>;
  /** Rejects when the daemon cannot go on. */
  readonly fatal: Promise<never>;
  /** Waits until nothing is due in the outbox, for at most `withinMs`. */
  readonly settle: (withinMs: number) => Promise<void>;
  readonly reload: () => Promise<void>;
  /** Any number of times; the first answer holds. */
  readonly stop: () => Promise<void>;
};

/** Starts the daemon; whatever was opened is closed again when a later part fails. */
export async function startApp(options: AppOptions): Promise<App> {
  const { version, metrics, clock, log } = options;
  const closers = createClosers({ deadlineMs: STOP_DEADLINE_MS, clock, log });
  try {
    return await open();
  } catch (error) {
    await closers.close().catch(() => {}); // said in the log; what went wrong first is what the caller must hear
    throw error;
  }

  async function open(): Promise<App> {
    let { config, digest } = options.loaded;
    const startedAtMs = clock.nowMs();
    let loadedAtMs = startedAtMs;
    const fatal = Promise.withResolvers<never>();
    fatal.promise.catch(() => {});

    const store = await openSqliteStore({ path: config.store.path, log, driftdVersion: version.version });
    closers.add("store", () => store.close());

    const outputs = await createOutputs(config.outputs.values(), { clock, version: version.version });
    for (const { name } of outputs) metrics.initialise({ target: name });
    const outbox = createOutbox({ store, outputs, clock, metrics, log, random: Math.random });
    closers.add("outputs", async () => {
      await outbox.drain(DRAIN_MS);
      await outbox.stop();
    });

    const eventLog = await openEventLog(config);
    if (eventLog !== undefined) closers.add("event log", () => eventLog.close(1_000));

    let judges = await loadJudges(config);
    let rules = rulesOf(config);
    const shown = new Set<string>();

    for (const topic of config.kafka?.topics ?? []) metrics.initialise({ topic });
    for (const { name } of config.models) metrics.initialise({ model: name });

    const source: Source = await openSource({
      kafka: config.kafka,
      file: config.file && {
        ...config.file,
        timestampColumn: timestampPath(config).at(-1) ?? "timestamp",
        eventTimeMs: () => pipeline.ingest.eventTimeMs(),
      },
      clock,
      log,
      metrics,
    });
    closers.add("source", () => source.stop());
    const pipeline: Pipeline = await createPipeline({
      store,
      judges,
      decoders: decodersOf(config),
      windows: config.windows,
      timing: timingOf(config),
      stallTimeoutMs: config.eventTime.stallTimeoutMs,
      retentionMs: config.store.retentionMs,
      sources: source.status().map((status) => status.source),
      start: () => startOf(config, clock.nowMs()),
      ruleOf: (model) => rules.get(model),
      hash: hashParts,
      guardNowMs: () => clock.nowMs(),
      onDecided: (evaluations, decision) => {
        for (const evaluation of evaluations) showReference(evaluation.model, evaluation.version);
        observer.decided(evaluations, decision);
        eventLog?.write(decision.events);
        if (decision.outbox.length > 0) outbox.wake();
        if (decision.cancel.length > 0)
          void outbox.cancel(decision.cancel).catch((error) => log.warn({ err: coerceError(error) }, "cancelling failed"));
      },
      onRestored: (evaluations) => observer.restore(evaluations),
      onTurn: () => observer.flush(),
      onFatal: (error) => fatal.reject(error),
      random: Math.random,
      driftd: version.version,
      metrics,
      clock,
      log,
    });
    closers.add("pipeline", () => pipeline.stop());
    const observer = createObserver({ metrics, clock, log, alerts: pipeline.alerts });
    showReferences();
    outbox.start();

    let reading: Source | undefined;
    const view = createAppView({
      store,
      pipeline,
      observer,
      outbox,
      config: () => config,
      digest: () => digest,
      loadedAtMs: () => loadedAtMs,
      judges: () => judges,
      source: () => reading,
      reload,
      version,
      startedAtMs,
      clock,
    });
    const http = createHttpServer({ listen: config.http, view, metrics, clock, log });
    closers.add("http", () => http.stop());
    const { url } = await http.start();

    closers.add(
      "measuring",
      clock.every(
        MEASURE_EVERY_MS,
        () => void measure().catch((error) => log.warn({ err: coerceError(error) }, "measuring the store failed")),
      ),
    );
    const schedule = createSchedule({ log });
    closers.add("schedule", () => schedule.stop());
    schedule.add("prune", "7 * * * *", "UTC", () => pipeline.prune());

    await pipeline.run(source);
    reading = source;
    showLoaded();
    log.info({ address: url, version: version.version, config: digest, models: config.models.map(({ name }) => name) }, "started");

    return {
      url,
      pipeline,
      finished: pipeline.finished,
      fatal: fatal.promise,
      settle: (withinMs) => outbox.drain(withinMs),
      reload,
      stop: () => closers.close(),
    };

    async function measure(): Promise<void> {
      const held = pipeline.ingest.held();
      metrics.set("driftd_panes_open", {}, held.open);
      metrics.set("driftd_state_snapshot_size_bytes", {}, await store.sizeBytes());
    }

    function showLoaded(): void {
      metrics.set("driftd_config_last_reload_successful", {}, 1);
      metrics.set("driftd_config_last_reload_success_timestamp_seconds", {}, loadedAtMs / 1000);
      // 48 bits of the digest: what a double holds exactly.
      metrics.set("driftd_config_hash", {}, Number.parseInt(digest.replace("sha256:", "").slice(0, 12), 16));
      for (const { name } of config.models) {
        metrics.set(
          "driftd_evaluation_interval_seconds",
          { model: name },
          Math.min(...config.windows.map(({ slideMs }) => slideMs)) / 1000,
        );
      }
    }

    /** Says once which reference judges a version: at start and reload for the known ones, later when one is first judged. */
    function showReference(model: string, of: string): void {
      const key = JSON.stringify([model, of]);
      const judge = judges.find(model, of);
      if (shown.has(key) || judge === undefined) return;
      shown.add(key);
      observer.judged(model, of, judge.reference.path, judge.reference.snapshot);
      for (const meaning of explainThresholds(judge.prepared.policy, judge.reference.snapshot)) {
        log.info({ model, version: of, meaning }, "fixed thresholds");
      }
    }

    function showReferences(): void {
      shown.clear();
      for (const { model, version: of } of judges.subjects()) showReference(model, of);
    }

    /** Everything that can fail is done before anything live is touched: after a failure the old configuration is in force, whole. */
    async function reload(): Promise<void> {
      try {
        const next = await options.load();
        const restart = restartKeysChanged(config, next.config);
        if (restart.length > 0) {
          throw new DriftdError("RELOAD_NEEDS_RESTART", `these keys cannot change while driftd runs: ${restart.join(", ")}`, {
            hint: "restart driftd, or set them back",
          });
        }
        const nextJudges = await loadJudges(next.config);
        await eventLog?.reopen();
        const gone = config.models.filter(({ name }) => !next.config.models.some((model) => model.name === name));
        config = next.config;
        digest = next.digest;
        loadedAtMs = clock.nowMs();
        rules = rulesOf(config);
        judges = nextJudges;
        pipeline.setJudges(judges);
        for (const { name } of config.models) metrics.initialise({ model: name });
        for (const { name } of gone) {
          observer.forget(name);
          metrics.removeModel(name);
        }
        showReferences();
        showLoaded();
        log.info({ config: digest }, "reloaded");
      } catch (thrown) {
        metrics.set("driftd_config_last_reload_successful", {}, 0);
        log.error({ err: coerceError(thrown) }, "reload failed: the old configuration stays in force");
        throw thrown;
      }
    }
  }

  async function openEventLog({ eventLog }: Config): Promise<EventLog | undefined> {
    const { path } = eventLog;
    return path === undefined ? undefined : createEventLog({ open: () => openFileSink(path), clock, metrics, log });
  }
}

function rulesOf(config: Config): ReadonlyMap<string, DecideRule> {
  return new Map(config.models.map((model) => [model.name, ruleOf(config, model, {})]));
}

/** Where a new store begins to read. */
function startOf({ kafka }: Config, nowMs: number): Start {
  if (kafka === undefined) return "earliest";
  return typeof kafka.start === "string" ? kafka.start : { timestampMs: nowMs - kafka.start.durationMs };
}
