/**
 * The most frequent of the values that a reference does not have, in memory only: a Space-Saving sketch (Metwally, Agrawal, El Abbadi,
 * "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005). Every value with more than 1/100 of all additions is in
 * it, and a count is too large by at most `over`. It is evidence for people: nothing is decided by it, and it is never a metric's label.
 */

import type { UnseenValues } from "../reference/layout.ts";

/** Slots of one sketch, and characters (UTF-16 units) kept of a value. */
const SLOTS = 100;
const MAX_LENGTH = 64;
/** Sketches of one model and version that may hold values; the features beyond have only their total. */
const MAX_SKETCHES = 2_000;

export type TopValue = {
  readonly value: string;
  /** At most by `over` too large. */
  readonly count: number;
  readonly over: number;
};

/** One feature's values that the reference does not have. */
export type UnseenSketch = UnseenValues & {
  /** Values added. */
  readonly total: () => number;
  /** The most frequent ones, most frequent first; control characters are replaced. */
  readonly top: (most: number) => readonly TopValue[];
};

/** Bounds all sketches of one model and version together. */
export type SketchBudget = { left: number };

/** A full budget. */
export function newSketchBudget(): SketchBudget {
  return { left: MAX_SKETCHES };
}

type Slot = { count: number; readonly over: number };

/** An empty sketch; it takes its part of the budget when the first value comes. */
export function createUnseenSketch(budget: SketchBudget): UnseenSketch {
  let total = 0;
  let slots: Map<string, Slot> | undefined;

  return {
    add: (value) => {
      total++;
      if (slots === undefined) {
        if (budget.left === 0) return;
        budget.left--;
        slots = new Map();
      }
      const key = value.length > MAX_LENGTH ? value.slice(0, MAX_LENGTH) : value;
      const known = slots.get(key);
      if (known !== undefined) {
        known.count++;
        return;
      }
      let over = 0;
      if (slots.size === SLOTS) over = dropLeast(slots);
      // A copy: the slice of a long text would keep all of it, and with it the message that it came in.
      slots.set(Buffer.from(key, "utf16le").toString("utf16le"), { count: over + 1, over });
    },
    total: () => total,
    top: (most) =>
      [...(slots ?? [])]
        .sort(([a, { count: ofA }], [b, { count: ofB }]) => ofB - ofA || (a < b ? -1 : 1))
        .slice(0, most)
        .map(([value, { count, over }]) => ({ value: printable(value), count, over })),
  };
}

/** Removes the slot with the smallest count, the oldest of them, and returns that count. */
function dropLeast(slots: Map<string, Slot>): number {
  let least: string | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  for (const [key, { count }] of slots) {
    if (count >= smallest) continue;
    smallest = count;
    least = key;
  }
  slots.delete(least!);
  return smallest;
}

/** Line breaks, escapes and the marks that reorder text are shown as U+FFFD; so is half a character. */
function printable(value: string): string {
  return value.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}
