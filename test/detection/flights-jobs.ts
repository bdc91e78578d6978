/** What driftd and other tools' rules say on half a year of US flights, as they are and with faults planted. */

import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { type Found, find, longestOf, startBefore, type Watched, watch } from "./judge.ts";
import { FLIGHTS_FROM, FLIGHTS_TO, flightsLog } from "./logs.ts";
import { DAY, HOUR } from "./process.ts";
import { createRecorded, UNSEEN } from "./recorded.ts";
import { buildReference } from "./reference.ts";
import type { Log } from "./renewal-log.ts";
import { prepareRivals, type RivalDelays, type RivalTallies, transpose } from "./rival-months.ts";

export type FlightsReference = { readonly fromMs: number; readonly days: number };

/** Everything after a reference, to the end of June. */
export async function watchFlights({ fromMs, days }: FlightsReference): Promise<Watched & { readonly days: number }> {
  const process = createRecorded(await flightsLog(), fromMs);
  const built = buildReference(process, days);
  const judged = { built, reference: prepareReference(built.snapshot, DEFAULT_POLICY), policy: DEFAULT_POLICY };
  // The first windows reach back into the reference, so that judging begins right behind it.
  const live = createRecorded(await flightsLog(), process.now() - longestOf(DEFAULT_POLICY));
  return { ...watch(judged, live, FLIGHTS_TO), days: (FLIGHTS_TO - fromMs) / DAY - days };
}

export async function watchFlightsByRivals({ fromMs, days }: FlightsReference): Promise<RivalTallies> {
  const process = createRecorded(await flightsLog(), fromMs);
  const rivals = prepareRivals(process, days, [1]);
  return rivals.watch(createRecorded(await flightsLog(), process.now() - longestOf(DEFAULT_POLICY)), FLIGHTS_TO);
}

/** A row's own uniform number in [0, 1): which rows a fault befalls. */
const draw = (row: number): number => (Math.imul(row + 1, 2654435761) >>> 0) / 2 ** 32;

/** The five busiest airports change places. */
function rotateOrigins(log: Log): (code: number) => number {
  const origin = log.columns.find(({ name }) => name === "origin")!;
  const counts = new Map<number, number>();
  for (const code of origin.values) counts.set(code, (counts.get(code) ?? 0) + 1);
  const top = [...counts]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, 5)
    .map(([code]) => code);
  const next = new Map(top.map((code, i) => [code, top[(i + 1) % top.length]!]));
  return (code) => next.get(code) ?? code;
}

type Change = (log: Log, onsetMs: number) => (value: number, row: number) => number;

/** The planted faults, by the words of the table. */
export const FLIGHT_FAULTS: Readonly<Record<string, { readonly column: string; readonly change: Change; readonly withinDays?: number }>> = {
  "delay in seconds": { column: "delay", change: () => (value) => value * 60 },
  "distance in km": { column: "distance", change: () => (value) => value * 1.609344 },
  "2 % of origins a new code": { column: "origin", change: () => (code, row) => (draw(row) < 0.02 ? UNSEEN : code) },
  "delay × 1.5, as floats": { column: "delay", change: () => (value) => value * 1.5 },
  "delay × 1.5, rounded": { column: "delay", change: () => (value) => Math.round(value * 1.5) },
  "10 % of delays are 0": { column: "delay", change: () => (value, row) => (draw(row) < 0.1 ? 0 : value) },
  "the five busiest origins change places": { column: "origin", change: (log) => rotateOrigins(log) },
  "delay + 5 minutes": { column: "delay", change: () => (value) => value + 5 },
  "delay + 1 minute a day": {
    column: "delay",
    change: (log, onsetMs) => (value, row) => value + Math.max(0, Math.floor((log.minute[row]! * 60_000 - onsetMs) / DAY)),
    withinDays: 14,
  },
  "2 % of delays are null (quality, not drift)": {
    column: "delay",
    change: () => (value, row) => (draw(row) < 0.02 ? Number.NaN : value),
    withinDays: 2,
  },
};

export type FlightFaultName = string;

/** Eight onsets, twenty days apart, from 06:00 to 20:00. */
export function flightOnsets(): number[] {
  return Array.from({ length: 8 }, (_, i) => FLIGHTS_FROM + (14 + 4 + 20 * i) * DAY + (6 + 2 * i) * HOUR);
}

const onsetsAfter = (days: number): number[] => flightOnsets().filter((ms) => ms >= FLIGHTS_FROM + (days + 2) * DAY);

/** One fault at each onset, after a reference of 14 or 28 days from the first of January on. */
export async function findFlightFault(name: FlightFaultName, days: number): Promise<readonly Found[]> {
  const log = await flightsLog();
  const { column, change, withinDays = 5 } = FLIGHT_FAULTS[name]!;
  const built = buildReference(createRecorded(log, FLIGHTS_FROM), days);
  const judged = { built, reference: prepareReference(built.snapshot, DEFAULT_POLICY), policy: DEFAULT_POLICY };
  return onsetsAfter(days).map((onsetMs) => {
    const untilMs = Math.min(FLIGHTS_TO, onsetMs + withinDays * DAY);
    const process = createRecorded(log, startBefore(onsetMs, DEFAULT_POLICY), { column, onsetMs, untilMs, change: change(log, onsetMs) });
    return find(judged, process, { feature: column, onsetMs, toMs: untilMs });
  });
}

export async function findFlightFaultByRivals(name: FlightFaultName, days: number): Promise<RivalDelays> {
  const log = await flightsLog();
  const { column, change, withinDays = 5 } = FLIGHT_FAULTS[name]!;
  // Their bins are over distinct values, so the reference must know those that the fault makes: an onset beyond the data changes no row of it.
  const found = onsetsAfter(days).map((onsetMs) => {
    const untilMs = Math.min(FLIGHTS_TO, onsetMs + withinDays * DAY);
    const fault = { column, onsetMs, untilMs, change: change(log, onsetMs) };
    const faulty = log.columns.findIndex((one) => one.name === column);
    const rivals = prepareRivals(createRecorded(log, FLIGHTS_FROM, fault), days, [1], faulty);
    return rivals.find(createRecorded(log, startBefore(onsetMs, DEFAULT_POLICY), fault), onsetMs, untilMs);
  });
  return transpose(found);
}
