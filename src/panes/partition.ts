/**
 * One source partition: which record is counted into which pane, which panes are open, what a commit has to hold.
 *
 * Everything is a function of the records in their order: chunk boundaries, the times of commits and restarts from the store change nothing.
 * It decodes nothing, reads no clock and knows no store.
 */

import type { DecodedRecord } from "../decode/record.ts";
import type { CompiledLayout } from "../reference/layout.ts";
import { countRecord } from "./count.ts";
import { newMoments } from "./moments.ts";
import type { Cursor, Pane } from "./pane.ts";
import { createWatermark, type Timing } from "./watermark.ts";

/** Where the records of one model and version are counted. The same object stands for the same route until the next reload. */
export type Route = { readonly model: string; readonly version: string; readonly layout: CompiledLayout };

/** What became of a record: counted, or the reason why not. */
export type Outcome = "counted" | "too_late" | "future" | "too_far_ahead" | "no_timestamp";

/** Open panes beyond `max_step` that one partition holds at most: rows of counts for times that may never come. */
const MAX_PANES_AHEAD = 64;
/** Event times that a `Date` can write, less one day, so that a pane's end can be written too. */
const MAX_TIME_MS = 8.64e15 - 86_400_000;

/** The open panes of one model, version, layout and pane length in this partition. */
type Lane = { readonly model: string; readonly version: string; readonly layout: string; readonly paneMs: number; panes: OpenPane[] };

type OpenPane = {
  readonly lane: Lane;
  readonly startMs: number;
  readonly endMs: number;
  readonly counts: Uint32Array;
  readonly moments: Float64Array;
  records: number;
  late: number;
  lost: number;
  incomplete: boolean;
  offsetFrom: number;
  offsetTo: number;
  /** Changed since it was last taken for a commit. */
  dirty: boolean;
};

/** What one commit has to hold of a partition. */
export type PartitionBatch = {
  readonly panes: readonly Pane[];
  readonly cursor: Cursor | undefined;
  /** The commit failed: the next batch holds all of this again. */
  readonly undo: () => void;
};

export type Partition = {
  readonly source: string;
  readonly partition: number;
  readonly epoch: () => number;
  /** The next offset to be read; undefined before the first chunk of a partition without a cursor. */
  readonly next: () => number | undefined;
  /** A chunk begins at `asked`. Returns how many offsets were lost before it (0: none). Open panes become incomplete when some were. */
  readonly begin: (asked: number) => number;
  /** The position has come to `next` (control records and holes included). */
  readonly end: (next: number) => void;
  /** The record at `offset` was already counted. */
  readonly seen: (offset: number) => boolean;
  /** A record that has no event time or no model of ours: it only moves the position. */
  readonly pass: (offset: number) => void;
  /** A record whose model is not configured: its event time counts, its values do not. */
  readonly observe: (offset: number, eventTimeMs: number, transportMs: number) => Outcome;
  /** Counts a record (NaN transport time: no check for `future`). */
  readonly count: (offset: number, transportMs: number, route: Route, record: Readonly<DecodedRecord>) => Outcome;
  readonly closedThroughMs: () => number;
  readonly maxEventTimeMs: () => number;
  readonly finished: () => boolean;
  /** Closes every pane: the finite source has ended. */
  readonly finish: () => void;
  /** The topic was recreated: the open panes are closed as incomplete, the next position is unknown, the epoch grows. Event time goes on. */
  readonly recreate: () => void;
  /** After a reload: the same model and version may have another layout now. */
  readonly forgetRoutes: () => void;
  /** Takes what changed since the last batch; undefined when nothing did. One batch at a time. */
  readonly take: () => PartitionBatch | undefined;
  /** Closed panes that wait for a commit, and open ones. */
  readonly held: () => { readonly closed: number; readonly open: number };
};

export type PartitionOptions = {
  readonly source: string;
  readonly partition: number;
  readonly cursor?: Cursor | undefined;
  /** Panes of the store that are not final and belong to this partition. */
  readonly openPanes?: readonly Pane[];
  readonly timing: Timing;
  /** driftd's version, written into every pane. */
  readonly driftd: string;
  /** Called for each pane that closes, with its row still in memory. */
  readonly onClosed?: (pane: Pane) => void;
};

/** The state of one partition, as its cursor and open panes left it, or from nothing. */
export function createPartition(options: PartitionOptions): Partition {
  const { source, partition, timing, driftd, onClosed } = options;
  const { paneMs, futureMs } = timing;
  const watermark = createWatermark(timing, options.cursor);
  let epoch = options.cursor?.epoch ?? 0;
  let next = options.cursor?.processedThrough;
  let finished = options.cursor?.finished ?? false;
  let cursorDirty = false;
  let closed: Pane[] = [];
  /** Lost offsets that no open pane could say: the next pane that opens says it. */
  let untoldLoss = 0;
  const lanes = new Map<string, Lane>();
  let laneOf = new Map<Route, Lane>();
  let lastRoute: Route | undefined;
  let lastLane: Lane | undefined;
  let lastPane: OpenPane | undefined;

  for (const pane of options.openPanes ?? []) restore(pane);

  function restore(pane: Pane): void {
    if (pane.key.epoch !== epoch) {
      // Left open by a crash between a recreation and its commit.
      closed.push({ ...pane, final: true, incomplete: true });
      return;
    }
    const lane = laneFor(pane.key.model, pane.key.version, pane.key.layout, pane.key.paneMs);
    lane.panes.push({ ...pane, lane, startMs: pane.key.startMs, endMs: pane.key.startMs + pane.key.paneMs, dirty: false });
  }

  function laneFor(model: string, version: string, layout: string, laneMs: number): Lane {
    const key = JSON.stringify([model, version, layout, laneMs]);
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = { model, version, layout, paneMs: laneMs, panes: [] };
      lanes.set(key, lane);
    }
    return lane;
  }

  function laneOfRoute(route: Route): Lane {
    if (route === lastRoute) return lastLane as Lane;
    let lane = laneOf.get(route);
    if (lane === undefined) {
      lane = laneFor(route.model, route.version, route.layout.row.hash, paneMs);
      laneOf.set(route, lane);
    }
    lastRoute = route;
    lastLane = lane;
    lastPane = undefined;
    return lane;
  }

  function findPane(lane: Lane, eventTimeMs: number): OpenPane | undefined {
    for (const pane of lane.panes) if (eventTimeMs >= pane.startMs && eventTimeMs < pane.endMs) return pane;
    return undefined;
  }

  function openPane(lane: Lane, route: Route, eventTimeMs: number, offset: number): OpenPane | undefined {
    if (watermark.isAhead(eventTimeMs) && panesAhead() >= MAX_PANES_AHEAD) return undefined;
    const startMs = Math.floor(eventTimeMs / paneMs) * paneMs;
    const pane: OpenPane = {
      lane,
      startMs,
      endMs: startMs + paneMs,
      counts: new Uint32Array(route.layout.row.slots),
      moments: newMoments(route.layout.row.numeric),
      records: 0,
      late: 0,
      lost: untoldLoss,
      incomplete: untoldLoss > 0,
      offsetFrom: offset,
      offsetTo: offset,
      dirty: true,
    };
    untoldLoss = 0;
    lane.panes.push(pane);
    return pane;
  }

  function panesAhead(): number {
    let count = 0;
    for (const lane of lanes.values()) for (const pane of lane.panes) if (watermark.isAhead(pane.startMs)) count++;
    return count;
  }

  /** Checks and takes the event time; undefined when the record may be counted. */
  function accept(eventTimeMs: number, transportMs: number, upto: number): Outcome | undefined {
    if (!(eventTimeMs >= -MAX_TIME_MS && eventTimeMs <= MAX_TIME_MS)) return "no_timestamp";
    // False when there is no transport timestamp (NaN).
    if (eventTimeMs > transportMs + futureMs) return "future";
    if (watermark.observe(eventTimeMs)) closePanes(upto);
    return eventTimeMs < watermark.closedThroughMs() ? "too_late" : undefined;
  }

  function closePanes(upto: number): void {
    const throughMs = watermark.closedThroughMs();
    for (const lane of lanes.values()) {
      if (!lane.panes.some((pane) => pane.endMs <= throughMs)) continue;
      for (const pane of lane.panes) if (pane.endMs <= throughMs) close(pane, upto);
      lane.panes = lane.panes.filter((pane) => pane.endMs > throughMs);
    }
  }

  function close(open: OpenPane, upto: number): void {
    if (open === lastPane) lastPane = undefined;
    const pane = paneOf(open, true, upto, open.counts, open.moments);
    closed.push(pane);
    onClosed?.(pane);
  }

  function closeAll(upto: number): void {
    for (const lane of lanes.values()) {
      for (const pane of lane.panes) close(pane, upto);
      lane.panes = [];
    }
  }

  function paneOf(open: OpenPane, final: boolean, upto: number, counts: Uint32Array, moments: Float64Array): Pane {
    const { lane, startMs, records, late, lost, incomplete } = open;
    return {
      key: {
        model: lane.model,
        version: lane.version,
        segment: "",
        source,
        partition,
        epoch,
        layout: lane.layout,
        paneMs: lane.paneMs,
        startMs,
      },
      final,
      incomplete,
      upto,
      offsetFrom: records === 0 ? 0 : open.offsetFrom,
      offsetTo: records === 0 ? 0 : open.offsetTo,
      records,
      late,
      lost,
      counts,
      moments,
      driftd,
    };
  }

  /** Late records are told by the earliest open pane of their model and version; without one only the metric tells them. */
  function tellLate(lane: Lane): void {
    let earliest: OpenPane | undefined;
    for (const pane of lane.panes) if (earliest === undefined || pane.startMs < earliest.startMs) earliest = pane;
    if (earliest === undefined) return;
    earliest.late++;
    earliest.dirty = true;
  }

  function tellLoss(lost: number): void {
    let latest: OpenPane | undefined;
    for (const lane of lanes.values()) {
      for (const pane of lane.panes) {
        pane.incomplete = true;
        pane.dirty = true;
        if (latest === undefined || pane.startMs > latest.startMs) latest = pane;
      }
    }
    // One pane says the number, so that sums over panes are right.
    if (latest === undefined) untoldLoss += lost;
    else latest.lost += lost;
  }

  return {
    source,
    partition,
    epoch: () => epoch,
    next: () => next,
    begin: (asked) => {
      if (next === undefined) {
        next = asked;
        cursorDirty = true;
      }
      const lost = asked - next;
      if (lost <= 0) return 0;
      next = asked;
      cursorDirty = true;
      tellLoss(lost);
      return lost;
    },
    end: (position) => {
      if (next !== undefined && position <= next) return;
      next = position;
      cursorDirty = true;
    },
    seen: (offset) => offset < (next as number),
    pass: (offset) => {
      next = offset + 1;
      cursorDirty = true;
    },
    observe: (offset, eventTimeMs, transportMs) => {
      next = offset + 1;
      cursorDirty = true;
      return accept(eventTimeMs, transportMs, next) ?? "counted";
    },
    count: (offset, transportMs, route, record) => {
      next = offset + 1;
      cursorDirty = true;
      const eventTimeMs = record.eventTimeMs;
      const refused = accept(eventTimeMs, transportMs, next);
      if (refused !== undefined) {
        if (refused === "too_late") tellLate(laneOfRoute(route));
        return refused;
      }
      let pane = lastPane;
      if (pane === undefined || route !== lastRoute || eventTimeMs < pane.startMs || eventTimeMs >= pane.endMs) {
        const lane = laneOfRoute(route);
        pane = findPane(lane, eventTimeMs) ?? openPane(lane, route, eventTimeMs, offset);
        if (pane === undefined) return "too_far_ahead";
        lastPane = pane;
      }
      countRecord(pane.counts, pane.moments, route.layout.features, record);
      if (pane.records === 0) pane.offsetFrom = offset;
      pane.records++;
      pane.offsetTo = offset + 1;
      pane.dirty = true;
      return "counted";
    },
    closedThroughMs: watermark.closedThroughMs,
    maxEventTimeMs: watermark.maxEventTimeMs,
    finished: () => finished,
    finish: () => {
      if (finished) return;
      let endMs = Number.NEGATIVE_INFINITY;
      for (const lane of lanes.values()) for (const pane of lane.panes) endMs = Math.max(endMs, pane.endMs);
      closeAll(next ?? 0);
      watermark.finish(endMs);
      finished = true;
      cursorDirty = true;
    },
    recreate: () => {
      for (const lane of lanes.values()) for (const pane of lane.panes) pane.incomplete = true;
      closeAll(next ?? 0);
      epoch++;
      next = undefined;
    },
    forgetRoutes: () => {
      laneOf = new Map();
      lastRoute = undefined;
      lastLane = undefined;
      lastPane = undefined;
      for (const [key, lane] of lanes) if (lane.panes.length === 0) lanes.delete(key);
    },
    take: () => {
      if (next === undefined && closed.length === 0) return undefined;
      const taken = closed;
      const changed: OpenPane[] = [];
      const panes = [...taken];
      const upto = next;
      if (upto !== undefined) {
        for (const lane of lanes.values()) {
          for (const pane of lane.panes) {
            if (!pane.dirty) continue;
            changed.push(pane);
            panes.push(paneOf(pane, false, upto, pane.counts.slice(), pane.moments.slice()));
          }
        }
      }
      if (panes.length === 0 && !cursorDirty) return undefined;
      closed = [];
      for (const pane of changed) pane.dirty = false;
      const wasDirty = cursorDirty;
      cursorDirty = false;
      return {
        panes,
        cursor: upto === undefined ? undefined : cursorAt(upto),
        undo: () => {
          closed = [...taken, ...closed];
          for (const pane of changed) pane.dirty = true;
          cursorDirty ||= wasDirty;
        },
      };
    },
    held: () => {
      let open = 0;
      for (const lane of lanes.values()) open += lane.panes.length;
      return { closed: closed.length, open };
    },
  };

  function cursorAt(position: number): Cursor {
    const closedThroughMs = watermark.closedThroughMs();
    const maxEventTimeMs = watermark.maxEventTimeMs();
    return {
      source,
      partition,
      epoch,
      replayFrom: position,
      processedThrough: position,
      ...(closedThroughMs === Number.NEGATIVE_INFINITY ? {} : { closedThroughMs }),
      ...(maxEventTimeMs === Number.NEGATIVE_INFINITY ? {} : { maxEventTimeMs }),
      aheadMs: [...watermark.aheadMs()],
      ...(finished ? { finished } : {}),
    };
  }
}
