/**
 * Event time as records write it: ISO 8601 text or an epoch number. The rules are a public contract (anyone may recount a topic):
 * a number below 1e11 is seconds, any other is milliseconds; text without a zone is UTC; anything else has no event time.
 */

/** Numbers below this are seconds (1e11 s is the year 5138, 1e11 ms is March 1973). */
const SECONDS_BELOW = 1e11;
/** The range of ECMAScript time values. */
const MAX_TIME_MS = 8.64e15;

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** Epoch milliseconds (UTC, whole) of a field's value, or NaN when it is absent or unreadable. A `Date` (a table's timestamp column) is taken as it is. */
export function eventTimeMs(value: unknown): number {
  if (typeof value === "string") return parseIso(value);
  if (typeof value === "number") return inRange(Math.floor(value < SECONDS_BELOW ? value * 1000 : value));
  if (value instanceof Date) return value.getTime();
  return Number.NaN;
}

function inRange(ms: number): number {
  return Math.abs(ms) <= MAX_TIME_MS ? ms : Number.NaN;
}

function parseIso(text: string): number {
  const parts = ISO.exec(text);
  if (parts === null) return Number.NaN;
  const year = Number(parts[1]);
  const month = Number(parts[2]);
  const day = Number(parts[3]);
  const hour = Number(parts[4] ?? 0);
  const minute = Number(parts[5] ?? 0);
  const second = Number(parts[6] ?? 0);
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  if (day > daysInMonth(year, month)) return Number.NaN;
  const fraction = parts[7];
  const ms = fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000 + 1e-9);
  // Date.UTC maps the years 0–99 to 1900–1999; no record is that old, and the round trip below would say so.
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  if (year < 100) return Number.NaN;
  return utc - zoneOffsetMs(parts[8]);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function zoneOffsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = zone.length > 3 ? Number(zone.slice(-2)) : 0;
  if (hours > 23 || minutes > 59) return Number.NaN;
  const offset = (hours * 60 + minutes) * 60_000;
  return zone[0] === "-" ? -offset : offset;
}
