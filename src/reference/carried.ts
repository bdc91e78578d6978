/**
 * Days that a renewed reference takes over from the one before it, whose half hours are in its calibration: which there are, and what they come to.
 * The half hours hold coarse counts; fine bins get theirs by the shares that they have of their coarse bin in the whole reference before, in whole
 * numbers, so that coarse counts and sums are exact. Which days are wanted is the caller's.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { coarsePlan } from "./coarse.ts";
import { MOMENT_FIELDS, SPECIAL_SLOTS, type SpecialSlot } from "./layout.ts";
import type { Calibration, Snapshot, SnapshotFeature } from "./snapshot.ts";

const DAY_MS = 86_400_000;

/** What some days of a feature come to, in the form of a pane. */
type CarriedFeature = {
  /** Its bins, then its special counters. */
  readonly row: Float64Array;
  /** Those of the whole reference for as many values: half hours have none. Count 0: not known. */
  readonly moments: Float64Array;
  /** Coarse counts by half hour, counted from the epoch. */
  readonly slots: ReadonlyMap<number, readonly number[]>;
};

type CarriedDays = {
  /** By feature; one without a value on these days is not there. */
  readonly features: ReadonlyMap<string, CarriedFeature>;
  /** Records by half hour, counted from the epoch; those without any are left out. */
  readonly records: ReadonlyMap<number, number>;
};

/** The calendar days, counted from the epoch, of which a snapshot's half hours hold a value, newest first. O(half hours × features). */
export function daysKnown({ calibration }: Snapshot): number[] {
  const days = new Set<number>();
  if (calibration !== undefined) {
    const at = halfHoursOf(calibration);
    for (const slots of Object.values(calibration.slots))
      for (const [i, counts] of slots.entries()) if (counts.length > 0) days.add(at(i).day);
  }
  return [...days].sort((a, b) => b - a);
}

/** Days of a reference before that are older are not carried on: as many calibrate a reference. */
const CARRIED_DAYS = 92;

/**
 * Days of the reference before that make a renewal at `dueMs` one of `days` days: the newest that it knows, less those that are taken from panes and
 * those that an episode touches. They are healthy, or they would not be in it; so each reference hands its healthy days on, and episodes in close
 * succession do not lock it in an old season for want of days. None where no day is new. On NYC's flights of 2013, over 22 starts, 0.4 in place of 0.9
 * critical episodes in 30 days; with seven new days at least, 0.6. A drift of half a per cent of a standard deviation a day is found after four weeks in
 * place of ten.
 */
export function daysToCarry(
  known: readonly number[],
  {
    dueMs,
    days,
    taken,
    spoilt,
  }: {
    readonly dueMs: number;
    readonly days: number;
    readonly taken: readonly number[];
    readonly spoilt: ReadonlySet<number>;
  },
): number[] {
  if (taken.length === 0) return [];
  const today = Math.floor(dueMs / DAY_MS);
  const oldest = today - CARRIED_DAYS;
  const own = new Set(taken);
  const healthy = known.filter((day) => day >= oldest && day < today && !own.has(day) && !spoilt.has(day));
  return healthy.sort((a, b) => b - a).slice(0, Math.max(0, days - taken.length));
}

/** Whether days follow one another without a gap. */
export function areConsecutive(days: readonly number[]): boolean {
  return days.length === 0 || Math.max(...days) - Math.min(...days) + 1 === new Set(days).size;
}

/** What `days` come to, in short turns of the event loop. O(half hours × coarse bins + bins) for each feature. */
export async function carriedDays(snapshot: Snapshot, days: ReadonlySet<number>): Promise<CarriedDays> {
  const features = new Map<string, CarriedFeature>();
  const { calibration } = snapshot;
  if (calibration === undefined || days.size === 0) return { features, records: new Map() };
  const at = halfHoursOf(calibration);
  for (const feature of snapshot.features) {
    const slots = new Map<number, readonly number[]>();
    const coarse = new Float64Array(coarsePlan(feature).size);
    const known = Object.hasOwn(calibration.slots, feature.feature) ? calibration.slots[feature.feature]! : [];
    for (const [i, counts] of known.entries()) {
      const { slot, day } = at(i);
      if (counts.length !== coarse.length || !days.has(day)) continue;
      slots.set(slot, counts);
      for (let k = 0; k < coarse.length; k++) coarse[k]! += counts[k]!;
    }
    if (slots.size > 0) features.set(feature.feature, { slots, ...spread(feature, coarse) });
    await nextTurn();
  }
  return { features, records: recordsOf(snapshot, calibration, features, days) };
}

function halfHoursOf({ from, slot_seconds: seconds }: Calibration): (i: number) => { readonly slot: number; readonly day: number } {
  const fromMs = Date.parse(from);
  return (i) => {
    const ms = fromMs + i * seconds * 1000;
    return { slot: Math.floor(ms / SLOT_MS), day: Math.floor(ms / DAY_MS) };
  };
}

const SLOT_MS = 1_800_000;

/** Coarse counts as bins and special counters. What is in no coarse bin comes in the share that it has of the whole reference. */
function spread(feature: SnapshotFeature, coarse: Float64Array): Pick<CarriedFeature, "row" | "moments"> {
  const bins = feature.counts.length;
  const before = new Float64Array(bins + SPECIAL_SLOTS.length);
  before.set(feature.counts);
  const members: number[][] = Array.from(coarse, () => []);
  for (const [j, bin] of feature.coarse.entries()) members[bin]!.push(j);
  const place = (name: SpecialSlot): number => bins + SPECIAL_SLOTS.indexOf(name);
  if (feature.kind === "categorical") {
    before[place("unseen")] = feature.unnamed ?? 0;
    members.at(-1)!.push(place("unseen"));
  } else {
    before[place("positive_infinity")] = feature.positive_infinity;
    before[place("negative_infinity")] = feature.negative_infinity;
    members[feature.coarse[0]!]!.push(place("positive_infinity"), place("negative_infinity"));
  }
  const row = new Float64Array(before.length);
  let was = 0;
  let now = 0;
  for (const [k, places] of members.entries()) {
    now += coarse[k]!;
    was += share(before, places, coarse[k]!, row);
  }
  const others = { missing: feature.missing, wrong_type: feature.wrong_type, nan: feature.kind === "numeric" ? feature.nan : 0 };
  for (const [name, count] of Object.entries(others)) row[place(name as SpecialSlot)] = was === 0 ? 0 : Math.round((count / was) * now);
  return { row, moments: momentsOf(feature, row) };
}

/** Shares `count` out over places as `before` has it, in whole numbers by the largest remainder; the sum of `before` there. */
function share(before: Float64Array, places: readonly number[], count: number, into: Float64Array): number {
  const total = places.reduce((sum, place) => sum + before[place]!, 0);
  let left = count;
  const rest = places.map((place) => {
    const exact = total === 0 ? 0 : count * (before[place]! / total);
    const whole = Math.min(left, Math.floor(exact));
    into[place] = whole;
    left -= whole;
    return { place, remainder: exact - whole };
  });
  rest.sort((a, b) => b.remainder - a.remainder || a.place - b.place);
  for (let i = 0; left > 0; i = (i + 1) % rest.length) {
    into[rest[i]!.place]! += 1;
    left--;
  }
  return total;
}

function momentsOf(feature: SnapshotFeature, row: Float64Array): Float64Array {
  const moments = new Float64Array(MOMENT_FIELDS);
  if (feature.kind === "categorical") return moments;
  const { count, mean, m2, min, max } = feature.moments;
  if (count === 0 || min === undefined || max === undefined) return moments;
  let values = 0;
  for (let j = 0; j < feature.counts.length; j++) values += row[j]!;
  moments.set([values, mean, m2 * (values / count), min, max]);
  return moments;
}

/** Records by half hour: as the snapshot has them, or else as many as those with a value of the feature that is missing least often stand for. */
function recordsOf(
  snapshot: Snapshot,
  calibration: Calibration,
  features: ReadonlyMap<string, CarriedFeature>,
  days: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const records = new Map<number, number>();
  if (calibration.records !== undefined) {
    const at = halfHoursOf(calibration);
    for (const [i, count] of calibration.records.entries()) if (count > 0 && days.has(at(i).day)) records.set(at(i).slot, count);
    return records;
  }
  let fullest: CarriedFeature | undefined;
  let most = 0;
  for (const feature of snapshot.features) {
    const infinite = feature.kind === "numeric" ? feature.positive_infinity + feature.negative_infinity : 0;
    const carried = features.get(feature.feature);
    if (carried === undefined || feature.count + infinite <= most) continue;
    most = feature.count + infinite;
    fullest = carried;
  }
  const perValue = Math.max(1, snapshot.records / most);
  for (const [slot, counts] of fullest?.slots ?? [])
    records.set(slot, Math.round(perValue * counts.reduce((sum, count) => sum + count, 0)));
  return records;
}
