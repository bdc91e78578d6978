/**
 * Renewal: references made anew from the panes that the store holds, on a calendar in event time, and put in force between two evaluations. The
 * pipeline asks how far it may evaluate (`untilMs`), stops there, and calls `renewAt`; so a replay at full speed renews at the same moments, from
 * the same panes, as the daemon did.
 *
 * The steps of one renewal: sum the panes, write the snapshot beside the store, then one transaction with the fact that it is done and its
 * event, then swap the judges. A crash before the transaction leaves the old reference, and the same snapshot is made again; a crash after it leaves
 * the new one. Every snapshot is kept. It is long because the order of these steps stands in one place.
 */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Alert } from "./decide/decision.ts";
import { firstCounts } from "./evaluate/first-reference.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { areConsecutive, daysKnown, daysToCarry } from "./reference/carried.ts";
import { compileLayout } from "./reference/compile.ts";
import { DAY_MS } from "./reference/from-panes.ts";
import { loadSnapshot, saveSnapshot } from "./reference/load.ts";
import { type LoadedReference, type ModelReferences, withOthers } from "./reference/models.ts";
import {
  dayName,
  distancesBetween,
  distancesFromFirst,
  episodeDays,
  firstDue,
  leastDays,
  nextDue,
  nextTry,
  renewalDays,
  spoilsDays,
  storeSource,
  vanishedDays,
} from "./reference/renewal.ts";
import type { Snapshot } from "./reference/snapshot.ts";
import { sumStore } from "./reference-panes.ts";
import {
  type Postponed,
  postponedEvent,
  type RenewalState,
  readRenewal,
  renewalFact,
  renewedEvent,
  snapshotPath,
  writeRenewal,
} from "./renewal-state.ts";
import type { EvaluatedThrough, EventRow, Store } from "./store/store.ts";

/** How a model's reference is renewed. */
export type RenewRule = {
  readonly everyMs: number;
  readonly days: number;
  /** How long an episode is clear before it is resolved. */
  readonly keepFiringForMs: number;
};

/** What the configuration in force says. */
export type RenewalContext = {
  readonly ruleOf: (model: string) => RenewRule | undefined;
  /** The configured references, as they are in their files. */
  readonly references: ModelReferences;
  readonly longestWindowMs: number;
};

export type RenewalsOptions = {
  readonly store: Pick<Store, "panes" | "layouts" | "firstPane" | "episodes" | "getFact" | "setFact" | "versions" | "commitDecision">;
  /** Where renewed snapshots are written; made when it is needed. */
  readonly folder: string;
  /** Read at every step, so that a reload holds from the next one. */
  readonly context: () => RenewalContext;
  /** The time of an event about the due time `dueMs`: the host's clock, or in a replay the due time. */
  readonly eventMs: (dueMs: number) => number;
  readonly onEvents?: (events: readonly EventRow[]) => void;
  readonly driftd: string;
  readonly metrics: Metrics;
  readonly log: Log;
};

/** A model and version as the API shows it. */
export type RenewalFacts = {
  readonly dueMs: number;
  readonly nextTryMs: number;
  readonly postponed: Postponed | undefined;
};

type Subject = { readonly model: string; readonly version: string };

export type Renewals = {
  /** Reads what the store remembers of renewals under these references, and the snapshots in force. What cannot be read is said, and the configured one judges. */
  readonly load: (context: RenewalContext) => Promise<void>;
  /** The references with the newest renewed one of each version in place of the configured one that it descends from. */
  readonly over: (context: RenewalContext) => ModelReferences;
  /** Grows with each renewal: judges made before are old then. */
  readonly generation: () => number;
  /** The event time at which the next renewal is to be tried; +Infinity for none. Nothing beyond it may be evaluated before `renewAt`. */
  readonly untilMs: (gateMs: number, subjects: readonly Subject[], progress: readonly EvaluatedThrough[]) => Promise<number>;
  /** Tries what is due; everything up to `atMs` was evaluated, nothing beyond. True when references have changed. */
  readonly renewAt: (atMs: number, alerts: readonly Alert[]) => Promise<boolean>;
  /** Writes the gauges of what is in force. */
  readonly show: () => void;
  readonly facts: (model: string, version: string) => RenewalFacts | undefined;
};

/** Makes the renewals; `load` comes first. */
export function createRenewals(options: RenewalsOptions): Renewals {
  const { store, folder, metrics, log } = options;
  type Entry = Subject & { readonly state: RenewalState; readonly reference: LoadedReference | undefined };
  const entries = new Map<string, Entry>();
  let generation = 0;

  /** The entry of a subject while it descends from the configured reference and renewal is on. */
  function entryOf({ model, version }: Subject, context: RenewalContext): Entry | undefined {
    const entry = entries.get(keyOf(model, version));
    if (entry === undefined || context.ruleOf(model) === undefined) return undefined;
    return context.references.find(model, version)?.snapshot.digest === entry.state.first ? entry : undefined;
  }

  /** Once the process runs, `entries` knows more than the store: a reload reads only what is not there. */
  async function load(subject: Subject, context: RenewalContext): Promise<void> {
    const { model, version } = subject;
    const key = keyOf(model, version);
    if (!entries.has(key)) {
      const text = await store.getFact(renewalFact(model, version));
      if (text === undefined) return;
      entries.set(key, { ...subject, state: readRenewal(text, model, version), reference: undefined });
    }
    const entry = entryOf(subject, context);
    const renewed = entry?.state.renewed;
    if (entry === undefined || renewed === undefined || entry.reference !== undefined) return;
    try {
      const snapshot = await loadSnapshot(renewed.path);
      if (snapshot.digest !== renewed.digest) {
        const says = `${renewed.path}: has the digest ${snapshot.digest}, the store says ${renewed.digest}`;
        throw new DriftdError("REFERENCE_DIGEST_MISMATCH", says);
      }
      if (entries.get(key) === entry) entries.set(key, { ...entry, reference: loaded(renewed.path, snapshot) });
    } catch (thrown) {
      const err = coerceError(thrown);
      log.error({ err, model, version }, "the renewed reference cannot be read: the configured one judges until the next renewal");
    }
  }

  async function put(subject: Subject, state: RenewalState, events: readonly EventRow[], reference?: LoadedReference): Promise<void> {
    const { model, version } = subject;
    const facts = [{ name: renewalFact(model, version), value: writeRenewal(state) }];
    await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events, facts });
    const key = keyOf(model, version);
    entries.set(key, { ...subject, state, reference: reference ?? entries.get(key)?.reference });
    if (events.length > 0) options.onEvents?.(events);
  }

  async function postpone(entry: Entry, atMs: number, reason: Postponed["reason"], detail: string): Promise<void> {
    const { model, version, state } = entry;
    const tryMs = nextTry(atMs);
    const postponed: Postponed = { dueMs: state.dueMs, reason, detail };
    const news = state.postponed?.dueMs !== postponed.dueMs || state.postponed.reason !== reason;
    const about = { model, version, atMs: options.eventMs(atMs), dueMs: state.dueMs };
    await put(entry, { ...state, tryMs, postponed }, news ? [postponedEvent(about, postponed, tryMs)] : []);
    if (news) log.info({ model, version, reason, detail }, "renewal of the reference postponed");
  }

  /** True when another reference is in force. */
  async function renew(entry: Entry, rule: RenewRule, context: RenewalContext, atMs: number, alert: Alert | undefined): Promise<boolean> {
    const { model, version, state } = entry;
    if (alert !== undefined && alert.phase !== "inactive") {
      await postpone(entry, atMs, "episode_open", `episode ${alert.episode?.id ?? ""} is ${alert.phase}`);
      return false;
    }
    const configured = context.references.find(model, version) as LoadedReference;
    const before = (entry.reference ?? configured).snapshot;
    const episodes = (await store.episodes({ model })).filter((episode) => episode.version === version);
    const spoiling = episodes.filter(spoilsDays);
    const reach = { longestWindowMs: context.longestWindowMs, clearMs: rule.keepFiringForMs };
    const range = renewalDays(atMs, rule.days, spoiling, reach);
    const { summed, open, incomplete } = await sumStore(store, before, {
      ...{ model, version },
      range: { ...range, vanished: vanishedDays(range, episodes, reach) },
    });
    const taken = summed.days();
    const carried = daysToCarry(daysKnown(before), {
      ...{ dueMs: atMs, days: rule.days, taken },
      spoilt: episodeDays({ fromMs: 0, toMs: atMs }, spoiling, reach),
    });
    await summed.carry(carried);
    const days = summed.days();
    const leftOut = [...range.leftOut].sort((a, b) => a - b).map(dayName);
    const needed = leastDays(rule.days, before.calibration?.days ?? 0);
    if (taken.length === 0 || days.length < needed) {
      const without = leftOut.length === 0 ? "" : `, ${leftOut.length} left out for an episode`;
      const filled = carried.length === 0 ? "" : `, ${carried.length} of the reference before`;
      await postpone(entry, atMs, "few_days", `${taken.length} days of closed panes${without}${filled}; ${needed} needed`);
      return false;
    }
    if (summed.without().length === before.features.length) {
      await postpone(entry, atMs, "no_values", `no feature has a value in the bins of the reference on ${days.length} days`);
      return false;
    }
    const ordinal = (state.renewed?.ordinal ?? 0) + 1;
    const first = configured.snapshot;
    const snapshot = await summed.snapshot({
      source: storeSource(taken[0]! * DAY_MS, range.toMs, leftOut, carried.map(dayName)),
      createdAtMs: atMs, // event time: a replay makes the same file
      driftd: options.driftd,
      version: version === "" ? undefined : version,
      empty: "keep",
      // Days without traffic between others are known to be silent; days that were left out are not.
      gaps: leftOut.length > 0 || (carried.length > 0 && (before.calibration?.records === undefined || !areConsecutive(days))),
      renewal: {
        ordinal,
        previous: before.digest,
        first: before.renewal?.first ?? { digest: first.digest, created_at: first.provenance.created_at, features: firstCounts(first) },
      },
    });
    const path = join(folder, snapshotPath({ model, version, ordinal, digest: snapshot.digest }));
    try {
      await mkdir(dirname(path), { recursive: true });
      await saveSnapshot(snapshot, path);
    } catch (thrown) {
      const error = coerceError(thrown);
      log.error({ err: error, model, version }, "the renewed reference cannot be written: the old one stays in force");
      await postpone(entry, atMs, "unwritable", error.message);
      return false;
    }
    let dueMs = nextDue(state.dueMs, rule.everyMs);
    while (dueMs <= atMs) dueMs = nextDue(dueMs, rule.everyMs);
    const event = renewedEvent(
      { model, version, atMs: options.eventMs(atMs), dueMs: atMs },
      {
        ordinal,
        digest: snapshot.digest,
        previous: before.digest,
        first: state.first,
        path,
        records: snapshot.records,
        days: days.map(dayName),
        daysCarried: carried.map(dayName).toSorted(),
        daysLeftOut: leftOut,
        panesLeftOut: { open, incomplete },
        kept: summed.without(),
        fromPrevious: distancesBetween(before, snapshot),
        fromFirst: distancesFromFirst(snapshot),
      },
    );
    const next: RenewalState = { first: state.first, dueMs, tryMs: dueMs, renewed: { ordinal, digest: snapshot.digest, path, atMs } };
    await put(entry, next, [event], loaded(path, snapshot));
    metrics.inc("driftd_reference_renewals_total", { model });
    log.info(
      { model, version, reference: snapshot.digest, days: days.length, carried: carried.length, left_out: leftOut, path },
      "reference renewed",
    );
    return true;
  }

  return {
    load: async (context) => {
      for (const subject of await store.versions()) if (context.ruleOf(subject.model) !== undefined) await load(subject, context);
    },
    over: (context) =>
      withOthers(
        context.references,
        [...entries.values()].flatMap(({ model, version }) => {
          const reference = entryOf({ model, version }, context)?.reference;
          return reference === undefined ? [] : [{ model, version, reference }];
        }),
      ),
    generation: () => generation,
    untilMs: async (gateMs, subjects, progress) => {
      const context = options.context();
      const evaluated = new Map<string, number>();
      for (const { model, version, throughMs } of progress) {
        const key = keyOf(model, version);
        evaluated.set(key, Math.max(throughMs, evaluated.get(key) ?? throughMs));
      }
      let untilMs = Number.POSITIVE_INFINITY;
      for (const subject of subjects) {
        const { model, version } = subject;
        const key = keyOf(model, version);
        const rule = context.ruleOf(model);
        const reference = context.references.find(model, version);
        if (rule === undefined || reference === undefined) continue;
        const throughMs = evaluated.get(key);
        let entry = entryOf(subject, context);
        if (entry === undefined) {
          // From the first window that it judges on: of a new subject its first pane, else where its evaluation stands.
          const firstMs = throughMs ?? (await store.firstPane(model, version));
          if (firstMs === undefined || firstMs >= gateMs) continue;
          const dueMs = firstDue(firstMs, rule.everyMs);
          entries.delete(key); // what is there descends from another reference
          await put(subject, { first: reference.snapshot.digest, dueMs, tryMs: dueMs }, []);
          entry = entries.get(key) as Entry;
        } else if (throughMs !== undefined && throughMs > entry.state.tryMs) {
          // Renewal was switched off for a while: what was due then is done as of now.
          entry = { ...entry, state: { ...entry.state, tryMs: nextTry(throughMs - 1) } };
          entries.set(key, entry);
        }
        untilMs = Math.min(untilMs, entry.state.tryMs);
      }
      return untilMs;
    },
    renewAt: async (atMs, alerts) => {
      const context = options.context();
      let changed = false;
      for (const entry of [...entries.values()]) {
        const rule = context.ruleOf(entry.model);
        if (rule === undefined || entry.state.tryMs > atMs || entryOf(entry, context) === undefined) continue;
        const alert = alerts.find(({ model, version }) => model === entry.model && version === entry.version);
        if (!(await renew(entry, rule, context, atMs, alert))) continue;
        changed = true;
        generation += 1;
      }
      return changed;
    },
    show: () => {
      const context = options.context();
      for (const { model, version, state, reference } of entries.values()) {
        if (reference === undefined || entryOf({ model, version }, context) === undefined) continue;
        metrics.set("driftd_reference_renewal_timestamp_seconds", { model, version }, (state.renewed?.atMs ?? 0) / 1000);
      }
    },
    facts: (model, version) => {
      const state = entryOf({ model, version }, options.context())?.state;
      return state && { dueMs: state.dueMs, nextTryMs: state.tryMs, postponed: state.postponed };
    },
  };
}

function loaded(path: string, snapshot: Snapshot): LoadedReference {
  return { path, snapshot, compiled: compileLayout(snapshot) };
}

function keyOf(model: string, version: string): string {
  return JSON.stringify([model, version]);
}
