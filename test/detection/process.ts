/**
 * The data of one scenario through time: pane by pane, how many records came and how many of them fell on which level of each feature. It knows
 * nothing of references and windows: the caller says by `Place` where a level is counted. `recorded.ts` gives real data in the same form.
 */

import { normalIsf } from "../../detectors/index.ts";
import { binomial, type Counts, drawCounts, nextUint32, normal, poisson, type Random, seedRandom, uniform } from "./random.ts";
import type { Fault, Scenario } from "./scenarios.ts";
import { type Grouping, type Shape, shapeOf } from "./shapes.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const PANE = 5 * MINUTE;
/** Half hours: the means of simulated features move from one to the next, and all data is drawn by them. */
export const SLOT = 30 * MINUTE;
export const PANES_PER_SLOT = SLOT / PANE;
/** A Monday. */
export const START = Date.parse("2001-01-01T00:00:00Z");

/** Where a feature's values are counted: level k at `offset + map[k]`; what is no level, at these places. */
export type Place = {
  readonly offset: number;
  readonly map: Uint16Array;
  readonly unseen: number;
  readonly missing: number;
  /** Values are drawn by these groups, each counted at `offset` + group, and not level by level: other numbers of the same law. */
  readonly grouping?: Grouping;
};

export type FeatureFault = { readonly feature: number; readonly fault: Fault; readonly onsetMs: number };

/** What the levels of a feature are. */
export type Levels = Pick<Shape, "kind" | "levels" | "values" | "continuous">;

/** Data through time, simulated or recorded. */
export type Process = {
  readonly features: readonly { readonly name: string; readonly shape: Levels }[];
  /** Draws the next half hour, its six panes into a row each (which is not cleared, and may be the same), and gives their numbers of records. */
  readonly slot: (places: readonly Place[], rows: readonly Counts[]) => readonly number[];
  /** Start of the next half hour. */
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

/** What is left of a wander after half an hour: correlation falls to 1/e in two hours. */
const KEEP = Math.exp(-SLOT / (2 * HOUR));

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
  const locations = new Float64Array(features);
  const own = Math.sqrt(1 - scenario.correlation);
  const shared = Math.sqrt(scenario.correlation);

  function locate(): void {
    const day = ((state.nowMs + SLOT / 2) % DAY) / DAY;
    const weekday = (Math.floor(state.nowMs / DAY) + 3) % 7;
    const offset = weekday >= 5 ? scenario.weekend : 0;
    for (let j = 0; j < features; j++) {
      if (scenario.wander > 0) {
        state.wander[j] = KEEP * state.wander[j]! + Math.sqrt(1 - KEEP * KEEP) * scenario.wander * normal(random);
      }
      locations[j] = offset + state.wander[j]!;
      if (scenario.daily > 0) locations[j]! += scenario.daily * Math.sin(2 * Math.PI * (day + phases[j]!));
    }
  }

  function recordsAt(paneMs: number): number {
    const day = ((paneMs + PANE / 2) % DAY) / DAY;
    return poisson(random, rate * (PANE / MINUTE) * (1 + scenario.swing * Math.sin(2 * Math.PI * (day - 0.375))));
  }

  /** One pane of one feature: the fault first, then what is left of its values. */
  function drawPane(j: number, paneMs: number, n: number, place: Place, counts: Counts): void {
    let location = locations[j]!;
    let scale = 1;
    let left = n;
    if (fault !== undefined && fault.feature === j && paneMs >= fault.onsetMs) {
      const { fault: what, onsetMs } = fault;
      if (what.kind === "mean") location += what.by;
      else if (what.kind === "ramp") location += (what.perDay * (paneMs - onsetMs)) / DAY;
      else if (what.kind === "sd") scale = what.factor;
      else left -= spoil(what, place, j, n, counts);
    }
    if (scenario.correlation === 0) draw(j, location, scale, left, place, counts);
    else {
      const sizes = groupsOf(n, left);
      for (let group = 0; group < sizes.length; group++) {
        draw(j, location + shared * GROUPS[group]! * scale, own * scale, sizes[group]!, place, counts);
      }
    }
  }

  function draw(j: number, location: number, scale: number, n: number, { grouping, map, offset }: Place, counts: Counts): void {
    if (grouping === undefined) drawCounts(random, shapes[j]!.at(location, scale), n, map, counts, offset);
    else drawCounts(random, shapes[j]!.groupedAt(location, scale, grouping), n, grouping.identity, counts, offset);
  }

  /** Values that become something else, placed here; how many. */
  function spoil(what: Fault & { readonly share: number }, place: Place, j: number, n: number, counts: Counts): number {
    const spoiled = binomial(random, n, what.share);
    const at =
      what.kind === "missing" ? place.missing : what.kind === "zeros" ? place.offset + place.map[shapes[j]!.shape.zero]! : place.unseen;
    counts[at]! += spoiled;
    return spoiled;
  }

  /** Records fall into groups with a value of the common factor each, the same for all features; within a group these are independent. */
  let groups: { readonly n: number; readonly sizes: Uint32Array } = { n: 0, sizes: new Uint32Array(GROUPS.length) };
  function groupRecords(n: number): void {
    groups = { n, sizes: new Uint32Array(GROUPS.length) };
    for (let i = 0; i < n; i++) groups.sizes[nextUint32(random) % GROUPS.length]! += 1;
  }
  /** The groups less the records whose value a fault took, one from each in turn. */
  function groupsOf(n: number, left: number): Uint32Array {
    if (left === n) return groups.sizes;
    const rest = groups.sizes.slice();
    for (let gone = n - left, group = 0; gone > 0; group = (group + 1) % rest.length) {
      if (rest[group] === 0) continue;
      rest[group]! -= 1;
      gone--;
    }
    return rest;
  }

  return {
    features: shapes.map(({ shape }, j) => ({ name: `f${j}`, shape })),
    now: () => state.nowMs,
    fork: () => processOf(options, { random: random.slice(), nowMs: state.nowMs, wander: state.wander.slice() }),
    slot: (places, rows) => {
      locate();
      const records = rows.map((_, pane) => recordsAt(state.nowMs + pane * PANE));
      const pane = (j: number, at: number) => drawPane(j, state.nowMs + at * PANE, records[at]!, places[j]!, rows[at]!);
      if (scenario.correlation > 0) {
        rows.forEach((_, at) => {
          groupRecords(records[at]!);
          for (let j = 0; j < features; j++) pane(j, at);
        });
      } else {
        let before: Random = random;
        for (let j = 0; j < features; j++) {
          // A copy of a column is drawn with the same numbers.
          if (scenario.copies > 1) {
            const original = j - (j % scenario.copies);
            if (original === j) before = random.slice();
            else random.set(before);
            locations[j] = locations[original]!;
          }
          for (let at = 0; at < rows.length; at++) pane(j, at);
        }
      }
      state.nowMs += SLOT;
      return records;
    },
  };
}

function phasesOf({ seed, features }: ProcessOptions): Float64Array {
  const random = seedRandom(seed[0]!, 7);
  return Float64Array.from({ length: features }, () => uniform(random));
}
