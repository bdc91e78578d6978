/**
 * What an HTTP answer means for a message: the one place that knows which status may be tried again. Pure.
 *
 * | answer                                | verdict                                              |
 * | ------------------------------------- | ---------------------------------------------------- |
 * | 2xx                                   | delivered                                            |
 * | 408, 425, 5xx                         | try again; `Retry-After` is honoured                 |
 * | 429                                   | try again as `rate_limited`; `Retry-After` likewise  |
 * | 410                                   | dead letter, and the output is disabled              |
 * | 3xx and any other 4xx                 | dead letter at once: asking again changes nothing    |
 * | `webhook-delivery: abort-message`     | dead letter at once, whatever the status said        |
 *
 * A redirect is not followed: it could carry the message, and the headers that prove who sent it, to somebody else.
 */

import type { AttemptResult } from "./output.ts";

export type Answer = {
  readonly status: number;
  /** Value of `retry-after`. */
  readonly retryAfter: string | undefined;
  /** The receiver sent `webhook-delivery: abort-message`. */
  readonly abort: boolean;
  /** Already free of secrets. */
  readonly excerpt: string;
};

/** The verdict on an answer; `nowMs` is the clock that a `Retry-After` date is compared with. */
export function judgeAnswer({ status, retryAfter, abort, excerpt }: Answer, nowMs: number): AttemptResult {
  if (status >= 200 && status < 300) return { ok: true, status, excerpt };
  if (status === 410) return { ok: false, failure: "gone", retry: false, disable: true, status, excerpt };
  const failure = status === 429 ? "rate_limited" : status >= 500 ? "http_5xx" : "http_4xx";
  const retry = !abort && (status === 408 || status === 425 || status === 429 || status >= 500);
  const retryAfterMs = retry ? parseRetryAfter(retryAfter, nowMs) : undefined;
  return { ok: false, failure, retry, status, excerpt, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Milliseconds that a `Retry-After` of seconds or an HTTP date asks for; undefined when there is none or it makes no sense. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER);
  // Date.parse takes much that is no date; an HTTP date begins with the day's name.
  const atMs = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
