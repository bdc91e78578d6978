/** The lines of the event log about references by address: data only. */

import type { FetchError } from "./reference/addresses/address.ts";
import type { Snapshot } from "./reference/snapshot.ts";
import type { EventRow } from "./store/store.ts";

/** Why an address was asked: the closed list. */
export type AskReason = "start" | "reload" | "refresh" | "calendar" | "model_version";

/** What made it be asked. */
export type Asked = {
  readonly reason: AskReason;
  /** Version of the model that a registry told of. */
  readonly modelVersion?: string | undefined;
};

type About = { readonly model: string; readonly atMs: number; readonly address: string };

/** `driftd.reference.replaced`: another snapshot is in force for a version, or the first one. */
export function replacedEvent(
  { model, atMs, address }: About,
  what: {
    readonly asked: Asked;
    /** That it judges; undefined: every one. */
    readonly version: string | undefined;
    readonly snapshot: Snapshot;
    readonly previous: string | undefined;
    /** Version in the registry that the address stands for. */
    readonly modelVersion: string | undefined;
  },
): EventRow {
  const { asked, version, snapshot, previous, modelVersion } = what;
  const body = {
    ...asBody(asked),
    address,
    reference: snapshot.digest,
    previous: previous ?? null,
    created_at: snapshot.provenance.created_at,
    records: snapshot.records,
    ...(modelVersion === undefined ? {} : { registered_version: modelVersion }),
  };
  return { atMs, type: "driftd.reference.replaced", model, version: version ?? "", body: JSON.stringify(body) };
}

/** `driftd.reference.fetch_failed`: once until the reason is another one. What is in force goes on, or the model waits for its first reference. */
export function failedEvent(
  { model, atMs, address }: About,
  what: {
    readonly asked: Asked;
    readonly error: FetchError;
    readonly version: string | undefined;
    /** Digests of what is in force; empty: nothing. */
    readonly inForce: readonly string[];
    /** It is the copy of the last run. */
    readonly fromCache: boolean;
  },
): EventRow {
  const { asked, error, version, inForce, fromCache } = what;
  const body = { ...asBody(asked), address, failure: error.reason, detail: error.message, in_force: inForce, from_cache: fromCache };
  return { atMs, type: "driftd.reference.fetch_failed", model, version: version ?? "", body: JSON.stringify(body) };
}

/** `driftd.reference.too_old`: once for each reference. */
export function tooOldEvent(
  { model, atMs, address }: About,
  {
    version,
    snapshot,
    ageMs,
    maxAgeMs,
  }: { readonly version: string; readonly snapshot: Snapshot; readonly ageMs: number; readonly maxAgeMs: number },
): EventRow {
  const body = {
    address,
    reference: snapshot.digest,
    created_at: snapshot.provenance.created_at,
    age_seconds: Math.round(ageMs / 1000),
    max_age_seconds: maxAgeMs / 1000,
  };
  return { atMs, type: "driftd.reference.too_old", model, version, body: JSON.stringify(body) };
}

function asBody({ reason, modelVersion }: Asked): Record<string, unknown> {
  return { reason, ...(modelVersion === undefined ? {} : { told_version: modelVersion }) };
}
