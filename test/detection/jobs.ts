/** The jobs that the threads know, by name. */

import { simulateShiftedPairs } from "./compare-pairs.ts";
import { compareTables } from "./compare-tables.ts";
import { findFlightFault, findFlightFaultByRivals, watchFlights, watchFlightsByRivals } from "./flights-jobs.ts";
import { simulateRivalOnsets, simulateRivals } from "./rival-months.ts";
import { watchRows } from "./row-streams.ts";
import { healthyPairs } from "./sections/compare.ts";
import { nycMonths } from "./sections/nyc.ts";
import { simulateOnsets, simulateRun } from "./simulate.ts";

export const JOBS = {
  simulateRun,
  simulateOnsets,
  simulateRivals,
  simulateRivalOnsets,
  watchFlights,
  watchFlightsByRivals,
  findFlightFault,
  findFlightFaultByRivals,
  watchRows,
  compareTables,
  nycMonths,
  healthyPairs,
  simulateShiftedPairs,
} as const;

export type JobName = keyof typeof JOBS;
export type Job<N extends JobName> = Parameters<(typeof JOBS)[N]>;
export type JobResult<N extends JobName> = Awaited<ReturnType<(typeof JOBS)[N]>>;
