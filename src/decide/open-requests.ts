/**
 * The requests that something can still come of, over all models: what holds other requests back. A memory like the decider's alert states: what
 * is put holds at once, `accept` says that it stands in the store, `revert` forgets what does not. What may be done with a request is `record.ts`.
 */

import { isOpen, moved, type RetrainRecord } from "./record.ts";
import { inProgress, type OpenRequest } from "./retrain.ts";
import { byText } from "./track.ts";

/** A request that was never heard of ends after this at the latest: of a model without a lock, or that is no longer configured. */
export const FORGET_REQUEST_MS = 7 * 24 * 3_600_000;

export type OpenRequestsOptions = {
  /** The open ones of the store. */
  readonly restored: readonly RetrainRecord[];
  /** `in_progress_timeout` of a model; undefined: it has no lock. */
  readonly timeoutMs: (model: string) => number | undefined;
  /** Whether a request's message still waits for its first delivery. */
  readonly undelivered: (id: string) => boolean;
};

export type OpenRequests = {
  /** Oldest first. */
  readonly all: () => readonly RetrainRecord[];
  /** The same as the guards see them. */
  readonly facts: () => readonly OpenRequest[];
  /** Requests that were never heard of for too long, as `timed_out`: of one model, or of all. Nothing is put. */
  readonly expired: (model: string | undefined, nowMs: number) => readonly RetrainRecord[];
  /** Takes requests as they are now; those that are not open go. */
  readonly put: (records: readonly RetrainRecord[]) => void;
  /** They stand in the store. */
  readonly accept: (records: readonly RetrainRecord[]) => void;
  /** Back to what stands in the store. */
  readonly revert: () => void;
};

/** Makes the memory from what the store has. */
export function createOpenRequests({ restored, timeoutMs, undelivered }: OpenRequestsOptions): OpenRequests {
  const accepted = new Map(restored.filter(isOpen).map((record) => [record.id, record]));
  let working = new Map(accepted);
  let sorted: readonly RetrainRecord[] | undefined;

  function all(): readonly RetrainRecord[] {
    sorted ??= [...working.values()].sort((a, b) => a.createdAtMs - b.createdAtMs || byText(a.id, b.id));
    return sorted;
  }

  function factOf({ id, model, status, outputs, updatedAtMs }: RetrainRecord): OpenRequest {
    return { model, status, outputs, updatedAtMs, timeoutMs: timeoutMs(model), undelivered: undelivered(id) };
  }

  function isExpired(record: RetrainRecord, nowMs: number): boolean {
    if (record.status === "awaiting_approval") return false;
    const fact = factOf(record);
    return !inProgress({ ...fact, timeoutMs: fact.timeoutMs ?? FORGET_REQUEST_MS }, nowMs);
  }

  function take(into: Map<string, RetrainRecord>, records: readonly RetrainRecord[]): void {
    for (const record of records) {
      if (isOpen(record)) into.set(record.id, record);
      else into.delete(record.id);
    }
  }

  return {
    all,
    facts: () => all().map(factOf),
    expired: (model, nowMs) =>
      all()
        .filter((record) => (model === undefined || record.model === model) && isExpired(record, nowMs))
        .map((record) => moved(record, "timed_out", nowMs)),
    put: (records) => {
      take(working, records);
      if (records.length > 0) sorted = undefined;
    },
    accept: (records) => take(accepted, records),
    revert: () => {
      working = new Map(accepted);
      sorted = undefined;
    },
  };
}
