/** A part of the report: its name for `--only`, and how its text is made. */

import type { Pool } from "../pool.ts";
import type { Run } from "../simulate.ts";

export type Section = {
  readonly name: string;
  readonly title: string;
  /** The Markdown below the title. `share` of the months and trials are simulated, 1 for the report. */
  readonly write: (pool: Pool, share: number) => Promise<string>;
};

/** A share of months or trials, in whole steps and at least one. */
export function part(count: number, share: number, step = 1): number {
  return Math.max(step, Math.round((count * share) / step) * step);
}

/** Events of runs, for an interval. */
export function eventsOf(runs: readonly Run[], what: "critical" | "warningOrWorse"): { months: number; events: number }[] {
  return runs.map((run) => ({ months: run.months, events: run[what] }));
}
