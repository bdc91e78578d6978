/**
 * What PSI and KL do with bins that are empty on one side, and with categories that the reference has never seen.
 *
 * Both divide by the reference's share, so an empty bin makes them infinite. Nobody agrees on the remedy, so it is an explicit option.
 */

/**
 * The zero-bin rule. Shares are `p = r / m` (reference) and `q = c / n` (current) unless said otherwise.
 *
 * - `"jeffreys"` (default): `p = (r + 1/2) / (m + K/2)`, `q` alike; it keeps PSI nearest to its chi-square law
 *   (deciles, 50 rows, level 1e-5: 0.6 times the nominal rate, where a fill of 1e-4 has 4,164 times).
 * - `"none"`: raw shares. A bin that is empty on one side only makes the statistic infinite: `undefined`.
 * - `{ epsilon }`: a share of exactly 0 is replaced by epsilon, the others stay as they are: radicalbit fills with 1e-4. Code that adds a tiny number to
 *   every share comes close, and the closer the tinier it is.
 * - `"evidently"`: as `{ epsilon: 1e-4 }`, but a side whose smallest share above 0 is itself at most 1e-4 is filled with a millionth of that share;
 *   each side has its own fill, and a bin that is empty on both sides takes part with both fills (their code of 2026-05).
 * - `{ floor }`: every share below floor is raised to it. deepchecks floors at 0.01, which hides whatever is rarer.
 *
 * Filled shares no longer add up to 1. PSI takes them as they are (as Evidently does); KL divides them by their sum (as scipy's `entropy`
 * does).
 */
export type Smoothing = "jeffreys" | "none" | "evidently" | { readonly epsilon: number } | { readonly floor: number };

/**
 * Expected mass of a bin that the reference, by definition, has never seen (`other` of a categorical feature).
 *
 * Good and Turing: the chance that the next value is new is about N1/m, N1 = categories seen exactly once. The reference's count of `bin`
 * becomes N1 and all others are scaled by 1 - N1/m, so that the total stays m. Without it every feature with many categories "drifts" for
 * ever.
 * Source: Good, "The population frequencies of species and the estimation of population parameters", Biometrika 40, 1953.
 */
export type Unseen = { readonly bin: number; readonly seenOnce: number };

/** Options of the statistics that divide by shares. */
export type ShareOptions = { readonly smoothing?: Smoothing; readonly unseen?: Unseen };

/** The options for a reference to which the unseen mass has been added already. */
export function withoutUnseen(options: ShareOptions | undefined): ShareOptions | undefined {
  return options?.smoothing === undefined ? undefined : { smoothing: options.smoothing };
}

/** What is added to every count. */
export function addedCount(smoothing: Smoothing | undefined): number {
  return smoothing === undefined || smoothing === "jeffreys" ? 0.5 : 0;
}

/** What replaces a share of exactly 0 on either side, or 0 for nothing. */
function zeroShare(name: string, smoothing: Smoothing | undefined): number {
  if (typeof smoothing !== "object" || !("epsilon" in smoothing)) return 0;
  return checkShare(name, "epsilon", smoothing.epsilon);
}

/** Evidently's fill and the share up to which a fill of that size would hide it. */
const EVIDENTLY_FILL = 1e-4;
const EVIDENTLY_FRACTION = 1e-6;

/** What replaces a share of exactly 0 on a side with these counts, of which the sum is given. */
export function sideFill(name: string, smoothing: Smoothing | undefined, counts: ArrayLike<number>, sum: number): number {
  if (smoothing !== "evidently") return zeroShare(name, smoothing);
  let smallest = Infinity;
  for (let k = 0; k < counts.length; k++) if (counts[k]! > 0) smallest = Math.min(smallest, counts[k]! / sum);
  return smallest <= EVIDENTLY_FILL ? smallest * EVIDENTLY_FRACTION : EVIDENTLY_FILL;
}

/** The smallest share, or 0 for none. */
export function floorShare(name: string, smoothing: Smoothing | undefined): number {
  if (typeof smoothing !== "object" || !("floor" in smoothing)) return 0;
  return checkShare(name, "floor", smoothing.floor);
}

function checkShare(name: string, option: string, value: number): number {
  if (!(value > 0 && value < 1)) throw new RangeError(`${name} requires ${option} between 0 and 1, got ${value}`);
  return value;
}
