/** From chosen columns to the features of a snapshot: summed up, bins made, ids and empty columns found out and left out. */

import type { Table, TimeFilter } from "../tables/table.ts";
import { type CategoricalSummary, summarizeText } from "./categorical.ts";
import { coarseOfCategorical, coarseOfNumeric } from "./coarse.ts";
import { type Candidate, isIdNumber, isIdText, type Skipped } from "./columns.ts";
import type { PsiBins } from "./compat-bins.ts";
import { featureLayoutHash } from "./compile.ts";
import { summarizeNumbers } from "./numeric.ts";
import type { CategoricalFeature, NumericFeature, SnapshotFeature } from "./snapshot.ts";
import type { NumericSummary } from "./summary.ts";

/** How far a build is: `done` of `total` columns, or rows while calibrating. */
export type BuildProgress = {
  readonly stage: "open" | "numbers" | "categories" | "calibration" | "derived";
  readonly done: number;
  readonly total: number;
};

/** A column that became no feature. */
export type SkippedColumn = Skipped & { readonly column: string };
/** A column that became a feature. */
export type BuiltFeature = { readonly column: string; readonly feature: SnapshotFeature };

/**
 * Makes the features of the candidates, in their order. What turns out to be an id or empty is added to `said.skipped`, what the user should know to
 * `said.warnings`.
 */
export async function buildFeatures(
  table: Table,
  candidates: readonly Candidate[],
  rows: number,
  filter: TimeFilter | undefined,
  options: {
    readonly bins: number;
    readonly psiBins?: readonly PsiBins[];
    readonly onProgress: (progress: BuildProgress) => void;
  },
  said: { readonly skipped: SkippedColumn[]; readonly warnings: string[] },
): Promise<BuiltFeature[]> {
  const { bins, psiBins, onProgress } = options;
  const numeric = candidates.filter(({ kind }) => kind === "numeric");
  let done = 0;
  const numbers = await summarizeNumbers(
    table,
    numeric.map(({ column }) => column),
    { rows, bins, psiBins, filter, onColumn: () => onProgress({ stage: "numbers", done: ++done, total: numeric.length }) },
  );
  const numberOf = new Map(numeric.map(({ column }, i) => [column, numbers[i]!]));
  const built: BuiltFeature[] = [];
  done = 0;
  for (const candidate of candidates) {
    const { column, feature: name, demanded } = candidate;
    const skip = (reason: Skipped["reason"]): void => void said.skipped.push({ column, feature: name, reason });
    const summary = numberOf.get(column);
    if (summary !== undefined) {
      if (summary.fine === undefined) skip("all_missing");
      else if (candidate.role !== "signal" && isIdNumber(column, summary)) skip("unique_values");
      else {
        built.push({ column, feature: numericFeature(candidate, summary) });
        warnOfNumbers(column, summary, said.warnings);
      }
    } else {
      const text = await summarizeText(table, column, filter);
      onProgress({ stage: "categories", done: ++done, total: candidates.length - numeric.length });
      if (text.count === 0) skip("all_missing");
      else if (!demanded && isIdText(text)) skip("unique_values");
      else {
        built.push({ column, feature: categoricalFeature(candidate, text) });
        if (text.unnamed > 0)
          said.warnings.push(
            `${column}: has ${text.distinct} categories; the ${text.categories.length} most frequent are named, the others count as unseen`,
          );
        warnOfRare(column, text, said.warnings);
      }
    }
  }
  return built;
}

/** Where every category is too rare for a bin of its own, nothing but new ones can be found: a drift of the others would be silent. */
function warnOfRare(column: string, { categories, counts, count }: CategoricalSummary, warnings: string[]): void {
  if (categories.length > 1 && coarseOfCategorical(counts, count).every((bin) => bin === 0) && counts.every((one) => one < count / 2))
    warnings.push(
      `${column}: has ${categories.length} categories, all of them rare: they are judged as one, and only new ones can be found`,
    );
}

function warnOfNumbers(column: string, summary: NumericSummary, warnings: string[]): void {
  if (summary.float32) warnings.push(`${column}: was saved as float32: the stream's values are rounded to float32 before they are binned`);
  const infinite = summary.positiveInfinity + summary.negativeInfinity;
  if (summary.nan + infinite > 0)
    warnings.push(
      `${column}: ${summary.nan} values are NaN and ${infinite} infinite in the reference: what is healthy there is taken to be healthy later`,
    );
  if (summary.wrongType > 0) {
    warnings.push(
      `${column}: ${summary.wrongType} values are no numbers and count as wrong types; name a mark for "missing" with --null-values, or take the column as categories with --categorical`,
    );
  }
}

function numericFeature({ feature, role }: Candidate, summary: NumericSummary): NumericFeature {
  // The coarse bins are those of our own edges, so that older tools' edges change no verdict.
  const own = coarseOfNumeric(summary.fine!);
  const fine = summary.compat?.united ?? summary.fine!;
  const coarse = summary.compat === undefined ? own : summary.compat.united.parents.map((parent) => own[parent]!);
  const kind = "numeric" as const;
  const round = summary.float32 ? ("float32" as const) : null;
  return {
    feature,
    kind,
    role,
    count: summary.count,
    missing: summary.missing,
    nan: summary.nan,
    positive_infinity: summary.positiveInfinity,
    negative_infinity: summary.negativeInfinity,
    wrong_type: summary.wrongType,
    round,
    layout: featureLayoutHash({ kind, edges: fine.edges, round }),
    edges: fine.edges,
    counts: fine.counts,
    coarse,
    moments: summary.moments,
    means: fine.means,
    ...(summary.compat === undefined ? {} : { psi_bins: summary.compat.lists }),
  };
}

function categoricalFeature({ feature, role }: Candidate, summary: CategoricalSummary): CategoricalFeature {
  const kind = "categorical" as const;
  const { categories, counts } = summary;
  return {
    feature,
    kind,
    role,
    count: summary.count,
    missing: summary.missing,
    wrong_type: summary.wrongType,
    layout: featureLayoutHash({ kind, categories }),
    categories,
    counts,
    coarse: coarseOfCategorical(counts, summary.count),
    seen_once: summary.seenOnce,
    ...(summary.unnamed > 0 ? { unnamed: summary.unnamed } : {}),
  };
}
