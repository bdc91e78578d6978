/**
 * The teardown of a process: named steps, run in reverse order of their opening. One failing or hanging step never skips the rest, the whole
 * ends by a deadline, and whoever closes again gets the first answer.
 */

import type { Clock } from "./clock.ts";
import { coerceError, DriftdError } from "./errors.ts";
import type { Log } from "./log.ts";

/** A step; `signal` aborts when the step's share of the deadline has passed. */
type CloseStep = (signal: AbortSignal) => Promise<void> | void;

export type Closers = {
  /** Puts a step on top of the pile. Throws CLOSED once closing has begun: whoever opens something then must close it himself. */
  readonly add: (name: string, step: CloseStep) => void;
  /** Runs all steps, last added first. Rejects with CLOSE_FAILED naming the steps that failed or ran out of time, after all were tried. */
  readonly close: () => Promise<void>;
};

/** Makes an empty pile. `deadlineMs` bounds the whole: each step may use up to half of what is left, the last one all of it. */
export function createClosers(options: { readonly deadlineMs: number; readonly clock: Clock; readonly log: Log }): Closers {
  const { deadlineMs, clock, log } = options;
  const steps: { readonly name: string; readonly step: CloseStep }[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    const endMs = clock.monotonicMs() + deadlineMs;
    const failed: { name: string; cause: Error }[] = [];
    for (let entry = steps.pop(); entry !== undefined; entry = steps.pop()) {
      const leftMs = Math.max(0, endMs - clock.monotonicMs());
      // Half for this step leaves something for those below it, the store above all, which is closed last.
      const shareMs = steps.length === 0 ? leftMs : leftMs / 2;
      try {
        await bounded(entry.step, shareMs, clock);
      } catch (thrown) {
        const cause = coerceError(thrown);
        failed.push({ name: entry.name, cause });
        log.error({ step: entry.name, err: cause }, "closing failed");
      }
    }
    if (failed.length === 0) return;
    const names = failed.map(({ name, cause }) => `${name} (${cause.message})`).join(", ");
    throw new DriftdError("CLOSE_FAILED", `closing failed: ${names}`, { cause: failed[0]!.cause });
  }

  return {
    add: (name, step) => {
      if (closing !== undefined) throw new DriftdError("CLOSED", `${name} was opened after closing had begun`);
      steps.push({ name, step });
    },
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}

async function bounded(step: CloseStep, shareMs: number, clock: Clock): Promise<void> {
  const late = new AbortController();
  const done = new AbortController();
  const running = Promise.resolve().then(() => step(late.signal));
  const timeout = clock.sleep(shareMs, done.signal).then(() => {
    if (done.signal.aborted) return;
    late.abort();
    throw new DriftdError("CLOSE_TIMEOUT", `not done after ${Math.round(shareMs)} ms`);
  });
  try {
    await Promise.race([running, timeout]);
  } finally {
    done.abort();
    // A step that fails after its time is over has been reported as late already.
    running.catch(() => {});
  }
}
