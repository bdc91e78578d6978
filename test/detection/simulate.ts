/**
 * Simulated months and simulated faults, judged as the daemon judges: the real `evaluateWindow` on window counts, the real `transition` on its
 * verdicts. A reference serves a run of a few months, then a new world is drawn.
 *
 *     simulate({ scenario: "weekly", months: 8, seed: 1 })
 *     simulateDelays({ scenario: "iid", fault: { kind: "mean", by: 0.25 }, trials: 20, seed: 1 })
 */

import { type AlertState, inactiveState, sustained, transition } from "../../src/decide/transition.ts";
import { type PreparedReference, prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { createProcess, DAY, HOUR, MINUTE, type Process, START } from "./process.ts";
import { seedRandom, uniform } from "./random.ts";
import { type BuiltReference, buildReference } from "./reference.ts";
import { type Fault, SCENARIOS, type Scenario, type ScenarioName } from "./scenarios.ts";
import { walk } from "./windows.ts";

export type World = {
  readonly scenario: ScenarioName | Scenario;
  /** Default 50. */
  readonly features?: number;
  /** Records a minute on average, default 50. */
  readonly rate?: number;
  /** Default 14. */
  readonly referenceDays?: number;
  readonly policy?: Policy;
  readonly seed: number;
};

export type MonthsOptions = World & {
  readonly months: number;
  /** Months in a row after one reference, default 4. */
  readonly monthsPerReference?: number;
  /** Sees every window that is judged. The counts change afterwards. */
  readonly onWindow?: (window: WindowCounts, evaluation: Evaluation, reference: PreparedReference) => void;
};

/** Episodes of one run after one reference: those that became critical, and all that fired. */
export type Run = { readonly months: number; readonly critical: number; readonly warningOrWorse: number };

export type MonthsResult = Run & { readonly runs: readonly Run[] };

/** Simulates healthy months and counts the episodes: all of them are false alarms. */
export function simulate(options: MonthsOptions): MonthsResult {
  const { months, monthsPerReference = 4 } = options;
  const runs: Run[] = [];
  for (let done = 0, index = 0; done < months; done += monthsPerReference, index++) {
    runs.push(simulateRun({ ...options, months: Math.min(monthsPerReference, months - done) }, index));
  }
  return sumRuns(runs);
}

/** All runs together. */
export function sumRuns(runs: readonly Run[]): MonthsResult {
  const sum = (field: keyof Run) => runs.reduce((total, run) => total + run[field], 0);
  return { months: sum("months"), critical: sum("critical"), warningOrWorse: sum("warningOrWorse"), runs };
}

/** The months after the reference number `index`. Every run stands alone, so they may be spread over threads. */
export function simulateRun(options: MonthsOptions, index: number): Run {
  const { months, policy = DEFAULT_POLICY } = options;
  const world = begin(options, index);
  const toMs = world.fromMs + months * 30 * DAY;
  const critical = new Set<string>();
  const all = new Set<string>();
  judge(world, toMs, policy, world.process, options.onWindow, (state, changes) => {
    for (const { kind, episode } of changes) {
      if (kind !== "firing" && kind !== "escalated") continue;
      all.add(episode.id);
      if (episode.severity === "critical") critical.add(episode.id);
    }
    return state !== undefined;
  });
  return { months, critical: critical.size, warningOrWorse: all.size };
}

export type DelayOptions = World & {
  readonly fault: Fault;
  readonly trials: number;
  /** The feature that the fault befalls, default 0. */
  readonly faulty?: number;
  /** Given up after this long, default 5 days. */
  readonly withinDays?: number;
  /** Onsets after one reference, default 5. */
  readonly trialsPerReference?: number;
};

/** Minutes from the onset until the faulty feature has sustained a warning (or worse), and a critical verdict; Infinity when not within time. */
export type Delays = { readonly firstWarningMin: readonly number[]; readonly firstCriticalMin: readonly number[] };

/** Simulates a fault in one feature at random times of day, in streams that begin at their reference. */
export function simulateDelays(options: DelayOptions): Delays {
  const { trials, trialsPerReference = 5 } = options;
  const parts: Delays[] = [];
  for (let done = 0, index = 0; done < trials; done += trialsPerReference, index++) {
    parts.push(simulateOnsets({ ...options, trials: Math.min(trialsPerReference, trials - done) }, index));
  }
  return joinDelays(parts);
}

/** All trials together. */
export function joinDelays(parts: readonly Delays[]): Delays {
  return {
    firstWarningMin: parts.flatMap(({ firstWarningMin }) => firstWarningMin),
    firstCriticalMin: parts.flatMap(({ firstCriticalMin }) => firstCriticalMin),
  };
}

/** The trials after the reference number `index`. */
export function simulateOnsets(options: DelayOptions, index: number): Delays {
  const { fault, faulty = 0, withinDays = 5, policy = DEFAULT_POLICY } = options;
  const world = begin(options, index);
  const feature = `f${faulty}`;
  const firstWarningMin: number[] = [];
  const firstCriticalMin: number[] = [];
  for (const { onsetMs, startMs, seed } of onsetsOf(options, index, world.fromMs)) {
    const process = createProcess({ ...world.options, seed, startMs, fault: { feature: faulty, fault, onsetMs } });
    const fromMs = startMs + longestOf(policy);
    let warning = Number.POSITIVE_INFINITY;
    let critical = Number.POSITIVE_INFINITY;
    judge({ ...world, fromMs }, onsetMs + withinDays * DAY, policy, process, undefined, (state, _, endMs) => {
      if (endMs <= onsetMs) return true;
      const found = sustained(state).filter((track) => track.feature === feature);
      if (found.length > 0) warning = Math.min(warning, (endMs - onsetMs) / MINUTE);
      if (found.some(({ severity }) => severity === "critical")) critical = Math.min(critical, (endMs - onsetMs) / MINUTE);
      return critical === Number.POSITIVE_INFINITY;
    });
    firstWarningMin.push(warning);
    firstCriticalMin.push(critical);
  }
  return { firstWarningMin, firstCriticalMin };
}

/** When each trial's fault begins, when its stream does, and the stream's seed. */
export function onsetsOf(
  { seed, trials, policy = DEFAULT_POLICY }: DelayOptions,
  index: number,
  fromMs: number,
): { readonly onsetMs: number; readonly startMs: number; readonly seed: readonly number[] }[] {
  const random = seedRandom(seed, index, 99);
  return Array.from({ length: trials }, (_, trial) => {
    // Any pane of four weeks; healthy traffic is judged for an hour before.
    const onsetMs = fromMs + Math.floor(uniform(random) * 28 * 288) * 5 * MINUTE;
    return { onsetMs, startMs: Math.floor((onsetMs - HOUR) / HOUR) * HOUR - longestOf(policy), seed: [seed * 1000 + index, 2, trial] };
  });
}

type Begun = {
  readonly options: Omit<Parameters<typeof createProcess>[0], "seed" | "startMs" | "fault">;
  readonly built: BuiltReference;
  readonly reference: PreparedReference;
  readonly process: Process;
  /** End of the reference plus one longest window: the first time at which windows of live data are full. */
  readonly fromMs: number;
};

/** A new world with its reference; its process stands at the end of the reference. */
function begin({ scenario, features = 50, rate = 50, referenceDays = 14, policy = DEFAULT_POLICY, seed }: World, index: number): Begun {
  const options = { scenario: typeof scenario === "string" ? SCENARIOS[scenario] : scenario, features, rate };
  const process = createProcess({ ...options, seed: [seed * 1000 + index, 1], startMs: START });
  const built = buildReference(process, referenceDays);
  const reference = prepareReference(built.snapshot, policy);
  return { options, built, reference, process, fromMs: process.now() + longestOf(policy) };
}

function longestOf(policy: Policy): number {
  return Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
}

/** Walks, evaluates and decides; `onDecision` returns false to stop. */
function judge(
  world: Pick<Begun, "built" | "reference" | "fromMs">,
  toMs: number,
  policy: Policy,
  process: Process,
  onWindow: MonthsOptions["onWindow"],
  onDecision: (state: AlertState, changes: ReturnType<typeof transition>["changes"], endMs: number) => boolean,
): void {
  const { reference, built, fromMs } = world;
  const rule = { forMs: 0, keepFiringForMs: longestOf(policy), windows: policy.windows.map(({ name }) => name) };
  let state: AlertState = inactiveState;
  walk({ process, layout: built.layout, places: built.places, windows: policy.windows, fromMs, toMs }, (windows, endMs) => {
    const evaluations = windows.map((window) => {
      const evaluation = evaluateWindow(window, reference);
      onWindow?.(window, evaluation, reference);
      return evaluation;
    });
    const moved = transition(state, evaluations, rule, (parts) => parts.join("/"));
    state = moved.state;
    return onDecision(state, moved.changes, endMs);
  });
}
