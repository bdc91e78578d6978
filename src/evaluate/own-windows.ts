/**
 * The reference's own windows: every window of a live length inside the reference, those across midnight too, compared with the reference
 * without every calendar day that it touches (rule R, step 3). How they scatter is what healthy traffic does. Pure arithmetic on `Slots`.
 */

import { arcsineDifference, g } from "../../detectors/index.ts";
import { CELL_COUNT, type CellLayout } from "./cells.ts";
import { MIN_COVERAGE, VALUES_PER_BIN } from "./limits.ts";
import { type Slots, sumCells } from "./slots.ts";

/** More windows than this tell nothing new (they overlap): over a reference of years they are taken further apart. */
const MAX_WINDOWS = 4_000;

export type OwnWindows = {
  readonly layout: CellLayout;
  readonly cellCounts: Float64Array;
  readonly cellTotals: Float64Array;
  /** G of each window, and its effective size nm/(n + m). */
  readonly gs: readonly number[];
  readonly en: readonly number[];
  /** Day on which each begins, counted from the reference's first. */
  readonly dayAt: readonly number[];
  readonly meanValues: number;
  /** Share of the reference's windows that hold too few values to be judged, 0–1. */
  readonly thinShare: number;
  /** Mean of y² − s0 by coarse bin, at least 0: the variance between days of the arcsine share. 0 below `firstBin` and for empty bins. */
  readonly binVariance: Float64Array;
  /** Distinct days with values that the windows touch. */
  readonly days: number;
};

/** Compares the windows of `length` slots that start every `step` slots, under one layout of cells; undefined when none can be compared. */
export function compareOwnWindows(
  slots: Slots,
  layout: CellLayout,
  shape: { readonly length: number; readonly step: number; readonly firstBin: number },
): OwnWindows | undefined {
  const { bins } = slots;
  const { cellAt, cellCounts, cellTotals } = sumCells(slots, layout);
  const all = slots.before.subarray(slots.length * bins, (slots.length + 1) * bins);
  const allTotal = slots.totalBefore[slots.length]!;
  const current = new Float64Array(bins);
  const pool = new Float64Array(bins);
  const expected = new Float64Array(bins);
  const weights = new Float64Array(CELL_COUNT[layout]);
  const totals = new Float64Array(CELL_COUNT[layout]);
  const squares = new Float64Array(bins);
  const gs: number[] = [];
  const en: number[] = [];
  const dayAt: number[] = [];
  const touched = new Set<number>();
  let seen = 0;
  let values = 0;
  let fullest = 0;
  for (let end = shape.length; end <= slots.length; end++) {
    fullest = Math.max(fullest, slots.filledBefore[end]! - slots.filledBefore[end - shape.length]!);
  }
  const starts = Math.ceil(slots.filledBefore[slots.length]! / shape.step);
  const step = shape.step * Math.max(1, Math.ceil(starts / MAX_WINDOWS));

  for (let start = 0; start + shape.length <= slots.length; start += step) {
    const end = start + shape.length;
    // Half in a gap: live it would be `low_coverage`. A feature that has values by day only is held against its own fullest windows.
    if (slots.filledBefore[end]! - slots.filledBefore[start]! < MIN_COVERAGE * fullest) continue;
    const n = slots.totalBefore[end]! - slots.totalBefore[start]!;
    seen++;
    // A window that could have no verdict of its own teaches nothing: with a few values a bin G is far from its law, and a handful of values
    // at night would make the noise of every hour look large.
    if (n < VALUES_PER_BIN * bins) continue;
    const firstDay = Math.floor(slots.hourAt[start]! / 24);
    const lastDay = Math.floor(slots.hourAt[end - 1]! / 24);
    const m = expectWithout(start, end, firstDay, lastDay, n);
    if (m === 0) continue;
    for (let k = 0; k < bins; k++) current[k] = slots.before[end * bins + k]! - slots.before[start * bins + k]!;
    for (let day = firstDay; day <= lastDay; day++) if (slots.dailyTotal[day]! > 0) touched.add(day);
    values += n;
    dayAt.push(firstDay);
    gs.push(g(expected, current) ?? 0);
    en.push((n * m) / (n + m));
    for (let k = shape.firstBin; k < bins; k++) {
      if (all[k] === 0) continue;
      // Weighed counts may exceed their total by a rounding error.
      const y = arcsineDifference(Math.min(expected[k]!, m), m, current[k]!, n);
      squares[k] = squares[k]! + y * y - 1 / n - 1 / m;
    }
  }
  if (gs.length === 0) return undefined;
  return {
    layout,
    cellCounts,
    cellTotals,
    gs,
    en,
    dayAt,
    meanValues: values / gs.length,
    thinShare: 1 - gs.length / seen,
    binVariance: squares.map((sum) => Math.max(0, sum / gs.length)),
    days: touched.size,
  };

  /**
   * What the reference without the days `firstDay … lastDay` expects of the slots `start … end`, into `expected`; returns how many rows that
   * stands for, 0 when nothing is left. `expectCells` does the same for a live window, with no day left out.
   */
  function expectWithout(start: number, end: number, firstDay: number, lastDay: number, n: number): number {
    pool.set(all);
    for (let day = firstDay; day <= lastDay; day++) {
      for (let k = 0; k < bins; k++) pool[k] = pool[k]! - slots.daily[day * bins + k]!;
    }
    const firstHour = firstDay * 24;
    const lastHour = (lastDay + 1) * 24;
    let poolTotal = allTotal;
    for (let day = firstDay; day <= lastDay; day++) poolTotal -= slots.dailyTotal[day]!;
    if (poolTotal <= 0) return 0;

    weights.fill(0);
    for (let i = start; i < end; i++) {
      const cell = cellAt[slots.hourAt[i]!]!;
      weights[cell] = weights[cell]! + (slots.totalBefore[i + 1]! - slots.totalBefore[i]!) / n;
    }
    totals.set(cellTotals);
    for (let at = firstHour; at < lastHour; at++) totals[cellAt[at]!] = totals[cellAt[at]!]! - slots.hourlyTotal[at]!;
    expected.fill(0);
    let inverse = 0;
    let pooled = 0;
    for (let cell = 0; cell < weights.length; cell++) {
      const weight = weights[cell]!;
      if (weight === 0) continue;
      const scale = weight / (totals[cell]! + 1);
      for (let k = 0; k < bins; k++) expected[k] = expected[k]! + scale * cellCounts[cell * bins + k]!;
      pooled += scale;
      inverse += (weight * weight) / Math.max(1, totals[cell]!);
    }
    for (let at = firstHour; at < lastHour; at++) {
      const cell = cellAt[at]!;
      if (weights[cell] === 0 || slots.hourlyTotal[at] === 0) continue;
      const scale = weights[cell]! / (totals[cell]! + 1);
      for (let k = 0; k < bins; k++) expected[k] = expected[k]! - scale * slots.hourly[at * bins + k]!;
    }
    const m = 1 / inverse;
    // What was added and taken away again leaves a rounding error, which must not be a negative count.
    for (let k = 0; k < bins; k++) expected[k] = Math.max(0, expected[k]! + (pooled * pool[k]!) / poolTotal) * m;
    return m;
  }
}
