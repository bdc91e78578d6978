/** Recorded rows as a stream: every row is counted where it belongs, a fault from its onset on and nowhere else. */

import { describe, expect, it } from "vitest";
import { PANES_PER_SLOT, type Place, type Process, SLOT } from "./process.ts";
import { createRecorded, MISSING, UNSEEN } from "./recorded.ts";
import type { Log } from "./renewal-log.ts";

/** Forty rows, one every two minutes; a number and a category each, the last category missing. */
const LOG: Log = {
  name: "rows",
  rows: 40,
  minute: Int32Array.from({ length: 40 }, (_, row) => 2 * row),
  columns: [
    { name: "number", kind: "numeric", values: Float64Array.from({ length: 40 }, (_, row) => (row === 7 ? Number.NaN : row % 3)) },
    {
      name: "letter",
      kind: "categorical",
      values: Int32Array.from({ length: 40 }, (_, row) => (row === 39 ? MISSING : row % 2)),
      names: ["a", "b"],
    },
  ],
};

/** What comes of each level in the next half hours: by name of the value. */
function count(process: Process, slots: number): Record<string, number>[] {
  let offset = 0;
  const places = process.features.map(({ shape }): Place => {
    const place = {
      offset,
      map: Uint16Array.from({ length: shape.levels }, (_, k) => k),
      unseen: offset + shape.levels,
      missing: offset + shape.levels + 1,
    };
    offset += shape.levels + 2;
    return place;
  });
  const row = new Uint32Array(offset);
  for (let i = 0; i < slots; i++) process.slot(places, new Array<Uint32Array>(PANES_PER_SLOT).fill(row));
  return process.features.map(({ shape }, j) => {
    const { offset: at, unseen, missing } = places[j]!;
    const named = Array.from(shape.values, (value, k) => [shape.kind === "numeric" ? String(value) : `#${k}`, row[at + k]!] as const);
    return Object.fromEntries([...named, ["unseen", row[unseen]!] as const, ["missing", row[missing]!] as const].filter(([, n]) => n > 0));
  });
}

describe("createRecorded", () => {
  it("counts every row once, missing ones as missing", () => {
    expect(count(createRecorded(LOG, 0), 3)).toEqual([
      { 0: 14, 1: 12, 2: 13, missing: 1 },
      { "#0": 20, "#1": 19, missing: 1 },
    ]);
  });

  it("begins where it is told and gives the records of each pane", () => {
    const process = createRecorded(LOG, SLOT);
    expect(process.now()).toBe(SLOT);
    const places = process.features.map((): Place => ({ offset: 0, map: new Uint16Array(3), unseen: 0, missing: 0 }));
    // 30 … 60 minutes hold the rows 15 … 29: panes of 5 minutes with 3, 2, 3, 2, 3, 2 of them, from minute 30 on.
    expect(process.slot(places, new Array<Uint32Array>(6).fill(new Uint32Array(1)))).toEqual([3, 2, 3, 2, 3, 2]);
  });

  it("changes the values of one column between onset and end", () => {
    const fault = { column: "number", onsetMs: 20 * 60_000, untilMs: 40 * 60_000, change: (value: number) => value * 10 };
    // Rows 10 … 19 hold 1 2 0 1 2 0 1 2 0 1.
    expect(count(createRecorded(LOG, 0, fault), 3)[0]).toEqual({ 0: 14, 1: 8, 2: 10, 10: 4, 20: 3, missing: 1 });
  });

  it("can make a category unseen, and a number missing", () => {
    const stretch = { onsetMs: 20 * 60_000, untilMs: 40 * 60_000 };
    const unseen = createRecorded(LOG, 0, { ...stretch, column: "letter", change: (code) => (code === 0 ? UNSEEN : code) });
    expect(count(unseen, 3)[1]).toEqual({ "#0": 15, "#1": 19, unseen: 5, missing: 1 });
    const missing = createRecorded(LOG, 0, { ...stretch, column: "number", change: () => Number.NaN });
    expect(count(missing, 3)[0]).toEqual({ 0: 11, 1: 8, 2: 10, missing: 11 });
  });
});
