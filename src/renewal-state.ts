/**
 * What the store remembers of the renewals of one model and version, and the lines of the event log about them: data only, written in one
 * transaction. The fact is the commit point: with it a renewal is done, without it it has not happened, whatever files there are.
 */

import { join } from "node:path";
import { DriftdError } from "./lib/errors.ts";
import type { Distance } from "./reference/renewal.ts";
import type { EventRow } from "./store/store.ts";

/** Why a renewal that was due did not happen: a closed list. */
export type PostponeReason =
  | "episode_open" // a drift episode is pending or firing: what is learnt now might be the drift
  | "few_days" // no new day without an episode, or too few with those of the reference before
  | "no_values" // no feature has one
  | "unwritable"; // the new snapshot could not be written

/** The last postponement. */
export type Postponed = { readonly dueMs: number; readonly reason: PostponeReason; readonly detail: string };

/** The reference that is in force instead of the configured one. */
export type Renewed = { readonly ordinal: number; readonly digest: string; readonly path: string; readonly atMs: number };

export type RenewalState = {
  /** Digest of the configured reference that all of this descends from; with another one it starts over. */
  readonly first: string;
  /** Event time, epoch ms: the due time, and when it is tried next (later once it was postponed). */
  readonly dueMs: number;
  readonly tryMs: number;
  readonly renewed?: Renewed;
  /** Absent once a renewal has come about. */
  readonly postponed?: Postponed;
};

/** The fact's name in the store. */
export function renewalFact(model: string, version: string): string {
  return `renewal ${JSON.stringify([model, version])}`;
}

const FORMAT = 1;

/** The state as the store's text. */
export function writeRenewal(state: RenewalState): string {
  return JSON.stringify({ v: FORMAT, ...state });
}

/** Reads what `writeRenewal` wrote. Throws `RENEWAL_STATE_UNREADABLE` for anything else. */
export function readRenewal(text: string, model: string, version: string): RenewalState {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = null; // said below
  }
  if (!isStored(found)) {
    throw new DriftdError(
      "RENEWAL_STATE_UNREADABLE",
      `the state of the renewals of model ${JSON.stringify(model)}, version ${JSON.stringify(version)} cannot be read`,
      { hint: "run the newer driftd that wrote it, or restore the store from a copy" },
    );
  }
  const { v: _, ...state } = found;
  return state;
}

function isStored(found: unknown): found is RenewalState & { readonly v: number } {
  if (typeof found !== "object" || found === null) return false;
  const { v, first, dueMs, tryMs } = found as Partial<RenewalState> & { readonly v?: unknown };
  return v === FORMAT && typeof first === "string" && Number.isFinite(dueMs) && Number.isFinite(tryMs);
}

/** Features named with their distance in an event. */
const DISTANCES_SHOWN = 10;

type About = { readonly model: string; readonly version: string; readonly atMs: number; readonly dueMs: number };

/** `driftd.reference.renewed`: another reference is in force from `dueMs` on. */
export function renewedEvent(
  { model, version, atMs, dueMs }: About,
  what: {
    readonly ordinal: number;
    readonly digest: string;
    readonly previous: string;
    readonly first: string;
    readonly path: string;
    readonly records: number;
    readonly days: readonly string[];
    /** Those of them that were taken over from the reference before. */
    readonly daysCarried: readonly string[];
    readonly daysLeftOut: readonly string[];
    readonly panesLeftOut: { readonly open: number; readonly incomplete: number };
    /** Features without a value in those days: they stay as they were. */
    readonly kept: readonly string[];
    readonly fromPrevious: readonly Distance[];
    readonly fromFirst: readonly Distance[];
  },
): EventRow {
  const body = {
    reason: "due",
    effective_at: iso(dueMs),
    ordinal: what.ordinal,
    reference: what.digest,
    previous: what.previous,
    first: what.first,
    path: what.path,
    records: what.records,
    days: what.days.length,
    days_used: what.days,
    days_carried: what.daysCarried,
    days_left_out: what.daysLeftOut,
    panes_left_out: what.panesLeftOut,
    features_kept: what.kept,
    distances: { previous: what.fromPrevious.slice(0, DISTANCES_SHOWN), first: what.fromFirst.slice(0, DISTANCES_SHOWN) },
    features_total: what.fromPrevious.length,
  };
  return { atMs, type: "driftd.reference.renewed", model, version, body: JSON.stringify(body) };
}

/** `driftd.reference.renewal_postponed`: once for each due time and reason. */
export function postponedEvent({ model, version, atMs, dueMs }: About, { reason, detail }: Postponed, nextMs: number): EventRow {
  const body = { reason, detail, due: iso(dueMs), next_try: iso(nextMs) };
  return { atMs, type: "driftd.reference.renewal_postponed", model, version, body: JSON.stringify(body) };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}

/** Where a renewed snapshot lies in the folder of renewals: `<model>/<version>/<ordinal>-<eight digits of the digest>.json.gz`. */
export function snapshotPath(of: {
  readonly model: string;
  readonly version: string;
  readonly ordinal: number;
  readonly digest: string;
}): string {
  const digits = of.digest.replace("sha256:", "").slice(0, 8);
  return join(fileName(of.model), fileName(of.version), `${of.ordinal}-${digits}.json.gz`);
}

/** A name as one part of a path: anything but letters, digits, `-` and `_` is percent-encoded; the empty version is `_`. */
function fileName(name: string): string {
  return name === "" ? "_" : encodeURIComponent(name).replace(/[.!~*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
