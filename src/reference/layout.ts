/**
 * A snapshot compiled for counting: where each feature's integers stand in one row of slots, and which slot a value goes to.
 * A row is one `Uint32Array`: for each feature its bins, then the seven special counters in the order of `SPECIAL_SLOTS`.
 */

import type { DecodedRecord } from "../decode/record.ts";
import type { DerivedValues } from "./derived.ts";

/** The counters after a feature's bins, the same seven for both kinds (a numeric feature never uses `unseen`, a categorical never NaN or ±Inf). */
export const SPECIAL_SLOTS = ["unseen", "absent", "missing", "nan", "positive_infinity", "negative_infinity", "wrong_type"] as const;
export type SpecialSlot = (typeof SPECIAL_SLOTS)[number];

/** Moments kept for each numeric feature and pane: count, mean, m2, min, max, in this order. */
export const MOMENT_FIELDS = 5;

/** What the pane log must know about a feature to read its rows without the snapshot. */
export type FeatureLayout = {
  readonly feature: string;
  readonly kind: "numeric" | "categorical";
  /** Hash of kind, edges or categories, and rounding: equal hashes add. */
  readonly layout: string;
  /** Number of regular bins (numeric: edges + 1; categorical: categories). */
  readonly bins: number;
  /** First slot of the feature in the row; its bins are `[offset, offset + bins)`, its special counters the next seven. */
  readonly offset: number;
  /** Index of the feature's moments in the row's moments (times `MOMENT_FIELDS`), or −1 for a categorical feature. */
  readonly moments: number;
};

/** All features of one row. `hash` hashes the names and layouts: it is the `layout` of a pane's key. */
export type RowLayout = {
  readonly hash: string;
  readonly features: readonly FeatureLayout[];
  /** Length of the row: sum of (bins + 7). */
  readonly slots: number;
  /** Number of numeric features. */
  readonly numeric: number;
};

/** A feature ready for the hot path. */
export type CompiledFeature = FeatureLayout & {
  /**
   * Where the value stands: a key of `record.features`, a field of the record itself (`$prediction`), or a key of `record.signals` (`$latency`).
   * `$$x` in a snapshot is the input `$x`.
   */
  readonly from: "features" | "prediction" | "signal";
  readonly key: string;
  /** The key is also a name of `Object.prototype`: an own-key check is needed. */
  readonly shadowed: boolean;
  /** Numeric: edges padded with +Infinity to a length of 2^k - 1, for the branchless search; empty for a categorical feature. */
  readonly paddedEdges: Float64Array;
  /** Round the value with `Math.fround` before binning. */
  readonly float32: boolean;
  /** Categorical: bin of each category; undefined for a numeric feature. Numbers and booleans are looked up as their text. */
  readonly categories: ReadonlyMap<string, number> | undefined;
  /** Some category is a whole number beyond 2^53: such numbers of records are compared as they are written. */
  readonly longIntegers: boolean;
  /** Categorical: where values are noted that the reference does not have; undefined: nowhere (the field is sensitive). */
  readonly unseen: UnseenValues | undefined;
};

/** The most frequent of some texts, in memory only and bounded (`panes/unseen.ts`). */
export type UnseenValues = { readonly add: (value: string) => void };

/** One declared expectation, ready for the hot path: a value is kept, broken, null or absent. */
export type CompiledExpectation = Pick<CompiledFeature, "from" | "key" | "shadowed"> & {
  /** First slot: kept, broken, then the special counters (absent and missing are used). */
  readonly offset: number;
  /** An absent or null value breaks it; otherwise such values are not judged. */
  readonly required: boolean;
  /** Whether a value that is neither absent nor null keeps it. `record` is asked for the text of long integers. Total: it never throws. */
  readonly keeps: (value: unknown, record: Readonly<DecodedRecord>) => boolean;
};

/** What is counted of a record beside its features, for its quality. */
export type CompiledChecks = {
  readonly expectations: readonly CompiledExpectation[];
  /** Keys of `record.features` that are no news; looked at in the first record of a pane only. Undefined: the reference does not say. */
  readonly schema:
    | { readonly offset: number; readonly known: ReadonlySet<string>; readonly appeared: UnseenValues | undefined }
    | undefined;
};

/** A feature that is computed from others: its place in `DerivedValues.steps`, and where it is counted. */
export type DerivedSlots = Pick<FeatureLayout, "bins" | "offset" | "moments"> & { readonly at: number; readonly paddedEdges: Float64Array };

/** The derived features of a snapshot, and how they are computed. */
export type CompiledDerived = { readonly values: DerivedValues; readonly slots: readonly DerivedSlots[] };

/**
 * A snapshot compiled for counting. `row.features[i]` and `features[i]` are the same feature; behind them `row` has those of `derived` (`$pca_1` …),
 * then those of `checks` (`$expect:…`, `$schema`), which no evaluation of drift looks at. Undefined: there are none.
 */
export type CompiledLayout = {
  readonly row: RowLayout;
  readonly features: readonly CompiledFeature[];
  readonly derived?: CompiledDerived | undefined;
  readonly checks?: CompiledChecks | undefined;
};
