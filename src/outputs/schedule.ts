/** When a failed message is tried again, and when it is given up. Pure: chance and time come in. */

import type { AttemptResult, Output } from "./output.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The longest wait before attempt 1, 2, 3 …; the last one goes on for an output with more attempts. Together three days and a half: a weekend
 * and a Monday morning to mend the receiver.
 */
export const SCHEDULE_MS: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** A receiver may put us off for a day, not for ever. */
export const MAX_RETRY_AFTER_MS = 24 * HOUR;

export type NextStep = { readonly status: "delivered" | "dead" } | { readonly status: "pending"; readonly atMs: number };

/**
 * What follows an attempt. Waits have full jitter (anything from nothing to the whole), so that messages which failed together do not come back
 * together; a `Retry-After` is a lower bound, capped at 24 h. `random`: uniform in [0, 1).
 */
export function nextStep(
  result: AttemptResult,
  row: { readonly attempts: number; readonly createdAtMs: number },
  output: Pick<Output, "maxAttempts" | "expiryMs">,
  nowMs: number,
  random: () => number,
): NextStep {
  if (result.ok) return { status: "delivered" };
  const made = row.attempts + 1;
  if (!result.retry || made >= (output.maxAttempts ?? SCHEDULE_MS.length)) return { status: "dead" };
  const longestMs = SCHEDULE_MS[Math.min(made, SCHEDULE_MS.length - 1)]!;
  const waitMs = Math.max(Math.floor(random() * longestMs), Math.min(result.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
  const atMs = nowMs + waitMs;
  // An attempt that would come after the expiry is not waited for: the dead letter is the earlier news.
  if (output.expiryMs !== undefined && atMs - row.createdAtMs > output.expiryMs) return { status: "dead" };
  return { status: "pending", atMs };
}
