/**
 * Running windows over the panes of a process: what the daemon's window reader gives, without a daemon. Windows that slide by less than half an
 * hour are sums of panes, the others sums of half hours; one row of counts a window, changed in place.
 */

import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { slideOf } from "../../src/evaluate/evaluator.ts";
import type { PolicyWindow } from "../../src/evaluate/policy.ts";
import { PANE, PANES_PER_SLOT, type Process, SLOT } from "./process.ts";
import type { BuiltReference } from "./reference.ts";

export type WalkOptions = {
  readonly process: Process;
  readonly built: BuiltReference;
  readonly windows: readonly PolicyWindow[];
  /** Windows that end in `(fromMs, toMs]` are given; the process must stand one longest window before, at a half hour. */
  readonly fromMs: number;
  readonly toMs: number;
};

/** A sum over the last `length` units (panes or half hours), with the units themselves in a ring. */
type Sum = { readonly window: PolicyWindow; readonly slideMs: number; readonly length: number; readonly counts: Uint32Array };

/** Gives the windows that end at each pane's end, shorter ones first; `visit` returns false to stop. The counts change with the next call. */
export function walk(options: WalkOptions, visit: (windows: readonly WindowCounts[], endMs: number) => boolean | undefined): void {
  const { process, built, windows, fromMs, toMs } = options;
  const { layout } = built;
  const places = built.placesOf(process);
  const features = layout.features.length;
  const sums = windows.map((window): Sum & { readonly unit: number } => {
    const slideMs = slideOf(window.lengthMs);
    const unit = slideMs % SLOT === 0 && window.lengthMs % SLOT === 0 ? SLOT : PANE;
    if (slideMs % PANE !== 0) throw new RangeError(`window ${window.name}: its slide is no multiple of five minutes`);
    return { window, slideMs, unit, length: window.lengthMs / unit, counts: new Uint32Array(layout.slots) };
  });
  const byPane = sums.filter(({ unit }) => unit === PANE);
  const bySlot = sums.filter(({ unit }) => unit === SLOT);
  const paneRing = createRing(Math.max(PANES_PER_SLOT, ...byPane.map(({ length }) => length)) + PANES_PER_SLOT, layout.slots);
  const slotRing = createRing(Math.max(1, ...bySlot.map(({ length }) => length)) + 1, layout.slots);
  const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs));
  const firstMs = process.now();
  if (firstMs !== fromMs - longestMs || firstMs % SLOT !== 0)
    throw new RangeError("walk: the process does not stand where the windows begin");
  const panes = (toMs - firstMs) / PANE;
  const drawn = Math.ceil(panes / PANES_PER_SLOT) * PANES_PER_SLOT;
  /** Records and values of every pane so far. */
  const records = new Uint32Array(drawn);
  const values = new Uint32Array(drawn * features);
  const blocks: Block[] = [];

  for (let pane = 0; pane < panes; pane++) {
    if (pane % PANES_PER_SLOT === 0) {
      const rows = Array.from({ length: PANES_PER_SLOT }, (_, i) => paneRing.clear(pane + i));
      records.set(process.slot(places, rows), pane);
    }
    const counts = paneRing.row(pane)!;
    for (let j = 0; j < features; j++) values[pane * features + j] = records[pane]! - counts[places[j]!.missing]!;
    for (const sum of byPane) slide(sum.counts, counts, paneRing.row(pane - sum.length));
    if (bySlot.length > 0 && (pane + 1) % PANES_PER_SLOT === 0) {
      const slot = (pane + 1) / PANES_PER_SLOT - 1;
      const row = slotRing.clear(slot);
      sumRows(row, paneRing, pane);
      for (const sum of bySlot) slide(sum.counts, row, slotRing.row(slot - sum.length));
    }
    const endMs = firstMs + (pane + 1) * PANE;
    if (endMs <= fromMs) continue;
    const due = sums.filter(({ slideMs }) => endMs % slideMs === 0);
    if (
      due.length > 0 &&
      visit(
        due.map((sum) => windowOf(sum, endMs, pane)),
        endMs,
      ) === false
    )
      return;
  }

  function windowOf({ window, counts }: Sum, endMs: number, pane: number): WindowCounts {
    const startMs = endMs - window.lengthMs;
    const first = pane + 1 - window.lengthMs / PANE;
    let held = 0;
    let sum = 0;
    for (let at = first; at <= pane; at++) {
      if (records[at]! > 0) held++;
      sum += records[at]!;
    }
    return {
      model: "m",
      version: "",
      window,
      startMs,
      endMs,
      layout,
      counts,
      records: sum,
      coverage: held / (window.lengthMs / PANE),
      blocks: blocksOf(first, pane),
      changedFeatures: NONE,
      incomplete: false,
      lost: 0,
      offsets: [],
    };
  }

  /** Values by half hour; whole half hours are made once. */
  function blocksOf(first: number, last: number): Block[] {
    const found: Block[] = [];
    for (let at = first; at <= last; ) {
      const index = Math.floor(at / PANES_PER_SLOT);
      const end = Math.min(last + 1, (index + 1) * PANES_PER_SLOT);
      if (end - at === PANES_PER_SLOT) {
        blocks[index] ??= blockOf(index, at, end);
        found.push(blocks[index]);
      } else found.push(blockOf(index, at, end));
      at = end;
    }
    return found;
  }

  function blockOf(index: number, from: number, to: number): Block {
    const sum = new Uint32Array(features);
    for (let at = from; at < to; at++) for (let j = 0; j < features; j++) sum[j]! += values[at * features + j]!;
    return { startMs: firstMs + index * SLOT, values: sum };
  }
}

type Block = { readonly startMs: number; readonly values: Uint32Array };

const NONE: ReadonlySet<string> = new Set();

type Ring = ReturnType<typeof createRing>;

/** The rows of the last `length` units. */
function createRing(length: number, slots: number) {
  const rows = Array.from({ length }, () => new Uint16Array(slots));
  return {
    /** The row of unit `at`, which must be among them; undefined before the first. */
    row: (at: number): Uint16Array | undefined => (at < 0 ? undefined : rows[at % rows.length]!),
    clear: (at: number): Uint16Array => rows[at % rows.length]!.fill(0),
  };
}

/** Adds the row that has come and takes away the one that has gone. */
function slide(sum: Uint32Array, come: Uint16Array, gone: Uint16Array | undefined): void {
  if (gone === undefined) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + come[i]!;
  else for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + come[i]! - gone[i]!;
}

/** The sum of the last half hour's panes; 65,535 of one bin are more than any simulated half hour has. */
function sumRows(out: Uint16Array, ring: Ring, last: number): void {
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((back) => ring.row(last - back)!) as [Row, Row, Row, Row, Row, Row];
  for (let i = 0; i < out.length; i++) out[i] = a[i]! + b[i]! + c[i]! + d[i]! + e[i]! + f[i]!;
}

type Row = Uint16Array;
