/** For tests of addresses: the parts that a fetch needs, and snapshots as a server sends them. */

import type { MlflowAccess, ReferenceAccess } from "../../../src/config/config.ts";
import { inlineSecret } from "../../../src/config/secret.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { coerceError } from "../../../src/lib/errors.ts";
import type { AddressDependencies, Fetch, FetchError, Fetched } from "../../../src/reference/addresses/address.ts";
import { createFetch } from "../../../src/reference/addresses/index.ts";
import { digestOf } from "../../../src/reference/canonical.ts";
import type { Snapshot } from "../../../src/reference/snapshot.ts";
import { smallSnapshot } from "../../support/workspace.ts";

export const noLogin = { token: undefined, username: undefined, password: undefined, caFile: undefined };

export const plainAccess: ReferenceAccess = {
  timeoutMs: 5_000,
  http: { ...noLogin, headers: {} },
  s3: { endpoint: undefined, region: "us-east-1", keys: undefined, caFile: undefined },
};

/** MLflow at an address, without a login. */
export function mlflowAt(url: string): MlflowAccess {
  return { ...noLogin, url: inlineSecret(url) };
}

/** The fetch of an address; what is not given is as without any keys in the configuration. */
export function fetchOf(address: string, given: Partial<AddressDependencies> = {}): Fetch {
  return createFetch(address, { access: plainAccess, mlflow: undefined, clock: systemClock, version: "1.0.0", ...given });
}

/** A snapshot that was built at a moment, with a right digest. */
export function snapshotAt(createdAt: string, more: Partial<Snapshot> = {}, model = "m"): Snapshot {
  const made = smallSnapshot(model, more);
  const rest = { ...made, provenance: { ...made.provenance, created_at: createdAt } };
  return { ...rest, digest: digestOf(rest) };
}

export const signal = new AbortController().signal;

/** The bytes of an answer that must have changed. */
export async function bytesOf(fetched: Fetched): Promise<Buffer> {
  if (fetched.kind === "unchanged") throw new Error("unchanged");
  return fetched.candidates[0]!.read();
}

/** The failure of what must fail. */
export async function failure(work: Promise<unknown>): Promise<FetchError> {
  return work.then(
    () => {
      throw new Error("it did not fail");
    },
    (thrown: unknown) => coerceError(thrown) as FetchError,
  );
}
