/** A part of the report: its name for `--only`, and how its text is made. */

import type { Pool } from "../pool.ts";
import type { Run } from "../simulate.ts";

export type Section = {
  readonly name: string;
  readonly title: string;
  /** The Markdown below the title. */
  readonly write: (pool: Pool) => Promise<string>;
};

/** Events of runs, for an interval. */
export function eventsOf(runs: readonly Run[], what: "critical" | "warningOrWorse"): { months: number; events: number }[] {
  return runs.map((run) => ({ months: run.months, events: run[what] }));
}
