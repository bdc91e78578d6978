/** The event log's lines about decisions: one JSON object each, snake_case, features cut at 50. Pure. */

import type { EventRow } from "../store/store.ts";
import type { Episode, Severity } from "./alert.ts";
import { MAX_FEATURES } from "./request.ts";
import type { SendReason, SuppressReason } from "./retrain.ts";
import type { Change } from "./transition.ts";

type Common = {
  readonly model: string;
  readonly version: string;
  readonly episode: string;
  readonly severity: Severity;
  readonly endMs: number;
  readonly features: readonly string[];
};

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

/** `driftd.retrain.requested`. */
export function requestEvent(common: Common, reason: SendReason, request: string, body: string, atMs: number): EventRow {
  return retrainEvent("driftd.retrain.requested", common, { reason, request_id: request, request: JSON.parse(body) as unknown }, atMs);
}

/** `driftd.retrain.suppressed`; a dry run carries the request that was not sent. */
export function suppressEvent(
  common: Common,
  reason: SuppressReason,
  request: string | undefined,
  body: string | undefined,
  atMs: number,
): EventRow {
  const unsent = body === undefined ? {} : { request_id: request, request: JSON.parse(body) as unknown };
  return retrainEvent("driftd.retrain.suppressed", common, { reason, ...unsent }, atMs);
}

function retrainEvent(type: string, common: Common, what: Readonly<Record<string, unknown>>, atMs: number): EventRow {
  const body = {
    episode: common.episode,
    severity: common.severity,
    window_end: iso(common.endMs),
    ...cut("features", common.features),
    ...what,
  };
  return { atMs, type, model: common.model, version: common.version, body: JSON.stringify(body) };
}

/** A list cut at 50, with its full length. */
export function cut(name: string, features: readonly string[]): Record<string, unknown> {
  return { [name]: features.slice(0, MAX_FEATURES), [`${name}_total`]: features.length };
}

/** ISO 8601 UTC; milliseconds only when there are some. */
export function iso(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}
