/** Other tools' rules on the very streams that driftd gets there: with all fine bins, the same seeds draw the same values. */

import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { longestOf } from "./judge.ts";
import { createProcess, DAY, HOUR, MINUTE, PANES_PER_SLOT, type Place, type Process, SLOT } from "./process.ts";
import { seedRandom } from "./random.ts";
import { addLook, createRivals, emptyTally, type RivalJudge, type Tally } from "./rivals/judge.ts";
import type { LevelCounts, LevelReference } from "./rivals/levels.ts";
import { RULES } from "./rivals/rules.ts";
import { SPANS } from "./rivals/statistics.ts";
import { type DelayOptions, type MonthsOptions, onsetsOf, processOf, worldOf } from "./simulate.ts";

/** By rule and span, in the order of `RULES` × `SPANS`. */
export type RivalTallies = { readonly months: number; readonly tallies: readonly Tally[] };

/** By rule and span: minutes to the first alarm of the faulty feature (of the model, for a rule of the whole); Infinity when not in time. */
export type RivalDelays = readonly (readonly number[])[];

/** All rules, ready to judge processes with the features of the one that their reference came from. */
export type Rivals = {
  readonly watch: (process: Process, toMs: number) => RivalTallies;
  readonly find: (process: Process, onsetMs: number, toMs: number) => readonly number[];
};

/** Takes the next `referenceDays` days of the process for the reference; `faulty` is the feature that faults will befall. */
export function prepareRivals(process: Process, referenceDays: number, seed: readonly number[], faulty = 0): Rivals {
  const again = process.fork();
  const { places, size } = levelPlaces(process);
  const total = new Uint32Array(size);
  const rows = new Array<Uint32Array>(PANES_PER_SLOT).fill(total);
  for (let slot = 0; slot < (referenceDays * DAY) / SLOT; slot++) process.slot(places, rows);
  const references = process.features.map(({ shape }, j): LevelReference => {
    const { offset } = places[j]!;
    const counts = total.subarray(offset, offset + shape.levels + 1);
    // One more level, beyond the others, for categories never seen.
    const values = new Float64Array(shape.levels + 1);
    values.set(shape.values);
    values[shape.levels] = shape.values[shape.levels - 1]!;
    return { kind: shape.kind, values, counts, total: counts.reduce((sum, count) => sum + count, 0) };
  });
  const rivals: RivalJudge = createRivals(references, seedRandom(...seed, 5), faulty);
  const learn = hoursOf(again);
  for (let hour = 0; hour < referenceDays * 24; hour++) rivals.learnHour(learn());

  return {
    watch: (live, toMs) => {
      rivals.reset();
      const tallies = Array.from({ length: RULES.length * SPANS.length }, emptyTally);
      const next = hoursOf(live);
      const fromMs = live.now() + DAY;
      while (live.now() < toMs) {
        const counts = next();
        if (live.now() <= fromMs) rivals.judgeHour(counts);
        else rivals.judgeHour(counts, ({ rule, span, alarm }) => addLook(tallies[placeOf(rule, span)]!, alarm));
      }
      return { months: (toMs - fromMs) / (30 * DAY), tallies };
    },
    find: (live, onsetMs, toMs) => {
      rivals.reset();
      const first = new Array<number>(RULES.length * SPANS.length).fill(Number.POSITIVE_INFINITY);
      const next = hoursOf(live);
      while (live.now() < toMs) {
        const counts = next();
        const minutes = (live.now() - onsetMs) / MINUTE;
        if (minutes <= 0) rivals.judgeHour(counts);
        else {
          rivals.judgeHour(counts, ({ rule, span, faulty: hit }) => {
            const at = placeOf(rule, span);
            if (hit) first[at] = Math.min(first[at]!, minutes);
          });
        }
      }
      return first;
    },
  };
}

/** The months after the reference number `index`, judged by all rules. */
export function simulateRivals(options: MonthsOptions, index: number): RivalTallies {
  const { referenceDays = 14, policy = DEFAULT_POLICY, seed, months } = options;
  const process = processOf(options, index);
  const rivals = prepareRivals(process, referenceDays, [seed, index]);
  return rivals.watch(process, process.now() + longestOf(policy) + months * 30 * DAY);
}

/** The trials after the reference number `index`: the same onsets and values as in `simulateOnsets`. */
export function simulateRivalOnsets(options: DelayOptions, index: number): RivalDelays {
  const { fault, faulty = 0, withinDays = 5, referenceDays = 14, seed: worldSeed } = options;
  const before = processOf(options, index);
  const rivals = prepareRivals(before, referenceDays, [worldSeed, index], faulty);
  const found = onsetsOf(options, index, before.now()).map(({ onsetMs, startMs, seed }) => {
    const process = createProcess({ ...worldOf(options), seed, startMs, fault: { feature: faulty, fault, onsetMs } });
    return rivals.find(process, onsetMs, onsetMs + withinDays * DAY);
  });
  return transpose(found);
}

/** Trials by rule, from rules by trial. */
export function transpose(found: readonly (readonly number[])[]): RivalDelays {
  return Array.from({ length: RULES.length * SPANS.length }, (_, at) => found.map((trial) => trial[at]!));
}

const placeOf = (rule: number, span: (typeof SPANS)[number]): number => rule * SPANS.length + SPANS.indexOf(span);

/** The next hours of a process by level. */
function hoursOf(process: Process): () => LevelCounts[] {
  const { places, size } = levelPlaces(process);
  return () => {
    const row = new Uint32Array(size);
    const rows = new Array<Uint32Array>(PANES_PER_SLOT).fill(row);
    for (let slot = 0; slot < HOUR / SLOT; slot++) process.slot(places, rows);
    return places.map(({ offset, map }) => row.subarray(offset, offset + map.length + 1));
  };
}

/** Every level is counted for itself, a category never seen as one more level; missing values are left out. */
function levelPlaces(process: Process): { places: Place[]; size: number } {
  let offset = 0;
  const places = process.features.map(({ shape }) => {
    const map = Uint16Array.from({ length: shape.levels }, (_, level) => level);
    const place = { offset, map, unseen: offset + shape.levels, missing: 0 };
    offset += shape.levels + 1;
    return place;
  });
  return { places: places.map((place) => ({ ...place, missing: offset })), size: offset + 1 };
}
