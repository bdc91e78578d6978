/** Joins references by address with a configuration in force: putting what was fetched in force, and telling which references are old. */

import type { Config } from "./config/config.ts";
import type { Judges } from "./judges.ts";
import type { Clock } from "./lib/clock.ts";
import type { Log } from "./lib/log.ts";
import type { Pipeline } from "./pipeline.ts";
import { type FetchedReferences, type LoadedReference, type ModelReferences, withFetched } from "./reference/models.ts";
import { tooOldEvent } from "./reference-events.ts";
import type { Renewals } from "./renewal.ts";
import { type JudgedReferences, judgedReferences, renewalContext } from "./renewal-wiring.ts";
import type { EventRow, Store } from "./store/store.ts";

/** Where copies of what was fetched are kept: beside the store. */
export function fetchedFolder(storePath: string): string {
  return `${storePath}.fetched`;
}

/** Puts references by address in force between two evaluations; `applied` gets them at that moment. Rejects when a model cannot be judged by them. */
export async function putFetched(
  fetched: ReadonlyMap<string, FetchedReferences>,
  parts: { readonly config: Config; readonly references: ModelReferences; readonly judges: Judges },
  { renewals, pipeline }: { readonly renewals: Renewals; readonly pipeline: Pick<Pipeline, "reconfigure"> },
  applied: (judged: JudgedReferences) => void,
): Promise<void> {
  const { config } = parts;
  const references = withFetched(parts.references, fetched);
  await renewals.load(renewalContext(config, references));
  let judged: JudgedReferences | undefined;
  const judges = () => {
    judged = judgedReferences(config, references, renewals, parts.judges);
    return judged.judges;
  };
  await pipeline.reconfigure({ judges, windows: config.windows }, () => applied(judged!));
}

/** A reference in force that is older than its model allows. */
export type OldReference = {
  readonly model: string;
  /** `""`: it judges every version. */
  readonly version: string;
  readonly reference: LoadedReference;
  readonly ageMs: number;
  readonly maxAgeMs: number;
};

/** References in force that are older than `reference.max_age` of their model; a renewed one is as old as its renewal. */
export function oldReferences({ models }: Config, judges: Judges, nowMs: number): readonly OldReference[] {
  return models.flatMap(({ name: model, maxAgeMs }) => {
    if (maxAgeMs === undefined) return [];
    const versions = judges.subjects().filter((subject) => subject.model === model);
    const known = versions.length > 0 ? versions : [{ model, version: "" }];
    return known.flatMap(({ version }) => {
      const reference = judges.find(model, version)?.reference;
      const ageMs = reference === undefined ? Number.NaN : nowMs - Date.parse(reference.snapshot.provenance.created_at);
      return reference !== undefined && ageMs > maxAgeMs ? [{ model, version, reference, ageMs, maxAgeMs }] : [];
    });
  });
}

/** Says of each reference that it is old: in the log and as an event. Rejects with `STORE_*`. */
export async function warnOfOld(
  old: readonly OldReference[],
  {
    store,
    clock,
    log,
    onEvents,
  }: {
    readonly store: Pick<Store, "commitDecision">;
    readonly clock: Clock;
    readonly log: Log;
    readonly onEvents: (events: readonly EventRow[]) => void;
  },
): Promise<void> {
  if (old.length === 0) return;
  for (const { model, version, reference, ageMs, maxAgeMs } of old) {
    const times = {
      created_at: reference.snapshot.provenance.created_at,
      age_days: Math.round(ageMs / DAY_MS),
      max_age_days: maxAgeMs / DAY_MS,
    };
    log.warn(
      { model, version, reference: reference.snapshot.digest, address: reference.path, ...times },
      "the reference is older than max_age",
    );
  }
  const events = old.map(({ reference, ...about }) =>
    tooOldEvent({ model: about.model, atMs: clock.nowMs(), address: reference.path }, { ...about, snapshot: reference.snapshot }),
  );
  await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events });
  onEvents(events);
}

const DAY_MS = 24 * 3_600_000;
