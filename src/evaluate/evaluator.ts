/**
 * The evaluation loop: from what was evaluated up to the gate, window end by window end, for every model and version.
 *
 * It is a pure walk over the pane log: the same panes give the same evaluations and decisions in the same order, live or in a replay, however
 * the gate moved meanwhile. Versions of one model go through time together, since the guards of a retraining look at all of them; all models
 * do where these guards look at other models too (`together`).
 * Progress, evaluations, alert state and outbox rows of a stretch of window ends go to the store in one transaction, and only then do
 * their effects begin (`onDecided`). A crash before the commit evaluates the same stretch again, with the same result.
 *
 * Silence: once the longest window has been found empty, it alone is looked at, after 1 day, 2, 4, 8 … (so that an episode without evidence
 * ends), until there is a pane again. A version that was replaced, or years of nothing between two records, must not cost a walk over every
 * window end.
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
  /** Read at each advance: whether a decision about one model may look at another one, so that all of them go through time together. Default: no. */
  readonly together?: () => boolean;
  /** All windows of one model and version that end at the same time, judged together. */
  readonly decide: (evaluations: readonly Evaluation[], endMs: number) => D;
  /** After the commit: metrics, logs, waking the outbox. */
  readonly onDecided: (evaluations: readonly Evaluation[], decision: D) => void;
  /** The store failed: decisions since the last commit are forgotten and will be made again. */
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
/** The loop gives way to the event loop after this long: heartbeats and HTTP wait for it, and reading has turns of its own. */
const TURN_MS = 5;

/** When a silent model is first looked at again (event time), or after a length of the longest window where that is more. */
const FIRST_LOOK_MS = 24 * 3_600_000;
/** Stands for a window in the stored progress: since when the longest window has been empty. */
const SILENCE = "$silence";

/** One subject on its way through time. */
type Walk = {
  readonly subject: Subject;
  /** The next end of each window. */
  readonly ends: Map<WindowSpec, number>;
  /** The longest window was empty at the end `sinceMs`, and still so at `atMs`; no pane has come since. */
  silence: { readonly sinceMs: number; readonly atMs: number } | undefined;
};

/** Loads the stored progress and makes the loop. */
export async function createEvaluator<D extends DecisionRows>(options: EvaluatorOptions<D>): Promise<Evaluator> {
  const { windows, store, clock } = options;
  const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
  const firstLookMs = Math.ceil(Math.max(FIRST_LOOK_MS, longest.lengthMs) / longest.slideMs) * longest.slideMs;
  const through = new Map<string, EvaluatedThrough>();
  for (const row of await store.evaluatedThrough()) through.set(keyOf(row.model, row.version, row.window), row);
  /** Whether the longest window was empty at an end: what the last evaluation saw. Anything older is looked up. */
  const lastLook = new Map<string, { readonly endMs: number; readonly empty: boolean }>();
  let turnBeganMs = clock.monotonicMs();

  async function giveWay(): Promise<void> {
    if (clock.monotonicMs() - turnBeganMs < TURN_MS) return;
    await nextTurn();
    turnBeganMs = clock.monotonicMs();
  }

  function throughOf({ model, version }: Subject, window: WindowSpec): number | undefined {
    return through.get(keyOf(model, version, window.name))?.throughMs;
  }

  /** Where a subject goes on; undefined while it has no panes. */
  async function beginWalk(subject: Subject, throughMs: number): Promise<Walk | undefined> {
    const evaluatedMs = windows.map((window) => throughOf(subject, window)).filter((ms) => ms !== undefined);
    const firstMs = evaluatedMs.length === windows.length ? undefined : await store.firstPane(subject.model, subject.version);
    if (evaluatedMs.length === 0 && firstMs === undefined) return undefined;
    // A window that was configured later joins the others where they are: decisions never go back in time.
    const fromMs = Math.max(firstMs ?? Number.NEGATIVE_INFINITY, ...evaluatedMs);
    const ends = new Map(
      windows.map((window) => {
        const ms = throughOf(subject, window);
        return [window, ms === undefined ? endAfter(fromMs, window) : ms + window.slideMs];
      }),
    );
    const walk = { subject, ends, silence: await silenceOf(subject) };
    await leaveSilence(walk, throughMs);
    return walk;
  }

  /** Whether the longest window was empty at its last end: a question about the pane log, so a restart changes nothing. */
  async function silenceOf(subject: Subject): Promise<Walk["silence"]> {
    const { model, version } = subject;
    const atMs = throughOf(subject, longest);
    if (atMs === undefined) return undefined;
    const known = lastLook.get(keyOf(model, version, longest.name));
    const empty = known?.endMs === atMs ? known.empty : (await subject.windowAt(longest, atMs)).records === 0;
    return empty ? { sinceMs: Math.min(atMs, through.get(keyOf(model, version, SILENCE))?.throughMs ?? atMs), atMs } : undefined;
  }

  /** Ends a silence when a pane has come: every window goes on at its first end after it. */
  async function leaveSilence(walk: Walk, throughMs: number): Promise<void> {
    const { subject, ends, silence } = walk;
    if (silence === undefined) return;
    const nextMs = await store.firstPane(subject.model, subject.version, silence.atMs);
    // A pane beyond the gate may be an open one of a record far ahead, and earlier ones may still come.
    if (nextMs === undefined || nextMs >= Math.min(throughMs, nextEnd(walk))) return;
    walk.silence = undefined;
    for (const window of windows) ends.set(window, Math.max(ends.get(window) as number, endAfter(nextMs, window)));
  }

  function nextEnd({ ends, silence }: Walk): number {
    if (silence === undefined) return Math.min(...ends.values());
    return silence.sinceMs + Math.max(firstLookMs, 2 * (silence.atMs - silence.sinceMs));
  }

  /** Evaluates what ends at `endMs`. */
  async function judge(walk: Walk, endMs: number): Promise<Evaluation[]> {
    const { subject, ends } = walk;
    const due = walk.silence === undefined ? windows.filter((window) => ends.get(window) === endMs) : [longest];
    const evaluations: Evaluation[] = [];
    for (const window of due) {
      const found = subject.windowAt(window, endMs);
      const counts = found instanceof Promise ? await found : found; // no await without need: replays make tens of thousands of these
      if (window === longest) {
        const empty = counts.records === 0;
        walk.silence = empty ? { sinceMs: walk.silence?.sinceMs ?? endMs, atMs: endMs } : undefined;
        lastLook.set(keyOf(subject.model, subject.version, window.name), { endMs, empty });
      }
      evaluations.push(subject.evaluate(counts));
      await giveWay();
    }
    for (const window of windows) ends.set(window, Math.max(ends.get(window) as number, endAfter(endMs, window)));
    return evaluations;
  }

  /** `subjects`: the versions of one model, or of all. */
  async function advanceModel(subjects: readonly Subject[], throughMs: number, signal: AbortSignal | undefined): Promise<number> {
    const walks: Walk[] = [];
    for (const subject of subjects) {
      const walk = await beginWalk(subject, throughMs);
      if (walk !== undefined) walks.push(walk);
    }
    let evaluated = 0;
    let stretch: { evaluations: readonly Evaluation[]; decision: D }[] = [];

    const commit = async () => {
      const decided = stretch;
      stretch = [];
      const rows = walks.flatMap(progressOf);
      if (rows.length === 0) return;
      // Each row holds the whole state of its model and version: the last one counts.
      const states = new Map(decided.flatMap(({ decision }) => decision.alertState).map((row) => [keyOf(row.model, row.version, ""), row]));
      await store.commitDecision({
        evaluatedThrough: rows,
        evaluations: decided.flatMap(({ evaluations }) => evaluations),
        alertState: [...states.values()],
        episodes: decided.flatMap(({ decision }) => decision.episodes),
        outbox: decided.flatMap(({ decision }) => decision.outbox),
        events: decided.flatMap(({ decision }) => decision.events),
        requests: decided.flatMap(({ decision }) => decision.requests ?? []),
      });
      for (const row of rows) through.set(keyOf(row.model, row.version, row.window), row);
      for (const { evaluations, decision } of decided) options.onDecided(evaluations, decision);
    };

    for (;;) {
      const endMs = Math.min(...walks.map(nextEnd));
      if (endMs > throughMs || signal?.aborted) break;
      for (const walk of walks) {
        if (nextEnd(walk) !== endMs) continue;
        const evaluations = await judge(walk, endMs);
        const decision = options.decide(evaluations, endMs);
        stretch.push({ evaluations, decision });
        evaluated += evaluations.length;
        await leaveSilence(walk, throughMs);
        if (stretch.length >= ENDS_PER_COMMIT || decision.outbox.length > 0) await commit();
      }
    }
    await commit();
    return evaluated;
  }

  function progressOf({ subject, ends, silence }: Walk): EvaluatedThrough[] {
    const { model, version } = subject;
    const rows = windows.map((window) => ({
      model,
      version,
      window: window.name,
      throughMs: (ends.get(window) as number) - window.slideMs,
    }));
    if (silence !== undefined) rows.push({ model, version, window: SILENCE, throughMs: silence.sinceMs });
    return rows.filter((row) => row.throughMs > (through.get(keyOf(model, version, row.window))?.throughMs ?? Number.NEGATIVE_INFINITY));
  }

  return {
    advance: async (throughMs, signal) => {
      let evaluated = 0;
      const together = options.together?.() === true;
      for (const versions of Map.groupBy(options.subjects(), ({ model }) => (together ? "" : model)).values()) {
        if (signal?.aborted) break;
        evaluated += await advanceModel(versions, throughMs, signal).catch((error: unknown) => {
          options.onFailed();
          throw error;
        });
      }
      return evaluated;
    },
    progress: () => [...through.values()].filter(({ window }) => window !== SILENCE),
  };
}

/** The first end of a window after a time. */
function endAfter(startMs: number, window: WindowSpec): number {
  return Math.floor(startMs / window.slideMs) * window.slideMs + window.slideMs;
}

function keyOf(model: string, version: string, window: string): string {
  return JSON.stringify([model, version, window]);
}
