/**
 * The distance to the first reference: a renewed reference learns what traffic has become, so a drift that comes slowly enough would be learnt
 * away. Therefore a renewed snapshot carries what the reference that the user has configured expects, and each evaluation of the longest
 * window is held against that too: a warning of its own (`slow`) where nothing else drifts.
 *
 * Two gates: the window is far from the first reference (`first_reference`), and so is the renewed reference, by half as much at least
 * (`first_learnt`). Without the second each stormy day would be a slow drift; what has not been learnt, the renewed reference itself finds.
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

/** A first reference ready for looks at one feature: what it expects, and how far the renewed one has moved from it. */
type First = { readonly counts: Float64Array; readonly learnt: number };

const prepared = new WeakMap<PreparedReference, readonly (First | undefined)[]>();

/** The renewed reference is weeks of traffic: while a drift goes on it lags behind the window. */
const LEARNT_SHARE = 0.5;

/**
 * The gate of one window; undefined where there is nothing to hold it against: the reference was not renewed, no limit is set, or a longer
 * window is there.
 *
 * Statistic: PSI less its mean without drift, `psi - (K - 1)(1/n + 1/m)`, of the window's coarse counts against the first reference's, and of the
 * renewed reference's against the first's. Drift from `policy.maxDistance` on, and from half of it on. A rule of thumb, not a test: 0.25 is what
 * credit scoring calls a changed population (`psi`), and 0.2 is about .45 standard deviations.
 */
export function firstGateOf(reference: PreparedReference, window: number): FirstGate | undefined {
  const { policy, snapshot } = reference;
  const limit = policy.maxDistance;
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  if (limit === undefined || snapshot.renewal === undefined || policy.windows[window]!.lengthMs < longestMs) return undefined;
  const firsts = prepared.get(reference) ?? prepareFirst(reference, snapshot.renewal.first.features);
  const least = LEARNT_SHARE * limit;
  return (look, index, gates) => {
    const first = firsts[index];
    if (first === undefined || look.code === INSUFFICIENT) return look;
    // Nothing to add, or nothing learnt that could be wrong.
    if (gates === undefined && (look.code >= WARNING || first.learnt < least)) return look;
    const distance = psiExcess(first.counts, look.current) ?? 0;
    const slow = distance >= limit && first.learnt >= least;
    gates?.push({ gate: "first_reference", passed: distance >= limit, value: distance, limit });
    gates?.push({ gate: "first_learnt", passed: first.learnt >= least, value: first.learnt, limit: least });
    return slow && look.code < WARNING ? conclude(look, WARNING, "slow") : look;
  };
}

function prepareFirst(reference: PreparedReference, features: Readonly<Record<string, FirstCounts>>): readonly (First | undefined)[] {
  const made = reference.features.map(({ feature, coarseBins, counts: learnt }) => {
    const found = Object.hasOwn(features, feature.feature) ? features[feature.feature] : undefined;
    if (found === undefined || found.counts.length !== coarseBins) return undefined;
    const counts = Float64Array.from(found.counts);
    return { counts, learnt: psiExcess(counts, learnt) ?? 0 };
  });
  prepared.set(reference, made);
  return made;
}
