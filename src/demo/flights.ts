/**
 * The demonstration's traffic: real US flights of 2001 as inference records, one JSON object a line, in event time, with one data fault
 * planted: from a moment on the delay is reported in seconds instead of minutes.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { openRows } from "../tables/rows.ts";

/** Three million flights, 1 January to 30 June 2001: minute of departure, delay in minutes, distance in miles, origin, destination. */
export function flightsPath(): string {
  // The package exports neither its package.json nor its data: the folder above its entry point is its root.
  const entry = fileURLToPath(import.meta.resolve("vega-datasets"));
  return join(dirname(dirname(entry)), "data", "flights-3m.parquet");
}

export const MODEL = "flights";
export const VERSION = "1";
export const REFERENCE = { from: "2001-01-01T00:00:00Z", to: "2001-01-15T00:00:00Z" } as const;
export const TRAFFIC = { from: "2001-01-15T00:00:00Z", to: "2001-02-19T00:00:00Z" } as const;
export const FAULT_FROM = "2001-02-05T00:00:00Z";

export type FlightRecord = {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly timestamp: string;
  readonly features: {
    readonly delay: number | null;
    readonly distance: number | null;
    readonly origin: string | null;
    readonly destination: string | null;
  };
};

/** The records of a stretch of time (by default the demonstration's), in event time. */
export async function* flightRecords(range: { readonly from: string; readonly to: string } = TRAFFIC): AsyncGenerator<FlightRecord> {
  const fromMs = Date.parse(range.from);
  const toMs = Date.parse(range.to);
  const faultMs = Date.parse(FAULT_FROM);
  let count = 0;
  for await (const batch of openRows(flightsPath(), { orderBy: "date" })) {
    for (let i = 0; i < batch.count; i++) {
      const row = batch.row(i);
      const timeMs = Number(row["date"]);
      if (timeMs < fromMs) continue;
      if (timeMs >= toMs) return;
      const delay = row["delay"] as number | null;
      yield {
        id: String(count++),
        model: MODEL,
        version: VERSION,
        timestamp: new Date(timeMs).toISOString(),
        features: {
          delay: delay !== null && timeMs >= faultMs ? delay * 60 : delay,
          distance: row["distance"] as number | null,
          origin: row["origin"] as string | null,
          destination: row["destination"] as string | null,
        },
      };
    }
  }
}

/** Writes the records to a file, one a line; returns how many. */
export async function writeFlights(path: string): Promise<number> {
  const file = createWriteStream(path);
  const done = finished(file);
  let count = 0;
  let lines = "";
  for await (const record of flightRecords()) {
    lines += `${JSON.stringify(record)}\n`;
    count++;
    if (lines.length < 1 << 20) continue;
    if (!file.write(lines)) await once(file, "drain");
    lines = "";
  }
  file.end(lines);
  await done;
  return count;
}
