import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Calendar, createCalendar } from "../src/calendar.ts";
import type { CalendarEntry } from "../src/config/config.ts";
import { systemClock } from "../src/lib/clock.ts";
import { DriftdError } from "../src/lib/errors.ts";
import { silentLog } from "../src/lib/log.ts";
import type { OutboxMessage } from "../src/outputs/output.ts";
import type { RetrainingAsked, RetrainingOutcome } from "../src/retraining.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const T0 = Date.parse("2026-01-15T12:00:00Z");

beforeEach(() => {
  vi.useFakeTimers({ now: T0, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const entry = (more: Partial<CalendarEntry> = {}): CalendarEntry => ({
  ...{ name: "nightly", cron: "0 3 * * *", timeZone: "UTC", action: "retrain", models: ["m"], to: [], missed: "once" },
  ...more,
});

/** A daemon's life over one store; `start` is a start of it. */
function createLife() {
  const facts = new Map<string, string>();
  const asked: RetrainingAsked[] = [];
  const sent: OutboxMessage[] = [];
  const refreshed: (readonly string[])[] = [];
  const digests: (readonly [number, number])[] = [];
  const life = {
    facts,
    asked,
    sent,
    refreshed,
    digests,
    answer: (_: RetrainingAsked): Promise<RetrainingOutcome> => Promise.resolve({ outcome: "held", guard: "paused" }),
    start: async (entries: readonly CalendarEntry[]): Promise<Calendar> => {
      const calendar = createCalendar({
        store: {
          getFact: async (name) => facts.get(name),
          setFact: async (name, value) => void (value === undefined ? facts.delete(name) : facts.set(name, value)),
          commitDecision: async (rows) => {
            for (const { name, value } of rows.facts ?? []) facts.set(name, value);
            sent.push(...rows.outbox);
          },
        },
        request: (wanted) => {
          asked.push(wanted);
          return life.answer(wanted);
        },
        digest: async (_, dueMs, sinceMs) => {
          digests.push([dueMs, sinceMs]);
          return JSON.stringify({ type: "driftd.digest", data: { text: "fine" } });
        },
        wake: () => {},
        refresh: async (models) => void refreshed.push(models),
        clock: systemClock,
        log: silentLog,
      });
      await calendar.follow(entries);
      await vi.advanceTimersByTimeAsync(0);
      return calendar;
    },
  };
  return life;
}

const times = ({ asked }: ReturnType<typeof createLife>) => asked.map(({ detail }) => detail.replace("calendar: nightly, due ", ""));

test("a retraining is asked for at its time, for each model, named so that it is never asked for twice", async () => {
  const life = createLife();
  const calendar = await life.start([entry({ models: ["m", "n"] })]);
  await vi.advanceTimersByTimeAsync(DAY);
  await calendar.stop();
  expect(life.asked).toEqual([
    {
      model: "m",
      reason: "schedule",
      detail: "calendar: nightly, due 2026-01-16T03:00:00Z",
      dedupKey: 'calendar ["nightly","2026-01-16T03:00:00Z","m"]',
    },
    {
      model: "n",
      reason: "schedule",
      detail: "calendar: nightly, due 2026-01-16T03:00:00Z",
      dedupKey: 'calendar ["nightly","2026-01-16T03:00:00Z","n"]',
    },
  ]);
});

test("times are those of the entry's zone, over the change to summer time too", async () => {
  vi.setSystemTime(Date.parse("2026-03-27T12:00:00Z"));
  const life = createLife();
  const calendar = await life.start([entry({ timeZone: "Europe/Oslo", cron: "0 8 * * *" })]);
  await vi.advanceTimersByTimeAsync(3 * DAY);
  await calendar.stop();
  expect(times(life)).toEqual(["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z", "2026-03-30T06:00:00Z"]);
});

test("what came due while it did not run is done once at start, under the first due time that was missed", async () => {
  const life = createLife();
  await (await life.start([entry()])).stop();
  vi.setSystemTime(T0 + 3.5 * DAY);
  const calendar = await life.start([entry()]);
  expect(times(life)).toEqual(["2026-01-16T03:00:00Z"]);
  await vi.advanceTimersByTimeAsync(12 * HOUR);
  await calendar.stop();
  expect(times(life)).toEqual(["2026-01-16T03:00:00Z", "2026-01-19T03:00:00Z"]);
});

test("nothing is made up for when nothing came due, at the first start ever, or with `skip`", async () => {
  const life = createLife();
  await (await life.start([entry({ missed: "skip" })])).stop();
  vi.setSystemTime(T0 + HOUR);
  await (await life.start([entry({ missed: "skip" })])).stop();
  vi.setSystemTime(T0 + 3 * DAY);
  const calendar = await life.start([entry({ missed: "skip" })]);
  expect(life.asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(DAY);
  await calendar.stop();
  expect(times(life)).toEqual(["2026-01-19T03:00:00Z"]);
});

test("an entry with other times, or one that was taken out meanwhile, has missed nothing", async () => {
  const life = createLife();
  await (await life.start([entry()])).stop();
  vi.setSystemTime(T0 + 2 * DAY);
  await (await life.start([entry({ cron: "0 4 * * *" })])).stop();
  await (await life.start([])).stop();
  expect(life.facts.size).toBe(0);
  vi.setSystemTime(T0 + 4 * DAY);
  await (await life.start([entry({ cron: "0 4 * * *" })])).stop();
  expect(life.asked).toEqual([]);
});

test("a run that broke off is done again under the same due time", async () => {
  const life = createLife();
  const held = life.answer;
  life.answer = () => Promise.reject(new DriftdError("STORE_FULL", "no space"));
  const calendar = await life.start([entry()]);
  await vi.advanceTimersByTimeAsync(16 * HOUR);
  await calendar.stop();
  life.answer = held;
  await (await life.start([entry()])).stop();
  expect(new Set(life.asked.map(({ dedupKey }) => dedupKey))).toEqual(new Set(['calendar ["nightly","2026-01-16T03:00:00Z","m"]']));
  expect(life.asked.length).toBe(2);
});

test("a model that cannot be asked for does not keep the others from being asked for", async () => {
  const life = createLife();
  life.answer = ({ model }) =>
    model === "m" ? Promise.reject(new DriftdError("RETRAIN_NOT_CONFIGURED", "no")) : Promise.resolve({ outcome: "held", guard: "paused" });
  const calendar = await life.start([entry({ models: ["m", "n"] })]);
  await vi.advanceTimersByTimeAsync(DAY);
  await calendar.stop();
  expect(life.asked.map(({ model }) => model)).toEqual(["m", "n"]);
});

test("a digest goes to each of its outputs under ids of its due time, and looks back to the one before", async () => {
  const life = createLife();
  const digest = entry({ name: "monday", action: "digest", to: ["chat", "mail"] });
  const calendar = await life.start([digest]);
  await vi.advanceTimersByTimeAsync(2 * DAY);
  await calendar.stop();
  const due = Date.parse("2026-01-16T03:00:00Z");
  expect(life.digests).toEqual([
    [due, due - DAY],
    [due + DAY, due],
  ]);
  expect(life.sent.map(({ output, type, model }) => [output, type, model])).toEqual([
    ["chat", "driftd.digest", ""],
    ["mail", "driftd.digest", ""],
    ["chat", "driftd.digest", ""],
    ["mail", "driftd.digest", ""],
  ]);
  const ids = life.sent.map(({ id }) => id);
  expect(ids[0]).toMatch(/^msg_[0-9a-f]{32}$/);
  expect(ids[1]).toBe(`${ids[0]}-mail`);
  expect(new Set(ids).size).toBe(4);
});

test("a refresh asks for the references of its models", async () => {
  const life = createLife();
  const calendar = await life.start([entry({ action: "refresh", models: ["m", "n"] })]);
  await vi.advanceTimersByTimeAsync(DAY);
  await calendar.stop();
  expect(life.refreshed).toEqual([["m", "n"]]);
});

test("after a reload only the new entries run", async () => {
  const life = createLife();
  const calendar = await life.start([entry()]);
  await calendar.follow([entry({ name: "nightly", cron: "0 4 * * *" })]);
  await vi.advanceTimersByTimeAsync(DAY);
  await calendar.stop();
  expect(times(life)).toEqual(["2026-01-16T04:00:00Z"]);
});
