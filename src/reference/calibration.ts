/** Coarse counts of each half hour of the reference: what rule R learns the noise of healthy days from, without the data. */

import type { Table, TimeFilter } from "../tables/table.ts";
import { PRESENT, UNSEEN_BIN } from "../tables/table.ts";
import { binsOf, padEdges } from "./bins.ts";
import { coarsePlan } from "./coarse.ts";
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

/**
 * Counts the reference again by half hour; undefined when no row has a readable time. `timestamp` is the event-time column.
 * `onRows` is told how many rows were read.
 */
export async function calibrationOf(
  table: Table,
  features: readonly CalibratedFeature[],
  timestamp: string,
  filter: TimeFilter | undefined,
  onRows: (rows: number) => void,
): Promise<Calibration | undefined> {
  const span = spanOf(await table.countByTime(timestamp, DAY_MS, filter));
  if (span === undefined) return undefined;
  const bounds = {
    column: timestamp,
    fromMs: Math.max(span.fromMs, filter?.fromMs ?? Number.NEGATIVE_INFINITY),
    toMs: Math.min(span.toMs, filter?.toMs ?? Number.POSITIVE_INFINITY),
  };
  const range = await table.timeRange(bounds);
  const fromMs = Math.floor(range.fromMs / SLOT_MS) * SLOT_MS;
  const slots = Math.floor((range.toMs - fromMs) / SLOT_MS) + 1;
  const counted = new Map<string, Uint32Array>();
  await countNumbers(table, features, bounds, { fromMs, slots }, counted, onRows);
  for (const { column, feature } of features) {
    if (feature.kind !== "categorical") continue;
    const { size } = coarsePlan(feature);
    const counts = new Uint32Array(slots * size);
    const slotsOf = { column: timestamp, fromMs, slotMs: SLOT_MS };
    const found = await table.countByCategory(column, feature.categories, { bins: feature.coarse, filter: bounds, slots: slotsOf });
    for (const { slot, bin, count } of found) if (bin >= UNSEEN_BIN) counts[slot * size + (bin === UNSEEN_BIN ? size - 1 : bin)]! += count;
    counted.set(feature.feature, counts);
  }
  return {
    days: span.days,
    time_zone: "UTC",
    slot_seconds: SLOT_SECONDS,
    from: isoOf(fromMs),
    records: await recordsOf(table, bounds, fromMs, slots),
    slots: Object.fromEntries(features.map(({ feature }) => [feature.feature, bySlot(counted.get(feature.feature)!, slots)])),
  };
}

/** Rows of each half hour, whatever they hold: how much traffic is usual. */
async function recordsOf(table: Table, bounds: TimeFilter, fromMs: number, slots: number): Promise<number[]> {
  const records = new Array<number>(slots).fill(0);
  for (const { startMs, count } of await table.countByTime(bounds.column, SLOT_MS, bounds)) {
    const slot = Math.floor((startMs - fromMs) / SLOT_MS);
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
  bounds: TimeFilter,
  { fromMs, slots }: { readonly fromMs: number; readonly slots: number },
  counted: Map<string, Uint32Array>,
  onRows: (rows: number) => void,
): Promise<void> {
  const numeric = features.flatMap(({ column, feature }) => {
    if (feature.kind !== "numeric") return [];
    const { size } = coarsePlan(feature);
    const counts = new Uint32Array(slots * size);
    counted.set(feature.feature, counts);
    return [
      {
        column,
        counts,
        size,
        edges: padEdges(feature.edges),
        coarse: Uint8Array.from(feature.coarse),
        float32: feature.round === "float32",
      },
    ];
  });
  if (numeric.length === 0) return;
  const slotOf = new Int32Array(4096);
  let read = 0;
  await table.scan({ columns: numeric.map(({ column }) => column), filter: bounds, time: bounds.column }, ({ rows, columns, timeMs }) => {
    for (let i = 0; i < rows; i++) slotOf[i] = Math.floor((timeMs![i]! - fromMs) / SLOT_MS);
    for (let c = 0; c < numeric.length; c++) {
      const column = columns[c]!;
      if ("values" in column) addSlots(numeric[c]!, column.values, column.state, slotOf, rows);
    }
    read += rows;
    onRows(read);
  });
}

function addSlots(
  into: {
    readonly counts: Uint32Array;
    readonly size: number;
    readonly edges: Float64Array;
    readonly coarse: Uint8Array;
    readonly float32: boolean;
  },
  values: Float64Array,
  state: Uint8Array | undefined,
  slotOf: Int32Array,
  rows: number,
): void {
  const { counts, size, edges, coarse, float32 } = into;
  let n = 0;
  for (let i = 0; i < rows; i++) {
    if (state !== undefined && state[i] !== PRESENT) continue;
    const value = float32 ? Math.fround(values[i]!) : values[i]!;
    // Infinities fall into the outer bins, which are out of range as they are; NaN is in no bin.
    if (Number.isNaN(value)) continue;
    block[n] = value;
    blockSlots[n++] = slotOf[i]!;
  }
  binsOf(edges, block, n, blockBins);
  for (let i = 0; i < n; i++) counts[blockSlots[i]! * size + coarse[blockBins[i]!]!]! += 1;
}

/** The values of one column of a chunk (about 2,000 rows) that have a bin, with their slots and bins. */
const block = new Float64Array(4096);
const blockSlots = new Int32Array(block.length);
const blockBins = new Int32Array(block.length);

/** The counts of each slot as a list; an empty one where nothing was counted. */
export function bySlot(counts: Uint32Array, slots: number): number[][] {
  const size = counts.length / slots;
  return Array.from({ length: slots }, (_, slot) => {
    const row = Array.from(counts.subarray(slot * size, (slot + 1) * size));
    return row.some((count) => count > 0) ? row : [];
  });
}
