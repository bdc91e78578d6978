/**
 * From the bytes that an address holds to the snapshots that judge by it: read whole, checked whole, of this model. Of several the newest of each
 * version is taken; a broken one among them is told and takes nothing away from the others.
 */

import { compileLayout } from "../compile.ts";
import { readSnapshot } from "../load.ts";
import { checkReference, type LoadedReference } from "../models.ts";
import type { Snapshot } from "../snapshot.ts";
import { asFetchError, type Candidate, type FetchError, fetchError, MAX_SNAPSHOT_BYTES } from "./address.ts";

/** What a snapshot has to be. */
export type Wanted = {
  readonly model: string;
  /** That it is listed for; undefined: its own, or every one. */
  readonly version: string | undefined;
  readonly outliers: boolean;
};

/** A snapshot that can be used, with the bytes that it was read from. */
export type ReadReference = {
  /** That it judges; undefined: every one. */
  readonly version: string | undefined;
  readonly reference: LoadedReference;
  readonly bytes: Buffer;
};

export type Reading = {
  /** At least one. */
  readonly found: readonly ReadReference[];
  /** Of files that were passed over, because another one can be used. */
  readonly failures: readonly FetchError[];
};

/** Reads the candidates; `shown` is the address. Rejects with the FetchError of the first when none can be used. */
export async function readCandidates(candidates: readonly Candidate[], wanted: Wanted, shown: string): Promise<Reading> {
  const newest = new Map<string | undefined, { readonly snapshot: Snapshot; readonly bytes: Buffer }>();
  const failures: FetchError[] = [];
  for (const { name, read } of candidates) {
    try {
      const bytes = await read();
      const snapshot = await readSnapshot(bytes, name, MAX_SNAPSHOT_BYTES);
      // One folder may serve many models.
      if (candidates.length > 1 && snapshot.model !== wanted.model) continue;
      checkReference(snapshot, name, wanted);
      const version = wanted.version ?? snapshot.version;
      const known = newest.get(version)?.snapshot;
      if (known === undefined || createdMs(snapshot) >= createdMs(known)) newest.set(version, { snapshot, bytes });
    } catch (thrown) {
      failures.push(asFetchError(thrown, "unreadable"));
    }
  }
  if (newest.size === 0) {
    throw failures[0] ?? fetchError("wrong_model", `${shown}: none of its ${candidates.length} snapshots is of model ${wanted.model}`);
  }
  const found = [...newest].map(([version, { snapshot, bytes }]) => ({
    version,
    reference: { path: shown, snapshot, compiled: compileLayout(snapshot) },
    bytes,
  }));
  return { found, failures };
}

/** A snapshot whose time cannot be read is older than any other. */
function createdMs({ provenance }: Snapshot): number {
  const ms = Date.parse(provenance.created_at);
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}
