/**
 * What a feature's values become under a change of the world, in shares of its fine bins: the mean moves, the spread grows, new categories come.
 * For the power report; nothing here is random, and nothing judges.
 */

import { isSingleton } from "../reference/bins.ts";
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
  const lattice = gap || counts.every((count, j) => count === 0 || isSingleton(edges, j));
  const atomBins = lattice ? counts.flatMap((count, j) => (j < edges.length && count > 0 && isSingleton(edges, j) ? [j] : [])) : [];
  const atoms = Float64Array.from(atomBins, (j) => edges[j]!);
  const single = Uint8Array.from(counts, (_, j) => (isSingleton(edges, j) ? 1 : 0));
  // Bins ascend, and so do their images: each search goes on where the last one ended.
  let bin = 0;
  let above = 0;

  /** The bin of x, as `binOf` has it. */
  function seek(x: number): number {
    while (bin < bins - 1 && x > edges[bin]!) bin++;
    return bin;
  }

  function pointTo(moved: number, share: number, to: Float64Array): void {
    const x = Math.min(atoms[atoms.length - 1]!, Math.max(atoms[0]!, moved));
    while (above < atoms.length && atoms[above]! <= x) above++;
    const low = atoms[above - 1]!;
    if (above === atoms.length || low === x) {
      to[atomBins[above - 1]!]! += share;
      return;
    }
    const up = (x - low) / (atoms[above]! - low);
    to[atomBins[above - 1]!]! += share * (1 - up);
    to[atomBins[above]!]! += share * up;
  }

  function spreadTo(from: number, until: number, share: number, to: Float64Array): void {
    const width = until - from;
    for (let at = seek(from); ; at++) {
      const low = at === 0 ? Number.NEGATIVE_INFINITY : edges[at - 1]!;
      const high = at === bins - 1 ? Number.POSITIVE_INFINITY : edges[at]!;
      to[at]! += (share * Math.max(0, Math.min(high, until) - Math.max(low, from))) / width;
      if (until <= high) return;
    }
  }

  return (from, { centre, factor, shift }, to) => {
    to.fill(0);
    bin = 0;
    above = 0;
    let still = 0;
    let all = 0;
    for (let j = 0; j < bins; j++) {
      all += from[j]!;
      if (!lattice && single[j] === 1) still += from[j]!;
    }
    const moving = all > 0 ? Math.max(LEAST_MOVING, 1 - still / all) : 1;
    const at = (x: number) => centre + (x - centre) * factor + shift / moving;
    for (let j = 0; j < bins; j++) {
      const share = from[j]!;
      if (share === 0) continue;
      // Outside the range (in a renewed reference) nothing is known but the side.
      if (j === 0 || j === bins - 1) {
        to[j]! += share;
        continue;
      }
      const high = at(edges[j]!);
      if (single[j] === 1) {
        if (lattice) pointTo(high, share, to);
        else to[j]! += share;
        continue;
      }
      const low = at(edges[j - 1]!);
      if (high > low) spreadTo(low, high, share, to);
      else to[seek(high)]! += share;
    }
  };
}
