/**
 * The one error class of driftd: a code that is never reused, the fact, and the next action.
 *
 * Three kinds of failure get three treatments: a bad input record is counted by code and passed over; a failing peer is
 * retried with bounds; our own bug (`TypeError`, a broken invariant) is never retried.
 */

export type DriftdErrorOptions = {
  /** What the reader should do next. */
  readonly hint?: string;
  readonly cause?: unknown;
};

/** An error that a user can act on: `code` is stable, `message` states the fact with value and place, `hint` the next action. */
export class DriftdError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: DriftdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DriftdError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** Turns whatever was thrown into an `Error`. */
export function coerceError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
