/**
 * The policy of an evaluation: which thresholds, which false-alarm budget, which windows and features. Its digest is stored with every
 * evaluation, so that a verdict can be traced to the rule it was made under. Not here: the reference's own noise (`calibrate.ts`).
 */

import { digestOf } from "../reference/canonical.ts";
import type { Expectation } from "../reference/expectations.ts";

/** Statistics that may carry a fixed threshold. */
export type ThresholdStatistic = "psi" | "kl" | "kl_reverse" | "ks" | "jensen_shannon" | "hellinger" | "total_variation";

/** A statistic at or above a limit has that severity. */
export type FixedThreshold = { readonly warning?: number | undefined; readonly critical?: number | undefined };

export type FixedThresholds = Readonly<Partial<Record<ThresholdStatistic, FixedThreshold>>>;

export type PolicyWindow = { readonly name: string; readonly lengthMs: number };

/** Numbers as older tools compute them, shown beside ours; they decide nothing. */
export type Compat = {
  readonly psi?:
    | {
        readonly zero: { readonly kind: "jeffreys" | "evidently" } | { readonly kind: "epsilon" | "floor"; readonly value: number };
        readonly bins:
          | { readonly kind: "coarse" | "deciles" | "doane" }
          | { readonly kind: "width"; readonly bins: number }
          | { readonly kind: "edges"; readonly edges: readonly number[] }
          | { readonly kind: "edges_by_feature"; readonly edges: Readonly<Record<string, readonly number[]>> };
      }
    | undefined;
  readonly kl?: { readonly direction: "current||reference" | "reference||current" } | undefined;
  readonly js?: { readonly base: "e" | 2; readonly form: "distance" | "divergence" } | undefined;
};

/** How the number of records is judged. */
export type VolumeRule = {
  /** What it is compared with: the same hours of past weeks in the pane log, or the reference's own days. */
  readonly against: "history" | "reference" | "off";
  /** Share of records with an id seen before in the same pane that is tolerated, 0–1; null: ids are not looked at. */
  readonly duplicates: number | null;
};

export const DEFAULT_VOLUME: VolumeRule = { against: "history", duplicates: 0.01 };

/**
 * What an evaluation obeys. `mode` is `monitor` for the daemon (rule R, or fixed thresholds) and `compare` for one look at two tables
 * without calibration, where `falseAlarms.budget` is the chance of any false alarm and `perMs` is not used.
 */
export type Policy = {
  readonly mode: "monitor" | "compare";
  readonly thresholds: "auto" | FixedThresholds;
  readonly falseAlarms: { readonly budget: number; readonly perMs: number };
  /** Shortest first. `compare`: one window of length 0. */
  readonly windows: readonly PolicyWindow[];
  /** `include` undefined: every feature of the reference; then `exclude` is taken away. */
  readonly features: { readonly include?: readonly string[] | undefined; readonly exclude: readonly string[] };
  /** Absent: none. */
  readonly expectations?: readonly Expectation[];
  /** Growth of a share of bad values that is a finding, 0–1; absent: .01. */
  readonly quality?: { readonly growth: number };
  readonly compat?: Compat;
  /** Absent: `DEFAULT_VOLUME`. */
  readonly volume?: VolumeRule;
  /** PSI less its noise between the first reference and the longest window that is a warning (renewed references only); absent: not held against it. */
  readonly maxDistance?: number;
};

/** More looks per window length than this add no false alarms: neighbouring windows are nearly the same (simulated, not derived). */
const LOOKS_PER_WINDOW = 12;

const DAY_MS = 86_400_000;

/** The window of `compare`: everything, without event time. */
export const COMPARE_WINDOW: PolicyWindow = { name: "all", lengthMs: 0 };

/** The policy of the daemon when nothing is configured: one false alarm per model in 30 days over windows of 1, 6 and 24 hours. */
export const DEFAULT_POLICY: Policy = {
  mode: "monitor",
  thresholds: "auto",
  falseAlarms: { budget: 1, perMs: 30 * DAY_MS },
  windows: [
    { name: "1h", lengthMs: DAY_MS / 24 },
    { name: "6h", lengthMs: DAY_MS / 4 },
    { name: "24h", lengthMs: DAY_MS },
  ],
  features: { exclude: [] },
};

/** The policy of `driftd compare`: `falseAlarm` is the chance, 0–1, that a healthy comparison reports drift in any feature. */
export function comparePolicy(falseAlarm: number): Policy {
  return {
    mode: "compare",
    thresholds: "auto",
    falseAlarms: { budget: falseAlarm, perMs: 0 },
    windows: [COMPARE_WINDOW],
    features: { exclude: [] },
  };
}

/**
 * The significance level of one test of one feature in one look at `window`: the budget shared by `features` features, `statistics`
 * statistics, the ladder's windows and at most 12 looks per window length: `A / (12 · (T/W) · d · S)`. In `compare` there is one look.
 */
export function alphaOf(policy: Policy, window: PolicyWindow, features: number, statistics: number): number {
  const tests = Math.max(1, features) * statistics;
  if (policy.mode === "compare") return policy.falseAlarms.budget / tests;
  const looks = LOOKS_PER_WINDOW * Math.max(1, policy.falseAlarms.perMs / window.lengthMs);
  return Math.min(0.05, policy.falseAlarms.budget / (looks * tests * policy.windows.length));
}

/** `sha256:` + hex over the policy in canonical JSON (sorted keys). Equal policies have equal digests. */
export function policyDigest(policy: Policy): string {
  return digestOf({ policy });
}
