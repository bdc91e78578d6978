/**
 * A table that was saved as float32 beside a reference that was not: 0.1 became 0.10000000149, which is no value of the reference, and a comparison
 * would find every value new. The other way round needs no search: there the stream is rounded as the reference was (`round` of a snapshot).
 */

import { binOf } from "./bins.ts";
import type { CompiledFeature } from "./layout.ts";

/** A number that people or programs write with at most nine digits, the most that a float32 can carry of a decimal, or a whole number. */
export function isShortDecimal(value: number): boolean {
  return Number.isInteger(value) || Number(value.toPrecision(9)) === value;
}

/**
 * The reference's value that was rounded to the float32 `value`; `value` itself where there is none, or where it may be one that needed no rounding.
 * Edges are values of the reference (or just below one), so a value that keeps its side of every edge falls into the bin that it was in before it
 * was rounded. O(log edges).
 */
export function beforeFloat32(edges: ArrayLike<number>, value: number): number {
  if (isShortDecimal(value)) return value;
  let low = 0;
  let high = edges.length;
  // The first edge whose float32 is above the value: the one before it may be the value.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Math.fround(edges[middle]!) <= value) low = middle + 1;
    else high = middle;
  }
  const edge = low > 0 ? edges[low - 1]! : Number.NaN;
  return Math.fround(edge) === value ? edge : value;
}

/** Columns that may have been saved as float32, counted a second time as they were before. */
export type Float32Columns = {
  /** Takes the next `length` finite values of a feature, and the bins that they fall into as they are. */
  readonly add: (feature: CompiledFeature, values: Float64Array, bins: Int32Array, length: number) => void;
  /** Puts the second counts in the place of the first for the columns that are float32; returns their features. */
  readonly settle: (counts: Uint32Array) => string[];
};

/** A column was saved as float32 when every value of it is one, and some are no short decimals. */
export function createFloat32Columns(): Float32Columns {
  const columns = new Map<CompiledFeature, { readonly counts: Uint32Array; narrow: boolean; long: boolean }>();
  return {
    add: (feature, values, bins, length) => {
      let column = columns.get(feature);
      if (column === undefined) {
        column = { counts: new Uint32Array(feature.bins), narrow: true, long: false };
        columns.set(feature, column);
      }
      for (let i = 0; i < length && column.narrow; i++) {
        const value = values[i]!;
        if (Math.fround(value) !== value) column.narrow = false;
        const before = beforeFloat32(feature.paddedEdges, value);
        if (!column.long && !isShortDecimal(value)) column.long = true;
        const bin = before === value ? bins[i]! : binOf(feature.paddedEdges, before);
        column.counts[bin]! += 1;
      }
    },
    settle: (counts) => {
      const found: string[] = [];
      for (const [feature, { counts: before, narrow, long }] of columns) {
        if (!narrow || !long) continue;
        counts.set(before, feature.offset);
        found.push(feature.feature);
      }
      return found;
    },
  };
}
