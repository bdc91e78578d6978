/**
 * What happens by the calendar (pruning, digests): the only importer of node-cron. Windows and verdicts never come from here, they follow
 * the watermark.
 */

import cron, { type ScheduledTask } from "node-cron";

import { coerceError, DriftdError } from "./errors.ts";
import type { Log } from "./log.ts";

/** A job; `dueMs` is the time at which it came up, epoch ms. An error is logged and does not stop the schedule. */
type Job = (dueMs: number) => Promise<void> | void;

export type Schedule = {
  /**
   * Runs `job` whenever the cron expression (5 fields, or 6 with seconds first) comes up in the time zone (IANA name). A run that is still
   * going on when the next comes up is not joined by a second. A due time that the process slept through is made up for until the next one is
   * due, or within `toleranceMs`. Throws SCHEDULE_INVALID, SCHEDULE_DUPLICATE or SCHEDULE_STOPPED.
   */
  readonly add: (name: string, expression: string, timezone: string, job: Job, toleranceMs?: number) => void;
  /** Starts no further run; resolves when those that are going on have ended. */
  readonly stop: () => Promise<void>;
};

/** Makes an empty schedule. */
export function createSchedule({ log }: { readonly log: Log }): Schedule {
  const tasks = new Map<string, ScheduledTask>();
  const running = new Map<string, Promise<void>>();
  let stopped = false;

  async function runOnce(name: string, job: Job, dueMs: number): Promise<void> {
    try {
      await job(dueMs);
    } catch (thrown) {
      log.error({ job: name, err: coerceError(thrown) }, "scheduled job failed");
    } finally {
      running.delete(name);
    }
  }

  return {
    add: (name, expression, timezone, job, toleranceMs = Number.MAX_SAFE_INTEGER) => {
      if (stopped) throw new DriftdError("SCHEDULE_STOPPED", `job ${name} was added after the schedule had stopped`);
      if (tasks.has(name)) throw new DriftdError("SCHEDULE_DUPLICATE", `job ${name} is scheduled already`);
      const problem = cronProblem(expression);
      if (problem !== undefined) {
        throw new DriftdError("SCHEDULE_INVALID", `job ${name}: ${JSON.stringify(expression)} ${problem.message}`, { hint: problem.hint });
      }
      if (!isTimeZone(timezone)) {
        throw new DriftdError("SCHEDULE_INVALID", `job ${name}: ${JSON.stringify(timezone)} is not a time zone`, {
          hint: "write e.g. UTC or Europe/Oslo",
        });
      }
      const tick = ({ date }: { readonly date: Date }) => {
        if (!stopped && !running.has(name)) running.set(name, runOnce(name, job, date.getTime()));
      };
      tasks.set(
        name,
        cron.schedule(expression, tick, { timezone, name, missedExecutionTolerance: toleranceMs, suppressMissedWarning: true }),
      );
    },
    stop: async () => {
      stopped = true;
      await Promise.all([...tasks.values()].map((task) => task.destroy()));
      tasks.clear();
      await Promise.all(running.values());
    },
  };
}

/** What is wrong with a cron expression; undefined: nothing. */
export function cronProblem(expression: string): { readonly message: string; readonly hint: string } | undefined {
  const hint = "write minute, hour, day of month, month, day of week, e.g. 0 3 * * *";
  const { valid, errors } = cron.validateDetailed(expression);
  if (!valid) {
    const [first] = errors;
    const { field = "", value = "" } = first ?? {};
    if (/impossible day/.test(first?.message ?? ""))
      return { message: `never comes up: no such month has a day ${value}`, hint: "choose another day" };
    const where = FIELD_NAMES[field];
    return {
      message: where === undefined ? "is not a cron expression" : `is not a cron expression: ${JSON.stringify(value)} is no ${where}`,
      hint,
    };
  }
  return nextDue(expression, "UTC") === undefined ? { message: "never comes up", hint: "choose another day" } : undefined;
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  second: "second",
  minute: "minute",
  hour: "hour",
  dayOfMonth: "day of the month",
  month: "month",
  dayOfWeek: "day of the week",
};

/** When a valid expression comes up next by the host's clock, epoch ms; undefined: never. */
export function nextDue(expression: string, timezone: string): number | undefined {
  let task: ScheduledTask | undefined;
  try {
    task = cron.createTask(expression, () => {}, { timezone });
    return task.getNextRuns(1)[0]?.getTime();
  } catch {
    return undefined; // it gives up after some years
  } finally {
    void task?.destroy();
  }
}

/** Whether there is such a time zone. */
export function isTimeZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}
