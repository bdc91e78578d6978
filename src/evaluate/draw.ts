/** Seeded draws for the power report: the same seed gives the same numbers on every machine. Not for anything that must be unpredictable. */

export type Draw = {
  /** Uniform on (0, 1). */
  readonly uniform: () => number;
  /** A Poisson count of the given mean; above 30 a rounded normal one. */
  readonly poisson: (mean: number) => number;
  /**
   * Shares that the truth behind a finite reference may have: the group of each fine bin (`groupOf`) gets a factor of mean 1 with the spread
   * that `counts` reference values in that group leave (a Dirichlet draw, its gammas as normal ones). The result is overwritten by the next call.
   */
  readonly aroundShares: (shares: Float64Array, groupOf: Uint8Array, counts: Float64Array) => Float64Array;
};

/** Numbers from a seed (mulberry32: 32 bits of state are plenty for some thousand draws). */
export function createDraw(seed: number): Draw {
  let state = (seed * 0x9e3779b1 + 0x7f4a7c15) >>> 0;
  let truth = new Float64Array(0);
  let factors = new Float64Array(0);

  function uniform(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  }

  function normal(): number {
    return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  return {
    uniform,
    poisson: (mean) => {
      if (mean <= 0) return 0;
      if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
      // Knuth: multiply until below e^-mean.
      const limit = Math.exp(-mean);
      let count = 0;
      for (let product = uniform(); product > limit; product *= uniform()) count++;
      return count;
    },
    aroundShares: (shares, groupOf, counts) => {
      if (truth.length !== shares.length) truth = new Float64Array(shares.length);
      if (factors.length !== counts.length) factors = new Float64Array(counts.length);
      for (let k = 0; k < counts.length; k++) factors[k] = counts[k]! > 0 ? Math.max(0, 1 + normal() / Math.sqrt(counts[k]!)) : 1;
      let total = 0;
      for (let j = 0; j < shares.length; j++) {
        truth[j] = shares[j]! * factors[groupOf[j]!]!;
        total += truth[j]!;
      }
      if (total > 0) for (let j = 0; j < shares.length; j++) truth[j] = truth[j]! / total;
      return truth;
    },
  };
}
