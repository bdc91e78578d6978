/**
 * The calendar: what the configuration wants done at the times of cron expressions. Retraining goes through the guards like any other request,
 * digests through the outbox; windows and verdicts never come from here, they follow the watermark.
 *
 * What is due next stands in the store. So a start knows what came due while driftd did not run (`missed`), and a crash in the middle of a run does
 * it again under the same due time, by which the decider and the outbox know that it was asked for already: nothing is asked or sent twice.
 */

import type { CalendarEntry } from "./config/config.ts";
import { iso } from "./decide/events.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import { createSchedule, nextDue, type Schedule } from "./lib/schedule.ts";
import { hashParts } from "./outputs/identity.ts";
import type { OutboxMessage } from "./outputs/output.ts";
import type { RequestRetraining } from "./retraining.ts";
import type { Store } from "./store/store.ts";

/** The fact that holds what is due next. */
const FACT = "calendar";
const FORMAT = 1;
/** What the first digest looks back on. */
const FIRST_DIGEST_MS = 24 * 3_600_000;
/** With `missed: skip` a run may come so late: a busy process is no downtime. */
const LATE_MS = 60_000;

export type CalendarOptions = {
  readonly store: Pick<Store, "getFact" | "setFact" | "commitDecision">;
  readonly request: RequestRetraining;
  /** The body of a digest. */
  readonly digest: (entry: CalendarEntry, dueMs: number, sinceMs: number) => Promise<string>;
  /** After messages were put into the outbox. */
  readonly wake: () => void;
  /** Asks the addresses of these models' references and warns of old ones; resolves when that is done. */
  readonly refresh: (models: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
};

export type Calendar = {
  /** From now on these entries hold; what was running ends first. Does what was missed. */
  readonly follow: (entries: readonly CalendarEntry[]) => Promise<void>;
  /** Starts no further run; resolves when those that are going on have ended. */
  readonly stop: () => Promise<void>;
};

/** Of one entry: `next` is when it is due, `last` when it came due last and was done; epoch ms. */
type Times = { readonly cron: string; readonly timeZone: string; readonly next: number; readonly last: number | null };

/** Nothing runs before `follow`. */
export function createCalendar(options: CalendarOptions): Calendar {
  const { store, clock, log } = options;
  let times: Map<string, Times> | undefined;
  let schedule: Schedule | undefined;
  let stopped = false;
  /** Runs of one entry come one after the other. */
  const running = new Map<string, Promise<void>>();

  async function load(): Promise<Map<string, Times>> {
    const text = await store.getFact(FACT);
    if (text === undefined) return new Map();
    try {
      const { v, entries } = JSON.parse(text) as { readonly v: number; readonly entries: Record<string, Times> };
      if (v === FORMAT) return new Map(Object.entries(entries));
    } catch {
      // Said below.
    }
    log.warn({}, "what the store says of the calendar cannot be read: nothing counts as missed");
    return new Map();
  }

  function factOf(all: ReadonlyMap<string, Times>): { readonly name: string; readonly value: string } {
    return { name: FACT, value: JSON.stringify({ v: FORMAT, entries: Object.fromEntries(all) }) };
  }

  /** What is known once the entry has come due: the fact to be stored with what was done, and the step that makes it known here. */
  function after(entry: CalendarEntry, dueMs: number): Times | undefined {
    const next = nextDue(entry.cron, entry.timeZone);
    return next === undefined ? undefined : { cron: entry.cron, timeZone: entry.timeZone, next, last: dueMs };
  }

  async function done(entry: CalendarEntry, dueMs: number, outbox: readonly OutboxMessage[] = []): Promise<void> {
    times ??= await load();
    const known = times;
    const own = after(entry, dueMs);
    if (own !== undefined) known.set(entry.name, own);
    const facts = [factOf(known)];
    await store.commitDecision({ evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox, events: [], facts });
    if (outbox.length > 0) options.wake();
  }

  async function retrain(entry: CalendarEntry, dueMs: number): Promise<void> {
    for (const model of entry.models) {
      const detail = `calendar: ${entry.name}, due ${iso(dueMs)}`;
      const dedupKey = `calendar ${JSON.stringify([entry.name, iso(dueMs), model])}`;
      try {
        const came = await options.request({ model, reason: "schedule", detail, dedupKey });
        const what = came.outcome === "held" ? { guard: came.guard } : { request: came.request.id };
        log.info({ calendar: entry.name, model, outcome: came.outcome, ...what }, "retraining by the calendar");
      } catch (thrown) {
        const err = coerceError(thrown);
        // A model that is not to be asked for is no reason to leave the others out; a store that refuses is.
        if (!(err instanceof DriftdError) || !err.code.startsWith("RETRAIN_")) throw err;
        log.error({ err, calendar: entry.name, model }, "retraining by the calendar failed");
      }
    }
    await done(entry, dueMs);
  }

  async function digest(entry: CalendarEntry, dueMs: number): Promise<void> {
    const last = times?.get(entry.name)?.last ?? null;
    const body = await options.digest(entry, dueMs, last ?? dueMs - FIRST_DIGEST_MS);
    const id = `msg_${hashParts(["digest", entry.name, dueMs]).slice(0, 32)}`;
    const message = { type: "driftd.digest", model: "", version: "", body, createdAtMs: clock.nowMs() };
    await done(
      entry,
      dueMs,
      entry.to.map((output, place) => ({ ...message, id: place === 0 ? id : `${id}-${output}`, output })),
    );
  }

  async function runOnce(entry: CalendarEntry, dueMs: number): Promise<void> {
    if (entry.action === "retrain") return retrain(entry, dueMs);
    if (entry.action === "digest") return digest(entry, dueMs);
    await options.refresh(entry.models);
    await done(entry, dueMs);
  }

  function run(entry: CalendarEntry, dueMs: number): Promise<void> {
    const mine = (running.get(entry.name) ?? Promise.resolve()).then(async () => {
      if (stopped) return;
      try {
        await runOnce(entry, dueMs);
      } catch (thrown) {
        log.error({ err: coerceError(thrown), calendar: entry.name, due: iso(dueMs) }, "a run of the calendar failed");
      }
    });
    running.set(entry.name, mine);
    return mine;
  }

  /** What the entries' times are now, and which of them came due unseen. */
  async function missedOf(entries: readonly CalendarEntry[]): Promise<readonly (readonly [CalendarEntry, number])[]> {
    const known = times ?? (await load());
    const missed: (readonly [CalendarEntry, number])[] = [];
    const next = new Map<string, Times>();
    for (const entry of entries) {
      const before = known.get(entry.name);
      // Another time of day is another entry: nothing of it was missed.
      const same = before?.cron === entry.cron && before.timeZone === entry.timeZone ? before : undefined;
      const passed = same !== undefined && same.next <= clock.nowMs();
      if (passed && entry.missed === "once") {
        missed.push([entry, same.next]);
        next.set(entry.name, same);
        continue;
      }
      if (passed) log.info({ calendar: entry.name, due: iso(same.next) }, "missed by the calendar: left to the next time");
      const due = same !== undefined && !passed ? same.next : nextDue(entry.cron, entry.timeZone);
      if (due !== undefined) next.set(entry.name, { cron: entry.cron, timeZone: entry.timeZone, next: due, last: same?.last ?? null });
    }
    times = next;
    if (next.size > 0 || known.size > 0) await store.setFact(FACT, next.size === 0 ? undefined : factOf(next).value);
    return missed;
  }

  async function begin(entries: readonly CalendarEntry[]): Promise<void> {
    await schedule?.stop();
    await Promise.all(running.values());
    if (stopped) return;
    const missed = await missedOf(entries);
    const begun = createSchedule({ log });
    schedule = begun;
    for (const entry of entries) {
      const tolerance = entry.missed === "skip" ? [LATE_MS] : [];
      begun.add(entry.name, entry.cron, entry.timeZone, (dueMs) => run(entry, dueMs), ...tolerance);
    }
    for (const [entry, dueMs] of missed) {
      log.info({ calendar: entry.name, due: iso(dueMs) }, "missed by the calendar: done now");
      void run(entry, dueMs);
    }
  }

  let following: Promise<void> = Promise.resolve();
  return {
    follow: (entries) => {
      const begun = following.then(() => begin(entries));
      following = begun.catch(() => {});
      return begun;
    },
    stop: async () => {
      stopped = true;
      await following;
      await schedule?.stop();
      await Promise.all(running.values());
    },
  };
}
