/**
 * The data of one scenario through time: pane by pane, how many records came and how many of them fell on which level of each feature. It knows
 * nothing of references and windows: the caller says by `Place` where a level is counted. `recorded.ts` gives real data in the same form.
 */

import { normalIsf } from "../../detectors/index.ts";
import {
  type AliasTable,
  binomial,
  type Counts,
  drawCounts,
  nextUint32,
  normal,
  poisson,
  type Random,
  seedRandom,
  uniform,
} from "./random.ts";
import type { Fault, Scenario } from "./scenarios.ts";
import { type Shape, shapeOf } from "./shapes.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const PANE = 5 * MINUTE;
/** A Monday. */
export const START = Date.parse("2001-01-01T00:00:00Z");

/** Where a feature's values are counted: level k at `offset + map[k]`; what is no level, at these places. */
export type Place = { readonly offset: number; readonly map: Uint16Array; readonly unseen: number; readonly missing: number };

export type FeatureFault = { readonly feature: number; readonly fault: Fault; readonly onsetMs: number };

/** What the levels of a feature are. */
export type Levels = Pick<Shape, "kind" | "levels" | "values" | "continuous">;

/** Data through time, simulated or recorded. */
export type Process = {
  readonly features: readonly { readonly name: string; readonly shape: Levels }[];
  /** Draws the next pane into `counts` (which is not cleared), returns its number of records. It includes records whose value is missing. */
  readonly pane: (places: readonly Place[], counts: Counts) => number;
  /** Start of the next pane. */
  readonly now: () => number;
  /** A copy that goes on by itself, with the same numbers to come. */
  readonly fork: () => Process;
};

type State = { random: Random; nowMs: number; readonly wander: Float64Array };

export type ProcessOptions = {
  readonly scenario: Scenario;
  readonly features: number;
  /** Records a minute, on average. */
  readonly rate: number;
  readonly seed: readonly number[];
  readonly startMs: number;
  readonly fault?: FeatureFault | undefined;
};

/** What is left of a wander after one pane: correlation falls to 1/e in two hours. */
const KEEP = Math.exp(-PANE / (2 * HOUR));

/** The common factor of correlated features: the middles of 32 equal parts of the normal distribution, with variance 1. */
const GROUPS: readonly number[] = (() => {
  const middles = Array.from({ length: 32 }, (_, i) => normalIsf(1 - (i + 0.5) / 32));
  const sd = Math.sqrt(middles.reduce((sum, z) => sum + z * z, 0) / middles.length);
  return middles.map((z) => z / sd);
})();

/** Begins the data of a scenario at `startMs`. Phases depend on the first number of the seed only: all streams of one world move alike. */
export function createProcess(options: ProcessOptions): Process {
  const { seed, features, startMs, scenario } = options;
  const random = seedRandom(...seed);
  const wander = Float64Array.from({ length: features }, () => (scenario.wander > 0 ? scenario.wander * normal(random) : 0));
  return processOf(options, { random, nowMs: startMs, wander });
}

function processOf(options: ProcessOptions, state: State): Process {
  const { scenario, features, rate, fault } = options;
  const shapes = Array.from({ length: features }, (_, j) =>
    shapeOf(scenario.shapes[Math.floor(j / scenario.copies) % scenario.shapes.length]!),
  );
  const phases = phasesOf(options);
  const random = state.random;
  const tables: AliasTable[] = new Array(features);
  const locations = new Float64Array(features);
  const own = Math.sqrt(1 - scenario.correlation);
  const shared = Math.sqrt(scenario.correlation);

  function locate(): void {
    const day = ((state.nowMs + PANE / 2) % DAY) / DAY;
    const weekday = (Math.floor(state.nowMs / DAY) + 3) % 7;
    const offset = weekday >= 5 ? scenario.weekend : 0;
    for (let j = 0; j < features; j++) {
      if (scenario.wander > 0) {
        state.wander[j] = KEEP * state.wander[j]! + Math.sqrt(1 - KEEP * KEEP) * scenario.wander * normal(random);
      }
      let location = offset + state.wander[j]!;
      if (scenario.daily > 0) location += scenario.daily * Math.sin(2 * Math.PI * (day + phases[j]!));
      let scale = 1;
      if (fault !== undefined && fault.feature === j && state.nowMs >= fault.onsetMs) {
        if (fault.fault.kind === "mean") location += fault.fault.by;
        if (fault.fault.kind === "ramp") location += (fault.fault.perDay * (state.nowMs - fault.onsetMs)) / DAY;
        if (fault.fault.kind === "sd") scale = fault.fault.factor;
      }
      locations[j] = location;
      if (scenario.correlation === 0) tables[j] = shapes[j]!.at(location, scale);
    }
  }

  function records(): number {
    const day = ((state.nowMs + PANE / 2) % DAY) / DAY;
    return poisson(random, rate * (PANE / MINUTE) * (1 + scenario.swing * Math.sin(2 * Math.PI * (day - 0.375))));
  }

  /** Values of this feature that become something else, placed here; how many. */
  function spoil(place: Place, j: number, n: number, counts: Counts): number {
    if (fault === undefined || fault.feature !== j || state.nowMs < fault.onsetMs || !("share" in fault.fault)) return 0;
    const spoiled = binomial(random, n, fault.fault.share);
    const { kind } = fault.fault;
    const at = kind === "missing" ? place.missing : kind === "zeros" ? place.offset + place.map[shapes[j]!.shape.zero]! : place.unseen;
    counts[at]! += spoiled;
    return spoiled;
  }

  /** Records fall into groups with a value of the common factor each; within a group the features are independent. */
  function together(n: number, places: readonly Place[], counts: Counts): void {
    const sizes = new Uint32Array(GROUPS.length);
    for (let i = 0; i < n; i++) sizes[nextUint32(random) % GROUPS.length]! += 1;
    for (let j = 0; j < features; j++) {
      const place = places[j]!;
      const scale = fault?.feature === j && fault.fault.kind === "sd" && state.nowMs >= fault.onsetMs ? fault.fault.factor : 1;
      const rest = sizes.slice();
      for (let spoiled = spoil(place, j, n, counts), group = 0; spoiled > 0; group = (group + 1) % rest.length) {
        if (rest[group] === 0) continue;
        rest[group]! -= 1;
        spoiled--;
      }
      for (let group = 0; group < rest.length; group++) {
        const table = shapes[j]!.at(locations[j]! + shared * GROUPS[group]! * scale, own * scale);
        drawCounts(random, table, rest[group]!, place.map, counts, place.offset);
      }
    }
  }

  return {
    features: shapes.map(({ shape }, j) => ({ name: `f${j}`, shape })),
    now: () => state.nowMs,
    fork: () => processOf(options, { random: random.slice(), nowMs: state.nowMs, wander: state.wander.slice() }),
    pane: (places, counts) => {
      locate();
      const n = records();
      if (scenario.correlation > 0) together(n, places, counts);
      else {
        let before: Random = random;
        for (let j = 0; j < features; j++) {
          const place = places[j]!;
          // A copy of a column is drawn with the same numbers.
          if (scenario.copies > 1) {
            if (j % scenario.copies === 0) before = random.slice();
            else random.set(before);
            tables[j] = shapes[j]!.at(locations[j - (j % scenario.copies)]!, 1);
          }
          drawCounts(random, tables[j]!, n - spoil(place, j, n, counts), place.map, counts, place.offset);
        }
      }
      state.nowMs += PANE;
      return n;
    },
  };
}

function phasesOf({ seed, features }: ProcessOptions): Float64Array {
  const random = seedRandom(seed[0]!, 7);
  return Float64Array.from({ length: features }, () => uniform(random));
}
