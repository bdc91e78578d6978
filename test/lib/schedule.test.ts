import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { silentLog } from "../../src/lib/log.ts";
import { createSchedule, cronProblem, nextDue } from "../../src/lib/schedule.ts";

beforeEach(() => {
  vi.useFakeTimers({
    now: Date.parse("2026-01-01T00:00:00Z"),
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

test("a job runs when its expression comes up in its time zone", async () => {
  const schedule = createSchedule({ log: silentLog });
  const at: string[] = [];
  schedule.add("daily", "0 3 * * *", "Europe/Oslo", () => void at.push(new Date().toISOString()));
  await vi.advanceTimersByTimeAsync(48 * 3_600_000);
  await schedule.stop();
  expect(at.map((time) => time.slice(0, 16))).toEqual(["2026-01-01T02:00", "2026-01-02T02:00"]);
});

test("a job that fails is logged and runs again", async () => {
  const errors: unknown[] = [];
  const schedule = createSchedule({ log: { ...silentLog, error: (fields) => void errors.push(fields["job"]) } });
  schedule.add("hourly", "0 * * * *", "UTC", () => Promise.reject(new Error("no")));
  await vi.advanceTimersByTimeAsync(2 * 3_600_000 + 1000);
  await schedule.stop();
  expect(errors).toEqual(["hourly", "hourly"]);
});

test("a run that is still going on is not joined by a second, and stop waits for it", async () => {
  const schedule = createSchedule({ log: silentLog });
  const done = Promise.withResolvers<void>();
  let runs = 0;
  schedule.add("slow", "* * * * *", "UTC", () => {
    runs++;
    return done.promise;
  });
  await vi.advanceTimersByTimeAsync(5 * 60_000);
  let stopped = false;
  const stop = schedule.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect([runs, stopped]).toEqual([1, false]);
  done.resolve();
  await stop;
});

test("nothing runs after stop", async () => {
  const schedule = createSchedule({ log: silentLog });
  let runs = 0;
  schedule.add("often", "* * * * *", "UTC", () => void runs++);
  await schedule.stop();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  expect(runs).toBe(0);
});

test.each([
  ["a wrong expression", "61 * * * *", "UTC", "SCHEDULE_INVALID"],
  ["words", "every day", "UTC", "SCHEDULE_INVALID"],
  ["an unknown time zone", "0 3 * * *", "Europe/Atlantis", "SCHEDULE_INVALID"],
])("%s is refused", (_, expression, timezone, code) => {
  const schedule = createSchedule({ log: silentLog });
  expect(() => schedule.add("x", expression, timezone, () => {})).toThrow(expect.objectContaining({ code }));
});

test("two jobs of one name are refused", async () => {
  const schedule = createSchedule({ log: silentLog });
  schedule.add("x", "0 3 * * *", "UTC", () => {});
  expect(() => schedule.add("x", "0 4 * * *", "UTC", () => {})).toThrow(expect.objectContaining({ code: "SCHEDULE_DUPLICATE" }));
  await schedule.stop();
});

test.each([
  ["0 3 * * *", undefined],
  ["0 0 29 2 *", undefined],
  ["0 0 31 2 *", "never comes up: no such month has a day 31"],
  ["0 25 * * *", 'is not a cron expression: "25" is no hour'],
  ["0 0 * 13 *", 'is not a cron expression: "13" is no month'],
  ["0 3 * *", "is not a cron expression"],
])("%s: %s", (expression, problem) => {
  expect(cronProblem(expression)?.message).toBe(problem);
});

test("a time that a change of clocks skips does not come up that night, one that it repeats comes up once", () => {
  const next = (from: string) => {
    vi.setSystemTime(Date.parse(from));
    return new Date(nextDue("30 2 * * *", "Europe/Oslo")!).toISOString();
  };
  expect(next("2026-03-28T12:00:00Z")).toBe("2026-03-30T00:30:00.000Z");
  expect(next("2026-10-24T12:00:00Z")).toBe("2026-10-25T01:30:00.000Z");
  expect(next("2026-10-25T01:30:00Z")).toBe("2026-10-26T01:30:00.000Z");
});

test("a due time that the process slept through is made up for, unless it is told to be punctual", async () => {
  const schedule = createSchedule({ log: silentLog });
  const late: string[] = [];
  schedule.add("patient", "0 * * * *", "UTC", (dueMs) => void late.push(`patient ${new Date(dueMs).toISOString().slice(11, 16)}`));
  schedule.add("punctual", "0 * * * *", "UTC", () => void late.push("punctual"), 60_000);
  // The clock goes on while no timer fires.
  vi.setSystemTime(Date.parse("2026-01-01T02:20:00Z"));
  await vi.advanceTimersByTimeAsync(3_600_000);
  await schedule.stop();
  expect(late).toEqual(["patient 03:00"]);
});
