/**
 * The worst records of what is being counted: those whose outlier score is above their model's limit. They are held until the records themselves
 * are stored, so that a record that is read again after a crash is told once. No value of a record is kept.
 */

import type { DecodedRecord } from "../decode/record.ts";
import { contributors } from "../reference/derived.ts";
import { outlierScore } from "./derived.ts";
import type { Route } from "./open-panes.ts";

export type OutlierRecord = {
  readonly model: string;
  readonly version: string;
  /** Undefined: the record has none. */
  readonly id: string | undefined;
  readonly eventTimeMs: number;
  readonly score: number;
  /** What the score is above. */
  readonly limit: number;
  /** Names of the features with the rarest values, rarest first. */
  readonly features: readonly string[];
};

/** Outliers of some records, and how many there were beyond those, by model. */
export type FoundOutliers = { readonly records: readonly OutlierRecord[]; readonly beyond: ReadonlyMap<string, number> };

export type OutlierCollector = {
  /** Looks at the record that was counted last: its score is in the trace of the route's layout. */
  readonly look: (route: Route, id: DecodedRecord["id"], eventTimeMs: number) => void;
  /** Takes what was found since; undefined: nothing. */
  readonly take: () => FoundOutliers | undefined;
  /** What was taken is not stored and will be taken again. */
  readonly putBack: (found: FoundOutliers) => void;
};

/** Held between two commits, about two seconds: more lines than anyone reads. */
export const HELD_OUTLIERS = 2_000;
/** Features named with a record. */
const NAMED = 3;

/** Holds nothing. */
export function createOutlierCollector(): OutlierCollector {
  let records: OutlierRecord[] = [];
  let beyond = new Map<string, number>();

  function over(model: string, by: number): void {
    beyond.set(model, (beyond.get(model) ?? 0) + by);
  }

  return {
    look: ({ model, version, layout, outlierLimit }, id, eventTimeMs) => {
      if (outlierLimit === undefined || layout.derived === undefined) return;
      const score = outlierScore(layout.derived);
      if (!(score > outlierLimit)) return;
      if (records.length >= HELD_OUTLIERS) return over(model, 1);
      records.push({
        ...{ model, version, id: id === undefined ? undefined : String(id), eventTimeMs, score, limit: outlierLimit },
        features: contributors(layout.derived.values, NAMED),
      });
    },
    take: () => {
      if (records.length === 0 && beyond.size === 0) return undefined;
      const found = { records, beyond };
      records = [];
      beyond = new Map();
      return found;
    },
    putBack: (found) => {
      const all = [...found.records, ...records];
      records = all.slice(0, HELD_OUTLIERS);
      for (const { model } of all.slice(HELD_OUTLIERS)) over(model, 1);
      for (const [model, by] of found.beyond) over(model, by);
    },
  };
}
