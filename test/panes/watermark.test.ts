import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cursor } from "../../src/panes/pane.ts";
import { createWatermark } from "../../src/panes/watermark.ts";
import { MINUTE, timing } from "./harness.ts";

const T0 = Date.UTC(2001, 0, 15, 10);

function timeAfter(times: readonly number[], cursor?: Cursor) {
  const watermark = createWatermark(timing, cursor);
  for (const time of times) watermark.observe(time);
  return watermark;
}

function stateOf({ maxEventTimeMs, closedThroughMs, aheadMs }: ReturnType<typeof createWatermark>) {
  return { max: maxEventTimeMs(), closed: closedThroughMs(), ahead: [...aheadMs()] };
}

/** The rules once more, over all times so far, without state. */
function naive(times: readonly number[]) {
  let max: number | undefined;
  let closed = Number.NEGATIVE_INFINITY;
  let ahead: number[] = [];
  for (const time of times) {
    if (max !== undefined && time <= max + 60 * MINUTE) max = Math.max(max, time);
    else {
      ahead = [...ahead, time];
      if (ahead.length === 10) {
        const next: number = Math.max(max ?? Number.NEGATIVE_INFINITY, Math.min(...ahead));
        ahead = ahead.filter((t) => t > next + 60 * MINUTE);
        max = next;
      }
    }
    if (max !== undefined) closed = Math.max(closed, Math.floor((max - 10 * MINUTE) / (5 * MINUTE)) * 5 * MINUTE);
  }
  return { max: max ?? Number.NEGATIVE_INFINITY, closed, ahead };
}

describe("a partition's event time", () => {
  it("is what the rules say, for any order of times", () => {
    const minutes = fc.oneof(
      { weight: 6, arbitrary: fc.nat(40) },
      { weight: 3, arbitrary: fc.integer({ min: 55, max: 130 }) },
      { weight: 2, arbitrary: fc.integer({ min: 180, max: 400 }) },
    );
    fc.assert(
      fc.property(fc.array(minutes, { maxLength: 80 }), (list) => {
        const times = list.map((m) => T0 + m * MINUTE);
        expect(stateOf(timeAfter(times))).toEqual(naive(times));
      }),
      { numRuns: 2000 },
    );
  });

  it("goes on from a cursor as if there had been no stop", () => {
    const times = fc.array(
      fc.oneof(fc.nat(60), fc.integer({ min: 61, max: 300 })).map((m) => T0 + m * MINUTE),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(times, times, (before, then) => {
        const { max, closed, ahead } = stateOf(timeAfter(before));
        const cursor: Cursor = {
          ...{ source: "s", partition: 0, epoch: 0, replayFrom: 0, processedThrough: 0, aheadMs: ahead },
          ...(Number.isFinite(max) ? { maxEventTimeMs: max } : {}),
          ...(Number.isFinite(closed) ? { closedThroughMs: closed } : {}),
        };
        expect(stateOf(timeAfter(then, cursor))).toEqual(stateOf(timeAfter([...before, ...then])));
      }),
    );
  });

  it("has no maximum before the tenth record, then the smallest of the ten", () => {
    const times = [5, 3, 9, 4, 8, 7, 6, 2, 1].map((m) => T0 + m * MINUTE);
    expect(timeAfter(times).maxEventTimeMs()).toBe(Number.NEGATIVE_INFINITY);
    expect(stateOf(timeAfter([...times, T0 + 50 * MINUTE]))).toEqual({ max: T0 + MINUTE, closed: T0 - 10 * MINUTE, ahead: [] });
  });

  it("one record of 1970 at the start is left behind by the eleventh", () => {
    const times = [0, ...Array.from({ length: 9 }, () => T0)];
    expect(timeAfter(times).maxEventTimeMs()).toBe(0);
    expect(stateOf(timeAfter([...times, T0]))).toEqual({ max: T0, closed: T0 - 10 * MINUTE, ahead: [] });
  });

  it("exactly max_step ahead is believed at once, a millisecond more is collected", () => {
    const ten = Array.from({ length: 10 }, () => T0);
    expect(timeAfter([...ten, T0 + 60 * MINUTE]).maxEventTimeMs()).toBe(T0 + 60 * MINUTE);
    expect(stateOf(timeAfter([...ten, T0 + 60 * MINUTE + 1]))).toMatchObject({ max: T0, ahead: [T0 + 60 * MINUTE + 1] });
  });

  it("closes a pane when the watermark reaches its end, not before", () => {
    const ten = Array.from({ length: 10 }, () => T0);
    expect(timeAfter([...ten, T0 + 15 * MINUTE - 1]).closedThroughMs()).toBe(T0);
    expect(timeAfter([...ten, T0 + 15 * MINUTE]).closedThroughMs()).toBe(T0 + 5 * MINUTE);
  });

  it("never goes back when what was collected long ago is behind it", () => {
    const ten = Array.from({ length: 10 }, () => T0);
    const hours = Array.from({ length: 9 }, (_, h) => [T0 + (h * 60 + 61) * MINUTE, T0 + (h + 1) * 60 * MINUTE]).flat();
    const late = timeAfter([...ten, ...hours, T0 + 5000 * MINUTE]);
    expect(late.maxEventTimeMs()).toBe(T0 + 540 * MINUTE);
    expect(late.aheadMs()).toEqual([T0 + 5000 * MINUTE]);
  });

  it("panes of another length do not make it go back after a change of the configuration", () => {
    const cursor: Cursor = {
      ...{ source: "s", partition: 0, epoch: 0, replayFrom: 0, processedThrough: 0, aheadMs: [] },
      ...{ maxEventTimeMs: T0 + 17 * MINUTE, closedThroughMs: T0 + 7 * MINUTE },
    };
    const watermark = timeAfter([T0 + 18 * MINUTE], cursor);
    expect(watermark.closedThroughMs()).toBe(T0 + 7 * MINUTE);
    watermark.observe(T0 + 20 * MINUTE);
    expect(watermark.closedThroughMs()).toBe(T0 + 10 * MINUTE);
  });

  it("the end of a finite source believes what lies within a day of the rest", () => {
    const times = [T0, T0 + 300 * MINUTE, T0 + 5 * 1440 * MINUTE];
    const watermark = timeAfter(times);
    watermark.finish(T0 + 6 * 1440 * MINUTE);
    expect(stateOf(watermark)).toEqual({ max: T0 + 300 * MINUTE, closed: T0 + 6 * 1440 * MINUTE, ahead: [] });
  });
});
