/**
 * The reference made ready for evaluation: features as typed arrays, and for each feature and window its significance level, its noise on the
 * reference's own days (`calibrate-feature.ts`) and its limits. Not here: the verdict on a live window (`evaluate.ts`).
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { normalIsf } from "../../detectors/index.ts";
import type { RowLayout } from "../reference/layout.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { calibrateFeature, timedDays, type WindowCalibration } from "./calibrate-feature.ts";
import { hourMixOf } from "./hour-mix.ts";
import { alphaOf, type Policy, policyDigest } from "./policy.ts";
import { type PreparedFeature, prepareFeature } from "./prepared-feature.ts";
import { neededDays, type Uncalibrated } from "./uncalibrated.ts";

/** Tests of one look, for the budget: shift and bin; uncalibrated also location. */
const CALIBRATED_TESTS = 2;
const UNCALIBRATED_TESTS = 3;
const QUALITY_CHECKS = 5;
/** A feature at one window length: significance level, calibration (undefined: judged by step 6) and the limits already computed. */
export type PreparedWindow = {
  readonly alpha: number;
  readonly calibration: WindowCalibration | undefined;
  /** What a calibration lacks; undefined where there is one, and in a comparison, which needs none. */
  readonly uncalibrated: Uncalibrated | undefined;
  /** G limits by degrees of freedom and effective size (rounded to 5 %). */
  readonly limits: Map<number, number>;
  /** The same for a critical verdict. */
  readonly criticalLimits: Map<number, number>;
  /** The same for the bin test's limits without variance between days, by number of coarse bins. */
  readonly binLimits: Map<number, number>;
  /** Standard deviations that a quality share has to grow by. */
  readonly qualityLimit: number;
  /** No other window of the policy is longer: here an uncalibrated feature may be critical. */
  readonly longest: boolean;
  /** Ordinary bins are tested: the longest window that the feature's days suffice to calibrate. */
  readonly testsBins: boolean;
};

export type PreparedReference = {
  readonly snapshot: Snapshot;
  readonly policy: Policy;
  readonly policyDigest: string;
  /** The judged features, in the snapshot's order. */
  readonly features: readonly PreparedFeature[];
  readonly names: readonly string[];
  /** The feature at one of the policy's windows (by its place in `policy.windows`); made at first use. */
  readonly windowOf: (feature: number, window: number) => PreparedWindow;
  /** Makes that for all features of a window in short turns of the event loop; undefined when all of it is there. */
  readonly readyFor: (window: number) => Promise<void> | undefined;
  /** Where each judged feature stands in a row of counts: its place in `layout.features`, or −1 when its bins there are not these. */
  readonly columnsOf: (layout: RowLayout) => Int32Array;
};

/**
 * Prepares a snapshot for evaluation under a policy. What a feature needs at a window length is made at its first evaluation and kept:
 * about a millisecond for two weeks of half hours.
 */
export function prepareReference(snapshot: Snapshot, policy: Policy): PreparedReference {
  const include = policy.features.include === undefined ? undefined : new Set(policy.features.include);
  const exclude = new Set(policy.features.exclude);
  const features = snapshot.features
    .filter(({ feature }) => (include?.has(feature) ?? true) && !exclude.has(feature))
    .map((feature) => prepareFeature(feature));
  const windows: (PreparedWindow | undefined)[] = new Array(features.length * policy.windows.length);
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  // Uncalibrated limits depend on no feature's own noise: one map for each window serves all of them.
  const shared = policy.windows.map(() => ({ limits: new Map<number, number>(), binLimits: new Map<number, number>() }));
  const columns = new WeakMap<RowLayout, Int32Array>();

  const ready = policy.windows.map(() => false);
  const making = new Map<number, Promise<void>>();

  function readyFor(window: number): Promise<void> | undefined {
    if (ready[window] !== false) return undefined; // also for a window that the policy does not have
    const running = making.get(window) ?? makeAll(window);
    making.set(window, running);
    return running;
  }

  async function makeAll(window: number): Promise<void> {
    for (let feature = 0; feature < features.length; feature++) {
      windowOf(feature, window);
      if (policy.thresholds === "auto") hourMixOf(snapshot, features[feature]!, policy.windows[window]!.lengthMs);
      if (snapshot.calibration !== undefined) await nextTurn(); // it took a millisecond or more
    }
    ready[window] = true;
  }

  function windowOf(feature: number, window: number): PreparedWindow {
    const at = feature * policy.windows.length + window;
    windows[at] ??= prepareWindow(feature, window);
    return windows[at];
  }

  function prepareWindow(feature: number, window: number): PreparedWindow {
    const { lengthMs } = policy.windows[window]!;
    const longest = lengthMs === longestMs;
    const testsBins = policy.mode === "monitor" && lengthMs === longestCalibratedMs(feature);
    const found = policy.mode === "monitor" ? calibrateFeature(snapshot, features[feature]!, lengthMs, testsBins) : undefined;
    const calibration = found === undefined || "reason" in found ? undefined : found;
    const tests = calibration === undefined ? UNCALIBRATED_TESTS : CALIBRATED_TESTS;
    const alpha = alphaOf(policy, policy.windows[window]!, features.length, tests);
    return {
      alpha,
      calibration,
      uncalibrated: found !== undefined && "reason" in found ? found : undefined,
      limits: calibration === undefined ? shared[window]!.limits : new Map(),
      criticalLimits: new Map(),
      binLimits: calibration === undefined ? shared[window]!.binLimits : new Map(),
      qualityLimit: normalIsf(alpha / QUALITY_CHECKS),
      longest,
      testsBins,
    };
  }

  function longestCalibratedMs(feature: number): number {
    const days = timedDays(snapshot, features[feature]!);
    const lengths = policy.windows.map(({ lengthMs }) => lengthMs).filter((lengthMs) => neededDays(lengthMs) <= days);
    return Math.max(0, ...lengths);
  }

  return {
    snapshot,
    policy,
    policyDigest: policyDigest(policy),
    features,
    names: features.map(({ feature }) => feature.feature),
    windowOf,
    readyFor,
    columnsOf: (layout) => {
      let found = columns.get(layout);
      if (found === undefined) {
        const places = new Map(layout.features.map(({ feature, layout: bins }, i) => [feature, { i, bins }]));
        found = Int32Array.from(features, ({ feature }) => {
          const place = places.get(feature.feature);
          return place?.bins === feature.layout ? place.i : -1;
        });
        columns.set(layout, found);
      }
      return found;
    },
  };
}
