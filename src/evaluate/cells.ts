/**
 * Reference cells: traffic has a daily and a weekly rhythm, so a window can be compared with the reference at its own hours instead of the
 * whole. Three layouts beside the pooled one; which is used is measured, not assumed (`calibrate.ts`). Hours and days are UTC.
 */

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** 1 January 1970 was a Thursday; day 0 of our week is Monday. */
const EPOCH_WEEKDAY = 3;

export type CellLayout = "pooled" | "hour" | "weekend_hour" | "weekday_hour";

/** Number of cells of each layout. */
export const CELL_COUNT: Readonly<Record<CellLayout, number>> = { pooled: 1, hour: 24, weekend_hour: 48, weekday_hour: 168 };

/** The layouts that a reference of `days` days can carry: weekends need two of them, weekdays four. */
export function cellLayouts(days: number): readonly CellLayout[] {
  if (days >= 28) return ["pooled", "hour", "weekend_hour", "weekday_hour"];
  return days >= 14 ? ["pooled", "hour", "weekend_hour"] : ["pooled", "hour"];
}

/** Calendar day of an instant, counted from the epoch. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** Hour of the day, 0–23. */
export function hourOf(ms: number): number {
  return Math.floor((ms - dayOf(ms) * DAY_MS) / HOUR_MS);
}

/** The cell of one hour of one calendar day. */
export function cellOf(layout: CellLayout, day: number, hour: number): number {
  if (layout === "pooled") return 0;
  if (layout === "hour") return hour;
  const weekday = (((day + EPOCH_WEEKDAY) % 7) + 7) % 7;
  return layout === "weekday_hour" ? weekday * 24 + hour : (weekday >= 5 ? 24 : 0) + hour;
}
