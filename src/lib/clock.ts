/**
 * The only place that reads the host's clock or sets timers. Windows and verdicts never use it: they follow event time.
 * Guards, delivery, idleness and stalls take a `Clock` as an argument, so that tests and `replay` can bring their own.
 */

export type Clock = {
  /** Epoch milliseconds, UTC. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that never jumps; only differences mean anything. */
  readonly monotonicMs: () => number;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Calls `tick` every `ms` until the returned function is called; the timer does not keep the process alive. */
  readonly every: (ms: number, tick: () => void) => () => void;
};

/** Longer timers would fire at once: `setTimeout` takes 32 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The host's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const wait = (leftMs: number): NodeJS.Timeout =>
        leftMs > LONGEST_TIMER_MS
          ? setTimeout(() => {
              timer = wait(leftMs - LONGEST_TIMER_MS);
            }, LONGEST_TIMER_MS)
          : setTimeout(done, leftMs);
      let timer = wait(ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
