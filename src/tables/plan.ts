/**
 * How a column is read: its kind, and the SQL that gives its values. A plan is made once, by `typed.ts` for columns that have a type of their
 * own (Parquet) and by `untyped.ts` for those that do not (CSV, JSON), so that the same table read from either gives the same values.
 */

import { literal } from "./database.ts";
import type { DemandedKinds } from "./table.ts";

/**
 * - `number`: doubles. Decimals are rounded to the nearest double; NaN and ±Infinity are values.
 * - `text`: text as it stands. Integers beyond 2^53 are text, digit for digit: they are ids, and a double would merge neighbours.
 * - `boolean`: read as the text `true` or `false`.
 * - `timestamp`: epoch milliseconds UTC; dates are their midnight, text without a zone is UTC.
 * - `unsupported`: lists, structures, maps, blobs; `note` says which.
 */
export type ColumnKind = "number" | "text" | "boolean" | "timestamp" | "unsupported";

export type TableColumn = {
  readonly name: string;
  readonly kind: ColumnKind;
  /** The type as DuckDB names it; `CSV` or `JSON` for text without one. */
  readonly duckdbType: string;
  /** What a reader should know: why it is unsupported, why whole numbers are text, how many values do not fit the kind. */
  readonly note?: string;
};

/** A column with the SQL to read it. */
export type ColumnPlan = TableColumn & {
  /** DOUBLE for `number` and `timestamp`, else VARCHAR (`unsupported`: JSON text or NULL). NULL: missing, or of the wrong type. */
  readonly value: string;
  /** VARCHAR: the raw text where a value is there but does not fit the kind, else NULL; undefined: that cannot be. */
  readonly wrong: string | undefined;
  /** The raw text of wrong values, and of an unsupported column, is JSON. */
  readonly json: boolean;
  /** A column of numbers read as text: 1.0 and 1 are one category, named as JavaScript writes the number. */
  readonly numericText: boolean;
};

export type PlanOptions = {
  /** Texts that mean "missing", beside the empty field; one that is a number is missing as a number too. */
  readonly nullValues: readonly string[];
  /** Kinds that the caller demands, by column. */
  readonly kinds: DemandedKinds;
  /** The order of the file has to be kept. */
  readonly ordered: boolean;
};

/** Integers up to this are exact as doubles. (Compared as an integer: the double nearest to 2^53 + 1 is 2^53.) */
export const EXACT_INTEGER_MAX = "9007199254740992";

/** At least this share of the values must be timestamps for a text column to be one. */
export const TIMESTAMP_SHARE = 0.95;

/** What ISO 8601 text looks like; the same as in `decode/event-time.ts`. */
const ISO_TIMESTAMP = String.raw`\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)? ?(Z|z|[+-]\d\d(:?\d\d)?)?)?`;

/** SQL: whether the text is a timestamp. The cheap test comes first: most text does not begin with a digit. */
export function isTimestampText(text: string): string {
  return `CASE WHEN ${text} >= '0' AND ${text} < ':' THEN regexp_full_match(${text}, ${literal(ISO_TIMESTAMP)}) ELSE false END`;
}

/** SQL: epoch milliseconds of ISO text, NULL when it is none. */
export function timestampOfText(text: string): string {
  const cast = `TRY_CAST(replace(upper(${text}), ',', '.') AS TIMESTAMPTZ)`;
  return `CASE WHEN ${isTimestampText(text)} THEN CAST(epoch_ms(${cast}) AS DOUBLE) END`;
}

/** SQL: NULL where the text is one of `nullValues`. */
export function withoutNullTexts(text: string, nullValues: readonly string[]): string {
  return nullValues.length === 0 ? text : `CASE WHEN ${text} IN (${nullValues.map(literal).join(", ")}) THEN NULL ELSE ${text} END`;
}

/** SQL: NULL where the number is one of `nullValues`. */
export function withoutNullNumbers(number: string, nullValues: readonly string[]): string {
  const numbers = nullValues.filter((text) => text.trim() !== "" && Number.isFinite(Number(text))).map((text) => `${Number(text)}::DOUBLE`);
  return numbers.length === 0 ? number : `CASE WHEN (${number}) IN (${numbers.join(", ")}) THEN NULL ELSE (${number}) END`;
}

/** The text of a value of a `numericText` column as JavaScript writes the number; other text is left as it is. */
export function canonicalNumberText(text: string): string {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? String(Number(text) + 0) : text;
}
