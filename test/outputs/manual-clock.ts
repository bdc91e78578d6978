/** A clock that only a test moves: sleeps end when `advance` reaches them, and `resting` says when loops have gone to sleep again. */

import type { Clock } from "../../src/lib/clock.ts";

export type ManualClock = Clock & {
  /** Moves the time and ends the sleeps that it reaches. */
  readonly advance: (ms: number) => void;
  /** Resolves once at least `sleepers` sleeps are open. */
  readonly resting: (sleepers?: number) => Promise<void>;
  /** When the open sleeps end, ascending, relative to now. */
  readonly sleeps: () => readonly number[];
};

export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly atMs: number; readonly end: () => void }>();
  const waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();
  const check = () => {
    for (const one of waiting) {
      if (sleepers.size < one.count) continue;
      waiting.delete(one);
      one.resolve();
    }
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = {
          atMs: nowMs + ms,
          end: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.end);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.end, { once: true });
        check();
      }),
    every: () => () => {},
    advance: (ms) => {
      nowMs += ms;
      for (const sleeper of [...sleepers]) if (sleeper.atMs <= nowMs) sleeper.end();
    },
    resting: (count = 1) =>
      new Promise((resolve) => {
        waiting.add({ count, resolve });
        check();
      }),
    sleeps: () => [...sleepers].map(({ atMs }) => atMs - nowMs).sort((a, b) => a - b),
  };
}
