/** Plans for columns that carry a type: Parquet. Nothing is guessed, only looked up; whole numbers are checked for 2^53, text for timestamps. */

import { type Database, identifier } from "./database.ts";
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

type Described = { readonly name: string; readonly sql: string; readonly type: string };

/** Plans the columns of `relation`. `described` are its columns with their real names. O(rows) for wide integers and text, else nothing is read. */
export async function planTyped(
  db: Database,
  relation: string,
  described: readonly { readonly name: string; readonly column: string; readonly type: string }[],
  options: PlanOptions,
): Promise<ColumnPlan[]> {
  const columns = described.map(({ name, column, type }): Described => ({ name, sql: identifier(column), type }));
  const facts = await factsOf(db, relation, columns);
  return columns.map((column, i) => planColumn(column, facts[i]!, options));
}

/** Per column: 1 when integers pass 2^53 (wide integers), or the share of timestamps (text). */
async function factsOf(db: Database, relation: string, columns: readonly Described[]): Promise<number[]> {
  const aggregates = columns.map(({ sql, type }) => {
    if (isWideInteger(type))
      return `CASE WHEN greatest(max(${sql}), -min(CAST(${sql} AS HUGEINT))) > ${EXACT_INTEGER_MAX} THEN 1 ELSE 0 END`;
    if (type === "VARCHAR") return `CAST(count_if(${isTimestampText(sql)}) AS DOUBLE) / nullif(count(${sql}), 0)`;
    return "NULL";
  });
  if (aggregates.every((aggregate) => aggregate === "NULL")) return columns.map(() => 0);
  const [row] = await db.rows(`SELECT ${aggregates.join(", ")} FROM ${relation}`);
  return row!.map((value) => (typeof value === "number" ? value : 0));
}

function planColumn({ name, sql, type }: Described, fact: number, options: PlanOptions): ColumnPlan {
  const natural = kindOf(type, fact);
  const note = noteOf(type, natural);
  const common = { name, duckdbType: type, json: false, ...(note === undefined ? {} : { note }) };
  const text = `CAST(${sql} AS VARCHAR)`;
  const demanded = options.kinds.get(name);
  const kind = natural === "unsupported" || demanded === "verbatim" ? natural : (demanded ?? natural);
  const number = `CAST(${sql} AS DOUBLE)`;
  const isNumber = natural === "number" || isNumeric(type);
  switch (kind) {
    case "number":
      return isNumber
        ? { ...common, kind, value: withoutNullNumbers(number, options.nullValues), wrong: undefined, numericText: false }
        : { ...common, kind, value: "CAST(NULL AS DOUBLE)", wrong: withoutNullTexts(text, options.nullValues), numericText: false };
    case "timestamp":
      return type === "VARCHAR"
        ? {
            ...common,
            kind,
            value: timestampOfText(withoutNullTexts(text, options.nullValues)),
            wrong: `CASE WHEN (${timestampOfText(text)}) IS NULL THEN ${withoutNullTexts(text, options.nullValues)} END`,
            numericText: false,
          }
        : {
            ...common,
            kind,
            value: `CASE WHEN isfinite(${sql}) THEN CAST(epoch_ms(${sql}) AS DOUBLE) END`,
            wrong: undefined,
            numericText: false,
          };
    case "unsupported":
      // As JSON, a list or a structure is whole; a reader of rows hands it on as it is.
      return {
        ...common,
        kind,
        json: true,
        value: /^(BLOB|BIT|GEOMETRY)/.test(type) ? `CASE WHEN ${sql} IS NOT NULL THEN '{}' END` : `CAST(to_json(${sql}) AS VARCHAR)`,
        wrong: undefined,
        numericText: false,
      };
    default: {
      const value =
        isNumber && natural === "number"
          ? `CASE WHEN (${withoutNullNumbers(number, options.nullValues)}) IS NULL THEN NULL ELSE ${text} END`
          : withoutNullTexts(text, options.nullValues);
      return { ...common, kind, value, wrong: undefined, numericText: natural === "number" };
    }
  }
}

function kindOf(type: string, fact: number): ColumnKind {
  if (isWideInteger(type)) return fact === 1 ? "text" : "number";
  if (isNumeric(type)) return "number";
  if (type === "BOOLEAN") return "boolean";
  if (/^(TIMESTAMP|DATE)/.test(type)) return "timestamp";
  if (type === "VARCHAR") return fact >= TIMESTAMP_SHARE ? "timestamp" : "text";
  if (/^(ENUM|UUID|TIME|INTERVAL)/.test(type) && !type.endsWith("]")) return "text";
  return "unsupported";
}

function noteOf(type: string, kind: ColumnKind): string | undefined {
  if (kind === "unsupported") return `values of type ${type} have no distribution to compare`;
  if (kind === "text" && isWideInteger(type)) return "whole numbers beyond 2^53: read as text, never rounded";
  return undefined;
}

function isNumeric(type: string): boolean {
  return isWideInteger(type) || /^(U?(TINY|SMALL)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/.test(type);
}

/** Integers that a double may not hold. */
function isWideInteger(type: string): boolean {
  return /^U?(BIG|HUGE)INT$/.test(type) || /^DECIMAL\(\d+,0\)$/.test(type);
}
