/** Keeps one turn of the event loop short: says when it has been used up, and hands the loop back. */
import type { Clock } from "../../lib/clock.ts";

/** A slice takes at most some 2 ms, so with a turn of the evaluation beside it a pass of the loop stays below 12 ms of the 20 allowed. */
const TURN_MS = 3;

export type Turn = {
  /** Whether this turn of the loop has worked long enough; the first question of a turn starts its time. */
  readonly spent: () => boolean;
  /** Lets timers and sockets have the loop once. */
  readonly next: () => Promise<void>;
};

export function createTurn(clock: Clock): Turn {
  let startedMs = Number.NaN;
  const spent = () => {
    const nowMs = clock.monotonicMs();
    if (Number.isNaN(startedMs)) {
      startedMs = nowMs;
      // Twice: reading goes on in the first one, which still belongs to the pass of the loop in which it began.
      setImmediate(() =>
        setImmediate(() => {
          startedMs = Number.NaN;
        }),
      );
    }
    return nowMs - startedMs > TURN_MS;
  };
  const next = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { spent, next };
}
