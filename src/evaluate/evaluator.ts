/**
 * The evaluation loop: from what was evaluated up to the gate, window end by window end, for every model and version.
 *
 * It is a pure walk over the pane log: the same panes give the same evaluations and decisions in the same order, live or in a replay.
 * Progress, evaluations, alert state and outbox rows of a stretch of window ends go to the store in one transaction, and only then do
 * their effects begin (`onDecided`). A crash before the commit evaluates the same stretch again, with the same result.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import type { EvaluatedThrough, Store } from "../store/store.ts";
import type { Evaluation, WindowCounts } from "./evaluation.ts";

/** A configured window: it is evaluated at every multiple of its slide. */
export type WindowSpec = { readonly name: string; readonly lengthMs: number; readonly slideMs: number };

/** The slide of a window is a twelfth of its length, at most 30 minutes. */
export function slideOf(lengthMs: number): number {
  return Math.min(lengthMs / 12, 30 * 60_000);
}

/** One model and version to be judged. */
export type Subject = {
  readonly model: string;
  readonly version: string;
  /** The window's counts up to `endMs`. */
  readonly windowAt: (window: WindowSpec, endMs: number) => WindowCounts | Promise<WindowCounts>;
  /** The verdict: pure. */
  readonly evaluate: (window: WindowCounts) => Evaluation;
};

/** What one window end led to; the rows go to the store with the progress. */
export type DecisionRows = Omit<Parameters<Store["commitDecision"]>[0], "evaluatedThrough" | "evaluations">;

export type EvaluatorOptions<D extends DecisionRows> = {
  readonly windows: readonly WindowSpec[];
  readonly store: Pick<Store, "evaluatedThrough" | "commitDecision" | "firstPane">;
  readonly subjects: () => readonly Subject[];
  /** All windows of one model and version that end at the same time, judged together. */
  readonly decide: (evaluations: readonly Evaluation[], endMs: number) => D;
  /** After the commit: metrics, logs, waking the outbox. */
  readonly onDecided: (evaluations: readonly Evaluation[], decision: D) => void;
  /** The commit failed: decisions since the last commit are forgotten and will be made again. */
  readonly onFailed: () => void;
  readonly clock: Clock;
};

export type Evaluator = {
  /** Evaluates everything due up to `throughMs` (event time); returns how many evaluations were made. One call at a time. */
  readonly advance: (throughMs: number, signal?: AbortSignal) => Promise<number>;
  /** How far each (model, version, window) has come. */
  readonly progress: () => readonly EvaluatedThrough[];
};

/** Window ends of one transaction at most, when nothing in them has to go out at once. */
const ENDS_PER_COMMIT = 48;
/** The loop gives way to the event loop after this long: heartbeats and HTTP wait for it. */
const TURN_MS = 8;

/** Loads the stored progress and makes the loop. */
export async function createEvaluator<D extends DecisionRows>(options: EvaluatorOptions<D>): Promise<Evaluator> {
  const { windows, store, clock } = options;
  const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
  const through = new Map<string, EvaluatedThrough>();
  for (const row of await store.evaluatedThrough()) through.set(keyOf(row.model, row.version, row.window), row);
  let turnBeganMs = clock.monotonicMs();

  async function giveWay(): Promise<void> {
    if (clock.monotonicMs() - turnBeganMs < TURN_MS) return;
    await nextTurn();
    turnBeganMs = clock.monotonicMs();
  }

  /** The first end of each window that is not evaluated yet; undefined while the model has no panes. */
  async function nextEnds(subject: Subject): Promise<Map<WindowSpec, number> | undefined> {
    let firstMs: number | undefined;
    const ends = new Map<WindowSpec, number>();
    for (const window of windows) {
      const row = through.get(keyOf(subject.model, subject.version, window.name));
      if (row === undefined) {
        firstMs ??= await store.firstPane(subject.model, subject.version);
        if (firstMs === undefined) return undefined;
        ends.set(window, endAfter(firstMs, window));
      } else ends.set(window, row.throughMs + window.slideMs);
    }
    return ends;
  }

  async function advanceSubject(subject: Subject, throughMs: number, signal: AbortSignal | undefined): Promise<number> {
    const ends = await nextEnds(subject);
    if (ends === undefined) return 0;
    let evaluated = 0;
    let stretch: { evaluations: readonly Evaluation[]; decision: D }[] = [];

    const commit = async () => {
      const decided = stretch;
      const rows = windows
        .map((window) => ({
          model: subject.model,
          version: subject.version,
          window: window.name,
          throughMs: (ends.get(window) as number) - window.slideMs,
        }))
        .filter((row) => row.throughMs > (through.get(keyOf(row.model, row.version, row.window))?.throughMs ?? Number.NEGATIVE_INFINITY));
      if (rows.length === 0) return;
      stretch = [];
      try {
        await store.commitDecision({
          evaluatedThrough: rows,
          evaluations: decided.flatMap(({ evaluations }) => evaluations),
          // Each row holds the whole state of this model and version: the last one counts.
          alertState: decided.flatMap(({ decision }) => decision.alertState).slice(-1),
          episodes: decided.flatMap(({ decision }) => decision.episodes),
          outbox: decided.flatMap(({ decision }) => decision.outbox),
          events: decided.flatMap(({ decision }) => decision.events),
        });
      } catch (error) {
        options.onFailed();
        throw error;
      }
      for (const row of rows) through.set(keyOf(row.model, row.version, row.window), row);
      for (const { evaluations, decision } of decided) options.onDecided(evaluations, decision);
    };

    for (;;) {
      const endMs = Math.min(...ends.values());
      if (endMs > throughMs || signal?.aborted) break;
      const due = windows.filter((window) => ends.get(window) === endMs);
      const evaluations: Evaluation[] = [];
      let silent = false;
      for (const window of due) {
        const found = subject.windowAt(window, endMs);
        const counts = found instanceof Promise ? await found : found; // no await without need: replays make tens of thousands of these
        if (window === longest && counts.records === 0) silent = true;
        evaluations.push(subject.evaluate(counts));
        await giveWay();
      }
      const decision = options.decide(evaluations, endMs);
      stretch.push({ evaluations, decision });
      evaluated += evaluations.length;
      for (const window of due) ends.set(window, endMs + window.slideMs);
      if (silent) await skipSilence(subject, endMs, ends, throughMs);
      if (stretch.length >= ENDS_PER_COMMIT || decision.outbox.length > 0) await commit();
    }
    await commit();
    return evaluated;
  }

  /** Years of nothing between two records must not cost a walk over every window end: once the longest window is empty, go on at the next pane. */
  async function skipSilence(subject: Subject, endMs: number, ends: Map<WindowSpec, number>, throughMs: number): Promise<void> {
    const nextMs = (await store.firstPane(subject.model, subject.version, endMs)) ?? throughMs;
    for (const window of windows) {
      const resumeMs = endAfter(Math.min(nextMs, throughMs), window);
      if (resumeMs > (ends.get(window) as number)) ends.set(window, resumeMs);
    }
  }

  return {
    advance: async (throughMs, signal) => {
      let evaluated = 0;
      for (const subject of options.subjects()) evaluated += await advanceSubject(subject, throughMs, signal);
      return evaluated;
    },
    progress: () => [...through.values()],
  };
}

function endAfter(startMs: number, window: WindowSpec): number {
  return Math.floor(startMs / window.slideMs) * window.slideMs + window.slideMs;
}

function keyOf(model: string, version: string, window: string): string {
  return JSON.stringify([model, version, window]);
}
