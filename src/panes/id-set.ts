/**
 * Which ids were seen in one open pane, and how many records came with an id seen before: a hash table of fixed memory, whatever the rate.
 *
 * Beyond 2^12 different ids only those are kept whose hash lies below a threshold; it halves whenever the table is full, and what was counted
 * is counted again from the ids that stay. So the numbers are those of one fair sample of ids with all their records (Flajolet's adaptive
 * sampling, "On adaptive sampling", Computing 43, 1990), scaled to the whole: the share of repeats has no bias, and the same records in any
 * order give the same numbers. Ids themselves are never kept, only 64 bits of a hash: at 2^12 ids two share one about once in 10^12 panes.
 */

/** Ids kept at most; the table has twice as many places of 16 bytes: 128 kB. */
const MAX_IDS = 1 << 12;
const FIRST_PLACES = 64;
/** Of an id longer than twice this, the first and the last so many characters are hashed. */
const HASHED_CHARS = 256;

/** A place: both halves of the hash, how many records had the id (0: the place is free), and nothing, so that it lies in one line of the cache. */
const STRIDE = 4; // a shift by 2
const LOW = 0;
const HIGH = 1;
const SEEN = 2;

export type IdSet = {
  places: Uint32Array;
  /** Places used. */
  size: number;
  /** Ids are kept while the upper half of their hash is below 2^(32 − shift). */
  shift: number;
  /** Records whose id is kept, and those of them that were not the first. */
  checked: number;
  repeated: number;
};

/** An empty set: 1 kB, growing with the ids. */
export function newIdSet(): IdSet {
  return { places: new Uint32Array(FIRST_PLACES * STRIDE), size: 0, shift: 0, checked: 0, repeated: 0 };
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
  const { places } = set;
  const mask = places.length - 1;
  for (let at = (low << 2) & mask; ; at = (at + STRIDE) & mask) {
    if (places[at + SEEN] === 0) {
      places[at + LOW] = low;
      places[at + HIGH] = high;
      places[at + SEEN] = 1;
      set.size++;
      if (2 * STRIDE * set.size >= places.length) makeRoom(set);
      return;
    }
    if (places[at + LOW] === low && places[at + HIGH] === high) {
      places[at + SEEN]!++;
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

/** Records with an id, and those whose id had been seen before; beyond 2^12 ids estimated from the sample. */
export function readIds({ checked, repeated, shift }: IdSet): { readonly checked: number; readonly repeated: number } {
  const times = 2 ** shift;
  return { checked: checked * times, repeated: repeated * times };
}

/** Doubles the table, or, at its bound, halves the sample. */
function makeRoom(set: IdSet): void {
  const old = set.places;
  const grows = old.length < 2 * MAX_IDS * STRIDE;
  set.places = new Uint32Array(grows ? 2 * old.length : old.length);
  // Half of the ids stay on average; should hardly any leave, the threshold goes on falling.
  do {
    if (!grows) set.shift++;
    refill(set, old);
  } while (2 * STRIDE * set.size >= set.places.length);
}

/** Puts the ids of a table that are below the threshold into the set's own, and counts anew. */
function refill(set: IdSet, old: Uint32Array): void {
  const { places, shift } = set;
  const mask = places.length - 1;
  places.fill(0);
  set.size = 0;
  set.checked = 0;
  set.repeated = 0;
  for (let from = 0; from < old.length; from += STRIDE) {
    const records = old[from + SEEN]!;
    if (records === 0 || (shift > 0 && old[from + HIGH]! >>> (32 - shift) !== 0)) continue;
    let at = (old[from + LOW]! << 2) & mask;
    while (places[at + SEEN] !== 0) at = (at + STRIDE) & mask;
    places.set(old.subarray(from, from + STRIDE), at);
    set.size++;
    set.checked += records;
    set.repeated += records - 1;
  }
}
