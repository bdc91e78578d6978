/**
 * Plans for columns that carry no type: the fields of CSV (text) and of JSON (one value's JSON). The kind is decided from every value, never
 * from a prefix, by these rules:
 *
 * - `boolean`: every value is true or false (CSV: in any case).
 * - `number`: at least 9 in 10 of the values are numbers; the rest are wrong types. A customary mark for "missing" (NA, null, None, - …) has no
 *   vote, but is a wrong type, not a missing value, unless `nullValues` names it. In CSV `NaN`, `inf`, `-inf` are numbers.
 * - `text` all the same when every number is whole and one is beyond 2^53, or (CSV) when a whole number has a leading zero: those are codes.
 * - `timestamp`: at least 95 in 100 of the values are ISO 8601 timestamps.
 * - `unsupported`: more than half of the values are lists or objects (JSON).
 * - `text`: everything else. Numbers among it stand as their text; lists and objects are wrong types.
 */

import { type Database, literal } from "./database.ts";
import {
  type ColumnKind,
  type ColumnPlan,
  EXACT_INTEGER_MAX,
  isTimestampText,
  type PlanOptions,
  TIMESTAMP_SHARE,
  timestampOfText,
  withoutNullNumbers,
  withoutNullTexts,
} from "./plan.ts";

const NUMBER_SHARE = 0.9;
const MISSING_MARKS = ["", "na", "n/a", "#n/a", "null", "none", "nil", "missing", "unknown", "-", "--", "?", "."];
const JSON_NUMBERS = ["NaN", "Infinity", "-Infinity", "inf", "-inf"].map(literal).join(", ");

/** What the rules look at: counts over all values that are not missing. */
type Facts = {
  readonly values: number;
  readonly marks: number;
  readonly numbers: number;
  readonly integers: number;
  /** Numbers beyond ±2^53. */
  readonly beyond: number;
  readonly leadingZeros: number;
  readonly booleans: number;
  readonly timestamps: number;
  readonly nested: number;
};

/** The SQL of a field's views, each NULL where the field is not such a value. */
type Views = {
  readonly present: string;
  readonly number: string;
  readonly text: string;
  readonly boolean: string;
  readonly nested: string;
};

export type UntypedColumn = { readonly name: string /** SQL identifier of the field's text. */; readonly sql: string };

/** Plans the columns of `relation`, whose fields are CSV text or JSON values. Reads every value once. */
export async function planUntyped(
  db: Database,
  format: "csv" | "json",
  relation: string,
  columns: readonly UntypedColumn[],
  options: PlanOptions,
): Promise<ColumnPlan[]> {
  const views = columns.map(({ sql }) => (format === "csv" ? csvViews(sql, options.nullValues) : jsonViews(sql, options.nullValues)));
  const facts = await factsOf(db, relation, views);
  return columns.map(({ name }, i) => planColumn(format, name, views[i]!, facts[i]!, options));
}

function csvViews(field: string, nullValues: readonly string[]): Views {
  const present = withoutNullTexts(field, nullValues);
  // The cast also takes 1_000 and NaN(1), which nothing writes as numbers.
  const number = `CASE WHEN contains(${field}, '_') OR contains(${field}, '(') THEN NULL ELSE TRY_CAST(${present} AS DOUBLE) END`;
  const boolean = `CASE WHEN lower(${present}) IN ('true', 'false') THEN lower(${present}) END`;
  return { present, number, text: present, boolean, nested: "NULL" };
}

function jsonViews(field: string, nullValues: readonly string[]): Views {
  // The first character of a JSON value tells its type.
  const text = withoutNullTexts(`(${field}->>'$')`, nullValues);
  const isText = `${field}[1] = '"'`;
  const present = `CASE WHEN ${isText} AND (${text}) IS NULL THEN NULL ELSE ${field} END`;
  const number = `CASE WHEN ${isText} THEN (CASE WHEN (${text}) IN (${JSON_NUMBERS}) THEN TRY_CAST((${text}) AS DOUBLE) END) WHEN ${field}[1] NOT IN ('t', 'f', '{', '[') THEN TRY_CAST(${field} AS DOUBLE) END`;
  const plain = `CASE WHEN ${isText} THEN (${text}) WHEN ${field}[1] NOT IN ('{', '[') THEN regexp_replace(${field}, '\\.0$', '') END`;
  const boolean = `CASE WHEN ${field} IN ('true', 'false') THEN ${field} END`;
  return { present, number, text: plain, boolean, nested: `CASE WHEN ${field}[1] IN ('{', '[') THEN ${field} END` };
}

async function factsOf(db: Database, relation: string, views: readonly Views[]): Promise<Facts[]> {
  const width = 9;
  const aggregates = views.flatMap(({ present, number, text, boolean, nested }) => [
    `count(${present})`,
    `count_if(lower(${text}) IN (${MISSING_MARKS.map(literal).join(", ")}) AND (${number}) IS NULL)`,
    `count(${number})`,
    `count_if(CASE WHEN (${number}) IS NULL THEN false ELSE regexp_full_match(${text}, '[+-]?[0-9]+') END)`,
    `count_if(CASE WHEN isfinite(${number}) AND abs(${number}) >= ${EXACT_INTEGER_MAX} THEN coalesce(abs(TRY_CAST(${text} AS HUGEINT)) > ${EXACT_INTEGER_MAX}, true) ELSE false END)`,
    `count_if(CASE WHEN (${number}) IS NULL THEN false ELSE regexp_full_match(${text}, '[+-]?0[0-9]+') END)`,
    `count(${boolean})`,
    `count_if(${isTimestampText(text)})`,
    `count(${nested})`,
  ]);
  // Several queries where the table is wide: ten thousand columns are no statement to plan at once.
  const facts: Facts[] = [];
  const step = 100 * width;
  for (let from = 0; from < aggregates.length; from += step) {
    const [row] = await db.rows(`SELECT ${aggregates.slice(from, from + step).join(", ")} FROM ${relation}`);
    for (let i = 0; i < row!.length; i += width) {
      const [values, marks, numbers, integers, beyond, leadingZeros, booleans, timestamps, nested] = row!
        .slice(i, i + width)
        .map((value) => (typeof value === "number" ? value : 0)) as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      facts.push({ values, marks, numbers, integers, beyond, leadingZeros, booleans, timestamps, nested });
    }
  }
  return facts;
}

function planColumn(format: "csv" | "json", name: string, views: Views, facts: Facts, options: PlanOptions): ColumnPlan {
  const natural = kindOf(facts);
  const demanded = options.kinds.get(name);
  const kind = natural === "unsupported" ? natural : demanded === "verbatim" ? "text" : (demanded ?? natural);
  const note = noteOf(natural, kind, facts);
  const common = {
    name,
    kind,
    duckdbType: format === "csv" ? "CSV" : "JSON",
    json: format === "json",
    numericText: false,
    ...(note === undefined ? {} : { note }),
  };
  const wrongUnless = (view: string): string => `CASE WHEN (${view}) IS NULL THEN CAST(${views.present} AS VARCHAR) END`;
  switch (kind) {
    case "number":
      return {
        ...common,
        value: withoutNullNumbers(views.number, options.nullValues),
        wrong: facts.numbers === facts.values ? undefined : wrongUnless(views.number),
      };
    case "timestamp":
      return {
        ...common,
        value: timestampOfText(views.text),
        wrong: wrongUnless(timestampOfText(views.text)),
      };
    case "boolean":
      return { ...common, value: views.boolean, wrong: undefined };
    case "unsupported":
      return { ...common, value: `CAST(${views.present} AS VARCHAR)`, wrong: undefined };
    default: {
      const numericText = natural === "number" && demanded !== "verbatim";
      // A number that is read as text has one text: 1.0 and 1 are the same category, as they are one value in a stream.
      const value = numericText
        ? `coalesce(CAST((${withoutNullNumbers(views.number, options.nullValues)}) AS VARCHAR), CASE WHEN (${views.number}) IS NULL THEN (${views.text}) END)`
        : natural === "boolean"
          ? views.boolean
          : views.text;
      return { ...common, numericText, value, wrong: facts.nested === 0 ? undefined : views.nested };
    }
  }
}

function kindOf(facts: Facts): ColumnKind {
  const { values, marks, numbers, nested } = facts;
  if (values === 0) return "text";
  if (nested * 2 > values) return "unsupported";
  if (facts.booleans === values) return "boolean";
  if (numbers > 0 && numbers >= NUMBER_SHARE * (values - marks)) return isCode(facts) ? "text" : "number";
  if (facts.timestamps >= TIMESTAMP_SHARE * values) return "timestamp";
  return "text";
}

function isCode({ numbers, integers, beyond, leadingZeros }: Facts): boolean {
  return leadingZeros > 0 || (integers === numbers && beyond > 0);
}

function noteOf(natural: ColumnKind, kind: ColumnKind, facts: Facts): string | undefined {
  if (kind === "unsupported") return "lists and objects have no distribution to compare";
  if (natural === "text" && facts.numbers > 0 && facts.integers === facts.numbers && facts.beyond > 0) {
    return "whole numbers beyond 2^53: read as text, never rounded";
  }
  if (natural === "text" && facts.leadingZeros > 0 && isCode(facts) && facts.numbers >= NUMBER_SHARE * (facts.values - facts.marks)) {
    return "whole numbers with leading zeros: read as text";
  }
  return undefined;
}
