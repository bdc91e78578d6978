/** Recorded data as a `Process`: the rows of a log, pane by pane, with faults planted by changing values before they are counted. */

import { type Levels, PANE, type Place, type Process } from "./process.ts";
import type { Counts } from "./random.ts";
import type { Log, LogColumn } from "./renewal-log.ts";

const MINUTE = 60_000;

/** A category that no reference knows, and no value at all. */
export const UNSEEN = -2;
export const MISSING = -1;

/** What a column's value becomes between two moments; categories are codes. `UNSEEN`, and `MISSING` (NaN for a number), are possible too. */
export type RecordedFault = {
  readonly column: string;
  readonly onsetMs: number;
  readonly untilMs: number;
  readonly change: (value: number, row: number) => number;
};

/** Rows by level: codes below zero are `UNSEEN` or `MISSING`. */
type Coded = { readonly shape: Levels; readonly codes: Int32Array };

const coded = new WeakMap<LogColumn, Coded>();

/** The rows of a log from `fromMs` on. Without a fault, levels are the column's values; a fault adds those that it makes. */
export function createRecorded(log: Log, fromMs: number, fault?: RecordedFault): Process {
  const columns = log.columns.map((column) => (fault?.column === column.name ? changed(log, column, fault) : codedOf(column)));
  return processOf(log, columns, fromMs);
}

function processOf(log: Log, columns: readonly Coded[], fromMs: number): Process {
  let nowMs = fromMs;
  let row = rowAt(log, fromMs);
  return {
    features: log.columns.map(({ name }, j) => ({ name, shape: columns[j]!.shape })),
    now: () => nowMs,
    fork: () => processOf(log, columns, nowMs),
    slot: (places, rows) =>
      rows.map((counts) => {
        const first = row;
        nowMs += PANE;
        while (row < log.rows && log.minute[row]! * MINUTE < nowMs) row++;
        columns.forEach(({ codes }, j) => {
          countRows(codes, first, row, places[j]!, counts);
        });
        return row - first;
      }),
  };
}

function countRows(codes: Int32Array, first: number, last: number, place: Place, counts: Counts): void {
  for (let i = first; i < last; i++) {
    const code = codes[i]!;
    counts[code >= 0 ? place.offset + place.map[code]! : code === UNSEEN ? place.unseen : place.missing]! += 1;
  }
}

/** First row at or after an instant. */
export function rowAt({ minute, rows }: Log, ms: number): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (minute[middle]! * MINUTE < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function codedOf(column: LogColumn): Coded {
  let found = coded.get(column);
  if (found === undefined) {
    found = column.kind === "categorical" ? { shape: categories(column.names.length), codes: column.values } : byValue(column.values);
    coded.set(column, found);
  }
  return found;
}

function changed(log: Log, column: LogColumn, { onsetMs, untilMs, change }: RecordedFault): Coded {
  const onset = rowAt(log, onsetMs);
  const until = rowAt(log, untilMs);
  const { shape, codes } = codedOf(column);
  if (column.kind === "categorical") {
    const faulty = codes.slice();
    for (let row = onset; row < until; row++) faulty[row] = change(codes[row]!, row);
    return { shape, codes: faulty };
  }
  const made = column.values.slice(onset, until).map((value, i) => change(value, onset + i));
  const all = new Set([...shape.values, ...made]);
  all.delete(Number.NaN);
  const merged = levelsOf(all);
  const moved = shape.values.map((value) => merged.place.get(value)!);
  const faulty = codes.map((code) => (code >= 0 ? moved[code]! : code));
  for (let i = 0; i < made.length; i++) faulty[onset + i] = merged.place.get(made[i]!) ?? MISSING;
  return { shape: merged.shape, codes: faulty };
}

function categories(levels: number): Levels {
  return { kind: "categorical", levels, values: new Float64Array(levels), continuous: false };
}

function byValue(values: Float64Array): Coded {
  const distinct = new Set(values);
  distinct.delete(Number.NaN);
  const { shape, place } = levelsOf(distinct);
  return { shape, codes: Int32Array.from(values, (value) => place.get(value) ?? MISSING) };
}

/** The numbers in ascending order, with the place of each. */
function levelsOf(distinct: ReadonlySet<number>): { shape: Levels; place: Map<number, number> } {
  const sorted = Float64Array.from(distinct).sort();
  return {
    shape: { kind: "numeric", levels: sorted.length, values: sorted, continuous: false },
    place: new Map(Array.from(sorted, (value, level) => [value, level])),
  };
}
