/** The event log's lines about episodes: one JSON object each, snake_case, features cut at 50. Pure. Those about requests are in `make-request.ts`. */

import type { EventRow } from "../store/store.ts";
import type { Episode } from "./alert.ts";
import { MAX_FEATURES } from "./request.ts";
import type { Change } from "./transition.ts";

/** `driftd.drift.pending`, `.firing`, `.escalated`, `.features_changed`, `.resolved`, `.lapsed`. */
export function changeEvent(change: Change, atMs: number): EventRow {
  const { episode } = change;
  const body = {
    episode: episode.id,
    reason: change.reason,
    severity: episode.severity,
    window_end: iso(change.endMs),
    ...episodeTimes(episode),
    ...cut("features", episode.features),
    ...(change.kind === "features_changed" ? { ...cut("added", change.added), ...cut("removed", change.removed) } : {}),
  };
  return { atMs, type: `driftd.drift.${change.kind}`, model: episode.model, version: episode.version, body: JSON.stringify(body) };
}

/** When an episode was pending, firing and resolved. */
export function episodeTimes({ pendingAtMs, firingAtMs, resolvedAtMs }: Episode): Record<string, unknown> {
  return {
    pending_at: iso(pendingAtMs),
    firing_at: firingAtMs === null ? null : iso(firingAtMs),
    resolved_at: resolvedAtMs === null ? null : iso(resolvedAtMs),
  };
}

/** A list cut at 50, with its full length. */
export function cut(name: string, features: readonly string[]): Record<string, unknown> {
  return { [name]: features.slice(0, MAX_FEATURES), [`${name}_total`]: features.length };
}

/** ISO 8601 UTC; milliseconds only when there are some. */
export function iso(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}
