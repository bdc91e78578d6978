/** Real data in the order of time: US flights of 2001, and row-streams of the S&P 500 and of bird strikes (`vega-datasets`). */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readFlights } from "../evaluate/flights.ts";
import { DAY, HOUR, MINUTE, START } from "./process.ts";
import type { Log, LogColumn } from "./renewal-log.ts";

export const FLIGHTS_FROM = Date.parse("2001-01-01T00:00:00Z");
export const FLIGHTS_TO = Date.parse("2001-07-01T00:00:00Z");

let flights: Promise<Log> | undefined;

/** Three million flights: delay, distance, origin, and the hour of day, which is nothing but the cycle. Read once. */
export function flightsLog(): Promise<Log> {
  flights ??= readFlights().then(({ rows, minute, delay, distance, origin, names }) => ({
    name: "flights-3m",
    rows,
    minute,
    columns: [
      { name: "delay", kind: "numeric", values: Float64Array.from(delay) },
      { name: "distance", kind: "numeric", values: Float64Array.from(distance) },
      { name: "origin", kind: "categorical", values: origin, names: names.origin },
      { name: "hour", kind: "numeric", values: Float64Array.from(minute, (at) => ((at * MINUTE) % DAY) / HOUR).map(Math.floor) },
    ],
  }));
  return flights;
}

/** Rows without a clock: one comes every ten minutes, so that 144 of them are a day of 24 hours. */
export const ROWS_PER_DAY = 144;

/** A log whose rows are told apart by their date. */
export type RowLog = Log & { readonly dates: readonly string[] };

/** The S&P 500, 2000–2020, trading day by trading day: return, range of the day, volume. */
export async function sp500Log(): Promise<RowLog> {
  const rows = await csv("sp500-2000.csv");
  const of = (name: string) => rows.map((row) => Number(row[name]));
  const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map(of) as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  return rowLog(
    "sp500-2000",
    rows.map((row) => row["date"]!),
    [
      numeric(
        "return",
        close.map((value, i) => (i === 0 ? value / open[i]! : value / close[i - 1]!) - 1),
      ),
      numeric(
        "range",
        high.map((value, i) => (value - low[i]!) / open[i]!),
      ),
      numeric("volume", volume),
    ],
  );
}

/** Collisions of birds and aircraft in the order of their date, 1990–2002. */
export async function birdstrikesLog(): Promise<RowLog> {
  const rows = (await csv("birdstrikes.csv")).toSorted((a, b) =>
    a["Flight Date"]! < b["Flight Date"]! ? -1 : a["Flight Date"]! > b["Flight Date"]! ? 1 : 0,
  );
  return rowLog(
    "birdstrikes",
    rows.map((row) => row["Flight Date"]!),
    [
      categorical("operator", rows, "Aircraft Airline Operator"),
      categorical("damage", rows, "Effect Amount of damage"),
      categorical("phase", rows, "Phase of flight"),
      categorical("time_of_day", rows, "Time of day"),
      numeric(
        "speed",
        rows.map((row) => (row["Speed IAS in knots"] === "" ? Number.NaN : Number(row["Speed IAS in knots"]))),
      ),
    ],
  );
}

/** The weather of Seattle and New York, day by day, 2012–2015. */
export async function weatherRows(): Promise<readonly Row[]> {
  return csv("weather.csv");
}

export type Row = Readonly<Record<string, string>>;

function rowLog(name: string, dates: readonly string[], columns: readonly LogColumn[]): RowLog {
  const step = DAY / MINUTE / ROWS_PER_DAY;
  return { name, rows: dates.length, minute: Int32Array.from(dates, (_, i) => START / MINUTE + i * step), columns, dates };
}

function numeric(name: string, values: readonly number[]): LogColumn {
  return { name, kind: "numeric", values: Float64Array.from(values) };
}

function categorical(name: string, rows: readonly Row[], column: string): LogColumn {
  const names = [...new Set(rows.map((row) => row[column]!))].sort();
  const codes = new Map(names.map((value, code) => [value, code]));
  return { name, kind: "categorical", values: Int32Array.from(rows, (row) => (row[column] === "" ? -1 : codes.get(row[column]!)!)), names };
}

/** A table of `vega-datasets`: a header, commas, texts in quotes where they hold one. */
async function csv(file: string): Promise<Row[]> {
  const text = await readFile(fileURLToPath(new URL(`../../node_modules/vega-datasets/data/${file}`, import.meta.url)), "utf8");
  const [header, ...lines] = text.trim().split(/\r?\n/).map(cellsOf);
  return lines.map((cells) => Object.fromEntries(header!.map((name, i) => [name, cells[i] ?? ""])));
}

function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!);
}
