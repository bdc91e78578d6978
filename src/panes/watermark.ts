/**
 * The event time of one partition: its maximum, the jumps of that maximum, and through which time panes are closed.
 * It reads no clock and knows no panes. These rules are a public contract: anybody may recount a topic and compare.
 *
 * - A time up to `max_step` beyond the maximum moves it. A time further ahead (any time while there is no maximum) is *collected*; when ten
 *   are collected the maximum becomes the smallest of them (it never goes back), and those still more than `max_step` beyond it stay collected.
 * - The watermark is the maximum less the allowed lateness. A pane is closed once the watermark has reached its end, so "closed through" is
 *   the watermark rounded down to a pane's edge; it never goes back.
 */

import type { Cursor } from "./pane.ts";

/** The settings of event time; all in milliseconds. They are one for the whole process. */
export type Timing = {
  readonly paneMs: number;
  readonly allowedLatenessMs: number;
  readonly maxStepMs: number;
  /** A record whose event time is later than its transport timestamp by more than this is `future`. */
  readonly futureMs: number;
  /** A caught-up partition without a record for this long is idle. */
  readonly idleTimeoutMs: number;
};

/** Event times more than `max_step` ahead that it takes to believe them. */
const BELIEVED_AFTER = 10;
/** At the end of a finite source a collected time this close to the one before it is believed after all: nothing more will confirm it. */
const END_GAP_MS = 24 * 3_600_000;

export type Watermark = {
  /** Takes one valid event time. True when `closedThroughMs` moved. */
  readonly observe: (eventTimeMs: number) => boolean;
  /** Every pane that ends at or before this is closed; −Infinity before the first. */
  readonly closedThroughMs: () => number;
  /** The largest believed event time; −Infinity before the first. */
  readonly maxEventTimeMs: () => number;
  readonly aheadMs: () => readonly number[];
  /** The source has ended and its last pane ends at `endMs`: everything is closed through there. */
  readonly finish: (endMs: number) => void;
};

/** Event time as a cursor left it, or from nothing. */
export function createWatermark(timing: Timing, cursor: Cursor | undefined): Watermark {
  const { paneMs, allowedLatenessMs, maxStepMs } = timing;
  let maxMs = cursor?.maxEventTimeMs ?? Number.NEGATIVE_INFINITY;
  let closedThroughMs = cursor?.closedThroughMs ?? Number.NEGATIVE_INFINITY;
  let nextCloseMs = nextEdge(closedThroughMs);
  let ahead: number[] = [...(cursor?.aheadMs ?? [])];

  function nextEdge(ms: number): number {
    return ms === Number.NEGATIVE_INFINITY ? ms : (Math.floor(ms / paneMs) + 1) * paneMs;
  }

  function moveTo(ms: number): boolean {
    maxMs = ms;
    const watermarkMs = ms - allowedLatenessMs;
    if (watermarkMs < nextCloseMs) return false;
    closedThroughMs = Math.floor(watermarkMs / paneMs) * paneMs;
    nextCloseMs = closedThroughMs + paneMs;
    return true;
  }

  function collect(ms: number): boolean {
    ahead.push(ms);
    if (ahead.length < BELIEVED_AFTER) return false;
    const smallest = Math.min(...ahead);
    const moved = smallest > maxMs && moveTo(smallest);
    ahead = ahead.filter((time) => time > maxMs + maxStepMs);
    return moved;
  }

  return {
    observe: (ms) => {
      if (ms <= maxMs) return false;
      // -Infinity + step is -Infinity: without a maximum every time is ahead.
      return ms > maxMs + maxStepMs ? collect(ms) : moveTo(ms);
    },
    closedThroughMs: () => closedThroughMs,
    maxEventTimeMs: () => maxMs,
    aheadMs: () => ahead,
    finish: (endMs) => {
      for (const ms of ahead.sort((a, b) => a - b)) {
        if (maxMs === Number.NEGATIVE_INFINITY || (ms > maxMs && ms <= maxMs + END_GAP_MS)) maxMs = ms;
      }
      ahead = [];
      if (endMs > closedThroughMs) closedThroughMs = endMs;
      nextCloseMs = nextEdge(closedThroughMs);
    },
  };
}
