/**
 * What a rule can see: the smallest change of a feature that a window finds with 80 % probability, at a given traffic. It is measured, not
 * derived: windows are drawn under a change and judged by the very looks that judge live ones, so it holds for whatever rule is in force.
 *
 * What is drawn: independent values at the reference's own shares for the window's hours (with the uncertainty of a finite reference), as many
 * as its own hours of the day have, at eight times of a Wednesday; times at which a window holds too few values for a verdict are left out.
 * What is not drawn: days that differ from one another; where they do, live windows see a little less.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { rowLayoutOf } from "../reference/compile.ts";
import type { PreparedReference } from "./calibrate.ts";
import { createMove } from "./changed-feature.ts";
import { createDraw, type Draw } from "./draw.ts";
import type { VerdictReason, WindowCounts } from "./evaluation.ts";
import { INSUFFICIENT, NO_DRIFT } from "./look.ts";
import { createLooker, type Looker } from "./looker.ts";
import { blocksOf, momentsOf, profileOf, sharesOf } from "./power-window.ts";

/** Probability at which a change counts as found. */
export const POWER = 0.8;
/** Looks that each probability is estimated from: its standard error is 2.8 points at 80 %, about 2 % of the change. */
const LOOKS = 200;
/** Windows without a change that tell whether a time of the day gets a verdict. */
const HEALTHY_LOOKS = 8;
/** Some 10 µs each, so that a turn of the event loop is short. */
const LOOKS_A_TURN = 20;
/** Of the search's first, coarse steps. */
const COARSE_LOOKS = 40;
/** Halvings of the last doubling: to 2 %. */
const HALVINGS = 5;
const HOUR_MS = 3_600_000;
/** Wednesday, 7 January 1970; windows end at these hours of it. */
const WEDNESDAY_MS = 6 * 24 * HOUR_MS;
export const ENDS = [3, 6, 9, 12, 15, 18, 21, 24].map((hour) => WEDNESDAY_MS + hour * HOUR_MS);

/** A kind of change, and the sizes that are tried: from `least`, doubled until it is found, at most `most`. */
export type ChangeKind = "mean_shift" | "spread" | "new_values";
const SIZES: Readonly<Record<ChangeKind, { readonly least: number; readonly most: number }>> = {
  mean_shift: { least: 0.01, most: 20 },
  spread: { least: 0.01, most: 20 },
  new_values: { least: 0.0005, most: 0.9 },
};

export type FeaturePower = {
  /** Values that a window holds at this traffic. */
  readonly values: number;
  /** Times of the day, of eight, at which a window holds enough values for a verdict: the others are left out. */
  readonly times: number;
  /** A window of so many values gets no verdict at all: why. */
  readonly insufficient?: VerdictReason;
  /** Smallest shift of the mean, up or down, in standard deviations of the reference; null: none up to 20. Numeric features. */
  readonly meanShiftSd?: number | null;
  /** Smallest factor by which the standard deviation grows; null: none up to 21. Numeric features. */
  readonly spreadFactor?: number | null;
  /** Smallest share of values of categories that the reference does not have; null: none up to .9. Categorical features. */
  readonly newShare?: number | null;
};

export type Power = {
  /**
   * Measures judged feature `feature` at the policy's window `window`; deterministic. `perMinute`: records; `kinds`: all by default.
   * Some 10 ms for each kind.
   */
  readonly at: (feature: number, window: number, perMinute: number, kinds?: readonly ChangeKind[]) => FeaturePower;
  /** The same in turns of the event loop of some milliseconds each. */
  readonly inTurns: (feature: number, window: number, perMinute: number, kinds?: readonly ChangeKind[]) => Promise<FeaturePower>;
  /** The share of drawn windows under a change of that size (0: healthy) that get a verdict of drift. For tests. */
  readonly shareFound: (feature: number, window: number, perMinute: number, kind: ChangeKind, size: number, looks: number) => number;
};

/** One feature and window at some traffic, ready to be drawn; gives way between its steps. */
type Bench = {
  readonly values: number;
  readonly times: number;
  /** Why most healthy windows get no verdict; undefined: they get one. */
  readonly insufficient: VerdictReason | undefined;
  readonly shareFound: (kind: ChangeKind, size: number, looks: number) => Generator<void, number>;
};

/** Makes the measure for a prepared reference. */
export function createPower(reference: PreparedReference): Power {
  const layout = rowLayoutOf(reference.features.map(({ feature }) => feature));
  const row = new Uint32Array(layout.slots);

  function* bench(feature: number, window: number, perMinute: number): Generator<void, Bench> {
    const prepared = reference.features[feature]!;
    const { lengthMs, name } = reference.policy.windows[window]!;
    const { offset, bins } = layout.features[feature]!;
    const slots = row.subarray(offset, offset + bins + 1); // the regular bins and `unseen`
    const profile = profileOf(reference.snapshot.calibration, prepared.feature.feature);
    const perBlock = perMinute * 30 * (prepared.rows === 0 ? 0 : prepared.total / prepared.rows);
    const times: { readonly n: number; readonly looker: Looker; readonly shares: ReturnType<typeof sharesOf> }[] = [];
    for (const endMs of ENDS) {
      const blocks = blocksOf(endMs - lengthMs, endMs, (block) => perBlock * profile[block]!, feature, layout.features.length);
      const n = blocks.reduce((sum, { values }) => sum + values[feature]!, 0);
      const counts: WindowCounts = {
        ...{ model: "", version: "", window: { name, lengthMs }, startMs: endMs - lengthMs, endMs, layout, counts: row, blocks },
        ...{ records: n, coverage: 1, changedFeatures: new Set<string>(), incomplete: false, lost: 0, offsets: [] },
      };
      const looker = createLooker(counts, reference, window);
      times.push({ n, looker, shares: sharesOf(looker.at(feature), prepared, bins) });
      yield;
    }
    const move = prepared.feature.kind === "numeric" ? createMove(prepared.feature, prepared.gap >= 0) : undefined;
    const moved = new Float64Array(bins);
    // A calibrated rule reads coarse bins only, so one fine bin may stand for all of its coarse bin: twenty times fewer draws.
    const coarseOnly = reference.windowOf(feature, window).calibration !== undefined && reference.policy.thresholds === "auto";
    const grouped = new Float64Array(prepared.coarseBins);
    const first = Int32Array.from(grouped, (_, k) => prepared.coarse.indexOf(k));

    /** Fills the row with one window under a change, and judges it. */
    function look({ n, looker, shares }: (typeof times)[number], kind: ChangeKind, size: number, draw: Draw) {
      const truth = draw.aroundShares(shares.fine, prepared.coarse, shares.coarse);
      const unseen = kind === "new_values" ? size : 0;
      if (kind !== "new_values") {
        const { mean, deviation } = momentsOf(prepared.feature);
        const sign = draw.uniform() < 0.5 ? -1 : 1;
        const change = kind === "spread" ? { factor: 1 + size, shift: 0 } : { factor: 1, shift: sign * size * deviation };
        move?.(truth, { centre: mean, ...change }, moved);
      }
      const from = kind === "new_values" ? truth : moved;
      if (coarseOnly) {
        grouped.fill(0);
        for (let j = 0; j < bins; j++) grouped[prepared.coarse[j]!]! += from[j]!;
        for (let k = 0; k < grouped.length; k++) if (first[k]! >= 0) slots[first[k]!] = draw.poisson(n * (1 - unseen) * grouped[k]!);
      } else for (let j = 0; j < bins; j++) slots[j] = draw.poisson(n * (1 - unseen) * from[j]!);
      slots[bins] = draw.poisson(n * unseen);
      return looker.at(feature);
    }

    const unchanged: ChangeKind = prepared.feature.kind === "numeric" ? "mean_shift" : "new_values";
    let reason: VerdictReason | undefined;
    const judged: typeof times = [];
    for (const time of times) {
      const draw = createDraw(feature * 64 + window);
      let silent = 0;
      for (let i = 0; i < HEALTHY_LOOKS; i++) {
        const { code, reason: why } = look(time, unchanged, 0, draw);
        if (code !== INSUFFICIENT) continue;
        silent++;
        reason = why;
      }
      if (2 * silent < HEALTHY_LOOKS) judged.push(time);
      yield;
    }
    slots.fill(0);
    const shown = judged.length === 0 ? times : judged;
    return {
      values: Math.round(shown.reduce((sum, { n }) => sum + n, 0) / shown.length),
      times: judged.length,
      insufficient: 2 * judged.length < times.length ? reason : undefined,
      *shareFound(kind, size, looks) {
        const draw = createDraw(feature * 64 + window); // the same numbers at every size: the answer grows with the size
        let found = 0;
        for (let i = 0; i < looks; i++) {
          if (look(shown[i % shown.length]!, kind, size, draw).code > NO_DRIFT) found++;
          if ((i + 1) % LOOKS_A_TURN === 0) yield;
        }
        slots.fill(0);
        return found / looks;
      },
    };
  }

  function* measure(feature: number, window: number, perMinute: number, kinds?: readonly ChangeKind[]): Generator<void, FeaturePower> {
    const { values, times, shareFound, insufficient } = yield* bench(feature, window, perMinute);
    if (insufficient !== undefined) return { values, times, insufficient };
    const { kind } = reference.features[feature]!.feature;
    const sizes = new Map<ChangeKind, number | null>();
    for (const one of Object.keys(SIZES) as ChangeKind[]) {
      if ((kind === "numeric") === (one === "new_values") || kinds?.includes(one) === false) continue;
      sizes.set(one, yield* search(SIZES[one], (size, looks) => shareFound(one, size, looks)));
    }
    const [shift, spread, fresh] = [sizes.get("mean_shift"), sizes.get("spread"), sizes.get("new_values")];
    return {
      values,
      times,
      ...(shift === undefined ? {} : { meanShiftSd: shift }),
      ...(spread === undefined ? {} : { spreadFactor: spread === null ? null : 1 + spread }),
      ...(fresh === undefined ? {} : { newShare: fresh }),
    };
  }

  return {
    at: (...asked) => atOnce(measure(...asked)),
    inTurns: async (...asked) => {
      const steps = measure(...asked);
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) await nextTurn();
      return step.value;
    },
    shareFound: (feature, window, perMinute, kind, size, looks) =>
      atOnce(atOnce(bench(feature, window, perMinute)).shareFound(kind, size, looks)),
  };
}

function atOnce<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The smallest size that is found: doubled until it is, then halved between. Null when none is. */
function* search(
  { least, most }: { readonly least: number; readonly most: number },
  found: (size: number, looks: number) => Generator<void, number>,
): Generator<void, number | null> {
  let high = least;
  while ((yield* found(high, COARSE_LOOKS)) < POWER) {
    if (high >= most) return null;
    high = Math.min(most, 2 * high);
  }
  // The coarse steps may be off by one.
  let low = high / 4;
  high = Math.min(most, high * 1.5);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = Math.sqrt(low * high);
    if ((yield* found(middle, LOOKS)) >= POWER) high = middle;
    else low = middle;
  }
  return Math.sqrt(low * high);
}
