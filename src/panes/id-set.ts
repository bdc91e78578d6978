/**
 * Which ids were seen in one open pane, and how many records came with an id seen before: a hash table of fixed memory, whatever the rate.
 *
 * Beyond 2^15 different ids only those are kept whose hash lies below a threshold; it halves whenever the table is full, and what was counted
 * is counted again from the ids that stay. So the numbers are those of one fair sample of ids with all their records (Flajolet's adaptive
 * sampling, "On adaptive sampling", Computing 43, 1990), scaled to the whole: the share of repeats has no bias, and the same records in any
 * order give the same numbers. Ids themselves are never kept, only 64 bits of a hash: at 2^15 ids two share one about once in 10^10 panes.
 */

/** Ids kept at most; the table has twice as many places: 768 kB. */
const MAX_IDS = 1 << 15;
const FIRST_PLACES = 64;
/** Of an id longer than twice this, the first and the last so many characters are hashed. */
const HASHED_CHARS = 256;

export type IdSet = {
  /** Two halves of the hash by place; `low` and `high` 0 and `seen` 0: the place is free. */
  low: Uint32Array;
  high: Uint32Array;
  /** Records with this id. */
  seen: Uint32Array;
  /** Places used. */
  size: number;
  /** Ids are kept while their hash's upper half is below 2^(32 − shift). */
  shift: number;
  /** Records whose id is kept, and those of them that were not the first. */
  checked: number;
  repeated: number;
};

/** An empty set: about 1 kB, growing with the ids. */
export function newIdSet(): IdSet {
  return {
    ...{ low: new Uint32Array(FIRST_PLACES), high: new Uint32Array(FIRST_PLACES), seen: new Uint32Array(FIRST_PLACES) },
    ...{ size: 0, shift: 0, checked: 0, repeated: 0 },
  };
}

/** Counts one record's id, a text or a whole number below 2^53. Some 100 ns for 36 characters; allocates only when the table grows. */
export function addId(set: IdSet, id: string | number): void {
  if (typeof id === "number") addHash(set, (id % 0x1_0000_0000) | 0, Math.floor(id / 0x1_0000_0000));
  else addText(set, id);
}

/** Two multiplicative hashes over the same characters, as in cyrb53 (public domain). */
function addText(set: IdSet, id: string): void {
  const { length } = id;
  let a = 0xdeadbeef ^ length;
  let b = 0x41c6ce57 ^ length;
  for (let i = 0; i < length; i++) {
    if (i === HASHED_CHARS && length > 2 * HASHED_CHARS) i = length - HASHED_CHARS;
    const char = id.charCodeAt(i);
    a = Math.imul(a ^ char, 0x9e3779b1);
    b = Math.imul(b ^ char, 0x5f356495);
  }
  addHash(set, a, b);
}

/** Each half is mixed with the other, so that neighbouring numbers fall apart too. */
function addHash(set: IdSet, a: number, b: number): void {
  const low = mix(a ^ mix(b)) >>> 0;
  const high = mix(b ^ mix(low ^ 0x9e3779b9)) >>> 0;
  if (set.shift > 0 && high >>> (32 - set.shift) !== 0) return;
  set.checked++;
  const mask = set.low.length - 1;
  for (let at = low & mask; ; at = (at + 1) & mask) {
    if (set.seen[at] === 0) {
      set.low[at] = low;
      set.high[at] = high;
      set.seen[at] = 1;
      set.size++;
      if (2 * set.size >= set.low.length) makeRoom(set);
      return;
    }
    if (set.low[at] === low && set.high[at] === high) {
      set.seen[at]!++;
      set.repeated++;
      return;
    }
  }
}

/** The finalizer of MurmurHash3 (public domain): a one-to-one map of 32 bits. */
function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Records with an id, and those whose id had been seen before; beyond 2^15 ids estimated from the sample. */
export function readIds({ checked, repeated, shift }: IdSet): { readonly checked: number; readonly repeated: number } {
  const times = 2 ** shift;
  return { checked: checked * times, repeated: repeated * times };
}

/** Doubles the table, or, at its bound, halves the sample. */
function makeRoom(set: IdSet): void {
  const { low, high, seen } = set;
  const places = low.length < 2 * MAX_IDS ? 2 * low.length : low.length;
  set.low = new Uint32Array(places);
  set.high = new Uint32Array(places);
  set.seen = new Uint32Array(places);
  // Half of the ids stay on average; should hardly any leave, the threshold goes on falling.
  do {
    if (places === low.length) set.shift++;
    rebuild(set, low, high, seen);
  } while (2 * set.size >= places);
}

function rebuild(set: IdSet, low: Uint32Array, high: Uint32Array, seen: Uint32Array): void {
  const mask = set.low.length - 1;
  set.seen.fill(0);
  set.size = 0;
  set.checked = 0;
  set.repeated = 0;
  for (let from = 0; from < low.length; from++) {
    const records = seen[from]!;
    if (records === 0 || (set.shift > 0 && high[from]! >>> (32 - set.shift) !== 0)) continue;
    let at = low[from]! & mask;
    while (set.seen[at] !== 0) at = (at + 1) & mask;
    set.low[at] = low[from]!;
    set.high[at] = high[from]!;
    set.seen[at] = records;
    set.size++;
    set.checked += records;
    set.repeated += records - 1;
  }
}
