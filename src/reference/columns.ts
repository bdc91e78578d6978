/** Which columns of a table become features of a reference, and why the others do not. */

import type { TableColumn } from "../tables/plan.ts";
import { featureOf } from "./compile.ts";
import type { NumericSummary } from "./summary.ts";

/** Why a column is no feature: a closed list. */
export type SkipReason =
  | "excluded" // named by --exclude
  | "no_name" // the empty name, which no snapshot and no metric label can hold
  | "timestamp" // a time, or the event time itself
  | "record_field" // id, model, version or label of the record
  | "unsupported_type" // lists, structures, blobs
  | "all_missing" // no value to make bins of
  | "unique_values"; // an id: (nearly) every row has another value

export type Skipped = { readonly feature: string; readonly reason: SkipReason; readonly note?: string };

/** A column on its way to become a feature. */
export type Candidate = {
  readonly column: string;
  readonly feature: string;
  readonly role: "feature" | "prediction" | "signal";
  readonly kind: "numeric" | "categorical";
  /** Demanded by the user, so that no guess takes it out again. */
  readonly demanded: boolean;
};

export type ColumnRules = {
  readonly timestamp: string | undefined;
  readonly exclude: ReadonlySet<string>;
  readonly categorical: ReadonlySet<string>;
  /** The table holds records: the columns `id`, `model`, `version`, `timestamp` and `label` are theirs, `prediction` is the model's output. */
  readonly recordColumns: boolean;
  /** Columns that are signals, with the signal's name; they are numbers whatever they look like. */
  readonly signals?: ReadonlyMap<string, string>;
};

const RECORD_FIELDS = new Set(["id", "model", "version", "timestamp", "label"]);

/** Fewer values say nothing about ids: twenty rows of anything may all differ. */
const ID_VALUES_MIN = 20;
/** A text column with so many distinct values per value is an id or free text. */
const ID_TEXT_SHARE = 0.95;
/** Whole numbers without a repeat are ids when chance alone would have made at least so many repeats. */
const ID_REPEATS_EXPECTED = 9;
const ID_NAME = /(^|[\s_.-])(id|uuid|guid|key)$|[a-z]I[dD]$/i;

/** `$prediction`, `$volume` … are driftd's own. */
const RESERVED = /^(prediction|volume|duplicates|silence|schema|outlier|distance|pca(_\w+)?)$/;

/** Whether a signal can have this name: letters, digits and `_`, and none of those that driftd gives itself. */
export function isSignalName(name: string): boolean {
  return /^[A-Za-z]\w{0,63}$/.test(name) && !RESERVED.test(name);
}

/** Sorts the columns, in their order, by name and type alone. */
export function chooseColumns(
  columns: readonly TableColumn[],
  rules: ColumnRules,
): { candidates: Candidate[]; skipped: (Skipped & { readonly column: string })[] } {
  const candidates: Candidate[] = [];
  const skipped: (Skipped & { readonly column: string })[] = [];
  for (const { name, kind, note } of columns) {
    const signal = rules.signals?.get(name);
    const prediction = signal === undefined && rules.recordColumns && name === "prediction";
    const feature = signal !== undefined ? `$${signal}` : prediction ? "$prediction" : featureOf(name);
    const demanded = rules.categorical.has(name);
    const isSignal = signal !== undefined && kind === "number";
    const reason = isSignal ? undefined : skipReason(name, kind, demanded, rules);
    if (reason !== undefined) {
      skipped.push({ column: name, feature, reason, ...(reason === "unsupported_type" && note !== undefined ? { note } : {}) });
    } else {
      const numeric = isSignal || (kind === "number" && !demanded);
      candidates.push({
        column: name,
        feature,
        role: isSignal ? "signal" : prediction ? "prediction" : "feature",
        kind: numeric ? "numeric" : "categorical",
        demanded,
      });
    }
  }
  return { candidates, skipped };
}

function skipReason(name: string, kind: TableColumn["kind"], demanded: boolean, rules: ColumnRules): SkipReason | undefined {
  if (rules.exclude.has(name)) return "excluded";
  if (name === "") return "no_name";
  if (name === rules.timestamp) return "timestamp";
  if (rules.recordColumns && RECORD_FIELDS.has(name)) return name === "timestamp" ? "timestamp" : "record_field";
  if (kind === "unsupported") return "unsupported_type";
  return kind === "timestamp" && !demanded ? "timestamp" : undefined;
}

/** Whether the whole numbers of a column are ids: no value occurs twice, though chance would have repeated some, or the name says so. */
export function isIdNumber(column: string, { count, integers, fine, moments }: NumericSummary): boolean {
  if (!integers || fine === undefined || count < ID_VALUES_MIN || fine.distinct < count) return false;
  const range = moments.max! - moments.min! + 1;
  return (count * (count - 1)) / 2 / range >= ID_REPEATS_EXPECTED || ID_NAME.test(column);
}

/** Whether a text column is an id or free text: (nearly) every value is another one. */
export function isIdText({ count, distinct }: { readonly count: number; readonly distinct: number }): boolean {
  return count >= ID_VALUES_MIN && distinct >= ID_TEXT_SHARE * count;
}
