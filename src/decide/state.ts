/** The decision's memory of one model and version as text for the store: versioned, so that a newer driftd's state is refused, not misread. */

import { DriftdError } from "../lib/errors.ts";
import { noRequests, type RetrainState } from "./retrain.ts";
import { type AlertState, inactiveState } from "./transition.ts";

/** Grows when the meaning of the text changes. 1: without quality. */
const STATE_VERSION = 2;

export type DecideState = { readonly alert: AlertState; readonly quality: AlertState; readonly retrain: RetrainState };

/** The memory of a model that nothing was seen of. */
export const emptyState: DecideState = { alert: inactiveState, quality: inactiveState, retrain: noRequests };

/** Writes a state as JSON. */
export function writeState(state: DecideState): string {
  return JSON.stringify({ v: STATE_VERSION, alert: state.alert, quality: state.quality, retrain: state.retrain });
}

/** Reads what `writeState` wrote, also of an older driftd. Throws DECIDE_STATE_NEWER for a newer format, DECIDE_STATE_UNREADABLE for anything else. */
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
  const { v, alert, retrain } = stored ?? {};
  const quality = v === 1 ? inactiveState : stored?.quality;
  const known = v === 1 || v === STATE_VERSION;
  if (!known || !Array.isArray(alert?.tracks) || !Array.isArray(quality?.tracks) || !Array.isArray(retrain?.recentMs)) {
    throw new DriftdError("DECIDE_STATE_UNREADABLE", `${where} lacks its parts`, { hint: "restore the store from a copy" });
  }
  // An older driftd kept the lock here; it is the open requests' own now.
  const { lock: _, ...rest } = retrain as RetrainState & { readonly lock?: unknown };
  return { alert, quality, retrain: rest };
}
