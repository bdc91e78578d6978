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

/** Rows of a block at most. */
const ROWS = 4096;

/** A split of about `rows` rows. */
export function createSplit(rows: number, { inputs, rarities }: { readonly inputs: number; readonly rarities: number }): RowSplit {
  const first = new Uint32Array(ROWS);
  const second = new Uint32Array(ROWS);
  if (rows > EXACT_ROWS) {
    return (block, slots, parts) => {
      hashRows(block, slots, { inputs, rarities }, first, second);
      for (let i = 0; i < block.rows; i++) parts[i] = first[i]! % PARTS_OF_MANY === 0 ? FITS | COUNTS : COUNTS;
    };
  }
  let size = 1024;
  while (size < 2 * rows) size *= 2;
  const keys = new Float64Array(size).fill(-1);
  const turns = new Uint8Array(size);
  // All hashes of a block before the first look into the table: looks that follow each other wait for memory together.
  return (block, slots, parts) => {
    hashRows(block, slots, { inputs, rarities }, first, second);
    for (let i = 0; i < block.rows; i++) {
      const key = first[i]! * 2 ** 21 + (second[i]! >>> 11);
      let at = second[i]! & (size - 1);
      let known = keys[at]!;
      while (known !== key && known !== -1) {
        at = (at + 1) & (size - 1);
        known = keys[at]!;
      }
      if (known === -1) keys[at] = key;
      // The first of equal rows fits in one case of three.
      const turn = known === -1 ? first[i]! % PARTS : turns[at]!;
      parts[i] = turn === 0 ? FITS : COUNTS;
      turns[at] = turn === PARTS - 1 ? 0 : turn + 1;
    }
  };
}

/** Two hashes of 32 bits of each row over all that it is taken for (FNV-1a with two primes, the bits mixed at the end). */
function hashRows(
  { steps, bins, rows }: DerivedBlock,
  slots: Int32Array,
  { inputs, rarities }: { readonly inputs: number; readonly rarities: number },
  first: Uint32Array,
  second: Uint32Array,
): void {
  for (let i = 0; i < rows; i++) {
    let a = 0x811c9dc5 ^ slots[i]!;
    let b = 0x9e3779b9 ^ slots[i]!;
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
    first[i] = mixed(a);
    second[i] = mixed(b);
  }
}

function mixed(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
