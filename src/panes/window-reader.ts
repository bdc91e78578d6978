/**
 * Windows from the pane log: reads panes in stretches, keeps their sums, and reads ahead, so that a catch-up over months is not a question
 * to the store for each window end. All of it is a cache: told of every pane that was put, it answers as a fresh reader would.
 */

import type { WindowCounts } from "../evaluate/evaluation.ts";
import { DriftdError } from "../lib/errors.ts";
import type { RowLayout } from "../reference/layout.ts";
import type { Store } from "../store/store.ts";
import type { Pane } from "./pane.ts";
import { type LayoutMap, mapLayout, type RollUp, rollUpPanes, rollUpRollUps } from "./roll-up.ts";
import { createWindow, type Window, type WindowShape } from "./window.ts";

/** One question to the store brings about this many slots (4 bytes each, 4 MB), and at most this many panes of time. */
const STRETCH_SLOTS = 1_000_000;
const STRETCH_PANES = 1_000;

export type WindowReader = {
  /**
   * The window's counts up to `endMs` (a multiple of its slide), in the slots of `layout`. `counts` is a running sum that the next call for the
   * same model, version and window moves on: read it before. Rejects with `STORE_*`, and `WINDOW_SHAPE` for a slide that panes do not fill.
   */
  readonly windowAt: (model: string, version: string, window: WindowShape, endMs: number, layout: RowLayout) => Promise<WindowCounts>;
  /** The same without waiting; undefined when panes have to be read first. */
  readonly windowIfCached: (
    model: string,
    version: string,
    window: WindowShape,
    endMs: number,
    layout: RowLayout,
  ) => WindowCounts | undefined;
  /** These panes were put into the log: to be called after each commit, before the next window is asked for. */
  readonly invalidate: (panes: Iterable<Pick<Pane, "key">>) => void;
  /** Drops what is kept of a model and version. */
  readonly forget: (model: string, version: string) => void;
};

/** What is kept of one model and version. */
type Track = {
  readonly layout: RowLayout;
  /** Sums over partitions by pane start. */
  readonly panes: Map<number, RollUp>;
  /** By slide, then by start. */
  readonly rollUps: Map<number, Map<number, RollUp>>;
  readonly windows: Map<string, { readonly shape: WindowShape; readonly window: Window }>;
  /** Pane starts that were put while a stretch is being read: what was read of them may be old. */
  readonly reading: Set<Set<number>>;
  /** Partitions (rows of one pane start), by the last stretch. */
  rowsPerPane: number;
};

/** A reader over the store; `paneMs` is the configured length of a pane. */
export function createWindowReader({
  store,
  paneMs,
}: {
  readonly store: Pick<Store, "panes" | "layouts">;
  readonly paneMs: number;
}): WindowReader {
  const tracks = new Map<string, Track>();
  const layouts = new Map<string, RowLayout>();

  function keyOf(model: string, version: string): string {
    return JSON.stringify([model, version]);
  }

  function trackOf(model: string, version: string, layout: RowLayout): Track {
    const key = keyOf(model, version);
    let track = tracks.get(key);
    if (track === undefined || track.layout.hash !== layout.hash) {
      track = { layout, panes: new Map(), rollUps: new Map(), windows: new Map(), reading: new Set(), rowsPerPane: 1 };
      tracks.set(key, track);
    }
    return track;
  }

  function windowOf(track: Track, shape: WindowShape): Window {
    const known = track.windows.get(shape.name);
    if (known?.shape.lengthMs === shape.lengthMs && known.shape.slideMs === shape.slideMs) return known.window;
    if (shape.slideMs % paneMs !== 0 || shape.lengthMs % shape.slideMs !== 0) {
      throw new DriftdError(
        "WINDOW_SHAPE",
        `window ${shape.name}: its slide of ${shape.slideMs} ms is not a whole number of panes of ${paneMs} ms`,
        {
          hint: "set event_time.pane so that it divides a twelfth of every window",
        },
      );
    }
    const window = createWindow(shape, paneMs, track.layout);
    track.windows.set(shape.name, { shape, window });
    return window;
  }

  /** The roll-up of one slide; a number is the first pane start that has to be read for it. */
  function rollUpAt(track: Track, startMs: number, slideMs: number): RollUp | number {
    if (slideMs === paneMs) return track.panes.get(startMs) ?? startMs;
    let ofSlide = track.rollUps.get(slideMs);
    const known = ofSlide?.get(startMs);
    if (known !== undefined) return known;
    const parts: RollUp[] = [];
    for (let at = startMs; at < startMs + slideMs; at += paneMs) {
      const part = track.panes.get(at);
      if (part === undefined) return at;
      parts.push(part);
    }
    const rollUp = rollUpRollUps(parts, track.layout);
    if (ofSlide === undefined) {
      ofSlide = new Map();
      track.rollUps.set(slideMs, ofSlide);
    }
    ofSlide.set(startMs, rollUp);
    return rollUp;
  }

  /** The counts, or the first pane start that has to be read. */
  function look(track: Track, model: string, version: string, shape: WindowShape, endMs: number): WindowCounts | number {
    const window = windowOf(track, shape);
    const parts: RollUp[] = [];
    for (let at = endMs - shape.lengthMs; at < endMs; at += shape.slideMs) {
      const part = rollUpAt(track, at, shape.slideMs);
      if (typeof part === "number") return part;
      parts.push(part);
    }
    evict(track, endMs);
    return { model, version, ...window.moveTo(endMs, parts) };
  }

  /** Drops what no window ending at `endMs` or later needs; an earlier one would read it anew. */
  function evict(track: Track, endMs: number): void {
    const shapes = [...track.windows.values()].map(({ shape }) => shape);
    const largestSlideMs = Math.max(...shapes.map(({ slideMs }) => slideMs));
    // Panes serve the windows that slide by one pane, and wait for the end of the coarser slide that they are part of.
    const fineMs = Math.max(0, ...shapes.filter(({ slideMs }) => slideMs === paneMs).map(({ lengthMs }) => lengthMs));
    dropBefore(track.panes, endMs - Math.max(fineMs, largestSlideMs));
    for (const [slideMs, rollUps] of track.rollUps) {
      dropBefore(rollUps, endMs - Math.max(...shapes.filter((shape) => shape.slideMs === slideMs).map(({ lengthMs }) => lengthMs)));
    }
  }

  /** Reads a stretch of panes that begins at `fromMs`, and keeps what is new of it up to the last pane found, but at least up to `endMs`. */
  async function read(track: Track, model: string, version: string, fromMs: number, endMs: number): Promise<void> {
    const perPane = Math.max(1, track.layout.slots * track.rowsPerPane);
    const panes = Math.min(STRETCH_PANES, Math.max(1, Math.floor(STRETCH_SLOTS / perPane)));
    const toMs = fromMs + panes * paneMs;
    const changed = new Set<number>();
    track.reading.add(changed);
    try {
      const found = await store.panes({ model, version, fromMs, toMs });
      const maps = await layoutMaps(found, track.layout);
      const byStart = Map.groupBy(found, (pane) => paneStart(pane.key.startMs));
      const throughMs = Math.min(toMs, Math.max(endMs, ...[...byStart.keys()].map((startMs) => startMs + paneMs)));
      const mapOf = (hash: string) => maps.get(hash) as LayoutMap;
      for (let at = fromMs; at < throughMs; at += paneMs) {
        if (changed.has(at) || track.panes.has(at)) continue;
        track.panes.set(at, rollUpPanes(byStart.get(at) ?? [], track.layout, mapOf));
      }
      track.rowsPerPane = Math.max(1, ...[...byStart.values()].map((rows) => rows.length));
    } finally {
      track.reading.delete(changed);
    }
  }

  async function layoutMaps(panes: readonly Pane[], to: RowLayout): Promise<Map<string, LayoutMap>> {
    const hashes = new Set(panes.map((pane) => pane.key.layout));
    if (![...hashes].every((hash) => layouts.has(hash))) for (const row of await store.layouts()) layouts.set(row.hash, row);
    const maps = new Map<string, LayoutMap>();
    for (const hash of hashes) {
      const from = layouts.get(hash);
      if (from === undefined) throw new DriftdError("STORE_CORRUPT", `the store has panes of layout ${hash} but not the layout`);
      maps.set(hash, mapLayout(from, to));
    }
    return maps;
  }

  /** A pane of another length (the configuration changed) belongs to where it starts. */
  function paneStart(ms: number): number {
    return Math.floor(ms / paneMs) * paneMs;
  }

  return {
    windowAt: async (model, version, shape, endMs, layout) => {
      for (;;) {
        const track = trackOf(model, version, layout);
        const found = look(track, model, version, shape, endMs);
        if (typeof found !== "number") return found;
        await read(track, model, version, found, endMs);
      }
    },
    windowIfCached: (model, version, shape, endMs, layout) => {
      const found = look(trackOf(model, version, layout), model, version, shape, endMs);
      return typeof found === "number" ? undefined : found;
    },
    invalidate: (panes) => {
      for (const { key } of panes) {
        const track = tracks.get(keyOf(key.model, key.version));
        if (track === undefined) continue;
        const startMs = paneStart(key.startMs);
        track.panes.delete(startMs);
        for (const [slideMs, ofSlide] of track.rollUps) ofSlide.delete(Math.floor(startMs / slideMs) * slideMs);
        for (const changed of track.reading) changed.add(startMs);
      }
    },
    forget: (model, version) => {
      tracks.delete(keyOf(model, version));
    },
  };
}

/** A walk over all keys: a long window is read after a short one, so old panes may stand behind new ones. */
function dropBefore(rows: Map<number, RollUp>, ms: number): void {
  for (const startMs of rows.keys()) if (startMs < ms) rows.delete(startMs);
}
