/**
 * The bins of one comparison of two tables. The stored coarse bins were chosen by the reference's own counts, and judging it by them again makes
 * the luckiest of its rare values look frequent: twenty equally frequent values, 400 rows against 5,000, alarm in one pair of fourteen at the
 * level .0003. So here both samples choose together: which fine bins are joined depends on their pooled counts alone, and given those a
 * healthy split between the samples is hypergeometric, whatever was chosen. Pure; not for the daemon, where the reference is fixed.
 */

import { isSingleton } from "../reference/bins.ts";
import { COARSE_BINS } from "../reference/coarse.ts";
import type { PreparedFeature } from "./prepared-feature.ts";

/** Expected values of a joined bin on the smaller side, at least: G with Williams' factor follows its law from there on. */
const LEAST_EXPECTED = 5;
/** Up to so many values each has a bin of its own where it is frequent enough. */
const FEW_VALUES = 12;
/** Categories with bins of their own, at most. */
const CATEGORY_BINS_MAX = 50;

/** Counts of both samples in joined bins; empty ones do not occur. */
export type Groups = { readonly reference: Float64Array; readonly current: Float64Array };

/** Two count vectors over the same fine bins, with their sums m and n. */
export type FinePair = {
  readonly reference: ArrayLike<number>;
  readonly current: ArrayLike<number>;
  readonly m: number;
  readonly n: number;
};

/**
 * Joins the fine bins of a numeric feature: frequent single values keep a bin, the rest is cut into about ten bins of equal pooled mass. `pair`
 * has a bin for −Infinity first and one for +Infinity last.
 */
export function joinNumeric(feature: PreparedFeature, pair: FinePair): Groups {
  const { reference, current, m, n } = pair;
  const { feature: snapshot } = feature;
  const edges = snapshot.kind === "numeric" ? snapshot.edges : [];
  const bins = reference.length;
  const all = m + n;
  const least = (LEAST_EXPECTED * all) / Math.min(m, n);
  const pooled = Float64Array.from({ length: bins }, (_, j) => reference[j]! + current[j]!);
  let filled = 0;
  let singles = 0;
  for (let j = 0; j < bins; j++) {
    if (pooled[j] === 0) continue;
    filled += 1;
    if (isSingleton(edges, j - 1)) singles += 1;
  }
  const few = filled <= FEW_VALUES && filled === singles;
  const ownFrom = few ? least : Math.max(least, all / (2 * COARSE_BINS));
  const own = (j: number): boolean => pooled[j]! >= ownFrom && isSingleton(edges, j - 1);
  let left = 0;
  let owned = 0;
  for (let j = 0; j < bins; j++) {
    if (own(j)) owned += 1;
    else left += pooled[j]!;
  }
  let groups = Math.max(1, COARSE_BINS - owned);
  const joined = createJoin(bins, least);
  for (let j = 0; j < bins; j++) {
    if (pooled[j] === 0) continue;
    if (own(j)) {
      if (joined.mass() >= least) joined.close();
      const open = joined.mass();
      joined.add(reference[j]!, current[j]!);
      // What is left over before a frequent value goes with it.
      left -= open;
      joined.close();
      continue;
    }
    const target = Math.max(least, left / groups);
    if (joined.mass() >= least && joined.mass() + pooled[j]! / 2 > target) {
      left -= joined.mass();
      groups = Math.max(1, groups - 1);
      joined.close();
    }
    joined.add(reference[j]!, current[j]!);
  }
  return joined.finish();
}

/**
 * Joins the categories: the frequent ones keep a bin, all others are one, together with those that the reference never saw: which of the rare ones it
 * has seen is chance. `pair` has a bin for the unseen last.
 */
export function joinCategories(pair: FinePair): Groups {
  const { reference, current, m, n } = pair;
  const all = m + n;
  const least = (LEAST_EXPECTED * all) / Math.min(m, n);
  const named = reference.length - 1;
  const frequent: number[] = [];
  for (let j = 0; j < named; j++) if (reference[j]! + current[j]! >= least) frequent.push(j);
  if (frequent.length > CATEGORY_BINS_MAX) {
    frequent.sort((a, b) => reference[b]! + current[b]! - reference[a]! - current[a]! || a - b);
    frequent.length = CATEGORY_BINS_MAX;
  }
  const joined = createJoin(frequent.length + 1, least);
  let restOfReference = m;
  let restOfCurrent = n;
  for (const j of frequent) {
    joined.add(reference[j]!, current[j]!);
    joined.close();
    restOfReference -= reference[j]!;
    restOfCurrent -= current[j]!;
  }
  if (restOfReference + restOfCurrent > 0) joined.add(restOfReference, restOfCurrent);
  return joined.finish();
}

/** Collects joined bins; one that stays too small at the end goes with the smallest before it. */
function createJoin(bins: number, least: number) {
  const reference = new Float64Array(bins);
  const current = new Float64Array(bins);
  let size = 0;
  let open = false;
  const pooledAt = (k: number): number => reference[k]! + current[k]!;
  return {
    add: (r: number, c: number): void => {
      open = true;
      reference[size] = reference[size]! + r;
      current[size] = current[size]! + c;
    },
    close: (): void => {
      if (open) size += 1;
      open = false;
    },
    mass: (): number => (open ? pooledAt(size) : 0),
    finish: (): Groups => {
      if (open && size > 0 && pooledAt(size) < least) {
        reference[size - 1] = reference[size - 1]! + reference[size]!;
        current[size - 1] = current[size - 1]! + current[size]!;
        open = false;
      }
      if (open) size += 1;
      return { reference: reference.subarray(0, size), current: current.subarray(0, size) };
    },
  };
}
