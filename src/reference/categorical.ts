/** The categorical features of a reference: categories by frequency, and how much of the mass is of categories never or hardly seen. */

import type { Table, TextCounts, TimeFilter } from "../tables/table.ts";

/**
 * Categories that a snapshot names; the most frequent win. The values of the others are `unnamed`: in the stream they count as unseen, and so they
 * do in the reference. Ten thousand counters of one feature are 40 kB a pane.
 */
export const CATEGORIES_MAX = 10_000;

/** Categories of a text column, ordered by frequency, then by code units. */
export type CategoricalSummary = {
  readonly count: number;
  readonly missing: number;
  readonly wrongType: number;
  readonly categories: readonly string[];
  readonly counts: readonly number[];
  readonly distinct: number;
  /** Named categories seen exactly once. */
  readonly seenOnce: number;
  readonly unnamed: number;
};

export async function summarizeText(table: Table, column: string, filter: TimeFilter | undefined): Promise<CategoricalSummary> {
  const found: TextCounts = await table.textCounts(column, CATEGORIES_MAX, filter);
  const named = found.counts.reduce((sum, count) => sum + count, 0);
  return {
    count: found.present,
    missing: found.missing,
    wrongType: found.wrongType,
    categories: found.values,
    counts: found.counts,
    distinct: found.distinct,
    seenOnce: found.counts.reduce((sum, count) => sum + (count === 1 ? 1 : 0), 0),
    unnamed: found.present - named,
  };
}
