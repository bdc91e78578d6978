/** What asks for a retraining from outside the drift: the types. */

import type { RequestReason, RetrainRecord } from "./decide/record.ts";
import type { SuppressReason } from "./decide/retrain.ts";

/** What an alert, the calendar or a person asks. */
export type RetrainingAsked = {
  readonly model: string;
  /** Undefined: the version that was evaluated last. */
  readonly version?: string | undefined;
  readonly reason: Exclude<RequestReason, "drift">;
  /** Why, in words: goes into the record and into the message. */
  readonly detail: string;
  /** Names what asks, so that the same thing is never asked for twice, over restarts too; undefined: it cannot repeat itself. */
  readonly dedupKey?: string | undefined;
};

/** What became of it. */
export type RetrainingOutcome =
  | { readonly outcome: "requested" | "awaiting_approval" | "duplicate"; readonly request: RetrainRecord }
  /** A guard held it back: nothing was used up, it may be asked again. */
  | { readonly outcome: "held"; readonly guard: SuppressReason };

/**
 * Asks for a retraining through the guards, and resolves once the answer stands in the store. Rejects with `RETRAIN_UNKNOWN_MODEL`,
 * `RETRAIN_UNKNOWN_VERSION`, `RETRAIN_NOT_CONFIGURED` (the model has no `retrain`), `STOPPING`, or what the store says (`STORE_*`).
 */
export type RequestRetraining = (asked: RetrainingAsked) => Promise<RetrainingOutcome>;
