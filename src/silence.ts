/**
 * The silence of a model, by the wall clock: no record of it came, although all that stood in its topics was read. It is not of the pane log (no
 * record closes no pane), so a replay knows nothing of it.
 *
 * The time of silence counts from the model's last record, or, if that is later, from when the source was last well: a source that is down,
 * partitions that are another's, a store that refuses and a backlog that is being read are not the model's silence. How far a topic has been
 * read is proven: the end of each partition's log, once seen, has been passed.
 */

import type { Volume } from "./evaluate/volume.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { LastRecord } from "./panes/tally.ts";
import type { SourceStatus } from "./sources/source.ts";
import type { EventRow, Store } from "./store/store.ts";

/** Why a model is or is not silent: a closed list. */
export type SilenceReason =
  | "records" // they come
  | "silent"
  | "not_due" // none for a while, which is usual, or not yet too long
  | "source_down"
  | "unassigned" // some partition is not read by this driftd
  | "catching_up" // there is a backlog that has not been read
  | "store" // the store refuses, so the source is held back
  | "unknown"; // too little is known of the model's traffic to say

export type Silence = {
  readonly model: string;
  /** The version of the last record; `""` when none came. */
  readonly version: string;
  readonly silent: boolean;
  readonly reason: SilenceReason;
  /** Since when nothing came; undefined: not known, or records come. */
  readonly sinceMs?: number;
  /** When the last record was counted; undefined: none since the start. */
  readonly lastRecordMs?: number;
};

/** What the configuration says of a model: no record for so long, when the past says that records were due, or never. */
export type SilentModel = { readonly name: string; readonly silenceMs: number | "auto" | null };

export type SilenceOptions = {
  readonly models: () => readonly SilentModel[];
  /** Of the source that is read; empty before it is. */
  readonly sources: () => readonly SourceStatus[];
  readonly storeProblem: () => string | undefined;
  readonly lastRecords: () => readonly LastRecord[];
  readonly zeroBetween: (model: string, startMs: number, endMs: number) => Promise<Volume | undefined>;
  /** With `auto` nothing shorter is silence: two panes and the allowed lateness. */
  readonly leastMs: number;
  readonly store: Pick<Store, "commitDecision" | "getFact">;
  /** After their commit. */
  readonly onEvents: (events: readonly EventRow[]) => void;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
};

export type Silences = {
  /** Looks once; to be called every few seconds. A look that is still under way is not begun again. */
  readonly look: () => Promise<void>;
  /** What the last look found; undefined before it, and for a model that is not watched. */
  readonly of: (model: string) => Silence | undefined;
};

/** A backlog smaller than this many milliseconds of the wall clock is none. */
const AT_ONCE_MS = 60_000;

type Known = { version: string; silent: boolean; sinceMs: number };

/** Watches the models of a configuration; nothing is known of them at first but what the store says. */
export function createSilences(options: SilenceOptions): Silences {
  const { store, metrics, clock, log } = options;
  const known = new Map<string, Known>();
  const found = new Map<string, Silence>();
  /** By partition: the end of its log at a moment, and up to which moment all has been read. */
  const marks = new Map<string, { end: number; atMs: number; throughMs: number | undefined }>();
  let wellSinceMs: number | undefined;
  let looking: Promise<void> | undefined;

  /** Why no model can be called silent; undefined: the sources are well. */
  function trouble(statuses: readonly SourceStatus[]): SilenceReason | undefined {
    if (options.storeProblem() !== undefined) return "store";
    if (statuses.length === 0 || statuses.some(({ connected, problem }) => !connected || problem !== undefined)) return "source_down";
    const whole = statuses.every(({ partitions }) => partitions.length > 0 && partitions.every(({ assigned }) => assigned));
    return whole ? undefined : "unassigned";
  }

  /** The moment up to which everything that stood in the topics has been read; undefined: not proven yet. */
  function readThrough(statuses: readonly SourceStatus[], nowMs: number): number | undefined {
    let leastMs: number | undefined = nowMs;
    for (const { source, partitions } of statuses) {
      for (const { partition, next, end } of partitions) {
        const key = `${partition} ${source}`;
        const mark = marks.get(key);
        const throughMs = mark !== undefined && next >= mark.end ? mark.atMs : mark?.throughMs;
        if (end !== null && (mark === undefined || next >= mark.end)) marks.set(key, { end, atMs: nowMs, throughMs });
        leastMs = throughMs === undefined || leastMs === undefined ? undefined : Math.min(leastMs, throughMs);
      }
    }
    return leastMs;
  }

  async function stateOf(model: string): Promise<Known> {
    let state = known.get(model);
    if (state === undefined) {
      const kept = await store.getFact(factOf(model));
      state =
        kept === undefined || kept === "" ? { version: "", silent: false, sinceMs: 0 } : { ...(JSON.parse(kept) as Known), silent: true };
      known.set(model, state);
    }
    return state;
  }

  async function lookAt(
    { name: model, silenceMs }: SilentModel,
    why: SilenceReason | undefined,
    throughMs: number | undefined,
  ): Promise<void> {
    const state = await stateOf(model);
    if (silenceMs === null) {
      if (state.silent) await change(model, { ...state, silent: false }, undefined);
      metrics.remove("driftd_model_silent", { model, version: state.version });
      known.delete(model);
      found.delete(model);
      return;
    }
    const last = lastOf(options.lastRecords(), model);
    if (last !== undefined && last.version !== state.version) {
      metrics.remove("driftd_model_silent", { model, version: state.version });
      state.version = last.version;
    }
    const lastRecord = last === undefined ? {} : { lastRecordMs: last.atMs };
    const say = (silent: boolean, reason: SilenceReason, sinceMs?: number) => {
      const { version } = state;
      found.set(model, { model, version, silent, reason, ...(sinceMs === undefined ? {} : { sinceMs }), ...lastRecord });
      metrics.set("driftd_model_silent", { model, version }, silent ? 1 : 0);
    };

    if (state.silent) {
      if (last === undefined || last.atMs <= state.sinceMs) return say(true, "silent", state.sinceMs);
      await change(model, { ...state, silent: false }, last.atMs);
    }
    if (why !== undefined) return say(false, why);
    const sinceMs = Math.max(last?.atMs ?? 0, wellSinceMs ?? 0);
    if (throughMs === undefined || clock.nowMs() - throughMs > AT_ONCE_MS) return say(false, "catching_up");
    const forMs = throughMs - sinceMs;
    if (forMs < (silenceMs === "auto" ? options.leastMs : silenceMs))
      return say(false, forMs < AT_ONCE_MS ? "records" : "not_due", sinceMs);
    const zero = silenceMs === "auto" ? await options.zeroBetween(model, sinceMs, throughMs) : undefined;
    if (silenceMs === "auto" && zero?.verdict !== "drift") {
      return say(
        false,
        zero === undefined || (zero.verdict === "insufficient_data" && zero.reason !== "thin_hour") ? "unknown" : "not_due",
        sinceMs,
      );
    }
    await change(model, { version: state.version, silent: true, sinceMs }, undefined, zero?.expected);
    say(true, "silent", sinceMs);
  }

  /** Stores a change with its event and its memory, and only then lets it hold. */
  async function change(model: string, next: Known, resumedMs: number | undefined, expected?: number): Promise<void> {
    const { version, silent, sinceMs } = next;
    const atMs = clock.nowMs();
    const body = {
      since: new Date(sinceMs).toISOString(),
      ...(silent ? { silent_seconds: Math.round((atMs - sinceMs) / 1000) } : {}),
      ...(expected === undefined ? {} : { expected_records: Math.round(expected) }),
      ...(resumedMs === undefined ? {} : { resumed: new Date(resumedMs).toISOString() }),
    };
    const event = { atMs, type: `driftd.volume.${silent ? "silence" : "resumed"}`, model, version, body: JSON.stringify(body) };
    await store.commitDecision({
      ...{ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [], events: [event] },
      facts: [{ name: factOf(model), value: silent ? JSON.stringify({ version, sinceMs }) : "" }],
    });
    const state = known.get(model);
    if (state !== undefined) Object.assign(state, next);
    options.onEvents([event]);
    if (silent) log.warn({ model, version, ...body }, "no record of the model comes");
    else log.info({ model, version, ...body }, "records of the model come again");
  }

  async function lookOnce(): Promise<void> {
    const statuses = options.sources();
    const why = trouble(statuses);
    const nowMs = clock.nowMs();
    if (why !== undefined) {
      wellSinceMs = undefined;
      marks.clear();
    } else wellSinceMs ??= nowMs;
    const throughMs = why === undefined ? readThrough(statuses, nowMs) : undefined;
    const models = options.models();
    for (const model of known.keys()) {
      if (models.some(({ name }) => name === model)) continue;
      known.delete(model);
      found.delete(model);
    }
    for (const model of models) await lookAt(model, why, throughMs);
  }

  return {
    look: () => {
      looking ??= lookOnce()
        .catch((thrown: unknown) => log.warn({ err: coerceError(thrown) }, "the silence of models could not be looked at"))
        .finally(() => {
          looking = undefined;
        });
      return looking;
    },
    of: (model) => found.get(model),
  };
}

function factOf(model: string): string {
  return `silence ${model}`;
}

function lastOf(records: readonly LastRecord[], model: string): LastRecord | undefined {
  let last: LastRecord | undefined;
  for (const record of records) if (record.model === model && (last === undefined || record.atMs > last.atMs)) last = record;
  return last;
}
