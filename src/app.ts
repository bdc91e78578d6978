/**
 * The daemon: opens every part in order, wires them, and closes them in reverse. It holds no logic of its own, and is one straight line on
 * purpose: a stage begins only when what stands behind it works.
 *
 * Start: store → references and outputs → pipeline (state restored) → HTTP (not ready) → source → ready.
 * Stop: a reload under way, the calendar, the source, the last commit, outputs within the deadline, HTTP, store.
 */

import { createShown } from "./app-shown.ts";
import { createAppView } from "./app-view.ts";
import { decodersOf, ruleOf, tableColumns, timingOf } from "./assembly.ts";
import { createCalendar } from "./calendar.ts";
import { calendarDigest } from "./calendar-wiring.ts";
import type { Config } from "./config/config.ts";
import type { LoadedConfig } from "./config/load.ts";
import { restartKeysChanged } from "./config/masked.ts";
import type { DecideRule } from "./decide/decision.ts";
import { createHttpServer, type HttpServer } from "./http/server.ts";
import type { Clock } from "./lib/clock.ts";
import { createClosers } from "./lib/closers.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import { createSchedule } from "./lib/schedule.ts";
import type { Version } from "./lib/version.ts";
import { createObserver } from "./metrics/observer.ts";
import type { MetricsRegistry } from "./metrics/registry.ts";
import { createAlertmanagers } from "./outputs/alertmanager.ts";
import { createEventLog, type EventLog, openEventFile } from "./outputs/event-log.ts";
import { hashParts } from "./outputs/identity.ts";
import { createOutputs } from "./outputs/index.ts";
import { createOutbox, type Outbox } from "./outputs/outbox.ts";
import { type OutlierLog, openOutlierLog } from "./outputs/outlier-log.ts";
import { topUnseen } from "./panes/sketches.ts";
import { createPauses } from "./pauses.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { createReferenceCache } from "./reference/addresses/cache.ts";
import type { Asked } from "./reference-events.ts";
import { createReferenceWatch, type PreparedReferences } from "./reference-watch.ts";
import { fetchedFolder, oldReferences, putFetched, warnOfOld } from "./reference-wiring.ts";
import { createRenewals } from "./renewal.ts";
import {
  type JudgedReferences,
  judgedReferences,
  loadJudgedReferences,
  pipelineRenewal,
  renewalContext,
  renewalFolder,
} from "./renewal-wiring.ts";
import { createRetraining, pausedRule } from "./retraining.ts";
import { createRetrainingWatch } from "./retraining-watch.ts";
import { createSilences } from "./silence.ts";
import { openSource } from "./sources/index.ts";
import type { Source, Start } from "./sources/source.ts";
import { openSqliteStore } from "./store/sqlite.ts";

/** A stop ends within this, whatever hangs: supervisors kill after 10 s. */
const STOP_DEADLINE_MS = 9_000;
/** Of that, what deliveries in flight may take. */
const DRAIN_MS = 1_500;
const MEASURE_EVERY_MS = 10_000;
const SILENCE_EVERY_MS = 5_000;
const REQUESTS_EVERY_MS = 5_000;
const ADDRESSES_EVERY_MS = 1_000;

export type AppOptions = {
  readonly loaded: LoadedConfig;
  /** Reads the configuration again, for `reload`. */
  readonly load: () => Promise<LoadedConfig>;
  /** After each successful reload: what concerns the process and not the daemon, such as the level of the log. */
  readonly onReloaded?: (loaded: LoadedConfig) => void;
  /** Ends a start that waits for its source. */
  readonly signal?: AbortSignal | undefined;
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
  /**
   * Reads the configuration again. One after the other: the last one asked for holds. Rejects with what is wrong, and with `STOPPING` once the
   * stop has begun; then the old configuration is in force, whole.
   */
  readonly reload: () => Promise<void>;
  /** Any number of times; the first answer holds. Rejects with `CLOSE_FAILED` naming what could not be closed, after all was tried. */
  readonly stop: () => Promise<void>;
};

/** What a configuration decides, and a reload replaces as a whole. */
type Parts = JudgedReferences & {
  readonly config: Config;
  readonly digest: string;
  readonly loadedAtMs: number;
  /** When these judges came into force: with the configuration, or with a renewal. */
  readonly judgedSinceMs: number;
  readonly rules: ReadonlyMap<string, DecideRule>;
  readonly outbox: Outbox;
  readonly outliers: OutlierLog;
};

/** Starts the daemon; whatever was opened is closed again when a later part fails. Rejects with `STOPPED` when `signal` ended the start. */
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
    const { config } = options.loaded;
    const startedAtMs = clock.nowMs();
    const fatal = Promise.withResolvers<never>();
    fatal.promise.catch(() => {});

    const store = await openSqliteStore({ path: config.store.path, log, driftdVersion: version.version });
    closers.add("store", () => store.close());
    let http: HttpServer | undefined; // closed late, so that the stop can be watched
    closers.add("http", () => http?.stop());

    const renewals = createRenewals({
      store,
      folder: renewalFolder(config.store.path),
      context: () => renewalContext(parts.config, parts.references),
      eventMs: () => clock.nowMs(),
      onEvents: (events) => eventLog?.write(events),
      driftd: version.version,
      metrics,
      log,
    });
    const pauses = createPauses(store);
    const watch = createRetrainingWatch({ store, pipeline: () => pipeline, outbox: () => parts.outbox, clock, log });
    const references = createReferenceWatch({
      ...{ store, cache: createReferenceCache(fetchedFolder(config.store.path)), version: version.version, random: Math.random },
      swap: (step) =>
        inTurn(() => {
          refuseWhenStopping();
          return step((fetched) =>
            putFetched(fetched, parts, { renewals, pipeline }, (judged) =>
              putInForce({ ...parts, ...judged, judgedSinceMs: clock.nowMs() }),
            ),
          );
        }),
      onEvents: (events) => eventLog?.write(events),
      ...{ metrics, clock, log },
    });
    // A file is read to its end at once: its models cannot wait.
    const fetched = await references.prepare(config, { reason: "start" }, config.file !== undefined);
    let parts = await createParts(options.loaded, fetched);
    closers.add("outputs", async () => {
      await parts.outbox.drain(DRAIN_MS);
      await parts.outbox.stop();
    });

    closers.add("outlier lines", () => parts.outliers.close());
    const eventLog = await openEventLog(config);
    if (eventLog !== undefined) closers.add("event log", () => eventLog.close(1_000));

    const source: Source = await openSource({
      kafka: config.kafka,
      file: config.file && {
        ...config.file,
        ...tableColumns(config, parts.judges),
        eventTimeMs: () => pipeline.ingest.eventTimeMs(),
      },
      clock,
      log,
      metrics,
    });
    closers.add("source", () => source.stop());
    const pipeline: Pipeline = await createPipeline({
      store,
      judges: parts.judges,
      decoders: decodersOf(config),
      windows: config.windows,
      timing: timingOf(config),
      stallTimeoutMs: config.eventTime.stallTimeoutMs,
      retentionMs: config.store.retentionMs,
      sources: source.status().map((status) => status.source),
      start: () => startOf(config, clock.nowMs()),
      ruleOf: (model) => pausedRule(parts.rules.get(model), model, pauses),
      undelivered: watch.undelivered,
      hash: hashParts,
      guardNowMs: () => clock.nowMs(),
      onDecided: (evaluations, decision) => {
        for (const { model, version } of evaluations) shown.reference(model, version);
        observer.decided(evaluations, decision);
        retraining.decided(decision);
        eventLog?.write(decision.events);
        if (decision.outbox.length > 0) parts.outbox.wake();
        alertmanagers.wake();
        if (decision.cancel.length > 0)
          void parts.outbox.cancel(decision.cancel).catch((error) => log.warn({ err: coerceError(error) }, "cancelling failed"));
        for (const { earlier, last } of decision.withdraw)
          void parts.outbox.withdraw(earlier, last).catch((error) => log.warn({ err: coerceError(error) }, "withdrawing failed"));
      },
      onOutliers: (found) => parts.outliers.write(found),
      onRestored: (evaluations) => observer.restore(evaluations),
      onTurn: () => observer.flush(),
      renewal: pipelineRenewal(
        renewals,
        () => parts,
        (judged) => putInForce({ ...parts, ...judged, judgedSinceMs: clock.nowMs() }),
      ),
      onFatal: (error) => fatal.reject(error),
      patient: true,
      driftd: version.version,
      metrics,
      clock,
      log,
    });
    closers.add("pipeline", () => pipeline.stop());
    const observer = createObserver({
      ...{ metrics, clock, log, alerts: pipeline.alerts },
      unseen: (model, version, feature) => topUnseen(parts.judges.sketches(model, version), feature),
    });
    const silences = createSilences({
      models: () => parts.config.models.map(({ name, volume }) => ({ name, silenceMs: volume.silenceMs })),
      sources: () => reading?.status() ?? [],
      storeProblem: pipeline.storeProblem,
      lastRecords: pipeline.ingest.lastRecords,
      zeroBetween: pipeline.zeroBetween,
      leastMs: 2 * config.eventTime.paneMs + config.eventTime.allowedLatenessMs,
      store,
      onEvents: (events) => eventLog?.write(events),
      ...{ metrics, clock, log },
    });
    const retraining = createRetraining({
      ...{ store, pauses, pipeline, metrics, clock, log },
      ruleOf: (model) => parts.rules.get(model),
      models: () => parts.config.models.map(({ name }) => name),
      latest: observer.latest,
      onModelVersion: (model, modelVersion) => void references.refresh([model], { reason: "model_version", modelVersion }),
    });
    await watch.prime();
    retraining.show();
    const shown = createShown(parts, { metrics, observer, log });
    await references.adopt(fetched, { reason: "start" });
    renewals.show();
    parts.outbox.start();
    const alertmanagers = createAlertmanagers({
      outputs: () => parts.config.outputs.values(),
      alerts: pipeline.alerts,
      linkOf: (model) => parts.rules.get(model)?.links?.["driftd"],
      version: version.version,
      ...{ clock, metrics, log },
    });
    closers.add("alertmanagers", () => alertmanagers.stop());
    alertmanagers.start();

    let reading: Source | undefined;
    let stalled = false;
    let reloading: Promise<void> = Promise.resolve();
    let stopping = false;
    closers.add("reload", () => reloading);
    const view = createAppView({
      store,
      pipeline,
      observer,
      renewals,
      references,
      silences,
      ...{ retraining, watch, metrics },
      parts: () => parts,
      source: () => reading,
      stopping: () => stopping,
      reload,
      version,
      startedAtMs,
      clock,
    });
    http = createHttpServer({ listen: config.http, view, metrics, clock, log });
    const { url } = await http.start();

    closers.add(
      "measuring",
      clock.every(
        MEASURE_EVERY_MS,
        () => void measure().catch((error) => log.warn({ err: coerceError(error) }, "measuring the store failed")),
      ),
    );
    // A file is no stream: it ends, and its silence says nothing.
    if (config.kafka !== undefined)
      closers.add(
        "silence",
        clock.every(SILENCE_EVERY_MS, () => void silences.look()),
      );
    closers.add(
      "requests",
      clock.every(REQUESTS_EVERY_MS, () => void watch.look()),
    );
    const schedule = createSchedule({ log });
    closers.add("schedule", () => schedule.stop());
    schedule.add("prune", "7 * * * *", "UTC", () => pipeline.prune());
    const calendar = createCalendar({
      store,
      request: retraining.request,
      digest: calendarDigest({ store, config: () => parts.config, models: view.models, references, old: oldNow, clock }),
      wake: () => parts.outbox.wake(),
      refresh: async (models) => {
        await references.refresh(models, { reason: "calendar" });
        await warnOfOld(
          oldNow().filter(({ model }) => models.includes(model)),
          { store, clock, log, onEvents: (events) => eventLog?.write(events) },
        );
      },
      ...{ clock, log },
    });
    closers.add(
      "addresses",
      clock.every(ADDRESSES_EVERY_MS, () => void references.look()),
    );
    closers.add("calendar", async () => void (await Promise.all([references.stop(), calendar.stop()])));
    // Not waited for: what was missed is asked for between two turns, of which there is none yet.
    followCalendar(config);

    await unlessStopped(pipeline.run(source));
    reading = source;
    shown.loaded();
    log.info({ address: url, version: version.version, config: parts.digest, models: config.models.map(({ name }) => name) }, "started");

    return {
      url,
      pipeline,
      finished: pipeline.finished,
      fatal: fatal.promise,
      settle: (withinMs) => parts.outbox.drain(withinMs),
      reload,
      stop: () => {
        stopping = true;
        return closers.close();
      },
    };

    async function createParts(loaded: LoadedConfig, prepared: PreparedReferences): Promise<Parts> {
      const judged = await loadJudgedReferences(loaded.config, renewals, prepared.of);
      const outputs = await createOutputs(loaded.config.outputs.values(), { clock, version: version.version });
      const outbox = createOutbox({ store, outputs, clock, metrics, log, random: Math.random, onMoved: () => void watch.look() });
      await pauses.load(loaded.config.models.map(({ name }) => name));
      await loaded.config.http.token?.reveal(); // read anew at each use: one that is not there is found now, and not by the first pipeline
      const outliers = await openOutlierLog(outlierTargets(loaded.config), { clock, metrics, log });
      const rules = rulesOf(loaded.config);
      const nowMs = clock.nowMs();
      const dates = { loadedAtMs: nowMs, judgedSinceMs: nowMs };
      return { ...judged, ...dates, config: loaded.config, digest: loaded.digest, rules, outbox, outliers };
    }

    function putInForce(next: Parts): void {
      const before = parts;
      parts = next;
      shown.replaced(before, next);
      shown.configuration(next);
      renewals.show();
      retraining.show();
    }

    async function measure(): Promise<void> {
      if (pipeline.stalled() !== stalled) {
        stalled = !stalled;
        if (stalled) observer.stalled();
      }
      const held = pipeline.ingest.held();
      metrics.set("driftd_panes_open", {}, held.open);
      metrics.set("driftd_state_snapshot_size_bytes", {}, await store.sizeBytes());
    }

    function reload(): Promise<void> {
      return inTurn(async () => {
        try {
          await reloadOnce();
        } catch (thrown) {
          shown.reloadFailed();
          log.error({ err: coerceError(thrown) }, "reload failed: the old configuration stays in force");
          throw thrown;
        }
      });
    }

    /** Changes of what is in force come one after the other. */
    function inTurn(change: () => Promise<void>): Promise<void> {
      const asked = reloading.then(change);
      reloading = asked.catch(() => {});
      return asked;
    }

    function oldNow() {
      return oldReferences(parts.config, parts.judges, clock.nowMs());
    }

    function followCalendar({ calendar: entries }: Config): void {
      void calendar.follow(entries).catch((thrown) => log.error({ err: coerceError(thrown) }, "the calendar could not be followed"));
    }

    /** Everything that can fail is done before anything live is touched. */
    async function reloadOnce(): Promise<void> {
      refuseWhenStopping();
      const loaded = await options.load();
      const restart = restartKeysChanged(parts.config, loaded.config);
      if (restart.length > 0) {
        throw new DriftdError("RELOAD_NEEDS_RESTART", `these keys cannot change while driftd runs: ${restart.join(", ")}`, {
          hint: "restart driftd, or set them back",
        });
      }
      const asked: Asked = { reason: "reload" };
      const prepared = await references.prepare(loaded.config, asked, true);
      let next = await createParts(loaded, prepared);
      const before = parts;
      // A reference that was renewed since `createParts` is not to be taken back.
      const judges = () => {
        if (next.generation !== renewals.generation()) next = { ...next, ...judgedReferences(next.config, next.references, renewals) };
        return next.judges;
      };
      try {
        await eventLog?.reopen();
        refuseWhenStopping();
        await pipeline.reconfigure({ judges, windows: next.config.windows }, () => putInForce(next));
      } finally {
        // Of the two, the one that is not in force.
        await (parts.outliers === before.outliers ? next : before).outliers.close();
      }
      await before.outbox.stop();
      next.outbox.start();
      await references.adopt(prepared, asked);
      followCalendar(next.config);
      shown.loaded();
      options.onReloaded?.(loaded);
      log.info({ config: next.digest }, "reloaded");
    }

    function refuseWhenStopping(): void {
      if (stopping) throw new DriftdError("STOPPING", "driftd is stopping: the configuration is not read again");
    }
  }

  /** A source may wait for its peer for ever. */
  function unlessStopped(work: Promise<void>): Promise<void> {
    const { signal } = options;
    if (signal === undefined) return work;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.reject(new DriftdError("STOPPED", "driftd was stopped while it started"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    return Promise.race([work, stopped.promise]).finally(() => signal.removeEventListener("abort", stop));
  }

  async function openEventLog({ eventLog }: Config): Promise<EventLog | undefined> {
    const { path } = eventLog;
    return path === undefined ? undefined : createEventLog({ open: () => openEventFile(path), clock, metrics, log });
  }
}

function outlierTargets({ models }: Config) {
  return models.flatMap(({ name, outliers }) =>
    outliers === undefined ? [] : [{ model: name, path: outliers.path, perMinute: outliers.perMinute }],
  );
}

function rulesOf(config: Config): ReadonlyMap<string, DecideRule> {
  return new Map(config.models.map((model) => [model.name, ruleOf(config, model)]));
}

/** Where a new store begins to read. */
function startOf({ kafka }: Config, nowMs: number): Start {
  if (kafka === undefined) return "earliest";
  return typeof kafka.start === "string" ? kafka.start : { timestampMs: nowMs - kafka.start.durationMs };
}
