/** The decision's memory of one model and version as text for the store: versioned, so that a newer driftd's state is refused, not misread. */

import { DriftdError } from "../lib/errors.ts";
import type { RetrainState } from "./retrain.ts";
import type { AlertState } from "./transition.ts";

/** Grows when the meaning of the text changes. */
const STATE_VERSION = 1;

export type DecideState = { readonly alert: AlertState; readonly retrain: RetrainState };

/** Writes a state as JSON. */
export function writeState(state: DecideState): string {
  return JSON.stringify({ v: STATE_VERSION, alert: state.alert, retrain: state.retrain });
}

/** Reads what `writeState` wrote. Throws DECIDE_STATE_NEWER for a newer format, DECIDE_STATE_UNREADABLE for anything else. */
export function readState(text: string, model: string, version: string): DecideState {
  const where = `the alert state of model ${JSON.stringify(model)}, version ${JSON.stringify(version)}`;
  let stored: Partial<DecideState> & { v?: unknown };
  try {
    stored = JSON.parse(text) as typeof stored;
  } catch (cause) {
    throw new DriftdError("DECIDE_STATE_UNREADABLE", `${where} is not JSON`, { hint: "restore the store from a copy", cause });
  }
  if (typeof stored?.v === "number" && stored.v > STATE_VERSION) {
    throw new DriftdError("DECIDE_STATE_NEWER", `${where} has format ${stored.v}; this driftd knows formats up to ${STATE_VERSION}`, {
      hint: "run the newer driftd that wrote it",
    });
  }
  const { alert, retrain } = stored ?? {};
  if (stored?.v !== STATE_VERSION || !Array.isArray(alert?.tracks) || !Array.isArray(retrain?.recentMs)) {
    throw new DriftdError("DECIDE_STATE_UNREADABLE", `${where} lacks its parts`, { hint: "restore the store from a copy" });
  }
  return { alert, retrain };
}
