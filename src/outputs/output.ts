/**
 * What an output is: one attempt per `send`. It owns its serialisation and knows if a retry can help; the outbox worker knows how.
 */

/** Every type of message, a closed list. The body of each is `{ type, timestamp, data }`, as Standard Webhooks has it. */
export const MESSAGE_TYPES = [
  "driftd.retrain.requested",
  "driftd.drift.firing",
  "driftd.drift.escalated",
  "driftd.drift.resolved",
  "driftd.quality.firing",
  "driftd.quality.resolved",
  "driftd.digest",
  "driftd.test",
] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** What a training pipeline takes: a message to it starts a run. */
export const TRAINING_MESSAGES: readonly MessageType[] = ["driftd.retrain.requested", "driftd.test"];

/** A message of the outbox: the same id on every attempt, so that a receiver can tell a repetition. */
export type OutboxMessage = {
  /** `msg_…`, a hash of the episode and an ordinal. */
  readonly id: string;
  /** Name of the output in the configuration. */
  readonly output: string;
  /** E.g. `driftd.retrain.requested`. */
  readonly type: string;
  readonly model: string;
  readonly version: string;
  /** The exact body to be sent, JSON text. */
  readonly body: string;
  readonly createdAtMs: number;
};

/**
 * Why an attempt failed: the closed list of `driftd_webhook_attempt_failures_total`. `http_4xx` is every answer that is refused for good, a
 * redirect among them; `body` an answer that is not HTTP or holds no success, or a message that a template cannot fill; `secret` a URL or key of our own that could not be read.
 */
export const ATTEMPT_FAILURES = ["timeout", "connection", "http_4xx", "http_5xx", "rate_limited", "tls", "body", "gone", "secret"] as const;
export type AttemptFailure = (typeof ATTEMPT_FAILURES)[number];

export type AttemptResult =
  | {
      readonly ok: true;
      /** HTTP status; undefined for what is no HTTP. */
      readonly status?: number;
      readonly excerpt: string;
    }
  | {
      readonly ok: false;
      readonly failure: AttemptFailure;
      readonly retry: boolean;
      /** HTTP status, or undefined when there was no answer. */
      readonly status?: number;
      /** What `Retry-After` asked for. */
      readonly retryAfterMs?: number;
      /** The receiver wants no more of it (410): the output is disabled. */
      readonly disable?: boolean;
      /** First part of the answer or the error, without URL and secrets. */
      readonly excerpt: string;
    };

export type Output = {
  readonly name: string;
  readonly type: string;
  /** Attempts until a message is a dead letter; undefined: one for each step of the outbox's schedule. */
  readonly maxAttempts?: number;
  /** Age at which an undelivered message is a dead letter; undefined: the schedule decides. */
  readonly expiryMs?: number;
  /** One attempt; never throws for what the peer does. */
  readonly send: (message: OutboxMessage, signal: AbortSignal) => Promise<AttemptResult>;
  readonly close: () => Promise<void>;
};
