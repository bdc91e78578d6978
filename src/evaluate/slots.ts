/**
 * The reference's half hours of one feature as dense arrays: sums over time, over each hour of each day, and over each day, so that any window
 * and the reference without any days are a few subtractions away.
 */

import { CELL_COUNT, type CellLayout, cellOf, dayOf, hourOf } from "./cells.ts";

export type Slots = {
  /** Coarse bins. */
  readonly bins: number;
  /** Number of half hours. */
  readonly length: number;
  /** Calendar days touched, and the first of them, counted from the epoch. */
  readonly days: number;
  readonly firstDay: number;
  /** Place of each half hour's hour among `days × 24`. */
  readonly hourAt: Int32Array;
  /** Sums of the slots before i: `(length + 1) × bins`, and of all bins together. */
  readonly before: Float64Array;
  readonly totalBefore: Float64Array;
  /** Counts of each hour of each day: `days × 24 × bins`, and of all bins together. */
  readonly hourly: Float64Array;
  readonly hourlyTotal: Float64Array;
  /** Counts of each day: `days × bins`, and of all bins together. */
  readonly daily: Float64Array;
  readonly dailyTotal: Float64Array;
  /** Half hours with values before i. */
  readonly filledBefore: Int32Array;
};

/** Sums the coarse counts of slots of `slotMs` from `fromMs` on; an empty or short row counts as zeros. O(slots × bins). */
export function readSlots(raw: readonly (readonly number[])[], bins: number, fromMs: number, slotMs: number): Slots {
  const length = raw.length;
  const firstDay = dayOf(fromMs);
  const days = dayOf(fromMs + (length - 1) * slotMs) - firstDay + 1;
  const hourAt = new Int32Array(length);
  const before = new Float64Array((length + 1) * bins);
  const totalBefore = new Float64Array(length + 1);
  const hourly = new Float64Array(days * 24 * bins);
  const hourlyTotal = new Float64Array(days * 24);
  const daily = new Float64Array(days * bins);
  const dailyTotal = new Float64Array(days);
  const filledBefore = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    const startMs = fromMs + i * slotMs;
    const day = dayOf(startMs) - firstDay;
    const at = day * 24 + hourOf(startMs);
    const row = raw[i]!;
    hourAt[i] = at;
    let total = 0;
    for (let k = 0; k < bins; k++) {
      const count = row[k] ?? 0;
      total += count;
      before[(i + 1) * bins + k] = before[i * bins + k]! + count;
      hourly[at * bins + k] = hourly[at * bins + k]! + count;
      daily[day * bins + k] = daily[day * bins + k]! + count;
    }
    totalBefore[i + 1] = totalBefore[i]! + total;
    hourlyTotal[at] = hourlyTotal[at]! + total;
    dailyTotal[day] = dailyTotal[day]! + total;
    filledBefore[i + 1] = filledBefore[i]! + (total > 0 ? 1 : 0);
  }
  return { bins, length, days, firstDay, hourAt, before, totalBefore, hourly, hourlyTotal, daily, dailyTotal, filledBefore };
}

/** The cell of each hour of each day, and the sums by cell. */
export type SlotCells = { readonly cellAt: Int32Array; readonly cellCounts: Float64Array; readonly cellTotals: Float64Array };

/** Sums the half hours by the cells of one layout. O(days × 24 × bins). */
export function sumCells(slots: Slots, layout: CellLayout): SlotCells {
  const { bins } = slots;
  const cellAt = Int32Array.from({ length: slots.days * 24 }, (_, at) => cellOf(layout, slots.firstDay + Math.floor(at / 24), at % 24));
  const cellCounts = new Float64Array(CELL_COUNT[layout] * bins);
  const cellTotals = new Float64Array(CELL_COUNT[layout]);
  for (let at = 0; at < cellAt.length; at++) {
    const cell = cellAt[at]!;
    for (let k = 0; k < bins; k++) cellCounts[cell * bins + k] = cellCounts[cell * bins + k]! + slots.hourly[at * bins + k]!;
    cellTotals[cell] = cellTotals[cell]! + slots.hourlyTotal[at]!;
  }
  return { cellAt, cellCounts, cellTotals };
}
