/**
 * Seeded random numbers for the simulations: the small fast generator sfc32, and draws from a finite distribution by Walker's alias method, some
 * four nanoseconds each. The same seed gives the same numbers on every machine.
 */

/** The four words of sfc32; changed by every draw. */
export type Random = Int32Array;

/** A generator of its own for each list of numbers (a seed, a scenario's number, a month …). */
export function seedRandom(...parts: readonly number[]): Random {
  const state = new Int32Array([0x9e3779b9, 0x243f6a88, 0xb7e15162, 1]);
  for (const part of parts) {
    state[0]! ^= part | 0;
    state[1]! ^= Math.floor(part / 2 ** 32) | 0;
    for (let i = 0; i < 15; i++) nextUint32(state);
  }
  return state;
}

/** The next 32 bits, 0 … 2³² − 1. */
export function nextUint32(state: Random): number {
  const t = (state[0]! + state[1]! + state[3]!) | 0;
  state[3] = (state[3]! + 1) | 0;
  state[0] = state[1]! ^ (state[1]! >>> 9);
  state[1] = (state[2]! + (state[2]! << 3)) | 0;
  state[2] = (((state[2]! << 21) | (state[2]! >>> 11)) + t) | 0;
  return t >>> 0;
}

/** Uniform in (0, 1). */
export function uniform(state: Random): number {
  return (nextUint32(state) + 0.5) / 2 ** 32;
}

/** Standard normal, by Box and Muller. */
export function normal(state: Random): number {
  return Math.sqrt(-2 * Math.log(uniform(state))) * Math.cos(2 * Math.PI * uniform(state));
}

/** Poisson with the given mean: by multiplication of uniforms below 30, a rounded normal above. */
export function poisson(state: Random, mean: number): number {
  if (mean >= 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(state)));
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = uniform(state); product > limit; product *= uniform(state)) count++;
  return count;
}

/** Successes of `n` trials with probability `p`: one uniform a trial. */
export function binomial(state: Random, n: number, p: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (uniform(state) < p) count++;
  return count;
}

/**
 * A finite distribution made ready for drawing: 2^bits columns. The low bits of a word are the level that gets what the column does not keep for its own,
 * the others the share that it keeps: one load a draw, and a table of a thousand levels stays in the first cache.
 */
export type AliasTable = { readonly bits: number; readonly words: Uint32Array };

/** Walker's alias table (Vose's construction) of probabilities that sum to 1; at most 65,536 of them. O(levels). */
export function aliasTable(probabilities: Float64Array): AliasTable {
  const bits = Math.max(1, Math.ceil(Math.log2(probabilities.length)));
  const size = 2 ** bits;
  const words = new Uint32Array(size);
  const mass = new Float64Array(size);
  const small: number[] = [];
  const large: number[] = [];
  const kept = 2 ** (32 - bits);
  const write = (column: number, share: number, other: number): void => {
    words[column] = Math.min(kept - 1, Math.round(share * kept)) * size + other;
  };
  for (let i = 0; i < size; i++) {
    mass[i] = (probabilities[i] ?? 0) * size;
    (mass[i]! < 1 ? small : large).push(i);
  }
  while (small.length > 0 && large.length > 0) {
    const low = small.pop()!;
    const high = large[large.length - 1]!;
    write(low, mass[low]!, high);
    mass[high] = mass[high]! - (1 - mass[low]!);
    if (mass[high]! < 1) small.push(large.pop()!);
  }
  for (const rest of [...small, ...large]) write(rest, 1, rest);
  return { bits, words };
}

/** Draws one level. */
export function drawLevel(state: Random, { bits, words }: AliasTable): number {
  const t = nextUint32(state);
  const column = t >>> (32 - bits);
  const word = words[column]!;
  return (t << bits) >>> bits < word >>> bits ? column : word & ((1 << bits) - 1);
}

/** Draws `n` levels and adds 1 to `counts[offset + map[level]]` for each. */
export function drawCounts(state: Random, { bits, words }: AliasTable, n: number, map: Uint16Array, counts: Counts, offset: number): void {
  const down = 32 - bits;
  const low = (1 << bits) - 1;
  const rest = (1 << down) - 1;
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let i = 0; i < n; i++) {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    const column = t >>> down;
    const word = words[column]!;
    // The draw's low bits against the share that the column keeps.
    const level = (t & rest) < word >>> bits ? column : word & low;
    counts[offset + map[level]!]! += 1;
  }
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}

export type Counts = Uint32Array | Uint16Array;
