/**
 * The flow from a source to decisions, wired: count → pane log → windows → evaluate → decide, one turn after another.
 *
 * A turn commits what was counted, then evaluates what the commit allows. Everything that a turn decides is in the store before any of its
 * effects begin. The daemon (`app.ts`) and `replay` run this same pipeline; nothing here knows of metrics pages, HTTP or deliveries. It is
 * long because the order of all effects stands in one place.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { createDecider, type Decider } from "./decide/decider.ts";
import type { Alert, DecideRule, Decision } from "./decide/decision.ts";
import type { BytesDecoder, RowDecoder } from "./decode/record.ts";
import type { Evaluation, WindowCounts } from "./evaluate/evaluation.ts";
import { createEvaluator, type WindowSpec } from "./evaluate/evaluator.ts";
import { storedEvaluation } from "./evaluate/stored.ts";
import { createIngest, type Ingest } from "./ingest.ts";
import type { Judges } from "./judges.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { FoundOutliers } from "./panes/outliers.ts";
import { createRecordLog } from "./panes/record-log.ts";
import type { Timing } from "./panes/watermark.ts";
import { createWindowReader } from "./panes/window-reader.ts";
import type { Source, SourcePartition, Start } from "./sources/source.ts";
import type { EvaluatedThrough, Store } from "./store/store.ts";
import { subjectOf, subjectsOf } from "./subjects.ts";
import { createVolumes, type Volumes } from "./volumes.ts";

export type PipelineOptions = {
  readonly store: Store;
  /** What judges each model and version; replaced as a whole by `reconfigure`, as are the windows. */
  readonly judges: Judges;
  readonly decoders: { readonly bytes: BytesDecoder; readonly row: RowDecoder };
  readonly windows: readonly WindowSpec[];
  readonly timing: Timing;
  readonly stallTimeoutMs: number;
  readonly retentionMs: number;
  readonly sources: readonly string[];
  readonly start: (partition: SourcePartition) => Start;
  readonly ruleOf: (model: string) => DecideRule | undefined;
  readonly hash: (parts: readonly (string | number)[]) => string;
  /** The guard clock at a decision about the window end `endMs`: the host's clock, or in a replay the window's end. */
  readonly guardNowMs: (endMs: number) => number;
  /** Whether a request's message still waits for its first delivery. Default: never. */
  readonly undelivered?: (request: string) => boolean;
  /** After the commit of each decision; without evaluations where it came from outside (`between`). */
  readonly onDecided: (evaluations: readonly Evaluation[], decision: Decision) => void;
  /** The last evaluations before the start, made again from the pane log. */
  readonly onRestored?: (evaluations: readonly Evaluation[]) => void;
  /** Records with a high outlier score, once they are stored. */
  readonly onOutliers?: (found: FoundOutliers) => void;
  /** At the end of each turn. */
  readonly onTurn?: () => Promise<void>;
  /** Renewal of references; absent: they stay as they are. */
  readonly renewal?: {
    /** The event time at which something is due: it is evaluated up to there, then `renewAt` comes. +Infinity: nothing is. */
    readonly untilMs: (
      gateMs: number,
      subjects: readonly { readonly model: string; readonly version: string }[],
      progress: readonly EvaluatedThrough[],
    ) => Promise<number>;
    /** Tries what is due; true when other references are in force now. */
    readonly renewAt: (atMs: number, alerts: readonly Alert[]) => Promise<boolean>;
    /** What judges by the references in force; what has not changed stays prepared. */
    readonly judges: (before: Judges) => Judges;
    /** At the moment of the change. */
    readonly applied: (judges: Judges) => void;
  };
  /** Ends the process: a source that cannot go on, or a bug of ours. */
  readonly onFatal: (error: Error) => void;
  /** True: a store that refuses (a full disk) is asked again until it does not; false: that is the end. */
  readonly patient: boolean;
  readonly driftd: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
};

/** What a step between two turns may do with decisions. */
export type Between = Pick<Decider, "ask" | "approve" | "move" | "expire"> & {
  /** Puts a decision into the store, with facts, and then lets it take effect. */
  readonly commit: (decision: Decision, facts?: readonly { readonly name: string; readonly value: string }[]) => Promise<void>;
};

export type Pipeline = {
  readonly ingest: Ingest;
  /** Begins reading: the source is given here, since it may look at the ingest for its pace. */
  readonly run: (source: Source) => Promise<void>;
  /** Resolves when a finite source has been counted, committed and judged to its end. */
  readonly finished: Promise<void>;
  /** Stops reading, commits what is counted, ends. */
  readonly stop: () => Promise<void>;
  /**
   * Judges by a new configuration from the next turn on. `apply` runs at the moment of the change: nothing is being committed or judged then.
   * What was judged last is judged again, so that no number of the old reference stays.
   */
  readonly reconfigure: (
    next: {
      /** Or what makes them, at the moment of the change: a reference may have been renewed meanwhile. */
      readonly judges: Judges | (() => Judges);
      readonly windows: readonly WindowSpec[];
    },
    apply: () => void,
  ) => Promise<void>;
  /** Removes what is older than the retention, measured from what has been evaluated, never from the wall clock; never inside the longest window. */
  readonly prune: () => Promise<void>;
  readonly evaluatedThroughMs: (model: string, version: string, window: string) => number | undefined;
  readonly alerts: Decider["alerts"];
  readonly openRequests: Decider["openRequests"];
  readonly overdue: Decider["overdue"];
  /**
   * Runs a step while nothing is being committed or judged. What it decided and did not commit is forgotten when it fails. Rejects with what the
   * step rejects with, or with `STOPPING`.
   */
  readonly between: <T>(step: (decider: Between) => Promise<T>) => Promise<T>;
  /** Whether no record of a model between two times would be out of the ordinary. Rejects with `STORE_*`. */
  readonly zeroBetween: Volumes["zeroBetween"];
  /** Why nothing is evaluated now although there may be something; undefined when nothing holds it back. */
  readonly blocked: () => string | undefined;
  /** Nothing could be evaluated for longer than the stall timeout. */
  readonly stalled: () => boolean;
  /** Why the store took nothing at the last turn; undefined: it did. */
  readonly storeProblem: () => string | undefined;
  /** A configured window's counts as the pane log has them: what the API shows. Undefined for a window that is not configured. */
  readonly windowAt: (model: string, version: string, window: string, endMs: number) => Promise<WindowCounts | undefined>;
};

/** Turns come at least this often, so that open panes and positions reach the store every few seconds. */
const TURN_EVERY_MS = 2_000;
/** A turn begins at most this often: closed panes of a fast stream gather meanwhile. */
const TURN_GAP_MS = 100;
/** A store that refuses is asked again this often. */
const STORE_RETRY_MS = 5_000;
/** Closed panes that wait for a commit; beyond, the source is paused. About a thousand panes of 50 features with 300 bins. */
const MAX_CLOSED_BYTES = 64 * 1024 * 1024;
/** Of a finite source: above this share of late records its order is worth a word. */
const MANY_LATE = 0.01;
/** Positions are published to the group this often. */
const PUBLISH_EVERY_MS = 5_000;

/** Restores the state of the store and wires the flow; nothing is read before `run`. */
export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { store, metrics, clock, log } = options;
  let { judges, windows } = options;
  let source: Source | undefined;
  let stopping = false;
  const stopped = new AbortController();
  const finished = Promise.withResolvers<void>();
  finished.promise.catch(() => {});
  let sourceFinished = false;
  /** Ends the rest before the next turn. */
  let nap = new AbortController();
  let storeProblem: string | undefined;
  /** Ends a walk through many window ends, so that a change of the configuration need not wait for it. */
  let interrupt = new AbortController();
  const betweenTurns: (() => Promise<void>)[] = [];

  const fail = (error: Error) => {
    stopping = true;
    stopped.abort();
    nap.abort();
    finished.reject(error);
    options.onFatal(error);
  };

  const decider = createDecider({
    ruleOf: options.ruleOf,
    hash: options.hash,
    restored: await store.alertStates(),
    openRequests: await store.retrainRequests({ open: true }),
    undelivered: options.undelivered ?? (() => false),
    referenceRecords: (model, version) => judges.find(model, version)?.reference.snapshot.records,
  });

  const reader = createWindowReader({ store, paneMs: options.timing.paneMs });
  const recordLog = createRecordLog({ store, paneMs: options.timing.paneMs });
  const { retentionMs, sources } = options;
  const volumes = createVolumes({ records: recordLog, judges: () => judges, retentionMs, sources });
  const layouts = await store.layouts();
  const ingest = createIngest({
    decoders: options.decoders,
    route: judges.route,
    timing: options.timing,
    cursors: await store.cursors(),
    openPanes: await store.openPanes(),
    layouts,
    start: options.start,
    sources: options.sources,
    driftd: options.driftd,
    metrics,
    clock,
    log,
    onFatal: fail,
    onOutliers: options.onOutliers,
    onClosed: () => {
      if (ingest.held().closedBytes > MAX_CLOSED_BYTES) source?.pause();
      nap.abort();
    },
  });

  for (const { model, version } of await store.versions()) judges.route(model, version);

  let evaluator = await openEvaluator();

  function openEvaluator() {
    return createEvaluator<Decision>({
      windows,
      store: { ...store, commitDecision: (rows) => store.commitDecision({ ...rows, evaluations: rows.evaluations.map(storedEvaluation) }) },
      subjects: () => subjectsOf({ judges, reader, volumes, metrics, clock }),
      decide: (evaluations, endMs) => decider.decide(evaluations, options.guardNowMs(endMs)),
      onDecided: (evaluations, decision) => {
        decider.accept(decision);
        options.onDecided(evaluations, decision);
      },
      together: () => judges.subjects().some(({ model }) => (options.ruleOf(model)?.retrain?.concurrency?.size ?? 0) > 0),
      onFailed: decider.revert,
      clock,
    });
  }

  /** Commits what was counted; then evaluates as far as the commit allows. */
  async function turn(): Promise<void> {
    const batch = ingest.takeBatch();
    let gate = ingest.gate();
    if (batch !== undefined) {
      const beganMs = clock.monotonicMs();
      try {
        await store.commit(batch);
      } catch (thrown) {
        batch.undo();
        metrics.inc("driftd_state_snapshot_failures_total");
        throw thrown;
      }
      gate = batch.gate;
      batch.done();
      reader.invalidate(batch.panes);
      recordLog.invalidate(batch.panes);
      metrics.set("driftd_state_snapshot_duration_seconds", {}, (clock.monotonicMs() - beganMs) / 1000);
      metrics.set("driftd_state_snapshot_last_success_timestamp_seconds", {}, clock.nowMs() / 1000);
      publishPositions();
      source?.resume();
    }
    showBlocked(gate.blockedBy !== undefined);
    if (gate.throughMs !== undefined && ingest.foreignMembers().length === 0) {
      try {
        await advance(gate.throughMs, AbortSignal.any([stopped.signal, interrupt.signal]));
      } catch (thrown) {
        const reason = isBug(coerceError(thrown)) ? "internal" : "store";
        for (const { model } of judges.subjects()) metrics.inc("driftd_evaluation_failures_total", { model, reason });
        throw thrown;
      }
      await options.onTurn?.();
    }
  }

  /** References are renewed and put in force that should be, but could not yet (the store refused): before anything else is evaluated. */
  let staleJudges = false;

  /** Evaluates up to `throughMs`, and renews references at their time on the way: never beyond a due time with the old one. */
  async function advance(throughMs: number, signal: AbortSignal): Promise<void> {
    const { renewal } = options;
    if (renewal === undefined) {
      await evaluator.advance(throughMs, signal);
      return;
    }
    for (;;) {
      if (staleJudges) await swapRenewed(renewal);
      const untilMs = await renewal.untilMs(throughMs, judges.subjects(), evaluator.progress());
      await evaluator.advance(Math.min(throughMs, untilMs), signal);
      if (untilMs > throughMs || signal.aborted) return;
      staleJudges = await renewal.renewAt(untilMs, decider.alerts());
    }
  }

  /** The bins stay as they are, so the windows go on. */
  async function swapRenewed(renewal: NonNullable<PipelineOptions["renewal"]>): Promise<void> {
    const before = judges;
    const next = renewal.judges(before);
    await know(next);
    staleJudges = false;
    judgeBy(next, () => renewal.applied(next));
    await restore((model) => before.digest(model) !== next.digest(model));
  }

  /** A version that was seen stays known, although no record of it may come for a while. */
  async function know(next: Judges): Promise<readonly { readonly model: string; readonly version: string }[]> {
    const seen = [...judges.subjects(), ...(await store.versions())];
    for (const { model, version } of seen) next.route(model, version);
    return seen;
  }

  function judgeBy(next: Judges, apply: () => void): void {
    judges = next;
    void judges.warmUp();
    ingest.setRoute(judges.route);
    apply();
  }

  let publishing: Promise<void> | undefined;
  let publishedMs = Number.NEGATIVE_INFINITY;
  /** For lag tools only, so nothing waits for it: a broker that is away must hold up neither commits nor verdicts. */
  function publishPositions(): void {
    if (stopping || publishing !== undefined || clock.monotonicMs() - publishedMs < PUBLISH_EVERY_MS) return;
    publishedMs = clock.monotonicMs();
    publishing = source?.commit(ingest.positions()).finally(() => {
      publishing = undefined;
    });
  }

  function showBlocked(blocked: boolean): void {
    const sinceS = (clock.nowMs() - ingest.stalledForMs()) / 1000;
    for (const { model } of judges.subjects()) {
      if (blocked) metrics.set("driftd_evaluation_blocked_since_timestamp_seconds", { model }, sinceS);
      else metrics.remove("driftd_evaluation_blocked_since_timestamp_seconds", { model });
    }
  }

  async function prune(): Promise<void> {
    const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs));
    const through = new Map<string, number>();
    for (const row of evaluator.progress())
      through.set(row.model, Math.min(through.get(row.model) ?? Number.POSITIVE_INFINITY, row.throughMs));
    for (const [model, throughMs] of through) await store.prune(model, throughMs - Math.max(options.retentionMs, longestMs));
  }

  /** What was judged last, again: the store keeps only what drifted, and the pane log gives the rest. */
  async function restore(changed: (model: string) => boolean): Promise<void> {
    const evaluations: Evaluation[] = [];
    try {
      for (const subject of subjectsOf({ judges, reader, volumes, metrics, clock })) {
        const { model, version } = subject;
        if (!changed(model)) continue;
        for (const window of windows) {
          const row = evaluator.progress().find((at) => at.model === model && at.version === version && at.window === window.name);
          if (row !== undefined) evaluations.push(subject.evaluate(await subject.windowAt(window, row.throughMs)));
          await nextTurn();
        }
      }
      options.onRestored?.(evaluations);
      await options.onTurn?.();
    } catch (thrown) {
      log.warn({ err: coerceError(thrown) }, "the last evaluations could not be made again");
    }
  }

  async function change(): Promise<void> {
    interrupt = new AbortController();
    for (const step of betweenTurns.splice(0)) await step();
  }

  async function loop(): Promise<void> {
    await restore(() => true);
    while (!stopping) {
      // While the store refuses, panes that close are no reason to ask it again at once.
      if (storeProblem === undefined) await clock.sleep(TURN_EVERY_MS, nap.signal);
      else await clock.sleep(STORE_RETRY_MS, AbortSignal.any([stopped.signal, interrupt.signal]));
      nap = new AbortController();
      const last = sourceFinished;
      try {
        if (betweenTurns.length > 0) await change();
        await turn();
        if (storeProblem !== undefined) log.info({}, "the store answers again");
        storeProblem = undefined;
        if (last && ingest.held().closed === 0 && !interrupt.signal.aborted) finished.resolve();
      } catch (thrown) {
        const error = coerceError(thrown);
        if (isBug(error) || isEnd(error) || !options.patient) return fail(error);
        if (storeProblem === undefined) log.error({ err: error }, "the store refuses: nothing is lost, it will be tried again");
        storeProblem = error.message;
      }
      await clock.sleep(TURN_GAP_MS, stopped.signal);
    }
  }

  /** In the order in which a decision about a window goes: rows, then memory, then effects. */
  const commit: Between["commit"] = async (decision, facts = []) => {
    const { alertState, episodes, outbox, events, requests } = decision;
    await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState, episodes, outbox, events, requests, facts });
    decider.accept(decision);
    options.onDecided([], decision);
  };

  function between<T>(step: (decider: Between) => Promise<T>): Promise<T> {
    if (stopping) return Promise.reject(new DriftdError("STOPPING", "driftd is stopping"));
    const done = Promise.withResolvers<T>();
    betweenTurns.push(async () => {
      try {
        done.resolve(await step({ ...decider, commit }));
      } catch (thrown) {
        decider.revert();
        done.reject(coerceError(thrown));
      }
    });
    interrupt.abort();
    nap.abort();
    return done.promise;
  }

  let looping: Promise<void> | undefined;
  return {
    ingest,
    windowAt: async (model, version, name, endMs) => {
      const window = windows.find((spec) => spec.name === name);
      if (window === undefined) return undefined;
      const counts = await subjectOf(model, version, { judges, reader, metrics, clock }).windowAt(window, endMs);
      return { ...counts, counts: counts.counts.slice() }; // the running sum moves on
    },
    finished: finished.promise,
    run: async (given) => {
      source = given;
      // Not waited for: what is not ready by its first evaluation is waited for then.
      void judges.warmUp();
      looping = loop();
      await given.start({
        ...ingest.handler,
        onForeignMember: (name, present) => {
          ingest.handler.onForeignMember(name, present);
          metrics.set("driftd_kafka_foreign_member", { topic: name.replace(/^kafka:/, "") }, present ? 1 : 0);
        },
        onFinished: (partition) => {
          ingest.handler.onFinished(partition);
          sourceFinished = true;
          const { read, late } = ingest.stats();
          if (late > MANY_LATE * read)
            log.warn({ late, read }, "many records came too late to be counted: is the file sorted by event time?");
          nap.abort();
        },
      });
    },
    stop: async () => {
      stopping = true;
      await source?.stop();
      stopped.abort();
      nap.abort();
      await looping;
      await change();
      await turn().catch((thrown: unknown) =>
        log.error({ err: coerceError(thrown) }, "the last commit failed: its records will be read again"),
      );
    },
    reconfigure: (next, apply) => {
      const done = Promise.withResolvers<void>();
      betweenTurns.push(async () => {
        const before = { judges, windows };
        let made: Judges;
        const changed = (model: string) => before.judges.digest(model) !== made.digest(model);
        try {
          made = typeof next.judges === "function" ? next.judges() : next.judges;
          windows = next.windows;
          if (JSON.stringify(windows) !== JSON.stringify(before.windows)) evaluator = await openEvaluator();
          for (const { model, version } of await know(made)) if (changed(model)) reader.forget(model, version);
        } catch (thrown) {
          windows = before.windows;
          return done.reject(coerceError(thrown));
        }
        staleJudges = false;
        judgeBy(made, apply);
        await restore(changed);
        done.resolve();
      });
      interrupt.abort();
      nap.abort();
      return done.promise;
    },
    evaluatedThroughMs: (model, version, window) =>
      evaluator.progress().find((row) => row.model === model && row.version === version && row.window === window)?.throughMs,
    prune,
    alerts: decider.alerts,
    openRequests: decider.openRequests,
    overdue: decider.overdue,
    between,
    zeroBetween: volumes.zeroBetween,
    stalled: () => ingest.stalledForMs() > options.stallTimeoutMs,
    storeProblem: () => storeProblem,
    blocked: () => {
      const foreign = ingest.foreignMembers();
      if (foreign.length > 0)
        return `a foreign member is in the consumer group of ${foreign.join(", ")}: nothing is evaluated until it has left`;
      const stalledMs = ingest.stalledForMs();
      return stalledMs > options.stallTimeoutMs
        ? `source_stalled: nothing could be evaluated for ${Math.round(stalledMs / 1000)} s`
        : undefined;
    },
  };
}

/** Our own mistakes are never tried again: what they would write is not to be trusted. */
function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

/** The store's worker is gone: no retry can help. */
function isEnd(error: Error): boolean {
  return error instanceof DriftdError && (error.code === "STORE_FAILED" || error.code === "STORE_CLOSED");
}
