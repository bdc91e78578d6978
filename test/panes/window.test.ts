import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { newMoments } from "../../src/panes/moments.ts";
import { addRow, packRow } from "../../src/panes/packed-row.ts";
import type { Pane } from "../../src/panes/pane.ts";
import type { WindowShape } from "../../src/panes/window.ts";
import { createWindowReader } from "../../src/panes/window-reader.ts";
import type { CompiledLayout } from "../../src/reference/layout.ts";
import type { PaneQuery } from "../../src/store/store.ts";
import { MINUTE } from "./harness.ts";
import { layoutOf } from "./layouts.ts";

const T0 = Date.UTC(2001, 0, 15);
const PANE = 5 * MINUTE;
const windows: readonly WindowShape[] = [
  { name: "1h", lengthMs: 60 * MINUTE, slideMs: 5 * MINUTE },
  { name: "5h", lengthMs: 300 * MINUTE, slideMs: 25 * MINUTE },
  { name: "6h", lengthMs: 360 * MINUTE, slideMs: 30 * MINUTE },
];
const hour = windows[0] as WindowShape;

const current = layoutOf({ x: { edges: [0, 1] }, c: { categories: ["p", "q"] } });
/** c is binned as before, x is not, and the order is another. */
const older = layoutOf({ c: { categories: ["p", "q"] }, x: { edges: [0, 1, 2] } });
/** Without c. */
const oldest = layoutOf({ x: { edges: [0, 1] } });
const layouts: readonly CompiledLayout[] = [current, older, oldest];

function pane(
  startMs: number,
  rest: { layout?: CompiledLayout; partition?: number; counts?: readonly number[]; records?: number; lost?: number; epoch?: number } = {},
): Pane {
  const { layout = current, partition = 0, counts = [], records = 1, lost = 0, epoch = 0 } = rest;
  const row = new Uint32Array(layout.row.slots);
  row.set(counts);
  return {
    key: {
      ...{ model: "m", version: "", segment: "", source: "kafka:t", partition, epoch, layout: layout.row.hash, paneMs: PANE },
      startMs,
    },
    ...{ final: true, incomplete: lost > 0, upto: 1, offsetFrom: startMs / PANE, offsetTo: startMs / PANE + 1, records, late: 0, lost },
    ...{ counts: row, moments: newMoments(layout.row.numeric), driftd: "0" },
    // Records of partition 2 have no ids.
    ...(partition === 2 ? {} : { ids: { checked: 2 * records, repeated: records } }),
  };
}

function createStore(panes: Pane[]) {
  let reads = 0;
  return {
    reads: () => reads,
    /** Called while a question is on its way, to change panes under it. */
    during: undefined as (() => void) | undefined,
    async panes({ fromMs = 0, toMs = 0 }: PaneQuery): Promise<Pane[]> {
      reads++;
      const found = panes.filter(({ key }) => key.startMs >= fromMs && key.startMs < toMs).map((p) => structuredClone(p));
      await Promise.resolve();
      this.during?.();
      return found;
    },
    layouts: async () => layouts.map((layout) => layout.row),
  };
}

/** The window once more, from all panes. */
function naive(panes: readonly Pane[], shape: WindowShape, endMs: number) {
  const within = panes.filter(({ key }) => key.startMs >= endMs - shape.lengthMs && key.startMs < endMs && key.model === "m");
  const counts = new Array<number>(current.row.slots).fill(0);
  const changed = new Set<string>();
  const blocks = new Map<number, number[]>();
  for (const { key, counts: row, records } of within) {
    if (records === 0) continue;
    const from = layouts.find((layout) => layout.row.hash === key.layout)!.row;
    const blockMs = Math.floor(key.startMs / (30 * MINUTE)) * 30 * MINUTE;
    if (!blocks.has(blockMs))
      blocks.set(
        blockMs,
        current.row.features.map(() => 0),
      );
    current.row.features.forEach((feature, f) => {
      const same = from.features.find((other) => other.feature === feature.feature && other.layout === feature.layout);
      if (same === undefined) changed.add(feature.feature);
      else {
        for (let i = 0; i < feature.bins + 7; i++) {
          const n = row[same.offset + i]!;
          counts[feature.offset + i]! += n;
          // Judged: bins, unseen (0), ±Infinity (4, 5).
          if (i < feature.bins || [0, 4, 5].includes(i - feature.bins)) blocks.get(blockMs)![f]! += n;
        }
      }
    });
  }
  const filled = within.filter((p) => p.records > 0);
  return {
    counts,
    records: filled.reduce((sum, p) => sum + p.records, 0),
    coverage: new Set(filled.map((p) => p.key.startMs)).size / (shape.lengthMs / PANE),
    changedFeatures: [...changed].sort(),
    incomplete: within.some((p) => p.incomplete),
    lost: within.reduce((sum, p) => sum + p.lost, 0),
    ids: {
      checked: within.reduce((sum, p) => sum + (p.ids?.checked ?? 0), 0),
      repeated: within.reduce((sum, p) => sum + (p.ids?.repeated ?? 0), 0),
    },
    blocks: [...blocks].sort(([a], [b]) => a - b).map(([startMs, values]) => ({ startMs, values })),
    offsets: [0, 1, 2]
      .map((partition) => filled.filter((p) => p.key.partition === partition))
      .filter((own) => own.length > 0)
      .map((own) => ({
        source: "kafka:t",
        partition: own[0]!.key.partition,
        from: Math.min(...own.map((p) => p.offsetFrom)),
        to: Math.max(...own.map((p) => p.offsetTo)),
      })),
  };
}

function seen(window: WindowCounts) {
  const { counts, records, coverage, changedFeatures, incomplete, lost, ids, blocks, offsets } = window;
  return {
    ...{ counts: [...counts], records, coverage, changedFeatures: [...changedFeatures].sort(), incomplete, lost, ids, offsets },
    blocks: blocks.map(({ startMs, values }) => ({ startMs, values: [...values] })),
  };
}

const arbitraryPane = fc
  .record({
    slot: fc.nat(150),
    partition: fc.nat(2),
    layout: fc.constantFrom(current, current, current, older, oldest),
    counts: fc.array(fc.constantFrom(0, 0, 1, 3, 255, 256, 65_535, 65_536, 1_000_000), { minLength: 10, maxLength: 10 }),
    records: fc.constantFrom(0, 1, 5),
    lost: fc.constantFrom(0, 0, 0, 2),
  })
  .map(({ slot, ...rest }) => pane(T0 + slot * PANE, { ...rest, counts: rest.records === 0 ? [] : rest.counts }));

describe("a window's sum", () => {
  it("equals a naive recount after any sequence of moves, replaced panes and new panes", async () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("move" as const), steps: fc.integer({ min: 1, max: 4 }), window: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("jump" as const), slot: fc.nat(170), window: fc.nat(2) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), pane: arbitraryPane }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("put_during_read" as const), pane: arbitraryPane }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryPane, { maxLength: 60 }), fc.array(event, { maxLength: 40 }), async (initial, events) => {
        const panes: Pane[] = [];
        const put = (next: Pane) => {
          const at = panes.findIndex((p) => JSON.stringify(p.key) === JSON.stringify(next.key));
          if (at === -1) panes.push(next);
          else panes[at] = next;
        };
        initial.forEach(put);
        const store = createStore(panes);
        const reader = createWindowReader({ store, paneMs: PANE });
        let slot = 12;
        for (const happening of events) {
          if (happening.kind === "put") {
            put(happening.pane);
            reader.invalidate([happening.pane]);
            continue;
          }
          if (happening.kind === "put_during_read") {
            store.during = () => {
              store.during = undefined;
              put(happening.pane);
              reader.invalidate([happening.pane]);
            };
            continue;
          }
          const shape = windows[happening.window] as WindowShape;
          slot = happening.kind === "jump" ? happening.slot : slot + happening.steps;
          const endMs = Math.floor((T0 + slot * PANE) / shape.slideMs) * shape.slideMs;
          const window = await reader.windowAt("m", "", shape, endMs, current.row);
          expect(seen(window)).toEqual(naive(panes, shape, endMs));
          expect(window).toMatchObject({ model: "m", version: "", startMs: endMs - shape.lengthMs, endMs, window: { name: shape.name } });
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is made anew for another layout", async () => {
    const panes = [pane(T0, { layout: older, counts: [4] })];
    const reader = createWindowReader({ store: createStore(panes), paneMs: PANE });
    const before = await reader.windowAt("m", "", hour, T0 + PANE, older.row);
    expect([...before.counts.slice(0, 2)]).toEqual([4, 0]);
    expect(before.changedFeatures.size).toBe(0);
    const after = await reader.windowAt("m", "", hour, T0 + PANE, current.row);
    expect([...after.changedFeatures]).toEqual(["x"]);
    const c = current.row.features[1]!;
    expect(after.counts[c.offset]).toBe(4);
  });

  it("passes the range of 32 bits without wrapping, and comes back below it", async () => {
    const many = 4_000_000_000;
    const panes = [0, 1, 2].map((i) => pane(T0 + i * PANE, { counts: [many], records: many }));
    const reader = createWindowReader({ store: createStore(panes), paneMs: PANE });
    const sums: (number | undefined)[] = [];
    for (let i = 1; i <= 15; i++) sums.push((await reader.windowAt("m", "", hour, T0 + i * PANE, current.row)).counts[0]);
    expect(sums).toEqual([1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 1, 0].map((n) => n * many));
  });

  it("has the offsets of the newest epoch", async () => {
    const panes = [pane(T0, { epoch: 0 }), pane(T0, { epoch: 1 })].map((p, i) => ({
      ...p,
      offsetFrom: i === 0 ? 900 : 3,
      offsetTo: i === 0 ? 999 : 7,
    }));
    const reader = createWindowReader({ store: createStore(panes), paneMs: PANE });
    expect((await reader.windowAt("m", "", hour, T0 + PANE, current.row)).offsets).toEqual([
      { source: "kafka:t", partition: 0, from: 3, to: 7 },
    ]);
  });
});

describe("reading", () => {
  it("a catch-up over days asks the store a few times, not once a window", async () => {
    const panes = Array.from({ length: 2000 }, (_, i) => pane(T0 + i * PANE, { counts: [1] }));
    const store = createStore(panes);
    const reader = createWindowReader({ store, paneMs: PANE });
    let cached = 0;
    for (let i = 12; i < 2000; i++) {
      for (const shape of windows) {
        const endMs = T0 + i * PANE;
        if (endMs % shape.slideMs !== 0) continue;
        const now = reader.windowIfCached("m", "", shape, endMs, current.row);
        if (now !== undefined) cached++;
        else await reader.windowAt("m", "", shape, endMs, current.row);
      }
    }
    expect(store.reads()).toBeLessThan(20);
    expect(cached).toBeGreaterThan(2000);
  });

  it("a slide that panes do not fill is refused in words", async () => {
    const reader = createWindowReader({ store: createStore([]), paneMs: PANE });
    await expect(
      reader.windowAt("m", "", { name: "30m", lengthMs: 30 * MINUTE, slideMs: 2.5 * MINUTE }, T0, current.row),
    ).rejects.toMatchObject({
      code: "WINDOW_SHAPE",
    });
  });

  it("a pane whose layout the store does not have is damage", async () => {
    const stranger = layoutOf({ y: { edges: [1] } });
    const reader = createWindowReader({ store: createStore([pane(T0, { layout: stranger })]), paneMs: PANE });
    await expect(reader.windowAt("m", "", hour, T0 + PANE, current.row)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });

  it("what was forgotten is read again", async () => {
    const panes = [pane(T0, { counts: [1] })];
    const store = createStore(panes);
    const reader = createWindowReader({ store, paneMs: PANE });
    await reader.windowAt("m", "", hour, T0 + PANE, current.row);
    reader.forget("m", "");
    expect(reader.windowIfCached("m", "", hour, T0 + PANE, current.row)).toBeUndefined();
  });
});

describe("a packed row", () => {
  it("adds and subtracts to what it was made of, at every width", () => {
    const counts = fc.array(fc.constantFrom(0, 0, 0, 1, 255, 256, 65_535, 65_536, 0xffff_ffff), { maxLength: 60 });
    fc.assert(
      fc.property(counts, (list) => {
        const row = Uint32Array.from(list);
        const packed = packRow(row);
        const sum = new Uint32Array(row.length);
        addRow(sum, packed, 1);
        expect(sum).toEqual(row);
        addRow(sum, packed, -1);
        expect(sum).toEqual(new Uint32Array(row.length));
      }),
    );
  });

  it("takes a byte a bin where a byte is enough, and little more than nothing where nothing was counted", () => {
    const dense = packRow(Uint32Array.from({ length: 263 }, () => 9));
    expect(dense.counts.byteLength).toBe(263);
    const sparse = packRow(Uint32Array.from({ length: 263 }, (_, i) => Number(i === 7)));
    expect(sparse.counts.byteLength + (sparse.slots?.byteLength ?? 0)).toBe(5);
  });
});
