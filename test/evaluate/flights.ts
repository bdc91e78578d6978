/**
 * Three million US flights of 2001 as counts: the reference of 1–14 January, and the windows of any stretch after it, with faults planted by
 * changing values before they are binned. Typed arrays all the way: half a year is replayed in seconds.
 */

import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { slideOf } from "../../src/evaluate/evaluator.ts";
import { binOf, fineBinsOf, padEdges } from "../../src/reference/bins.ts";
import { coarseOfCategorical, coarseOfNumeric, coarsePlan } from "../../src/reference/coarse.ts";
import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const PANE = 5 * MINUTE;
const SLOT = 30 * MINUTE;

export const FEATURES = ["delay", "distance", "origin", "destination"] as const;
export type Feature = (typeof FEATURES)[number];

/** Rows in the order of event time: minutes since the epoch, and the four values; categories are codes into `names`. */
export type Flights = {
  readonly rows: number;
  readonly minute: Int32Array;
  readonly delay: Int32Array;
  readonly distance: Int32Array;
  readonly origin: Int32Array;
  readonly destination: Int32Array;
  readonly names: { readonly origin: readonly string[]; readonly destination: readonly string[] };
};

/** Reads the table; about two seconds. */
export async function readFlights(): Promise<Flights> {
  const file = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const names = { origin: [] as string[], destination: [] as string[] };
    for (const column of ["origin", "destination"] as const) {
      const list = await connection.runAndReadAll(`SELECT DISTINCT ${column} FROM '${file}' ORDER BY 1`);
      names[column] = list.getRowsJson().map(([name]) => String(name));
      await connection.run(`CREATE TYPE ${column}_code AS ENUM (SELECT DISTINCT ${column} FROM '${file}' ORDER BY 1)`);
    }
    const result = await connection.stream(
      `SELECT CAST(epoch(date) / 60 AS INTEGER) AS minute, CAST(delay AS INTEGER), CAST(distance AS INTEGER),
        CAST(enum_code(CAST(origin AS origin_code)) AS INTEGER), CAST(enum_code(CAST(destination AS destination_code)) AS INTEGER)
       FROM '${file}' ORDER BY minute`,
    );
    const columns = Array.from({ length: 5 }, () => new Int32Array(3_000_000));
    let rows = 0;
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      for (const [i, column] of columns.entries()) {
        const vector = chunk.getColumnVector(i);
        for (let row = 0; row < chunk.rowCount; row++) column[rows + row] = vector.getItem(row) as number;
      }
      rows += chunk.rowCount;
    }
    const [minute, delay, distance, origin, destination] = columns.map((column) => column.subarray(0, rows)) as [
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    return { rows, minute, delay, distance, origin, destination, names };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** First row at or after an instant. */
export function rowAt({ minute, rows }: Flights, ms: number): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (minute[middle]! * MINUTE < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A snapshot of `[fromMs, toMs)` as `driftd reference build` makes it. */
export function snapshotOf(flights: Flights, fromMs: number, toMs: number): Snapshot {
  const from = rowAt(flights, fromMs);
  const to = rowAt(flights, toMs);
  const features = FEATURES.map((name) => featureOf(flights, name, from, to));
  const slots: Record<string, number[][]> = {};
  for (const feature of features) {
    const bin = binner(flights, feature);
    const plan = coarsePlan(feature);
    const rows: number[][] = Array.from({ length: (toMs - fromMs) / SLOT }, () => []);
    for (let row = from; row < to; row++) {
      const slot = rows[Math.floor((flights.minute[row]! * MINUTE - fromMs) / SLOT)]!;
      if (slot.length === 0) for (let k = 0; k < plan.size; k++) slot.push(0);
      slot[feature.coarse[bin(flights[feature.feature as Feature][row]!)]!]! += 1;
    }
    slots[feature.feature] = rows;
  }
  return {
    schema: "driftd/reference/v1",
    digest: "sha256:flights",
    model: "flights",
    records: to - from,
    time: { field: "date", from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
    provenance: { source: "flights-3m.parquet", driftd: "0", created_at: "2001-01-15T00:00:00Z", quantiles: "exact" },
    features,
    calibration: { days: (toMs - fromMs) / DAY, time_zone: "UTC", slot_seconds: SLOT / 1000, from: new Date(fromMs).toISOString(), slots },
  };
}

function featureOf(flights: Flights, feature: Feature, from: number, to: number): SnapshotFeature {
  const values = flights[feature].subarray(from, to);
  const common = { feature, role: "feature" as const, count: values.length, missing: 0, wrong_type: 0 };
  if (feature === "delay" || feature === "distance") {
    const { edges, counts, means, seenOnce } = fineBinsOf(values);
    const shape = { kind: "numeric" as const, edges, round: null };
    return {
      ...common,
      ...shape,
      layout: featureLayoutHash(shape),
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      counts,
      means,
      coarse: coarseOfNumeric({ edges, counts, seenOnce }),
      moments: { count: values.length, mean: 0, m2: 0 },
    };
  }
  const all = new Array<number>(flights.names[feature].length).fill(0);
  for (const code of values) all[code]! += 1;
  const codes = all.flatMap((count, code) => (count > 0 ? [code] : []));
  const categories = codes.map((code) => flights.names[feature][code]!);
  const counts = codes.map((code) => all[code]!);
  const shape = { kind: "categorical" as const, categories };
  return {
    ...common,
    ...shape,
    layout: featureLayoutHash(shape),
    counts,
    coarse: coarseOfCategorical(counts, values.length),
    seen_once: counts.filter((count) => count === 1).length,
  };
}

/** The slot, inside the feature, of one value; a category's code of −1 or one that the reference lacks is `unseen`. */
function binner(flights: Flights, feature: SnapshotFeature): (value: number) => number {
  if (feature.kind === "numeric") {
    const edges = padEdges(feature.edges);
    return (value) => binOf(edges, value);
  }
  const place = new Map(feature.categories.map((category, i) => [category, i]));
  const slots = Int32Array.from(
    flights.names[feature.feature as "origin" | "destination"],
    (name) => place.get(name) ?? feature.counts.length,
  );
  return (code) => (code < 0 ? feature.counts.length : slots[code]!);
}

/** What one row's value of a feature becomes from the onset on. */
export type Fault = { readonly feature: Feature; readonly fromMs: number; readonly change: (value: number, row: number) => number };

/**
 * Walks all windows of the ladder that end in `(fromMs, toMs]`, in the order of their ends, shorter ones first; a window is full before it is
 * first given. `visit` returns false to stop. The counts are running sums and change with the next window.
 */
export function walkWindows(
  flights: Flights,
  snapshot: Snapshot,
  windows: readonly { readonly name: string; readonly lengthMs: number }[],
  stretch: { readonly fromMs: number; readonly toMs: number; readonly fault?: Fault },
  visit: (window: WindowCounts) => boolean | undefined,
): void {
  const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs));
  const firstMs = stretch.fromMs - longestMs;
  const panes = Math.round((stretch.toMs - firstMs) / PANE);
  const layout = rowLayoutOf(snapshot.features);
  const firstRow = rowAt(flights, firstMs);
  const lastRow = rowAt(flights, stretch.toMs);
  const slots = new Int32Array((lastRow - firstRow) * FEATURES.length);
  for (const [place, feature] of snapshot.features.entries()) {
    const { offset } = layout.features[place]!;
    const bin = binner(flights, feature);
    const values = flights[feature.feature as Feature];
    const fault = stretch.fault?.feature === feature.feature ? stretch.fault : undefined;
    for (let row = firstRow; row < lastRow; row++) {
      const changed = fault !== undefined && flights.minute[row]! * MINUTE >= fault.fromMs;
      slots[(row - firstRow) * FEATURES.length + place] = offset + bin(changed ? fault.change(values[row]!, row) : values[row]!);
    }
  }
  const starts = Int32Array.from({ length: panes + 1 }, (_, pane) => rowAt(flights, firstMs + pane * PANE) - firstRow);
  const sums = windows.map((window) => ({ window, slideMs: slideOf(window.lengthMs), counts: new Uint32Array(layout.slots) }));
  const apply = (counts: Uint32Array, pane: number, by: 1 | -1): void => {
    const end = starts[pane + 1]! * FEATURES.length;
    for (let i = starts[pane]! * FEATURES.length; i < end; i++) counts[slots[i]!]! += by;
  };
  for (let pane = 0; pane < panes; pane++) {
    const endMs = firstMs + (pane + 1) * PANE;
    for (const { window, slideMs, counts } of sums) {
      const length = window.lengthMs / PANE;
      apply(counts, pane, 1);
      if (pane >= length) apply(counts, pane - length, -1);
      if (endMs <= stretch.fromMs || endMs % slideMs !== 0) continue;
      if (visit(windowAt(window, endMs, counts, pane, length)) === false) return;
    }
  }

  function windowAt(window: { name: string; lengthMs: number }, endMs: number, counts: Uint32Array, pane: number, length: number) {
    const startMs = endMs - window.lengthMs;
    let held = 0;
    const blocks: { startMs: number; values: Uint32Array }[] = [];
    for (let at = pane - length + 1; at <= pane; at++) {
      const rows = starts[at + 1]! - starts[at]!;
      if (rows > 0) held++;
      const blockMs = Math.floor((firstMs + at * PANE) / SLOT) * SLOT;
      let block = blocks[blocks.length - 1];
      if (block?.startMs !== blockMs) {
        block = { startMs: blockMs, values: new Uint32Array(FEATURES.length) };
        blocks.push(block);
      }
      for (let i = 0; i < FEATURES.length; i++) block.values[i]! += rows;
    }
    return {
      model: "flights",
      version: "",
      window,
      startMs,
      endMs,
      layout,
      counts,
      records: starts[pane + 1]! - starts[pane - length + 1]!,
      coverage: held / length,
      blocks,
      changedFeatures: new Set<string>(),
      incomplete: false,
      lost: 0,
      offsets: [],
    };
  }
}
