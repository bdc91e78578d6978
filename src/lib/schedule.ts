/**
 * What happens by the calendar (pruning, digests): the only importer of node-cron. Windows and verdicts never come from here, they follow
 * the watermark.
 */

import cron, { type ScheduledTask } from "node-cron";

import { coerceError, DriftdError } from "./errors.ts";
import type { Log } from "./log.ts";

/** A job; an error is logged and does not stop the schedule. */
type Job = () => Promise<void> | void;

export type Schedule = {
  /**
   * Runs `job` whenever the cron expression (5 fields, or 6 with seconds first) comes up in the time zone (IANA name). A run that is still
   * going on when the next comes up is not joined by a second. Throws SCHEDULE_INVALID, SCHEDULE_DUPLICATE or SCHEDULE_STOPPED.
   */
  readonly add: (name: string, expression: string, timezone: string, job: Job) => void;
  /** Starts no further run; resolves when those that are going on have ended. */
  readonly stop: () => Promise<void>;
};

/** Makes an empty schedule. */
export function createSchedule({ log }: { readonly log: Log }): Schedule {
  const tasks = new Map<string, ScheduledTask>();
  const running = new Map<string, Promise<void>>();
  let stopped = false;

  async function runOnce(name: string, job: Job): Promise<void> {
    try {
      await job();
    } catch (thrown) {
      log.error({ job: name, err: coerceError(thrown) }, "scheduled job failed");
    } finally {
      running.delete(name);
    }
  }

  return {
    add: (name, expression, timezone, job) => {
      if (stopped) throw new DriftdError("SCHEDULE_STOPPED", `job ${name} was added after the schedule had stopped`);
      if (tasks.has(name)) throw new DriftdError("SCHEDULE_DUPLICATE", `job ${name} is scheduled already`);
      if (!cron.validate(expression)) {
        throw new DriftdError("SCHEDULE_INVALID", `job ${name}: ${JSON.stringify(expression)} is not a cron expression`, {
          hint: "write minute, hour, day of month, month, day of week, e.g. 0 3 * * *",
        });
      }
      if (!isTimeZone(timezone)) {
        throw new DriftdError("SCHEDULE_INVALID", `job ${name}: ${JSON.stringify(timezone)} is not a time zone`, {
          hint: "write e.g. UTC or Europe/Oslo",
        });
      }
      const tick = () => {
        if (!stopped && !running.has(name)) running.set(name, runOnce(name, job));
      };
      tasks.set(name, cron.schedule(expression, tick, { timezone, name }));
    },
    stop: async () => {
      stopped = true;
      await Promise.all([...tasks.values()].map((task) => task.destroy()));
      tasks.clear();
      await Promise.all(running.values());
    },
  };
}

function isTimeZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}
