/**
 * The seam of references by address: each kind of address is one function that asks what is there now. What comes back is bytes; whether they are
 * a snapshot that can be used is looked at in one place for all kinds (`read.ts`).
 */

import type { MlflowAccess, ReferenceAccess } from "../../config/config.ts";
import type { Clock } from "../../lib/clock.ts";
import { coerceError, DriftdError } from "../../lib/errors.ts";

/** Bytes of one snapshot, packed and unpacked. */
export const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;

/** Why a fetch failed: the closed list of `driftd_reference_fetch_failures_total`. */
export const FETCH_FAILURES = [
  "not_found",
  "unauthorized", // 401, 403, or a secret of our own that could not be read
  "timeout",
  "connection",
  "answer", // any other answer: a redirect, 429, 5xx, an answer that is none
  "too_large",
  "unreadable", // half a file, no JSON, broken gzip
  "invalid", // JSON, but no snapshot that this model can be judged by
  "wrong_model",
  "wrong_version",
  "cache", // fetched and in force, but the copy for the next start could not be written
] as const;
export type FetchFailure = (typeof FETCH_FAILURES)[number];

/** A DriftdError with the code REFERENCE_FETCH_FAILED that says why. */
export type FetchError = DriftdError & { readonly reason: FetchFailure };

/** One file that may be the snapshot. */
export type Candidate = {
  /** For messages: no credentials, no query. */
  readonly name: string;
  /** Rejects with a FetchError. */
  readonly read: () => Promise<Buffer>;
};

export type Fetched =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "changed";
      /** What to hand in next time (an ETag, sizes and times of files); undefined: it cannot be told whether it changed. */
      readonly identity: string | undefined;
      /** One; of a directory all that could be meant. */
      readonly candidates: readonly Candidate[];
      /** Version of the model in its registry that the address stands for now. */
      readonly modelVersion?: string;
    };

/** Asks an address; `previous` is the identity of what is known. Rejects with a FetchError. */
export type Fetch = (previous: string | undefined, signal: AbortSignal) => Promise<Fetched>;

export type AddressDependencies = {
  readonly access: ReferenceAccess;
  /** Undefined: the configuration has no `mlflow`. */
  readonly mlflow: MlflowAccess | undefined;
  readonly clock: Clock;
  /** driftd's version, for `user-agent`. */
  readonly version: string;
};

/** Makes the fetch of one address. */
export type AddressKind = (address: string, dependencies: AddressDependencies) => Fetch;

/** Makes the error of a failed fetch. */
export function fetchError(
  reason: FetchFailure,
  message: string,
  more: { readonly hint?: string; readonly cause?: unknown } = {},
): FetchError {
  return Object.assign(new DriftdError("REFERENCE_FETCH_FAILED", message, more), { reason });
}

/** Any error as one of a fetch; what says nothing of its reason is taken as `otherwise`. */
export function asFetchError(thrown: unknown, otherwise: FetchFailure): FetchError {
  const error = coerceError(thrown);
  if (isFetchError(error)) return error;
  const { hint } = error instanceof DriftdError ? error : { hint: undefined };
  const reason = error instanceof DriftdError ? (REASONS[error.code] ?? otherwise) : otherwise;
  return fetchError(reason, error.message, { ...(hint === undefined ? {} : { hint }), cause: error });
}

const REASONS: Readonly<Record<string, FetchFailure>> = {
  REFERENCE_NOT_FOUND: "not_found",
  REFERENCE_UNREADABLE: "unreadable",
  REFERENCE_INVALID: "invalid",
  REFERENCE_VERSION_UNKNOWN: "invalid",
  REFERENCE_DIGEST_MISMATCH: "invalid",
  REFERENCE_WITHOUT_OUTLIER: "invalid",
  REFERENCE_MODEL_MISMATCH: "wrong_model",
  REFERENCE_VERSION_MISMATCH: "wrong_version",
  SECRET_UNREADABLE: "unauthorized",
  SECRET_EMPTY: "unauthorized",
};

function isFetchError(error: Error): error is FetchError {
  return error instanceof DriftdError && error.code === "REFERENCE_FETCH_FAILED" && "reason" in error;
}
