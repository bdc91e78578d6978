/**
 * The distance to the first reference: a renewed reference learns what traffic has become, so a drift that comes slowly enough would be learnt
 * away. Therefore a renewed snapshot carries what the reference that the user has configured expects, and each evaluation of the longest
 * window is held against that too: the gate `first_reference`, a warning of its own (`slow`) where nothing else drifts.
 */

import { psiExcess } from "../../detectors/index.ts";
import type { FirstCounts, Snapshot } from "../reference/snapshot.ts";
import type { PreparedReference } from "./calibrate.ts";
import type { Gate } from "./evaluation.ts";
import { conclude, INSUFFICIENT, type Look, WARNING } from "./look.ts";
import { prepareFeature } from "./prepared-feature.ts";

/** Values beyond the range are expected at two counts, as in `expectSpecial`. */
const OUT_OF_RANGE_COUNT = 2;

/**
 * What a snapshot expects of each feature's coarse bins, in counts, for the lineage of its renewals: its own counts, with categories that were
 * seen once standing for those never seen (Good–Turing), and two counts beyond the range.
 */
export function firstCounts(snapshot: Snapshot): Record<string, FirstCounts> {
  return Object.fromEntries(
    snapshot.features.map((feature) => {
      const { counts, outOfRange, other, seenOnce } = prepareFeature(feature);
      const expected = Array.from(counts);
      if (outOfRange >= 0) expected[outOfRange] = Math.max(OUT_OF_RANGE_COUNT, expected[outOfRange]!);
      if (seenOnce !== undefined) {
        for (let k = 0; k < other; k++) {
          expected[k]! -= seenOnce[k]!;
          expected[other]! += seenOnce[k]!;
        }
      }
      return [feature.feature, { counts: expected }];
    }),
  );
}

/** Holds a look that has its verdict against the first reference too; `index` is the place of the judged feature. */
export type FirstGate = (look: Look, index: number, gates?: Gate[]) => Look;

const prepared = new WeakMap<PreparedReference, readonly (Float64Array | undefined)[]>();

/**
 * The gate of one window; undefined where there is nothing to hold it against: the reference was not renewed, no limit is set, or a longer
 * window is there.
 *
 * Statistic: PSI less its mean without drift, `psi - (K - 1)(1/n + 1/m)`, of the window's coarse counts against the first reference's. Passed
 * from `policy.maxDistance` on. A rule of thumb, not a test: 0.2 is what credit scoring calls a significant change of the population
 * (`psi`); healthy seasons stay below it or are worth a look.
 */
export function firstGateOf(reference: PreparedReference, window: number): FirstGate | undefined {
  const { policy, snapshot } = reference;
  const limit = policy.maxDistance;
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  if (limit === undefined || snapshot.renewal === undefined || policy.windows[window]!.lengthMs < longestMs) return undefined;
  const firsts = prepared.get(reference) ?? prepareFirst(reference, snapshot.renewal.first.features);
  return (look, index, gates) => {
    const first = firsts[index];
    if (first === undefined || look.code === INSUFFICIENT) return look;
    if (gates === undefined && look.code >= WARNING) return look; // nothing to add
    const distance = psiExcess(first, look.current) ?? 0;
    const far = distance >= limit;
    gates?.push({ gate: "first_reference", passed: far, value: distance, limit });
    return far && look.code < WARNING ? conclude(look, WARNING, "slow") : look;
  };
}

function prepareFirst(
  reference: PreparedReference,
  features: Readonly<Record<string, FirstCounts>>,
): readonly (Float64Array | undefined)[] {
  const made = reference.features.map(({ feature, coarseBins }) => {
    const found = Object.hasOwn(features, feature.feature) ? features[feature.feature] : undefined;
    return found === undefined || found.counts.length !== coarseBins ? undefined : Float64Array.from(found.counts);
  });
  prepared.set(reference, made);
  return made;
}
