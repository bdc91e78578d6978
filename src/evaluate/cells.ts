/**
 * Reference cells: traffic has a daily and a weekly rhythm, so a window can be compared with the reference at its own hours instead of the
 * whole. Three layouts beside the pooled one; which is used is measured, not assumed (`calibrate-feature.ts`). Hours and days are UTC.
 */

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** 1 January 1970 was a Thursday; day 0 of our week is Monday. */
const EPOCH_WEEKDAY = 3;

export type CellLayout = "pooled" | "hour" | "weekend_hour" | "weekday_hour";

/** Number of cells of each layout. */
export const CELL_COUNT: Readonly<Record<CellLayout, number>> = { pooled: 1, hour: 24, weekend_hour: 48, weekday_hour: 168 };

/** A part of the week needs so many days to be a cell of its own: two weekends, four Mondays. */
const DAYS_A_CELL = 4;
const WEEKEND_DAYS = 14;

/**
 * The layouts that a reference can carry, coarsest first; `byWeekday`: its days with values, Monday first. Weekends apart need two weeks with four
 * days of either kind; weekdays apart, four of each that occurs at all (a reference of a business may have no Sunday).
 */
export function cellLayouts(byWeekday: readonly number[]): readonly CellLayout[] {
  const weekend = byWeekday[5]! + byWeekday[6]!;
  const days = byWeekday.reduce((sum, count) => sum + count, 0);
  const present = byWeekday.filter((count) => count > 0);
  const layouts: CellLayout[] = ["pooled", "hour"];
  if (days >= WEEKEND_DAYS && Math.min(weekend, days - weekend) >= DAYS_A_CELL) layouts.push("weekend_hour");
  if (present.length > 1 && Math.min(...present) >= DAYS_A_CELL) layouts.push("weekday_hour");
  return layouts;
}

/** Calendar day of an instant, counted from the epoch. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** Day of the week of a calendar day, 0 for Monday. */
export function weekdayOf(day: number): number {
  return (((day + EPOCH_WEEKDAY) % 7) + 7) % 7;
}

/** Hour of the day, 0–23. */
export function hourOf(ms: number): number {
  return Math.floor((ms - dayOf(ms) * DAY_MS) / HOUR_MS);
}

/** The cell of one hour of one calendar day. */
export function cellOf(layout: CellLayout, day: number, hour: number): number {
  if (layout === "pooled") return 0;
  if (layout === "hour") return hour;
  const weekday = weekdayOf(day);
  return layout === "weekday_hour" ? weekday * 24 + hour : (weekday >= 5 ? 24 : 0) + hour;
}
