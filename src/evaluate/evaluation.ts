/**
 * What an evaluation is: one window of one model and version against its reference, with a three-valued verdict, a reason and every number
 * that led to it. `driftd compare` prints the `features` of exactly this shape; the daemon stores, exports and serves it.
 */

import type { Severity, Verdict } from "../decide/alert.ts";
import type { RowLayout } from "../reference/layout.ts";
import type { CalibrationOrigin } from "./calibration-state.ts";
import type { Repeats, Volume } from "./volume.ts";

/** The sum of a window's panes: the only thing an evaluation sees of the traffic. */
export type WindowCounts = {
  readonly model: string;
  readonly version: string;
  /** The configured name (`1h`) and length; `compare` uses `all` and the length 0. */
  readonly window: { readonly name: string; readonly lengthMs: number };
  readonly startMs: number;
  readonly endMs: number;
  readonly layout: RowLayout;
  /** `layout.slots` counts. */
  readonly counts: Uint32Array | Uint16Array | Float64Array;
  /** Records counted in the window. */
  readonly records: number;
  /** Share of the window's panes that hold at least one record, 0–1. */
  readonly coverage: number;
  /** Values judged per feature and half hour (the cells of rule R weigh by them): `values[block][feature index of layout]`; empty without event time. */
  readonly blocks: readonly { readonly startMs: number; readonly values: Uint32Array }[];
  /** Features whose panes were counted under other bins: `reference_changed` until the window has filled. */
  readonly changedFeatures: ReadonlySet<string>;
  readonly incomplete: boolean;
  readonly lost: number;
  /** Records whose id was looked at, and those of them whose id had been seen before in the same pane; absent: not known. */
  readonly ids?: Repeats;
  readonly offsets: readonly { readonly source: string; readonly partition: number; readonly from: number; readonly to: number }[];
};

/** Why a verdict is what it is: a closed list. */
export type VerdictReason =
  // drift
  | "shift" // the coarse bins' G is above its calibrated limit, and the effect is large enough
  | "bin" // one ordinary bin moved
  | "out_of_range"
  | "gap"
  | "unseen" // special bins grew
  | "location" // KS
  | "threshold" // a fixed threshold was crossed
  | "slow" // near the renewed reference, far from the first one
  // no drift
  | "within_noise"
  | "below_effect_floor"
  // insufficient_data
  | "no_reference"
  | "too_few_values"
  | "thin_window" // below half the calibration windows' mean
  | "low_coverage"
  | "empty_reference"
  | "reference_changed"
  | "source_stalled"
  | "overflow";

/** A number of the rule beside its limit; `passed`: the condition that drift needs (or, for the first gates, that a verdict needs) holds. */
export type Gate = { readonly gate: string; readonly passed: boolean; readonly value: number; readonly limit: number };

/**
 * What may be wrong with the data of a window beside drift: a closed list. The first nine are driftd's own, then the declared expectations,
 * then what concerns the records and not a feature (`$volume`, `$duplicates`).
 */
export const QUALITY_CHECKS = [
  "missing", // absent or null, more than in the reference
  "nan",
  "infinite",
  "wrong_type",
  "out_of_range",
  "unseen", // categories that the reference never had
  "constant", // it varied in the reference, and holds one value only
  "vanished", // the key is in no record
  "appeared", // keys that the reference does not have
  "not_null",
  "type",
  "between",
  "in_set",
  "matches",
  "volume",
  "silence",
  "duplicates",
] as const;
export type QualityCheckName = (typeof QUALITY_CHECKS)[number];

/** One check of one feature, as it is shown. The verdict `drift` says that the check fails: the word of the public contract. */
export type QualityCheck = {
  readonly check: QualityCheckName;
  readonly verdict: Verdict;
  /** Absent: the reference does not say (declared expectations). */
  readonly reference_share?: number;
  readonly current_share: number;
  /** The check fails from this share on (0–1; an expectation: above it). Absent where nothing is judged. */
  readonly limit?: number;
  /** Declared expectations: what was expected, in words. */
  readonly expected?: string;
};

/**
 * Something of a window that is not fine, or (`insufficient_data`) could not be told. It is neither drift nor a statistic, and it never asks for
 * retraining. What is fine is in no list: 50,000 features have no finding at all on an ordinary day.
 */
export type QualityFinding = {
  /** A feature; `$schema`, `$volume` and `$duplicates` stand for the records as a whole. */
  readonly feature: string;
  readonly check: QualityCheckName;
  readonly verdict: "drift" | "insufficient_data";
  readonly severity: Severity;
  /** What was seen and the limit that it passed, both in the check's own unit (a share 0–1, or records). */
  readonly value: number;
  readonly limit: number;
};

/** Names and shapes are those of `contracts.md`; a statistic that does not apply is absent. */
export type Statistics = {
  readonly psi?: { readonly value: number; readonly excess: number; readonly threshold?: number };
  readonly kl?: { readonly value: number; readonly direction: "current||reference"; readonly threshold?: number };
  readonly kl_reverse?: { readonly value: number; readonly direction: "reference||current"; readonly threshold?: number };
  readonly ks?: { readonly value: number; readonly upper: number; readonly p_value: number; readonly threshold?: number };
  readonly g?: { readonly value: number; readonly p_value: number; readonly degrees_of_freedom: number; readonly threshold?: number };
  readonly chi_square?: {
    readonly value: number;
    readonly p_value: number;
    readonly degrees_of_freedom: number;
    readonly threshold?: number;
  };
  readonly jensen_shannon?: { readonly value: number; readonly base: "e"; readonly form: "divergence"; readonly threshold?: number };
  readonly hellinger?: { readonly value: number; readonly threshold?: number };
  readonly total_variation?: { readonly value: number; readonly threshold?: number };
  readonly wasserstein?: { readonly value: number; readonly binned: true; readonly threshold?: number };
  readonly area_gap?: { readonly value: number; readonly threshold?: number };
};

/** The numbers of older tools, as `compat` of the policy asks for them; they decide nothing. */
export type CompatStatistics = {
  /** `exact`: what that tool counts on the same data; else its bins cut ours, and are shared out by length. */
  readonly psi?: { readonly value: number; readonly zero: string; readonly bins: string; readonly exact: boolean };
  readonly kl?: {
    readonly value: number;
    readonly direction: "current||reference" | "reference||current";
    readonly zero: string;
    readonly bins: string;
    readonly exact: boolean;
  };
  readonly jensen_shannon?: {
    readonly value: number;
    readonly base: "e" | 2;
    readonly form: "distance" | "divergence";
    readonly bins: string;
    readonly exact: boolean;
  };
};

export type FeatureEvaluation = {
  readonly feature: string;
  readonly kind: "numeric" | "categorical";
  readonly verdict: Verdict;
  readonly reason: VerdictReason;
  /** Present when the verdict is drift. */
  readonly severity?: Severity;
  readonly reference_count: number;
  readonly current_count: number;
  readonly missing: { readonly reference: number; readonly current: number };
  readonly quality: readonly QualityCheck[];
  readonly statistics: Statistics;
  /** Absent: not asked for, or no statistics. */
  readonly compat?: CompatStatistics;
  /** Every number of rule R with its limit, in the order of the rule. */
  readonly gates: readonly Gate[];
  /** False: fewer than 7 days of timestamps, judged by step 6. */
  readonly calibrated: boolean;
  /** How the thresholds came about; `degraded`: what could not be had and why. Absent in older evaluations. */
  readonly threshold?: { readonly origin: CalibrationOrigin; readonly degraded?: string };
  /** PSI less its noise with the ends of its confidence interval, from the counts alone; absent where no statistic is shown. */
  readonly effect?: { readonly psi_excess: number; readonly lower: number; readonly upper: number; readonly confidence: number };
  /** The special or ordinary bin that the verdict rests on, by label. */
  readonly bin?: string;
};

/** Code of a feature's verdict in `Outcomes`: its place in this list. */
export const OUTCOMES = ["insufficient_data", "no_drift", "warning", "critical"] as const;

/** The verdicts of one evaluation, by feature: `codes[i]` is the place in `OUTCOMES` of the feature `features[i]`. */
export type Outcomes = { readonly features: readonly string[]; readonly codes: Uint8Array };

/** Bits of `Evaluation.unjudged`: too few rows for the checks of rows, too few values for those of values. */
export const FEW_ROWS = 1;
export const FEW_VALUES = 2;

export type Evaluation = {
  readonly model: string;
  readonly version: string;
  readonly window: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly records: number;
  readonly verdict: Verdict;
  /** For the whole: of the worst feature; a reason that concerns all features when none could be judged. */
  readonly reason: VerdictReason;
  readonly severity?: Severity;
  /** Digest of the policy (thresholds, budget, windows, features) under which it was made. */
  readonly policy: string;
  readonly referenceDigest: string | null;
  /**
   * One for each judged feature, in the snapshot's order. Built at first use when `evaluateWindow` made the evaluation (full detail costs
   * microseconds a feature): for one feature take `featureEvaluation(evaluation, i)`, for verdicts alone take `outcomes`.
   */
  readonly features: readonly FeatureEvaluation[];
  /** The verdict of every judged feature without its detail: what the decision needs of 50,000 features. Absent in hand-made evaluations. */
  readonly outcomes?: Outcomes;
  /** What is wrong with the window's data beside drift; absent: not looked at (`insufficient_data` for all, or an older evaluation). */
  readonly findings?: readonly QualityFinding[];
  /** The number of records against what is usual: of the shortest window, for the version that most records are of. Not stored. */
  readonly volume?: Volume;
  /** Records whose id was looked at, and those whose id had been seen before in their pane; absent: none was. Not stored. */
  readonly ids?: Repeats;
  /** By judged feature: which of its checks could not be judged, as bits (`FEW_ROWS`, `FEW_VALUES`). Absent in hand-made evaluations. */
  readonly unjudged?: Uint8Array;
  readonly offsets: WindowCounts["offsets"];
};
