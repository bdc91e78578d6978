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
 * Targets with manners of their own (a 409 that means "done before", a 200 that holds an error) say so in `AnswerRules`.
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

/** An answer as a target sees it: not yet free of secrets. */
export type HttpAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON, or undefined when it is none. */
  readonly json: unknown;
};

/** Why an answer with a good status is a failure all the same, and whether asking again can help. */
export type Objection = { readonly problem: string; readonly retry: boolean };

export type AnswerRules = {
  /** Statuses that mean success; absent: every 2xx. */
  readonly success?: readonly number[];
  /** Statuses that mean that an earlier attempt was the success. */
  readonly done?: readonly number[];
  /** Statuses below 500 that may be tried again beside those of the table. */
  readonly retry?: readonly number[];
  /** How long the target wants to be left alone, ms, where it says so in a way of its own; undefined: it does not. */
  readonly waitMs?: (answer: HttpAnswer, nowMs: number) => number | undefined;
  /** Looks into an answer whose status is a success. */
  readonly check?: (answer: HttpAnswer) => Objection | undefined;
};

/** The verdict on a target's answer by its own rules, and by the table where they say nothing. The excerpt still holds secrets. */
export function judgeByRules(answer: HttpAnswer, rules: AnswerRules, nowMs: number): AttemptResult {
  const { status, text } = answer;
  if (rules.done?.includes(status)) return { ok: true, status, excerpt: `done before: ${text}` };
  const good = rules.success?.includes(status) ?? (status >= 200 && status < 300);
  if (good) {
    const objection = rules.check?.(answer);
    if (objection === undefined) return { ok: true, status, excerpt: text };
    return { ok: false, failure: "body", retry: objection.retry, status, excerpt: `${objection.problem}: ${text}` };
  }
  const retryAfter = headerOf(answer, "retry-after");
  // Some hosts write 403 for "too often".
  const waitMs = rules.waitMs?.(answer, nowMs) ?? (status === 403 ? parseRetryAfter(retryAfter, nowMs) : undefined);
  if (waitMs !== undefined) return { ok: false, failure: "rate_limited", retry: true, status, retryAfterMs: waitMs, excerpt: text };
  if (status >= 200 && status < 300) {
    return { ok: false, failure: "body", retry: true, status, excerpt: `${status} is not the status of a success: ${text}` };
  }
  const verdict = judgeAnswer({ status, retryAfter, abort: false, excerpt: text }, nowMs);
  return !verdict.ok && rules.retry?.includes(status) ? { ...verdict, retry: true } : verdict;
}

/** The value of a header; the first of several. */
export function headerOf(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === "object" ? value[0] : value;
}

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
