/**
 * One source partition: which record is counted into which pane, when panes close, what a commit has to hold.
 *
 * Everything is a function of the records in their order: chunk boundaries, the times of commits and restarts from the store change nothing.
 * It decodes nothing, reads no clock and knows no store.
 */

import type { DecodedRecord } from "../decode/record.ts";
import { countChecks } from "./checks.ts";
import { countRecord } from "./count.ts";
import { countDerived } from "./derived.ts";
import { addId, newIdSet } from "./id-set.ts";
import { createOpenPanes, idsOf, type OpenPane, type Route } from "./open-panes.ts";
import type { Cursor, Pane } from "./pane.ts";
import { createWatermark, type Timing } from "./watermark.ts";

export type { Route } from "./open-panes.ts";

/** What became of a record: counted, or the reason why not. */
export type Outcome = "counted" | "too_late" | "future" | "no_timestamp";

/** Event times that a `Date` can write, less one day, so that a pane's end can be written too. */
const MAX_TIME_MS = 8.64e15 - 86_400_000;

/** What one commit has to hold of a partition. */
export type PartitionBatch = {
  readonly panes: readonly Pane[];
  /** Undefined before the first chunk. */
  readonly cursor: Cursor | undefined;
  /** The commit failed: the next batch holds all of this again. */
  readonly undo: () => void;
};

export type Partition = {
  readonly source: string;
  readonly partition: number;
  /** The next offset to be read; undefined before the first chunk of a partition without a cursor. */
  readonly next: () => number | undefined;
  /** A chunk begins at `asked`. Returns how many records were lost before it; if any were, the open panes are incomplete. */
  readonly begin: (asked: number) => number;
  /** The position has come to `next` (control records and holes included). */
  readonly end: (next: number) => void;
  /** The record at `offset` came before. */
  readonly seen: (offset: number) => boolean;
  /** A message that is no record: it only moves the position. */
  readonly pass: (offset: number) => void;
  /** A record of a model that is not counted: its event time moves the partition's. */
  readonly observe: (offset: number, eventTimeMs: number, transportMs: number) => Outcome;
  /** Counts a record (NaN transport time: no check for `future`). */
  readonly count: (offset: number, transportMs: number, route: Route, record: Readonly<DecodedRecord>) => Outcome;
  readonly closedThroughMs: () => number;
  readonly maxEventTimeMs: () => number;
  readonly finished: () => boolean;
  /** The finite source has ended: closes every pane. */
  readonly finish: () => void;
  /**
   * The topic was recreated: the open panes are closed as incomplete (what they hold was counted, and nothing will complete it), the next
   * position is unknown, the epoch grows. Event time goes on.
   */
  readonly recreate: () => void;
  readonly forgetRoutes: () => void;
  /** Takes what changed since the last batch; undefined when nothing did. One batch at a time. */
  readonly take: () => PartitionBatch | undefined;
  readonly held: () => Held;
};

/** Closed panes that wait for a commit, the bytes of their rows, and open panes. */
export type Held = { readonly closed: number; readonly closedBytes: number; readonly open: number };

export type PartitionOptions = {
  readonly source: string;
  readonly partition: number;
  readonly cursor: Cursor | undefined;
  /** Panes of the store that are not final and belong to this partition. */
  readonly openPanes: readonly Pane[];
  readonly timing: Timing;
  /** driftd's version, written into every pane. */
  readonly driftd: string;
  /** Called for each pane that closes. */
  readonly onClosed: (pane: Pane) => void;
};

/** The state of one partition, as its cursor and open panes left it, or from nothing. */
export function createPartition(options: PartitionOptions): Partition {
  const { source, partition, timing, driftd, onClosed } = options;
  const watermark = createWatermark(timing, options.cursor);
  const panes = createOpenPanes(timing.paneMs);
  let epoch = options.cursor?.epoch ?? 0;
  let next = options.cursor?.processedThrough;
  let finished = options.cursor?.finished ?? false;
  let moved = false;
  let closed: Pane[] = [];
  // The pane of the last record: most records go to the same one.
  let lastRoute: Route | undefined;
  let lastPane: OpenPane | undefined;

  for (const pane of options.openPanes) panes.restore(pane);

  function moveTo(position: number): void {
    next = position;
    moved = true;
  }

  /** Checks an event time and lets it move the partition's; undefined when its record may be counted. */
  function accept(eventTimeMs: number, transportMs: number): Outcome | undefined {
    if (!(eventTimeMs >= -MAX_TIME_MS && eventTimeMs <= MAX_TIME_MS)) return "no_timestamp";
    // False when there is no transport timestamp (NaN).
    if (eventTimeMs > transportMs + timing.futureMs) return "future";
    if (watermark.observe(eventTimeMs)) close(watermark.closedThroughMs());
    return eventTimeMs < watermark.closedThroughMs() ? "too_late" : undefined;
  }

  function close(throughMs: number): void {
    for (const open of panes.takeThrough(throughMs)) {
      const pane = paneOf(open, true, open.counts, open.moments);
      closed.push(pane);
      onClosed(pane);
    }
    lastPane = undefined;
  }

  /**
   * Also a record far ahead has an open pane. Their number needs no bound of its own: at the tenth collected time the maximum jumps to the
   * smallest, so no more than nine panes ever lie beyond `max_step`.
   */
  function paneFor(route: Route, eventTimeMs: number): OpenPane {
    const lane = panes.laneOf(route);
    return panes.find(lane, eventTimeMs) ?? panes.open(lane, route, eventTimeMs);
  }

  function paneOf(open: OpenPane, final: boolean, counts: Uint32Array, moments: Float64Array): Pane {
    const { model, version, layout, paneMs } = open.lane;
    const { records, late, lost, incomplete, offsetFrom, offsetTo } = open;
    const ids = idsOf(open);
    return {
      key: { model, version, segment: "", source, partition, epoch, layout, paneMs, startMs: open.startMs },
      ...{ final, incomplete, upto: next ?? 0, offsetFrom, offsetTo, records, late, lost, counts, moments, driftd },
      ...(ids === undefined ? {} : { ids }),
    };
  }

  function cursorAt(position: number): Cursor {
    const closedThroughMs = watermark.closedThroughMs();
    const maxEventTimeMs = watermark.maxEventTimeMs();
    return {
      ...{ source, partition, epoch, replayFrom: position, processedThrough: position, aheadMs: [...watermark.aheadMs()] },
      ...(closedThroughMs === Number.NEGATIVE_INFINITY ? {} : { closedThroughMs }),
      ...(maxEventTimeMs === Number.NEGATIVE_INFINITY ? {} : { maxEventTimeMs }),
      ...(finished ? { finished } : {}),
    };
  }

  return {
    source,
    partition,
    next: () => next,
    begin: (asked) => {
      const lost = next === undefined ? 0 : Math.max(0, asked - next);
      if (next === undefined || lost > 0) moveTo(asked);
      if (lost > 0) panes.tellLoss(lost);
      return lost;
    },
    end: (position) => {
      if (next === undefined || position > next) moveTo(position);
    },
    seen: (offset) => offset < (next as number),
    pass: (offset) => moveTo(offset + 1),
    observe: (offset, eventTimeMs, transportMs) => {
      moveTo(offset + 1);
      return accept(eventTimeMs, transportMs) ?? "counted";
    },
    count: (offset, transportMs, route, record) => {
      moveTo(offset + 1);
      const { eventTimeMs } = record;
      const refused = accept(eventTimeMs, transportMs);
      if (refused !== undefined) {
        if (refused === "too_late") panes.tellLate(panes.laneOf(route));
        return refused;
      }
      let pane = lastPane;
      if (pane === undefined || route !== lastRoute || eventTimeMs < pane.startMs || eventTimeMs >= pane.endMs) {
        pane = paneFor(route, eventTimeMs);
        lastRoute = route;
        lastPane = pane;
      }
      const { features, derived } = route.layout;
      countRecord(pane.counts, pane.moments, features, record, derived?.values.trace);
      if (derived !== undefined) countDerived(pane.counts, pane.moments, derived);
      if (route.layout.checks !== undefined) countChecks(pane.counts, route.layout.checks, record, pane.records === 0);
      if (route.ids && record.id !== undefined) {
        pane.ids ??= newIdSet();
        addId(pane.ids, record.id);
      }
      if (pane.records++ === 0) pane.offsetFrom = offset;
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
      for (const pane of panes.all()) endMs = Math.max(endMs, pane.endMs);
      close(Number.POSITIVE_INFINITY);
      watermark.finish(endMs);
      finished = true;
      moved = true;
    },
    recreate: () => {
      for (const pane of panes.all()) pane.incomplete = true;
      close(Number.POSITIVE_INFINITY);
      epoch++;
      next = undefined;
      moved = true;
    },
    forgetRoutes: () => {
      panes.forgetRoutes();
      lastRoute = undefined;
      lastPane = undefined;
    },
    take: () => {
      const changed = next === undefined ? [] : [...panes.all()].filter((pane) => pane.dirty);
      if (closed.length === 0 && changed.length === 0 && !moved) return undefined;
      const taken = closed;
      const wasMoved = moved;
      const batch = {
        panes: [...taken, ...changed.map((pane) => paneOf(pane, false, pane.counts.slice(), pane.moments.slice()))],
        // A recreated topic that was not read since begins anew at 0; before the first chunk of all there is nothing to say.
        cursor: next === undefined && epoch === 0 ? undefined : cursorAt(next ?? 0),
      };
      closed = [];
      moved = false;
      for (const pane of changed) pane.dirty = false;
      return {
        ...batch,
        undo: () => {
          closed = [...taken, ...closed];
          moved ||= wasMoved;
          for (const pane of changed) pane.dirty = true;
        },
      };
    },
    held: () => ({
      closed: closed.length,
      closedBytes: closed.reduce((bytes, { counts, moments }) => bytes + counts.byteLength + moments.byteLength, 0),
      open: [...panes.all()].length,
    }),
  };
}
