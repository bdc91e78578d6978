/** The jobs that the threads know, by name. */

import { findFlightFault, findFlightFaultByRivals, watchFlights, watchFlightsByRivals } from "./flights-jobs.ts";
import { simulateRivalOnsets, simulateRivals } from "./rival-months.ts";
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
} as const;

export type JobName = keyof typeof JOBS;
export type Job<N extends JobName> = Parameters<(typeof JOBS)[N]>;
export type JobResult<N extends JobName> = Awaited<ReturnType<(typeof JOBS)[N]>>;
