/** Other tools' rules on the very streams that `simulate.ts` gives to driftd: the same seeds draw the same values. */

import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { createProcess, DAY, HOUR, MINUTE, PANE, type Place, type Process, START } from "./process.ts";
import { seedRandom } from "./random.ts";
import { addLook, createRivals, emptyTally, type RivalJudge, type Tally } from "./rivals/judge.ts";
import type { LevelCounts, LevelReference } from "./rivals/levels.ts";
import { RULES } from "./rivals/rules.ts";
import { SPANS } from "./rivals/statistics.ts";
import { SCENARIOS } from "./scenarios.ts";
import { type DelayOptions, type MonthsOptions, onsetsOf, type World } from "./simulate.ts";

/** By rule and span, in the order of `RULES` × `SPANS`. */
export type RivalTallies = { readonly months: number; readonly tallies: readonly Tally[] };

/** The months after the reference number `index`, judged by all rules. */
export function simulateRivals(options: MonthsOptions, index: number): RivalTallies {
  const { rivals, process, draw } = begin(options, index);
  const tallies = Array.from({ length: RULES.length * SPANS.length }, emptyTally);
  const hours = options.months * 30 * 24;
  for (let hour = 0; hour < 24 + hours; hour++) {
    const counts = draw(process);
    if (hour < 24) rivals.judgeHour(counts);
    else rivals.judgeHour(counts, ({ rule, span, alarm }) => addLook(tallies[place(rule, span)]!, alarm));
  }
  return { months: options.months, tallies };
}

export type RivalDelays = {
  /** By rule and span: minutes to the first alarm of the faulty feature (of the model, for a rule of the whole); Infinity when not in time. */
  readonly minutes: readonly (readonly number[])[];
};

/** The trials after the reference number `index`: the same onsets and values as in `simulateOnsets`. */
export function simulateRivalOnsets(options: DelayOptions, index: number): RivalDelays {
  const { fault, faulty = 0, withinDays = 5 } = options;
  const { rivals, draw, world, fromMs } = begin(options, index);
  const minutes: number[][] = Array.from({ length: RULES.length * SPANS.length }, () => []);
  onsetsOf(options, index, fromMs).forEach(({ onsetMs, startMs, seed }) => {
    const process = createProcess({ ...world, seed, startMs, fault: { feature: faulty, fault, onsetMs } });
    rivals.reset();
    const first = minutes.map(() => Number.POSITIVE_INFINITY);
    while (process.now() < onsetMs + withinDays * DAY) {
      const counts = draw(process);
      const endMs = process.now();
      if (endMs <= onsetMs) rivals.judgeHour(counts);
      else {
        rivals.judgeHour(counts, (verdict) => {
          const at = place(verdict.rule, verdict.span);
          if (verdict.faulty) first[at] = Math.min(first[at]!, (endMs - onsetMs) / MINUTE);
        });
      }
    }
    first.forEach((value, at) => {
      minutes[at]!.push(value);
    });
  });
  return { minutes };
}

const place = (rule: number, span: (typeof SPANS)[number]): number => rule * SPANS.length + SPANS.indexOf(span);

function begin(options: World & { readonly faulty?: number }, index: number) {
  const { scenario, features = 50, rate = 50, referenceDays = 14, seed, policy = DEFAULT_POLICY } = options;
  const world = { scenario: typeof scenario === "string" ? SCENARIOS[scenario] : scenario, features, rate };
  const process = createProcess({ ...world, seed: [seed * 1000 + index, 1], startMs: START });
  const places = placesOf(process);
  const size = places[places.length - 1]!.missing + 1;
  const draw = (from: Process): LevelCounts[] => {
    const row = new Uint32Array(size);
    for (let pane = 0; pane < HOUR / PANE; pane++) from.pane(places, row);
    return places.map(({ offset, map }) => row.subarray(offset, offset + map.length + 1));
  };
  const again = process.fork();
  const total = new Uint32Array(size);
  for (let hour = 0; hour < referenceDays * 24; hour++) {
    for (let pane = 0; pane < HOUR / PANE; pane++) process.pane(places, total);
  }
  const references = process.shapes.map(({ shape }, j): LevelReference => {
    const { offset } = places[j]!;
    const counts = total.subarray(offset, offset + shape.levels + 1);
    return {
      kind: shape.kind,
      values: Float64Array.from([...shape.values, Number.POSITIVE_INFINITY]).fill(shape.values[shape.levels - 1]!, shape.levels),
      counts,
      total: counts.reduce((sum, count) => sum + count, 0),
    };
  });
  const rivals: RivalJudge = createRivals(references, seedRandom(seed, index, 5), options.faulty);
  for (let hour = 0; hour < referenceDays * 24; hour++) rivals.learnHour(draw(again));
  rivals.reset();
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  return { rivals, process, draw, world, fromMs: process.now() + longestMs };
}

/** Every level is counted for itself, a category never seen as one more level; missing values are left out. */
function placesOf(process: Process): Place[] {
  let offset = 0;
  const places = process.shapes.map(({ shape }) => {
    const place = {
      offset,
      map: Uint16Array.from({ length: shape.levels }, (_, level) => level),
      unseen: offset + shape.levels,
      missing: 0,
    };
    offset += shape.levels + 1;
    return place;
  });
  return places.map((place) => ({ ...place, missing: offset }));
}
