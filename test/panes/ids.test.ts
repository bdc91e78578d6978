/** Repeated ids in the panes of a partition: against a naive recount, through restarts, and where they are off. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newRecord } from "../../src/decode/record.ts";
import type { Pane } from "../../src/panes/pane.ts";
import { createPartition, type Partition, type Route } from "../../src/panes/partition.ts";
import { layouts, MINUTE, timing } from "./harness.ts";

const T0 = Date.UTC(2001, 0, 15, 10);
type Sent = { readonly id: string | number | undefined; readonly minute: number; readonly version: string };
const sent = fc.array(
  fc.record({
    id: fc.option(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom("a", "b", "0")), { nil: undefined }),
    minute: fc.integer({ min: 0, max: 14 }), // inside the allowed lateness: nothing closes before the end
    version: fc.constantFrom("1", "2"),
  }),
  { maxLength: 60 },
);

function open(kept: Pane[], ids: boolean) {
  const routes = new Map(["1", "2"].map((version): [string, Route] => [version, { model: "m", version, layout: layouts.a, ids }]));
  const cursor = { source: "s", partition: 0, epoch: 0, replayFrom: 0, processedThrough: 0, aheadMs: [], maxEventTimeMs: T0 };
  const options = { source: "s", partition: 0, cursor, timing, driftd: "test", onClosed: () => {} };
  const partition = createPartition({ ...options, openPanes: kept });
  partition.begin(0);
  return { partition, routes };
}

function count({ partition, routes }: { partition: Partition; routes: Map<string, Route> }, records: readonly Sent[], from: number): void {
  for (const [i, { id, minute, version }] of records.entries()) {
    partition.count(from + i, Number.NaN, routes.get(version)!, { ...newRecord(), id, eventTimeMs: T0 + minute * MINUTE });
  }
}

const keyOf = (minute: number, version: string) => `${version} ${T0 + Math.floor(minute / 5) * 5 * MINUTE}`;

function naive(records: readonly Sent[]) {
  const panes = new Map<string, { checked: number; repeated: number; ids: Set<unknown> }>();
  for (const { id, minute, version } of records) {
    const key = keyOf(minute, version);
    const pane = panes.get(key) ?? { checked: 0, repeated: 0, ids: new Set() };
    panes.set(key, pane);
    if (id === undefined) continue;
    pane.checked++;
    if (pane.ids.has(id)) pane.repeated++;
    pane.ids.add(id);
  }
  return new Map([...panes].map(([key, { checked, repeated }]) => [key, checked === 0 ? undefined : { checked, repeated }]));
}

const taken = (partition: Partition) =>
  new Map((partition.take()?.panes ?? []).map((pane) => [`${pane.key.version} ${pane.key.startMs}`, pane]));

describe("repeated ids", () => {
  test("are counted pane by pane as a naive recount has them, and records without an id are not looked at", () => {
    fc.assert(
      fc.property(sent, fc.nat(60), (records, at) => {
        const opened = open([], true);
        count(opened, records.slice(0, at), 0);
        opened.partition.take(); // a commit in between changes nothing
        count(opened, records.slice(at), at);
        opened.partition.finish();
        const seen = new Map([...taken(opened.partition)].map(([key, { ids }]) => [key, ids]));
        expect(seen).toEqual(naive(records));
      }),
    );
  });

  test("after a restart every record is still checked, and repeats across it are missed: never one too many", () => {
    fc.assert(
      fc.property(sent, fc.nat(60), (records, at) => {
        const first = open([], true);
        count(first, records.slice(0, at), 0);
        const kept = [...taken(first.partition).values()];
        const second = open(kept, true);
        count(second, records.slice(at), 0);
        second.partition.finish();
        const panes = taken(second.partition);
        for (const [key, expected] of naive(records)) {
          const { checked, repeated } = panes.get(key)?.ids ?? { checked: 0, repeated: 0 };
          expect(checked).toBe(expected?.checked ?? 0);
          expect(repeated).toBeLessThanOrEqual(expected?.repeated ?? 0);
        }
      }),
    );
  });

  test("are counted only where they are wanted", () => {
    const opened = open([], false);
    count(
      opened,
      Array.from({ length: 4 }, () => ({ id: "a", minute: 1, version: "1" })),
      0,
    );
    const [pane] = taken(opened.partition).values();
    expect(pane).toMatchObject({ records: 4 });
    expect(pane).not.toHaveProperty("ids");
  });
});
