/**
 * Simulated months and simulated faults, judged as the daemon judges. A reference serves a run of a few months, then a new world is drawn.
 *
 *     simulate({ scenario: "weekly", months: 8, seed: 1 })
 *     simulateDelays({ scenario: "iid", fault: { kind: "mean", by: 0.25 }, trials: 20, seed: 1 })
 */

import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { collapse } from "./collapse.ts";
import { find, type Judged, longestOf, type OnWindow, startBefore, watch } from "./judge.ts";
import { createProcess, DAY, MINUTE, type Process, START } from "./process.ts";
import { seedRandom, uniform } from "./random.ts";
import { buildReference } from "./reference.ts";
import { type Fault, SCENARIOS, type Scenario, type ScenarioName } from "./scenarios.ts";

export type World = {
  readonly scenario: ScenarioName | Scenario;
  /** Default 50. */
  readonly features?: number;
  /** Records a minute on average, default 50. */
  readonly rate?: number;
  /** Default 14. */
  readonly referenceDays?: number;
  readonly policy?: Policy;
  /** Counts into all fine bins, for who looks at windows by other rules: three times slower. Default false. */
  readonly fineBins?: boolean;
  readonly seed: number;
};

export type MonthsOptions = World & {
  readonly months: number;
  /** Months in a row after one reference, default 4. */
  readonly monthsPerReference?: number;
  readonly onWindow?: OnWindow;
};

/** One run after one reference: episodes that became critical and all that fired, and hours in which a level was sustained. */
export type Run = {
  readonly months: number;
  readonly critical: number;
  readonly warningOrWorse: number;
  readonly hours: number;
  readonly alarmedHours: number;
  readonly criticalHours: number;
};

/** All runs together, and one by one: their spread says how sure the mean is. */
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

export function sumRuns(runs: readonly Run[]): MonthsResult {
  const sum = (field: keyof Run) => runs.reduce((total, run) => total + run[field], 0);
  return {
    months: sum("months"),
    critical: sum("critical"),
    warningOrWorse: sum("warningOrWorse"),
    hours: sum("hours"),
    alarmedHours: sum("alarmedHours"),
    criticalHours: sum("criticalHours"),
    runs,
  };
}

/** The months after the reference number `index`. Every run stands alone, so they may be spread over threads. */
export function simulateRun(options: MonthsOptions, index: number): Run {
  const { months, policy = DEFAULT_POLICY, onWindow } = options;
  const { process, judged } = begin(options, index);
  const toMs = process.now() + longestOf(policy) + months * 30 * DAY;
  const { episodes, hours, alarmedHours, criticalHours } = watch(judged, process, toMs, onWindow);
  const critical = episodes.filter(({ severity }) => severity === "critical").length;
  return { months, critical, warningOrWorse: episodes.length, hours, alarmedHours, criticalHours };
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

/** Simulates a fault in one feature at random times of day, each in a stream of its own. */
export function simulateDelays(options: DelayOptions): Delays {
  const { trials, trialsPerReference = 5 } = options;
  const parts: Delays[] = [];
  for (let done = 0, index = 0; done < trials; done += trialsPerReference, index++) {
    parts.push(simulateOnsets({ ...options, trials: Math.min(trialsPerReference, trials - done) }, index));
  }
  return joinDelays(parts);
}

export function joinDelays(parts: readonly Delays[]): Delays {
  return {
    firstWarningMin: parts.flatMap(({ firstWarningMin }) => firstWarningMin),
    firstCriticalMin: parts.flatMap(({ firstCriticalMin }) => firstCriticalMin),
  };
}

/** The trials after the reference number `index`. */
export function simulateOnsets(options: DelayOptions, index: number): Delays {
  const { fault, faulty = 0, withinDays = 5 } = options;
  const { judged, process: before } = beginOnce(options, index);
  const feature = before.features[faulty]!.name;
  const found = onsetsOf(options, index, before.now()).map(({ onsetMs, startMs, seed }) => {
    const process = createProcess({ ...worldOf(options), seed, startMs, fault: { feature: faulty, fault, onsetMs } });
    return find(judged, process, { feature, onsetMs, toMs: onsetMs + withinDays * DAY });
  });
  return {
    firstWarningMin: found.map(({ warningMin }) => warningMin),
    firstCriticalMin: found.map(({ criticalMin }) => criticalMin),
  };
}

/** When each trial's fault begins (any pane of four weeks after the reference's end), when its stream does, and the stream's seed. */
export function onsetsOf(
  { seed, trials, policy = DEFAULT_POLICY }: DelayOptions,
  index: number,
  referenceEndMs: number,
): { readonly onsetMs: number; readonly startMs: number; readonly seed: readonly number[] }[] {
  const random = seedRandom(seed, index, 99);
  return Array.from({ length: trials }, (_, trial) => {
    const onsetMs = referenceEndMs + 2 * DAY + Math.floor(uniform(random) * 28 * 288) * 5 * MINUTE;
    return { onsetMs, startMs: startBefore(onsetMs, policy), seed: [seed * 1000 + index, 2, trial] };
  });
}

/** What a world's process needs beside seed and start. */
export function worldOf({ scenario, features = 50, rate = 50 }: World) {
  return { scenario: typeof scenario === "string" ? SCENARIOS[scenario] : scenario, features, rate };
}

/** The stream of a world's reference. */
export function processOf(world: World, index: number): Process {
  return createProcess({ ...worldOf(world), seed: [world.seed * 1000 + index, 1], startMs: START });
}

/** Worlds with their references: every fault of the table befalls the same ones. */
const begun = new Map<string, ReturnType<typeof begin>>();
const BEGUN_KEPT = 10;

/** The same world is begun once; for those who do not draw from its process. */
function beginOnce(world: World, index: number): ReturnType<typeof begin> {
  const { scenario, features, rate, referenceDays, policy, fineBins, seed } = world;
  const key = JSON.stringify([scenario, features, rate, referenceDays, policy, fineBins, seed, index]);
  let found = begun.get(key);
  if (found === undefined) {
    found = begin(world, index);
    begun.set(key, found);
    if (begun.size > BEGUN_KEPT) begun.delete(begun.keys().next().value!);
  }
  return found;
}

/** A new world with its reference; its process stands at the end of it. */
function begin(world: World, index: number): { readonly judged: Judged; readonly process: Process } {
  const { referenceDays = 14, policy = DEFAULT_POLICY, fineBins = false } = world;
  const process = processOf(world, index);
  const whole = buildReference(process, referenceDays);
  const built = fineBins ? whole : collapse(whole);
  return { judged: { built, reference: prepareReference(built.snapshot, policy), policy }, process };
}
