/**
 * What a feature's values become under a change of the world, in shares of its fine bins: the mean moves, the spread grows, new categories come.
 * For the power report; nothing here is random, and nothing judges.
 */

import { binOf, isSingleton, padEdges } from "../reference/bins.ts";
import type { NumericFeature } from "../reference/snapshot.ts";

/** A change of numeric values: `x → centre + (x − centre) · factor + shift`; `shift` and `centre` in the feature's own unit. */
export type NumericChange = { readonly centre: number; readonly factor: number; readonly shift: number };

/** Where nearly all of the mass stays, the rest is not moved without end for it. */
const LEAST_MOVING = 0.1;

/** Moves shares of the fine bins: `from[j]` of bin j to `to`, which is overwritten. Both sum to the same. */
export type MoveShares = (from: Float64Array, change: NumericChange, to: Float64Array) => void;

/**
 * Prepares a numeric feature. Values are taken to lie evenly in a bin. In a feature of single values (whole numbers, prices) a moved value goes
 * to its two neighbours among them, in the shares that keep the mean, and never beyond the first and the last: a shift of such a feature makes
 * it neither fractional nor unbounded. A point mass among other values (the zeros of an amount) stays where it is, and the others move for it.
 * `gap`: the reference has a `gap` bin.
 */
export function createMove(feature: NumericFeature, gap: boolean): MoveShares {
  const { edges, counts } = feature;
  const bins = counts.length;
  const padded = padEdges(edges);
  const lattice = gap || counts.every((count, j) => count === 0 || isSingleton(edges, j));
  const atoms = lattice ? edges.filter((_, j) => isSingleton(edges, j) && counts[j]! > 0) : [];

  function pointTo(moved: number, share: number, to: Float64Array): void {
    const x = Math.min(atoms.at(-1)!, Math.max(atoms[0]!, moved));
    const above = firstAbove(atoms, x);
    if (above <= 0 || above >= atoms.length || atoms[above - 1] === x) {
      to[binOf(padded, x)]! += share;
      return;
    }
    const low = atoms[above - 1]!;
    const high = atoms[above]!;
    const up = (x - low) / (high - low);
    to[binOf(padded, low)]! += share * (1 - up);
    to[binOf(padded, high)]! += share * up;
  }

  function spreadTo(from: number, until: number, share: number, to: Float64Array): void {
    const width = until - from;
    const first = binOf(padded, from);
    const last = binOf(padded, until);
    for (let bin = first; bin <= last; bin++) {
      const low = bin === 0 ? Number.NEGATIVE_INFINITY : edges[bin - 1]!;
      const high = bin === bins - 1 ? Number.POSITIVE_INFINITY : edges[bin]!;
      to[bin]! += (share * Math.max(0, Math.min(high, until) - Math.max(low, from))) / width;
    }
  }

  return (from, { centre, factor, shift }, to) => {
    to.fill(0);
    let still = 0;
    let all = 0;
    for (let j = 0; j < bins; j++) {
      all += from[j]!;
      if (!lattice && isSingleton(edges, j)) still += from[j]!;
    }
    const moving = all > 0 ? Math.max(LEAST_MOVING, 1 - still / all) : 1;
    const at = (x: number) => centre + (x - centre) * factor + shift / moving;
    for (let j = 0; j < bins; j++) {
      const share = from[j]!;
      if (share === 0) continue;
      const low = edges[j - 1];
      const high = edges[j];
      // Outside the range (in a renewed reference) nothing is known but the side.
      if (low === undefined || high === undefined) to[j]! += share;
      else if (isSingleton(edges, j)) {
        if (lattice) pointTo(at(high), share, to);
        else to[j]! += share;
      } else if (at(high) > at(low)) spreadTo(at(low), at(high), share, to);
      else to[binOf(padded, at(high))]! += share;
    }
  };
}

/** Index of the first number above x in an ascending list; its length when there is none. */
function firstAbove(ascending: readonly number[], x: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
