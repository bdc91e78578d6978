/**
 * References by address in the daemon: asks each address when it is due, keeps a copy of the last good snapshots beside the store, and puts what
 * has changed in force between two evaluations. A fetch that fails changes nothing: what was in force stays, said in the log, an event and a
 * metric, and the address is asked again. A model whose address has never answered is judged `no_reference` until it does.
 *
 * A configuration's addresses come in two steps, as everything of a reload: `prepare` asks them all and touches nothing, `adopt` makes them those
 * that are watched. It is long because the order of fetch, swap, copy and word stands in one place.
 */

import type { Config } from "./config/config.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { asFetchError, type FetchError } from "./reference/addresses/address.ts";
import type { Known, ReferenceCache } from "./reference/addresses/cache.ts";
import type { FetchedReferences, LoadedReference } from "./reference/models.ts";
import { type Asked, failedEvent, replacedEvent } from "./reference-events.ts";
import { type Attempt, attemptFetch, type ListedAddress, listedAddresses } from "./reference-fetch.ts";
import type { EventRow, Store } from "./store/store.ts";

/** Addresses asked at the same time. */
const AT_ONCE = 4;
/** An address that failed is asked again after so long, or at its next refresh if that comes first; then after the last of these each time. */
const RETRY_MS = [10_000, 30_000, 60_000, 120_000, 300_000] as const;
/** Refreshes are spread by this share, so that many daemons do not ask together. */
const SPREAD = 0.1;

export type ReferenceWatchOptions = {
  readonly store: Pick<Store, "commitDecision">;
  readonly cache: ReferenceCache;
  /** Runs a step that puts what addresses hold in force, by model, and comes between no other change of the configuration. */
  readonly swap: (step: (put: (fetched: ReadonlyMap<string, FetchedReferences>) => Promise<void>) => Promise<void>) => Promise<void>;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** driftd's version, for `user-agent`. */
  readonly version: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

/** The addresses of a configuration as they answered; nothing is in force yet. */
export type PreparedReferences = {
  readonly of: (model: string) => FetchedReferences;
  readonly places: readonly Place[];
};

/** An address as it stands, for people. */
export type AddressFacts = {
  readonly model: string;
  readonly version: string | undefined;
  readonly address: string;
  /** Nothing was ever found there. */
  readonly waiting: boolean;
  readonly fromCache: boolean;
  /** Why the last fetch failed; undefined: it did not. */
  readonly problem: string | undefined;
};

export type ReferenceWatch = {
  /**
   * Asks every address of a configuration. `needed`: an address that has never answered is an error (of a reload: the old configuration stays; of a
   * finite source: there is no later); else its model waits for it. Rejects with that FetchError.
   */
  readonly prepare: (config: Config, asked: Asked, needed: boolean) => Promise<PreparedReferences>;
  /** From now on these are watched: said and copied. The judges by them are in force. */
  readonly adopt: (prepared: PreparedReferences, asked: Asked) => Promise<void>;
  /** Asks what is due, and resolves when what changed is in force. A look that is under way is waited for. */
  readonly look: () => Promise<void>;
  /** Asks the addresses of these models now. */
  readonly refresh: (models: readonly string[], asked: Asked) => Promise<void>;
  readonly facts: () => readonly AddressFacts[];
  /** Writes the gauges. */
  readonly show: () => void;
  /** Ends what is under way. */
  readonly stop: () => Promise<void>;
};

type Place = {
  readonly listed: ListedAddress;
  known: Known | undefined;
  /** What is in force was read from the copy of an earlier run, and the address has not answered since. */
  fromCache: boolean;
  failure: FetchError | undefined;
  failures: number;
  /** What was said last about other files of a directory. */
  beside: string;
  /** When it is asked next, epoch ms. */
  nextMs: number;
  asked: Asked | undefined;
  /** What `prepare` was answered, until `adopt`. */
  attempt: Attempt | undefined;
  /** What was in force before `prepare`. */
  readonly before: Known | undefined;
};

/** Nothing is watched before `adopt`. */
export function createReferenceWatch(options: ReferenceWatchOptions): ReferenceWatch {
  const { store, cache, metrics, clock, log } = options;
  const stopping = new AbortController();
  let places: ReadonlyMap<string, Place> = new Map();
  let looking: Promise<void> | undefined;

  async function placeOf(listed: ListedAddress): Promise<Place> {
    const before = places.get(listed.key);
    const rest = {
      listed,
      failure: before?.failure,
      failures: before?.failures ?? 0,
      beside: before?.beside ?? "",
      nextMs: Number.POSITIVE_INFINITY,
    };
    if (before?.known !== undefined)
      return { ...rest, known: before.known, before: before.known, fromCache: before.fromCache, asked: undefined, attempt: undefined };
    const known = await cache.load(listed).catch((thrown: unknown) => {
      log.warn({ err: coerceError(thrown), model: listed.model, address: listed.shown }, "the copy of the last reference cannot be used");
      return undefined;
    });
    return { ...rest, known, before: known, fromCache: known !== undefined, asked: undefined, attempt: undefined };
  }

  async function say(events: readonly EventRow[]): Promise<void> {
    if (events.length === 0) return;
    try {
      await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events });
      options.onEvents(events);
    } catch (thrown) {
      log.warn({ err: coerceError(thrown) }, "events about references could not be stored");
    }
  }

  /** What an attempt makes known; undefined: nothing new. */
  function nextKnown({ known }: Place, attempt: Attempt): Known | undefined {
    if (attempt.outcome === "failed") return undefined;
    if (attempt.outcome === "unchanged") return known && { ...known, atMs: clock.nowMs() };
    const { identity, modelVersion } = attempt;
    // The same snapshot stays the same object: what was prepared of it is not made again.
    const found = attempt.found.map(({ version, reference }) => ({ version, reference: same(known, version, reference) ?? reference }));
    return { identity, modelVersion, atMs: clock.nowMs(), found: [...found, ...missing(known, attempt)] };
  }

  /** After an attempt, when what it brought is in force: schedule, copy, log, metric, event. */
  async function settle(place: Place, attempt: Attempt, asked: Asked, before: Known | undefined): Promise<void> {
    const { listed, known } = place;
    const { model, shown: address, refreshMs } = listed;
    const about = { model, atMs: clock.nowMs(), address };
    if (attempt.outcome === "failed") {
      const { error } = attempt;
      const news = place.failure?.reason !== error.reason;
      place.failure = error;
      const retryMs = RETRY_MS[Math.min(place.failures, RETRY_MS.length - 1)]!;
      place.failures += 1;
      place.nextMs = clock.nowMs() + Math.min(retryMs, refreshMs ?? retryMs);
      metrics.inc("driftd_reference_fetch_failures_total", { model, reason: error.reason });
      const inForce = known?.found.map(({ reference }) => reference.snapshot.digest) ?? [];
      if (!news) return;
      const state = known === undefined ? "the model has no reference until it answers" : "the reference in force stays";
      const more = { from_cache: place.fromCache, in_force: inForce, ...(error.hint === undefined ? {} : { hint: error.hint }) };
      log.warn({ model, address, failure: error.reason, detail: error.message, ...more }, `fetching a reference failed: ${state}`);
      await say([failedEvent(about, { asked, error, version: listed.version, inForce, fromCache: place.fromCache })]);
      return;
    }
    if (place.failure !== undefined) log.info({ model, address }, "the address of the reference answers again");
    place.failure = undefined;
    place.failures = 0;
    place.fromCache = false;
    place.nextMs =
      refreshMs === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() + refreshMs * (1 - SPREAD + 2 * SPREAD * options.random());
    if (attempt.outcome === "unchanged" || known === undefined) return;
    const beside = attempt.failures.map(({ message }) => message);
    for (const { reason } of attempt.failures) metrics.inc("driftd_reference_fetch_failures_total", { model, reason });
    if (beside.length > 0 && beside.join() !== place.beside)
      log.warn({ model, address, problems: beside }, "files beside the reference cannot be used");
    place.beside = beside.join();
    const replaced = known.found.filter(({ version, reference }) => same(before, version, reference) === undefined);
    await say(
      replaced.map(({ version, reference: { snapshot } }) =>
        replacedEvent(about, { asked, version, snapshot, previous: digestIn(before, version), modelVersion: known.modelVersion }),
      ),
    );
    for (const { version, reference } of replaced)
      log.info(
        { model, version: version ?? "", address, reference: reference.snapshot.digest, previous: digestIn(before, version) },
        "reference replaced",
      );
    const versions = before?.found
      .filter(({ version }) => known.found.every((one) => one.version !== version))
      .map(({ version }) => version ?? "");
    if (versions !== undefined && versions.length > 0) log.warn({ model, versions, address }, "references are gone from their address");
    if (before !== undefined && equal(before, known) && known.identity === before.identity) return;
    // What could not be read again has no bytes to be copied: the copy stays as it was.
    if (known.found.length > attempt.found.length) return;
    try {
      await cache.save(listed, { ...known, found: attempt.found });
    } catch (thrown) {
      metrics.inc("driftd_reference_fetch_failures_total", { model, reason: "cache" });
      log.error({ err: coerceError(thrown), model, address }, "the copy of the reference cannot be written");
    }
  }

  async function ask(place: Place): Promise<void> {
    const asked = place.asked ?? { reason: "refresh" };
    place.asked = undefined;
    place.nextMs = Number.POSITIVE_INFINITY;
    let attempt = await attemptFetch(place.listed, place.known, stopping.signal);
    const current = () => places.get(place.listed.key) === place && !stopping.signal.aborted;
    if (!current()) return;
    const before = place.known;
    const next = nextKnown(place, attempt);
    if (next !== undefined && attempt.outcome === "found" && !equal(before, next)) {
      try {
        await options.swap(async (put) => {
          if (!current()) return;
          place.known = next;
          try {
            await put(byModel(places.values()));
          } catch (thrown) {
            place.known = before;
            throw thrown;
          }
        });
      } catch (thrown) {
        if (thrown instanceof DriftdError && thrown.code === "STOPPING") return;
        // It is a snapshot, but this model cannot be judged by it.
        attempt = { outcome: "failed", error: asFetchError(thrown, "invalid") };
      }
    } else if (next !== undefined) place.known = next;
    if (!current()) return;
    await settle(place, attempt, asked, before);
    show();
  }

  async function round(): Promise<void> {
    const due = [...places.values()].filter(({ nextMs }) => nextMs <= clock.nowMs());
    await limited(due, ask);
  }

  function look(): Promise<void> {
    if (stopping.signal.aborted) return Promise.resolve();
    looking ??= round().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  function show(): void {
    for (const [model, own] of Map.groupBy(places.values(), ({ listed }) => listed.model)) {
      metrics.set("driftd_reference_from_cache", { model }, own.some(({ fromCache }) => fromCache) ? 1 : 0);
      const times = own.map(({ known }) => known?.atMs);
      if (times.every((atMs) => atMs !== undefined))
        metrics.set("driftd_reference_fetch_last_success_timestamp_seconds", { model }, Math.min(...times) / 1000);
    }
  }

  return {
    prepare: async (config, asked, needed) => {
      const prepared = await Promise.all(listedAddresses(config, { clock, version: options.version }).map(placeOf));
      await limited(prepared, async (place) => {
        const attempt = await attemptFetch(place.listed, place.known, stopping.signal);
        const waited = places.has(place.listed.key);
        if (attempt.outcome === "failed" && place.known === undefined && needed && !waited) throw attempt.error;
        place.attempt = attempt;
        place.asked = asked;
        place.known = nextKnown(place, attempt) ?? place.known;
      });
      const fetched = byModel(prepared);
      return { of: (model) => fetched.get(model) ?? new Map(), places: prepared };
    },
    adopt: async (prepared, asked) => {
      const gone = new Set([...places.values()].map(({ listed }) => listed.model));
      places = new Map(prepared.places.map((place) => [place.listed.key, place]));
      for (const place of prepared.places) {
        gone.delete(place.listed.model);
        const attempt = place.attempt ?? { outcome: "unchanged" };
        place.attempt = undefined;
        place.asked = undefined;
        // Of a start: what was in force when it stopped.
        await settle(place, attempt, asked, place.before);
      }
      for (const model of gone) {
        metrics.remove("driftd_reference_from_cache", { model });
        metrics.remove("driftd_reference_fetch_last_success_timestamp_seconds", { model });
      }
      show();
    },
    look,
    refresh: async (models, asked) => {
      while (looking !== undefined) await looking;
      const meant = new Set(models);
      for (const place of places.values()) {
        if (!meant.has(place.listed.model)) continue;
        place.nextMs = clock.nowMs();
        place.asked = asked;
      }
      await look();
    },
    facts: () =>
      [...places.values()].map(({ listed, known, fromCache, failure }) => ({
        ...{ model: listed.model, version: listed.version, address: listed.shown },
        ...{ waiting: known === undefined, fromCache, problem: failure?.message },
      })),
    show,
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}

function byModel(places: Iterable<Place>): Map<string, FetchedReferences> {
  const models = new Map<string, Map<string | undefined, LoadedReference>>();
  for (const { listed, known } of places) {
    const versions = models.get(listed.model) ?? new Map<string | undefined, LoadedReference>();
    models.set(listed.model, versions);
    for (const { version, reference } of known?.found ?? []) versions.set(version, reference);
  }
  return models;
}

/** Versions whose file may be one of those that could not be read: what was known of them stays. */
function missing(known: Known | undefined, { failures, found }: Extract<Attempt, { outcome: "found" }>): Known["found"] {
  if (known === undefined || failures.length === 0) return [];
  return known.found.filter(({ version }) => found.every((one) => one.version !== version));
}

/** The reference of the version that is known already, when it is this very one. */
function same(known: Known | undefined, version: string | undefined, reference: LoadedReference): LoadedReference | undefined {
  const found = known?.found.find((one) => one.version === version)?.reference;
  return found?.snapshot.digest === reference.snapshot.digest ? found : undefined;
}

function equal(before: Known | undefined, next: Known): boolean {
  return (
    before?.found.length === next.found.length &&
    next.found.every(({ version, reference }) => same(before, version, reference) !== undefined)
  );
}

function digestIn(known: Known | undefined, version: string | undefined): string | undefined {
  return known?.found.find((one) => one.version === version)?.reference.snapshot.digest;
}

/** Runs the work on each item, a few at a time; rejects with the first failure once all that was begun has ended. */
async function limited<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const errors: unknown[] = [];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined && errors.length === 0; item = rest.shift()) {
      await work(item).catch((thrown: unknown) => void errors.push(thrown));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, rest.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
