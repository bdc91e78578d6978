/**
 * One question to an address: which places a configuration lists, and what one fetch of one of them gives. The daemon asks again and again
 * (`reference-watch.ts`), a command once.
 */

import type { Config } from "./config/config.ts";
import type { Clock } from "./lib/clock.ts";
import { asFetchError, type Fetch, type FetchError } from "./reference/addresses/address.ts";
import type { CachePlace, Known } from "./reference/addresses/cache.ts";
import { shownAddress } from "./reference/addresses/form.ts";
import { createFetch } from "./reference/addresses/index.ts";
import { type Reading, readCandidates } from "./reference/addresses/read.ts";
import type { FetchedReferences } from "./reference/models.ts";

/** An address as a model lists it. */
export type ListedAddress = CachePlace & {
  /** Of all that a configuration lists. */
  readonly key: string;
  /** Undefined: at start and reload only. */
  readonly refreshMs: number | undefined;
  readonly fetch: Fetch;
};

export type FetchDependencies = {
  readonly clock: Clock;
  /** driftd's version, for `user-agent`. */
  readonly version: string;
};

/** What one fetch gave. */
export type Attempt =
  | { readonly outcome: "unchanged" }
  | ({ readonly outcome: "found"; readonly identity: string | undefined; readonly modelVersion: string | undefined } & Reading)
  | { readonly outcome: "failed"; readonly error: FetchError };

/** Every address of a configuration, in its order. */
export function listedAddresses(
  { models, mlflow }: Pick<Config, "models" | "mlflow">,
  dependencies: FetchDependencies,
): readonly ListedAddress[] {
  return models.flatMap(({ name: model, reference, outliers }) => {
    if (reference.kind !== "addresses") return [];
    const { access } = reference;
    return reference.places.map(({ version, address, refreshMs }) => {
      const shown = shownAddress(address);
      const fetch = createFetch(address, { access, mlflow, ...dependencies });
      return {
        model,
        version,
        outliers: outliers !== undefined,
        shown,
        key: JSON.stringify([model, version ?? null, shown]),
        refreshMs,
        fetch,
      };
    });
  });
}

/** Asks an address and reads what it holds; never rejects. `known` is what was found there last. */
export async function attemptFetch(listed: ListedAddress, known: Known | undefined, signal: AbortSignal): Promise<Attempt> {
  try {
    const fetched = await listed.fetch(known?.identity, signal);
    if (fetched.kind === "unchanged") return { outcome: "unchanged" };
    const reading = await readCandidates(fetched.candidates, listed, listed.shown);
    // What could not be read is read again next time, whatever the address says of a change.
    const identity = reading.failures.length === 0 ? fetched.identity : undefined;
    return { outcome: "found", identity, modelVersion: fetched.modelVersion, ...reading };
  } catch (thrown) {
    return { outcome: "failed", error: asFetchError(thrown, "connection") };
  }
}

/** For a command: asks the addresses of a model once. Rejects with the FetchError of the first that fails. */
export function fetchReferences(
  config: Pick<Config, "models" | "mlflow">,
  dependencies: FetchDependencies,
  signal: AbortSignal = new AbortController().signal,
): (model: string) => Promise<FetchedReferences> {
  return async (model) => {
    const models = config.models.filter(({ name }) => name === model);
    const versions = new Map<string | undefined, Reading["found"][number]["reference"]>();
    for (const listed of listedAddresses({ ...config, models }, dependencies)) {
      const attempt = await attemptFetch(listed, undefined, signal);
      if (attempt.outcome === "failed") throw attempt.error;
      for (const { version, reference } of attempt.outcome === "found" ? attempt.found : []) versions.set(version, reference);
    }
    return versions;
  };
}
