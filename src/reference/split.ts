/**
 * Splits the rows of a reference: in one third its components and rarities are found, in the other two thirds their distribution. Were both found in
 * the same rows, the distribution would be that of rows to which they were fitted, narrower than that of any new data: of 60 healthy pairs of
 * 1,000 and 2,000 rows of 20 independent features, judged at 1 %, all 60 drifted so, and none does with the split.
 *
 * Which rows fit is decided by what they hold, so that their order is nothing. Equal rows cannot be told apart, but their number can be shared out.
 */

import { NO_INPUT } from "./derived.ts";
import type { DerivedBlock } from "./derived-block.ts";

/** What a row is for, one bit each. */
export const FITS = 1;
export const COUNTS = 2;

/** One row in so many fits. */
const PARTS = 3;
/** Up to so many rows equal ones are known by a table of 12 bytes a row. */
const EXACT_ROWS = 4_000_000;
/** Of more rows, one in so many fits, and all count: a fit to so few is no more than a trace of them. */
const PARTS_OF_MANY = 16;

/** Says of the rows of blocks what they are for; begun anew for every scan. `slots`: the half hour of each row. O(features) a row. */
export type RowSplit = (block: DerivedBlock, slots: Int32Array, parts: Uint8Array) => void;

/** A split of about `rows` rows. */
export function createSplit(rows: number, { inputs, rarities }: { readonly inputs: number; readonly rarities: number }): RowSplit {
  const hash = new Uint32Array(2);
  if (rows > EXACT_ROWS) {
    return (block, slots, parts) => {
      for (let i = 0; i < block.rows; i++) {
        hashRow(block, slots[i]!, i, inputs, rarities, hash);
        parts[i] = hash[0]! % PARTS_OF_MANY === 0 ? FITS | COUNTS : COUNTS;
      }
    };
  }
  let size = 1024;
  while (size < 2 * rows) size *= 2;
  const keys = new Float64Array(size).fill(-1);
  const turns = new Uint8Array(size);
  return (block, slots, parts) => {
    for (let i = 0; i < block.rows; i++) {
      hashRow(block, slots[i]!, i, inputs, rarities, hash);
      const key = hash[0]! * 2 ** 21 + (hash[1]! >>> 11);
      let at = hash[1]! & (size - 1);
      while (keys[at] !== key && keys[at] !== -1) at = (at + 1) & (size - 1);
      if (keys[at] === -1) {
        keys[at] = key;
        // The first of equal rows fits in one case of three.
        turns[at] = hash[0]! % PARTS;
      }
      parts[i] = turns[at] === 0 ? FITS : COUNTS;
      turns[at] = (turns[at]! + 1) % PARTS;
    }
  };
}

/** Two hashes of 32 bits over all that a row is taken for (FNV-1a with two primes, the bits mixed at the end). */
function hashRow({ steps, bins }: DerivedBlock, slot: number, i: number, inputs: number, rarities: number, out: Uint32Array): void {
  let a = 0x811c9dc5 ^ slot;
  let b = 0x9e3779b9 ^ slot;
  const lacking = inputs > 0 && steps[i * inputs] === NO_INPUT;
  // What is left in the other inputs of a row without scores depends on the rows before it.
  if (!lacking) {
    for (let j = i * inputs, end = j + inputs; j < end; j++) {
      a = Math.imul(a ^ steps[j]!, 0x01000193);
      b = Math.imul(b ^ steps[j]!, 0x85ebca6b);
    }
  }
  for (let j = i * rarities, end = j + rarities; j < end; j++) {
    a = Math.imul(a ^ bins[j]!, 0x01000193);
    b = Math.imul(b ^ bins[j]!, 0x85ebca6b);
  }
  out[0] = mixed(a);
  out[1] = mixed(b);
}

function mixed(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
