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
 * Joins the fine bins of a numeric feature: frequent single values keep a bin, the rest is cut into bins of equal reference mass, about ten in all.
 * `pair` has a bin for −Infinity first and one for +Infinity last.
 *
 * Which values keep a bin, and how many bins the rest gets, both samples say together. Where the rest is cut the reference says alone: its counts are
 * then fixed, and what falls between order statistics of a continuous feature has the law of its mass. (Cut at equal pooled mass, gaps between
 * forty reference values that are wide by chance choose the cuts: 80 rows against 2,000 alarmed thirteen times as often as stated.)
 */
export function joinNumeric(feature: PreparedFeature, pair: FinePair): Groups {
  const { reference, current, m, n } = pair;
  const { feature: snapshot } = feature;
  const edges = snapshot.kind === "numeric" ? snapshot.edges : [];
  const bins = reference.length;
  const least = leastPooled(pair);
  let filled = 0;
  let singles = 0;
  for (let j = 0; j < bins; j++) {
    if (reference[j]! + current[j]! === 0) continue;
    filled += 1;
    if (isSingleton(edges, j - 1)) singles += 1;
  }
  const few = filled <= FEW_VALUES && filled === singles;
  const ownFrom = few ? least : Math.max(least, (m + n) / (2 * COARSE_BINS));
  const own = (j: number): boolean => reference[j]! + current[j]! >= ownFrom && isSingleton(edges, j - 1);
  const groups: Group[] = [];
  let restOfReference = m;
  let rest = m + n;
  for (let j = 0; j < bins; j++) {
    if (!own(j)) continue;
    groups.push([reference[j]!, current[j]!]);
    restOfReference -= reference[j]!;
    rest -= reference[j]! + current[j]!;
  }
  let left = Math.min(Math.max(1, COARSE_BINS - groups.length), Math.floor(rest / least));
  let group: [number, number] = [0, 0];
  for (let j = 0; j < bins; j++) {
    if (own(j)) continue;
    const [r, c] = [reference[j]!, current[j]!];
    if (left > 1 && group[0] > 0 && group[0] + r / 2 > restOfReference / left) {
      groups.push(group);
      restOfReference -= group[0];
      left -= 1;
      group = [0, 0];
    }
    group[0] += r;
    group[1] += c;
  }
  return finish(groups, group, least);
}

/**
 * Joins the categories: the frequent ones keep a bin, all others are one, together with those that the reference never saw: which of the rare ones it
 * has seen is chance. `pair` has a bin for the unseen last.
 */
export function joinCategories(pair: FinePair): Groups {
  const { reference, current, m, n } = pair;
  const least = leastPooled(pair);
  const pooled = (j: number): number => reference[j]! + current[j]!;
  const frequent: number[] = [];
  for (let j = 0; j < reference.length - 1; j++) if (pooled(j) >= least) frequent.push(j);
  if (frequent.length > CATEGORY_BINS_MAX) {
    frequent.sort((a, b) => pooled(b) - pooled(a) || a - b);
    frequent.length = CATEGORY_BINS_MAX;
  }
  const rest: [number, number] = [m, n];
  for (const j of frequent) {
    rest[0] -= reference[j]!;
    rest[1] -= current[j]!;
  }
  return finish(
    frequent.map((j) => [reference[j]!, current[j]!] as const),
    rest,
    least,
  );
}

type Group = readonly [reference: number, current: number];

/** Pooled values of a bin of which the smaller side expects enough. */
function leastPooled({ m, n }: FinePair): number {
  return (LEAST_EXPECTED * (m + n)) / Math.min(m, n);
}

/** The groups as count vectors; a rest that is too small to stand alone goes with the smallest of them. */
function finish(groups: readonly Group[], rest: Group, least: number): Groups {
  const pooled = ([r, c]: Group): number => r + c;
  const all = groups.map(([r, c]): [number, number] => [r, c]);
  if (pooled(rest) >= least || (all.length === 0 && pooled(rest) > 0)) all.push([...rest]);
  else if (all.length > 0) {
    const smallest = all.reduce((a, b) => (pooled(b) < pooled(a) ? b : a));
    smallest[0] += rest[0];
    smallest[1] += rest[1];
  }
  return { reference: Float64Array.from(all, ([r]) => r), current: Float64Array.from(all, ([, c]) => c) };
}
