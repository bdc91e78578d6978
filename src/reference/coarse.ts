/**
 * Coarse bins: fine bins regrouped for PSI, KL, G and their kin, so that coarse counts are an exact recount. Which fine bin belongs to which
 * coarse bin is decided once, when the reference is built, and stored; this file makes that choice, applies it and names the bins.
 *
 * Regular bins come first, then the special ones: numeric `out_of_range` (below the minimum, above the maximum, ±Infinity) and, where the
 * reference has a lattice, `gap`; categorical `other` (never seen in the reference). Missing, NaN and wrong types are in none of them.
 */

import { isSingleton, nextUp } from "./bins.ts";
import type { CategoricalFeature, NumericFeature, SnapshotFeature } from "./snapshot.ts";

/** Regular coarse bins aimed at for a numeric feature (K), and the most there can be. */
export const COARSE_BINS = 10;
const COARSE_BINS_MAX = 20;
/** Up to so many distinct values each has a coarse bin of its own. */
const FEW_VALUES = 12;
/**
 * A feature has a `gap` bin when at most this share of its values was seen only once. That share estimates the mass of values never seen
 * (Good–Turing); at half of the 1 % that a special bin must grow by, new values of a healthy lattice cannot reach the limit by themselves.
 */
const GAP_UNSEEN_MASS = 0.005;
/** A category with at least this share of the values has a coarse bin of its own, up to so many of them; the others are pooled as `rare`. */
const CATEGORY_SHARE = 0.01;
const CATEGORY_BINS_MAX = 50;
/**
 * Beyond `FEW_VALUES` categories one also needs so many values: choosing the bins by the very counts that they are then judged by makes the
 * luckiest of the rare ones look frequent (at 1 % of 400 rows, a tenth of healthy pairs alarmed at a stated 5 %).
 */
const CATEGORY_VALUES_MIN = 30;

/** Chooses the coarse bin of each fine bin of a numeric feature. `seenOnce`: values that occur exactly once. */
export function coarseOfNumeric(fine: {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly seenOnce: number;
}): number[] {
  const { edges, counts } = fine;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const inner = counts.length - 2;
  const filled: number[] = [];
  for (let j = 1; j <= inner; j++) if (counts[j]! > 0) filled.push(j);
  const few = filled.length <= FEW_VALUES && filled.every((j) => isSingleton(edges, j));
  const own = new Set(filled.filter((j) => isSingleton(edges, j) && (few || counts[j]! * 2 * COARSE_BINS >= total)));
  const rest = filled.filter((j) => !own.has(j));
  let left = rest.reduce((sum, j) => sum + counts[j]!, 0);
  let groups = Math.max(1, COARSE_BINS - own.size);

  const coarse = new Array<number>(counts.length).fill(-1);
  let next = 0;
  let group = -1;
  let mass = 0;
  let closed = 0;
  const close = (): void => {
    if (group < 0) return;
    left -= mass;
    groups = Math.max(1, groups - 1);
    closed += 1;
    group = -1;
    mass = 0;
  };
  for (let j = 1; j <= inner; j++) {
    const count = counts[j]!;
    const target = left / groups;
    const full = own.size + closed + 1 >= COARSE_BINS_MAX;
    if (own.has(j)) {
      // An atom of its own ends the group before it, unless that group is too small to stand alone: it goes on behind the atom.
      if (mass >= target / 2 && !full) close();
      coarse[j] = next++;
    } else if (count > 0) {
      if (mass > 0 && mass + count / 2 > target && !full) close();
      if (group < 0) group = next++;
      coarse[j] = group;
      mass += count;
    }
  }

  const outOfRange = next;
  const hasGap = fine.seenOnce <= GAP_UNSEEN_MASS * total;
  for (let j = 1; j <= inner; j++) {
    // An empty fine bin lies between two atoms. In a lattice that is a place where no value belongs; else it goes with its left neighbour.
    if (coarse[j] === -1) coarse[j] = hasGap ? outOfRange + 1 : coarse[j - 1]!;
  }
  coarse[0] = outOfRange;
  coarse[counts.length - 1] = outOfRange;
  return coarse;
}

/** Chooses the coarse bin of each category: its own, or `rare`, which comes last. `counts` go with the snapshot's categories. */
export function coarseOfCategorical(counts: readonly number[], total: number): number[] {
  const order = counts.map((_, i) => i).sort((a, b) => counts[b]! - counts[a]! || a - b);
  const least = Math.max(CATEGORY_SHARE * total, counts.length > FEW_VALUES ? CATEGORY_VALUES_MIN : 0);
  const own = order.filter((i) => counts[i]! >= least).slice(0, CATEGORY_BINS_MAX);
  const coarse = new Array<number>(counts.length).fill(own.length);
  own
    .sort((a, b) => a - b)
    .forEach((category, bin) => {
      coarse[category] = bin;
    });
  return coarse;
}

/** Where the coarse bins of a feature stand; −1 for a special bin that it does not have. */
export type CoarsePlan = {
  /** All coarse bins, special ones included. */
  readonly size: number;
  /** Regular ones: `0 … regular - 1`. */
  readonly regular: number;
  readonly outOfRange: number;
  readonly gap: number;
  readonly other: number;
};

/** Says how many coarse bins a feature has and which are special. O(bins). */
export function coarsePlan(feature: SnapshotFeature): CoarsePlan {
  let last = -1;
  for (const bin of feature.coarse) if (bin > last) last = bin;
  if (feature.kind === "categorical") return { size: last + 2, regular: last + 1, outOfRange: -1, gap: -1, other: last + 1 };
  const outOfRange = feature.coarse[0]!;
  return { size: last + 1, regular: outOfRange, outOfRange, gap: last > outOfRange ? outOfRange + 1 : -1, other: -1 };
}

/**
 * Regroups one feature's slots of a row into coarse counts. `row[offset …]` holds its bins and then the seven counters of `SPECIAL_SLOTS`;
 * `out` has `coarsePlan(feature).size` places and is overwritten. Unseen categories go to `other`, ±Infinity to `out_of_range`.
 */
export function coarseCounts<T extends Float64Array | Uint32Array | number[]>(
  feature: SnapshotFeature,
  row: ArrayLike<number>,
  offset: number,
  out: T,
): T {
  const { coarse } = feature;
  const bins = coarse.length;
  out.fill(0);
  for (let j = 0; j < bins; j++) out[coarse[j]!]! += row[offset + j]!;
  if (feature.kind === "categorical") out[out.length - 1]! += row[offset + bins]!;
  else out[coarse[0]!]! += row[offset + bins + 4]! + row[offset + bins + 5]!;
  return out;
}

/** Coarse counts of the reference itself: infinities are out of range, values beyond the named categories are `other`. */
export function referenceCoarse(feature: SnapshotFeature): Float64Array {
  const out = new Float64Array(coarsePlan(feature).size);
  for (let j = 0; j < feature.counts.length; j++) out[feature.coarse[j]!]! += feature.counts[j]!;
  if (feature.kind === "categorical") out[out.length - 1]! += feature.unnamed ?? 0;
  else out[feature.coarse[0]!]! += feature.positive_infinity + feature.negative_infinity;
  return out;
}

/** Names for people, one for each coarse bin in order: a value, an interval, a category, or the name of a special bin. */
export function coarseLabels(feature: SnapshotFeature): string[] {
  return feature.kind === "categorical" ? categoryLabels(feature) : intervalLabels(feature);
}

function categoryLabels(feature: CategoricalFeature): string[] {
  const { regular } = coarsePlan(feature);
  const members: string[][] = Array.from({ length: regular }, () => []);
  feature.categories.forEach((category, i) => {
    members[feature.coarse[i]!]!.push(category);
  });
  return [...members.map((names) => (names.length === 1 ? names[0]! : `rare (${names.length} categories)`)), "other"];
}

function intervalLabels(feature: NumericFeature): string[] {
  const { regular, gap } = coarsePlan(feature);
  const make = (write: (x: number) => string): string[] =>
    Array.from({ length: regular }, (_, bin) => {
      const lo = feature.coarse.indexOf(bin);
      const hi = feature.coarse.lastIndexOf(bin);
      return intervalLabel(feature.edges, { lo, hi, lowest: feature.coarse[lo - 1] === regular }, write);
    });
  let labels = make((x) => String(Number(x.toPrecision(6))));
  if (new Set(labels).size < labels.length) labels = make(String);
  return [...labels, "out_of_range", ...(gap >= 0 ? ["gap"] : [])];
}

function intervalLabel(
  edges: readonly number[],
  { lo, hi, lowest }: { readonly lo: number; readonly hi: number; readonly lowest: boolean },
  write: (x: number) => string,
): string {
  if (lo === hi && isSingleton(edges, lo)) return write(edges[lo]!);
  const below = edges[lo - 1]!;
  const above = edges[hi]!;
  // An edge just below the next one was made for an atom: the interval begins (or ends) at that atom.
  const from = lowest || isSingleton(edges, lo) ? `[${write(nextUp(below))}` : `(${write(below)}`;
  const to = isSingleton(edges, hi + 1) ? `${write(edges[hi + 1]!)})` : `${write(above)}]`;
  return `${from}, ${to}`;
}
