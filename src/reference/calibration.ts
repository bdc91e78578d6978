/** Coarse counts of each half hour of the reference: what rule R learns the noise of healthy days from, without the data. */

import type { Table, TimeFilter } from "../tables/table.ts";
import { UNSEEN_BIN } from "../tables/table.ts";
import { padEdges } from "./bins.ts";
import { coarsePlan } from "./coarse.ts";
import { type CoarseTally, createDerivedBlocks, type DerivedSource } from "./derived-block.ts";
import type { Calibration, SnapshotFeature } from "./snapshot.ts";
import { isoOf } from "./times.ts";

/** Slots are half hours: calibration windows start at slots, as live windows of 6 h and more do. */
export const SLOT_SECONDS = 1800;
const SLOT_MS = SLOT_SECONDS * 1000;
const DAY_MS = 86_400_000;
/** Longer references are calibrated on their fullest 92 days: 4,416 slots a feature, some 150 kB of JSON. One wrong year must not cost gigabytes. */
const CALIBRATION_DAYS = 92;

/** A feature with the column that it was made of. */
export type CalibratedFeature = { readonly column: string; readonly feature: SnapshotFeature };

/** The half hours of a reference, with the coarse counts of those of its features that have been counted. */
export type HalfHours = {
  readonly days: number;
  /** Rows with an event time in these bounds have a half hour. */
  readonly bounds: TimeFilter;
  /** Number of the first half hour, counted from the epoch. */
  readonly first: number;
  readonly slots: number;
  readonly records: readonly number[];
  /** By feature. */
  readonly counted: Map<string, CoarseTally>;
};

/** Finds the half hours of a reference; undefined when no row has a readable time. `timestamp` is the event-time column. */
export async function halfHoursOf(table: Table, timestamp: string, filter: TimeFilter | undefined): Promise<HalfHours | undefined> {
  const span = spanOf(await table.countByTime(timestamp, DAY_MS, filter));
  if (span === undefined) return undefined;
  const bounds = {
    column: timestamp,
    fromMs: Math.max(span.fromMs, filter?.fromMs ?? Number.NEGATIVE_INFINITY),
    toMs: Math.min(span.toMs, filter?.toMs ?? Number.POSITIVE_INFINITY),
  };
  const range = await table.timeRange(bounds);
  const first = Math.floor(range.fromMs / SLOT_MS);
  const slots = Math.floor(range.toMs / SLOT_MS) - first + 1;
  return { days: span.days, bounds, first, slots, records: await recordsOf(table, bounds, first, slots), counted: new Map() };
}

/** Begins to count a feature by half hour. */
export function tallyOf({ slots, counted }: HalfHours, feature: SnapshotFeature): CoarseTally {
  const plan = coarsePlan(feature);
  const beyond = feature.kind === "categorical" ? plan.other : plan.outOfRange;
  const coarse = Uint8Array.from([...feature.coarse, beyond]);
  const tally = { counts: new Uint32Array((slots + 1) * plan.size), size: plan.size, coarse };
  counted.set(feature.feature, tally);
  return tally;
}

/** The half hour of each of the first `rows` event times, into `out`: the one after the last for a row without one. */
export function halfHourOfRows({ first, slots }: HalfHours, timeMs: Float64Array, rows: number, out: Int32Array): void {
  for (let i = 0; i < rows; i++) {
    const slot = Math.floor(timeMs[i]! / SLOT_MS) - first;
    out[i] = slot >= 0 && slot < slots ? slot : slots;
  }
}

/**
 * The calibration of a reference. Features that have not been counted along the way are counted now: numbers in one scan, categories by DuckDB.
 * `onRows` is told how many rows were read.
 */
export async function calibrationOf(
  table: Table,
  features: readonly CalibratedFeature[],
  halfHours: HalfHours,
  onRows: (rows: number) => void,
): Promise<Calibration> {
  const { days, bounds, first, slots, records, counted } = halfHours;
  const left = features.filter(({ feature }) => !counted.has(feature.feature));
  await countNumbers(table, left, halfHours, onRows);
  for (const { column, feature } of left) {
    if (feature.kind !== "categorical") continue;
    const { counts, size, coarse } = tallyOf(halfHours, feature);
    const slotsOf = { column: bounds.column, fromMs: first * SLOT_MS, slotMs: SLOT_MS };
    const found = await table.countByCategory(column, feature.categories, { bins: feature.coarse, filter: bounds, slots: slotsOf });
    for (const { slot, bin, count } of found)
      if (bin >= UNSEEN_BIN) counts[slot * size + (bin === UNSEEN_BIN ? coarse.at(-1)! : bin)]! += count;
  }
  return {
    days,
    time_zone: "UTC",
    slot_seconds: SLOT_SECONDS,
    from: isoOf(first * SLOT_MS),
    records,
    slots: Object.fromEntries(features.map(({ feature }) => [feature.feature, bySlot(counted.get(feature.feature)!, slots)])),
  };
}

/** Rows of each half hour, whatever they hold: how much traffic is usual. */
async function recordsOf(table: Table, bounds: TimeFilter, first: number, slots: number): Promise<number[]> {
  const records = new Array<number>(slots).fill(0);
  for (const { startMs, count } of await table.countByTime(bounds.column, SLOT_MS, bounds)) {
    const slot = Math.floor(startMs / SLOT_MS) - first;
    if (slot >= 0 && slot < slots) records[slot]! += count;
  }
  return records;
}

/** The stretch of at most `CALIBRATION_DAYS` calendar days that holds the most rows, and how many of its days have any. */
function spanOf(
  byDay: readonly { readonly startMs: number; readonly count: number }[],
): { fromMs: number; toMs: number; days: number } | undefined {
  let best: { first: number; last: number; rows: number } | undefined;
  let first = 0;
  let rows = 0;
  byDay.forEach(({ startMs, count }, last) => {
    rows += count;
    while (startMs - byDay[first]!.startMs >= CALIBRATION_DAYS * DAY_MS) rows -= byDay[first++]!.count;
    if (best === undefined || rows > best.rows) best = { first, last, rows };
  });
  if (best === undefined) return undefined;
  return { fromMs: byDay[best.first]!.startMs, toMs: byDay[best.last]!.startMs + DAY_MS, days: best.last - best.first + 1 };
}

async function countNumbers(
  table: Table,
  features: readonly CalibratedFeature[],
  halfHours: HalfHours,
  onRows: (rows: number) => void,
): Promise<void> {
  const sources = features.flatMap(({ column, feature }): DerivedSource[] => {
    if (feature.kind !== "numeric") return [];
    return [
      {
        column,
        categories: undefined,
        edges: padEdges(feature.edges),
        bins: feature.counts.length,
        float32: feature.round === "float32",
        input: undefined,
        rare: -1,
        halfHours: tallyOf(halfHours, feature),
      },
    ];
  });
  if (sources.length === 0) return;
  const count = createDerivedBlocks(sources, { inputs: 0, rarities: 0 });
  const slotOf = new Int32Array(4096);
  let read = 0;
  const { bounds } = halfHours;
  await table.scan({ columns: sources.map(({ column }) => column), filter: bounds, time: bounds.column }, (chunk) => {
    halfHourOfRows(halfHours, chunk.timeMs!, chunk.rows, slotOf);
    count(chunk, slotOf);
    read += chunk.rows;
    onRows(read);
  });
}

/** The counts of each half hour as a list; an empty one where nothing was counted. */
export function bySlot({ counts, size }: Pick<CoarseTally, "counts" | "size">, slots: number): number[][] {
  return Array.from({ length: slots }, (_, slot) => {
    const row = Array.from(counts.subarray(slot * size, (slot + 1) * size));
    return row.some((count) => count > 0) ? row : [];
  });
}
