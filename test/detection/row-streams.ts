/** Data that truly changed, row by row: what driftd says of it, and when. */

import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { longestOf, type Watched, watch } from "./judge.ts";
import { birdstrikesLog, ROWS_PER_DAY, type RowLog, sp500Log } from "./logs.ts";
import { DAY, START } from "./process.ts";
import { createRecorded } from "./recorded.ts";
import { buildReference } from "./reference.ts";

const LOGS = { "sp500-2000": sp500Log, birdstrikes: birdstrikesLog } as const;
export type RowLogName = keyof typeof LOGS;

/** Rows of the reference: fourteen days of 144. */
export const REFERENCE_ROWS = 14 * ROWS_PER_DAY;

const POLICY: Policy = {
  ...DEFAULT_POLICY,
  windows: [
    { name: "144 rows", lengthMs: DAY },
    { name: "504 rows", lengthMs: 3.5 * DAY },
  ],
};

export type RowWatch = {
  readonly features: readonly { readonly feature: string; readonly warning: string; readonly critical: string }[];
  readonly rows: number;
  readonly referenceFrom: string;
  readonly referenceTo: string;
  readonly to: string;
};

/** Watches everything after the first 2,016 rows with windows of 144 and 504 rows. */
export async function watchRows(name: RowLogName): Promise<RowWatch> {
  const log = await LOGS[name]();
  const process = createRecorded(log, START);
  const built = buildReference(process, REFERENCE_ROWS / ROWS_PER_DAY);
  const judged = { built, reference: prepareReference(built.snapshot, POLICY), policy: POLICY };
  // The first windows reach back into the reference, so that judging begins right behind it.
  const live = createRecorded(log, process.now() - longestOf(POLICY));
  const { first } = watch(judged, live, START + Math.floor(log.rows / ROWS_PER_DAY) * DAY);
  return {
    features: log.columns.map(({ name: feature }) => ({ feature, ...datesOf(log, first[feature]) })),
    rows: log.rows,
    referenceFrom: log.dates[0]!,
    referenceTo: log.dates[REFERENCE_ROWS - 1]!,
    to: log.dates[log.rows - 1]!,
  };
}

function datesOf(log: RowLog, first: Watched["first"][string] | undefined): { warning: string; critical: string } {
  const date = (ms: number | undefined): string =>
    ms === undefined ? "never" : log.dates[Math.min(log.rows, Math.round(((ms - START) / DAY) * ROWS_PER_DAY)) - 1]!;
  return { warning: date(first?.warningMs), critical: date(first?.criticalMs) };
}
