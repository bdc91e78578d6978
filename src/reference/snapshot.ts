/**
 * The reference snapshot `driftd/reference/v1`: a frozen picture of the data that the model was made for.
 * The shape is a public contract; unknown extra fields are allowed and kept.
 *
 * Coarse bins: the regular ones come first (`0 … K-1`, from `coarse[]`). The special ones have fixed names and follow in this order:
 * numeric: `out_of_range` (below the minimum, above the maximum, ±Infinity), and `gap` when the reference has empty fine bins between atoms;
 * categorical: `other` (never seen in the reference). Missing, NaN and wrong types are quality, not drift: they are in none.
 * In `coarse[]` a fine bin that belongs to `out_of_range` or `gap` carries that coarse bin's number.
 */

/** Where a value comes from: an input, the model's output, another number of the record (`$latency`), or computed from the inputs (`$pca_1`). */
export type FeatureRole = "feature" | "prediction" | "signal" | "derived";

/** Moments of the finite numeric values (Welford): `m2` = sum of squared deviations from `mean`; `min`, `max` absent when `count` is 0. */
export type Moments = {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
  readonly min?: number;
  readonly max?: number;
};

type FeatureCommon = {
  readonly feature: string;
  readonly role: FeatureRole;
  /** Values judged: all rows less missing, NaN, infinities and wrong types. */
  readonly count: number;
  readonly missing: number;
  readonly wrong_type: number;
  /** Hash of kind, edges or categories, and rounding. Panes of equal layout add. */
  readonly layout: string;
  /** Coarse bin of each fine bin, stored, so that an upgrade changes no verdict. */
  readonly coarse: readonly number[];
};

export type NumericFeature = FeatureCommon & {
  readonly kind: "numeric";
  readonly nan: number;
  readonly positive_infinity: number;
  readonly negative_infinity: number;
  /** Values are rounded like this before binning: the reference was saved as float32, the stream is float64. */
  readonly round: null | "float32";
  /** Ascending. Bin j is (edges[j-1], edges[j]]; bin 0 = at or below edges[0] (below the minimum), the last bin is above the maximum. */
  readonly edges: readonly number[];
  /** One more than `edges`. */
  readonly counts: readonly number[];
  readonly moments: Moments;
  /** Mean of the reference values of each fine bin (absent for an empty bin: null): the support of the binned Wasserstein distance. */
  readonly means?: readonly (number | null)[];
  /** Edges of older tools' bins by name (`deciles`, `width:20`, `doane`, `edges`), which are among `edges` too; absent: none were asked for. */
  readonly psi_bins?: Readonly<Record<string, readonly number[]>>;
  /** Derived features only: the hash of what in `derived` it is computed by; part of `layout`. */
  readonly definition?: string;
};

export type CategoricalFeature = FeatureCommon & {
  readonly kind: "categorical";
  readonly categories: readonly string[];
  /** One for each category. */
  readonly counts: readonly number[];
  /** Categories seen exactly once: the Good-Turing estimate of the unseen mass is `seen_once / count`. */
  readonly seen_once: number;
  /** Values of the categories beyond the most frequent ones that are named here; in a window they count as `unseen`. Absent: none. */
  readonly unnamed?: number;
};

export type SnapshotFeature = NumericFeature | CategoricalFeature;

/** Coarse counts of each half hour of the reference, from which rule R's cells and calibration windows are made at load. */
export type Calibration = {
  /** Distinct calendar days touched, in `time_zone`. */
  readonly days: number;
  readonly time_zone: "UTC";
  readonly slot_seconds: number;
  /** Start of slot 0, ISO 8601 UTC; slot i starts `i * slot_seconds` later. */
  readonly from: string;
  /** Records of each slot, whatever their values; absent: not known. */
  readonly records?: readonly number[];
  /** Per feature: for each slot the counts of the coarse bins (an empty array = no value in that slot). */
  readonly slots: Readonly<Record<string, readonly (readonly number[])[]>>;
};

/** Where a reference that was renewed from closed panes comes from. */
export type Renewal = {
  /** 1 for the first renewal. */
  readonly ordinal: number;
  /** Digest of the reference that it took the place of. */
  readonly previous: string;
  /** The reference that the user has configured: what has moved away from it slowly is not to be learnt away. */
  readonly first: {
    readonly digest: string;
    readonly created_at: string;
    /** By feature: what it expects in each coarse bin, in counts. */
    readonly features: Readonly<Record<string, FirstCounts>>;
  };
};

/** The first reference's coarse counts of one feature, by cell of the week where its days allow it. */
export type FirstCounts = {
  readonly counts: readonly number[];
};

/**
 * The principal components of the inputs (Pearson 1901; Jolliffe, Principal Component Analysis, 2nd ed., 2002). A record's input x becomes
 * `z = (q / 2048 − mean) / sd` with `q = round(2048 (x − center) / scale)`, clipped at ±10 scales; a score is `Σ z · loading`, the residual
 * `√(Σ z² − Σ score²)`, both rounded to 1/4096. A record that lacks an input has neither.
 */
export type DerivedPca = {
  /** Records that the components were found in. They are not among those of the scores' bins, which would fit them too well. */
  readonly records: number;
  /** `center` and `scale`: mean and deviation of the values between the outer ½ %; `mean` and `sd`: of the clipped inputs themselves, in scales. */
  readonly inputs: readonly {
    readonly feature: string;
    readonly center: number;
    readonly scale: number;
    readonly mean: number;
    readonly sd: number;
  }[];
  /** `$pca_1` …: share of the inputs' variance, 0–1, and one loading for each input. */
  readonly components: readonly { readonly variance: number; readonly loadings: readonly number[] }[];
};

/**
 * The outlier score: the mean over a record's values of how rare each is, −ln of the share of the reference whose values are at most as dense. A
 * histogram-based outlier score (HBOS; Goldstein and Dengel, KI-2012), in nats; where the features are independent its mean is 1.
 */
export type DerivedOutlier = {
  /** Rarity of each fine bin or category, in thousandths of a nat; `other`: of an unseen category or an infinity. At most 65,535. */
  readonly rarity: readonly { readonly feature: string; readonly bins: readonly number[]; readonly other: number }[];
  /** A record with fewer values has no score. */
  readonly least: number;
  /** Limits: at most the share of the reference's records has a higher score than the limit. Shares descend to 0, limits ascend. */
  readonly tail: readonly { readonly share: number; readonly limit: number }[];
};

/** What the features of role `derived` are computed by. */
export type Derived = { readonly pca?: DerivedPca; readonly outlier?: DerivedOutlier };

export type Snapshot = {
  readonly schema: "driftd/reference/v1";
  /** `sha256:` + hex over the canonical JSON of everything else. */
  readonly digest: string;
  readonly model: string;
  /** Absent: judges every version. */
  readonly version?: string;
  readonly records: number;
  readonly time?: { readonly field: string; readonly from: string; readonly to: string };
  readonly provenance: {
    readonly source: string;
    readonly driftd: string;
    readonly created_at: string;
    readonly quantiles: string;
    /** Made of closed panes: the digest of the snapshot whose bins these are. */
    readonly bins_of?: string;
  };
  /** Derived features stand behind all others. */
  readonly features: readonly SnapshotFeature[];
  /** Absent: none of the features is derived. */
  readonly derived?: Derived;
  readonly calibration?: Calibration;
  /** Columns of the data that became no feature: as keys of a record they are no news. Absent: not known. */
  readonly ignored?: readonly string[];
  /** Absent in a reference that a person has built. */
  readonly renewal?: Renewal;
  /** How the limits of each feature come about at the windows of a configuration that names none; for people, nothing is judged by it. */
  readonly thresholds?: Readonly<Record<string, Readonly<Record<string, string>>>>;
};
