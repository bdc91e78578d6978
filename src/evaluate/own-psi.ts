/**
 * How often a fixed PSI threshold fires on the reference's own windows: a daily cycle makes a short window of healthy traffic differ from the
 * whole reference by far more than chance does, and a fixed threshold does not know that. Counting, no rule.
 */

import { psi } from "../../detectors/index.ts";
import { referenceCoarse } from "../reference/coarse.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { VALUES_PER_BIN } from "./limits.ts";

/** More windows, and more features, than these change the answer little. */
const MAX_WINDOWS = 300;
const MAX_FEATURES = 50;

/**
 * The feature whose own windows of `lengthMs` exceed the PSI most often, and their share (0–1) of those with enough values; undefined without
 * event time, or when windows are longer than the reference. Windows start at slots, spread evenly. Some milliseconds for 50 features.
 */
export function ownWindowsAbove(
  { calibration, features }: Snapshot,
  lengthMs: number,
  limit: number,
): { readonly feature: string; readonly share: number } | undefined {
  if (calibration === undefined) return undefined;
  const length = Math.max(1, Math.round(lengthMs / (calibration.slot_seconds * 1000)));
  let worst: { readonly feature: string; readonly share: number } | undefined;
  for (const feature of features.slice(0, MAX_FEATURES)) {
    const slots = Object.hasOwn(calibration.slots, feature.feature) ? calibration.slots[feature.feature]! : [];
    const whole = referenceCoarse(feature);
    const current = new Float64Array(whole.length);
    const step = Math.max(1, Math.ceil((slots.length - length + 1) / MAX_WINDOWS));
    let judged = 0;
    let above = 0;
    for (let start = 0; start + length <= slots.length; start += step) {
      current.fill(0);
      let n = 0;
      for (let i = start; i < start + length; i++) {
        for (let k = 0; k < current.length; k++) {
          const count = slots[i]![k] ?? 0;
          current[k]! += count;
          n += count;
        }
      }
      if (n < VALUES_PER_BIN * whole.length) continue;
      judged++;
      if ((psi(whole, current) ?? 0) > limit) above++;
    }
    if (judged > 0 && (worst === undefined || above / judged > worst.share)) worst = { feature: feature.feature, share: above / judged };
  }
  return worst;
}
