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
  const common = parseCommon(text);
  return common === undefined ? parseAny(text) : common;
}

/**
 * The form that nearly every producer writes, `YYYY-MM-DDTHH:MM:SSZ` with or without milliseconds, read by its characters: a regular expression
 * costs more than the rest of a record's bookkeeping. Undefined when the text has another form.
 */
function parseCommon(text: string): number | undefined {
  const { length } = text;
  if ((length !== 20 && length !== 24) || text.charCodeAt(length - 1) !== CODE_Z || text.charCodeAt(10) !== CODE_T) return undefined;
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH || text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON)
    return undefined;
  const year = digits(text, 0) * 100 + digits(text, 2);
  const month = digits(text, 5);
  const day = digits(text, 8);
  const hour = digits(text, 11);
  const minute = digits(text, 14);
  const second = digits(text, 17);
  let ms = 0;
  if (length === 24) {
    if (text.charCodeAt(19) !== POINT) return undefined;
    ms = digits(text, 20) * 10 + (text.charCodeAt(22) - ZERO);
    if (!(text.charCodeAt(22) >= ZERO && text.charCodeAt(22) <= ZERO + 9)) return undefined;
  }
  // NaN from a character that is no digit fails every comparison, and the careful way has the last word.
  if (
    !(
      year >= 100 &&
      month >= 1 &&
      month <= 12 &&
      day >= 1 &&
      day <= 31 &&
      (day <= 28 || day <= daysInMonth(year, month)) &&
      hour <= 23 &&
      minute <= 59 &&
      second <= 59 &&
      ms >= 0
    )
  )
    return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

const CODE_T = 0x54;
const CODE_Z = 0x5a;
const DASH = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const ZERO = 0x30;

/** The number of the two digits at `at`, or NaN. */
function digits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function parseAny(text: string): number {
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
  // Date.UTC maps the years 0–99 to 1900–1999, and no record is that old.
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
