/** How long to wait before the next try, so that many who failed together do not come back together. */

export type Backoff = {
  /** Upper end of the wait before the second try. */
  readonly baseMs: number;
  /** The upper end never grows beyond this. */
  readonly capMs: number;
};

/**
 * Full jitter: a uniform draw from [0, min(cap, base · 2^attempt)) ms, rounded down. `attempt` counts failures from 0; `random` gives [0, 1).
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: fewest calls of the variants compared.)
 */
export function fullJitter(attempt: number, { baseMs, capMs }: Backoff, random: () => number): number {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 52)));
}
