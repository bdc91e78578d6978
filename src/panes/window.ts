/**
 * A sliding window over roll-ups: a running sum of integers, moved by adding what came in and subtracting what went out.
 * It holds the very roll-ups that it has added, so a roll-up that was made anew (a pane changed) is exchanged bit for bit.
 */

import type { WindowCounts } from "../evaluate/evaluation.ts";
import type { RowLayout } from "../reference/layout.ts";
import { addRow } from "./packed-row.ts";
import { mergeBlocks, mergeOffsets, type RollUp, sumIds } from "./roll-up.ts";

/** Lengths in milliseconds: the window is a whole number of slides, a slide a whole number of panes. */
export type WindowShape = { readonly name: string; readonly lengthMs: number; readonly slideMs: number };

/** A running Uint32 sum holds as long as no slot can pass this; beyond it the sum is kept in float64 (exact to 2^53). */
const MAX_UINT32 = 0xffff_ffff;

export type Window = {
  /**
   * The window `[endMs − length, endMs)`; `rollUps[i]` covers slide i of it. `counts` of the result is the running sum itself:
   * it is right until the next call.
   */
  readonly moveTo: (endMs: number, rollUps: readonly RollUp[]) => Omit<WindowCounts, "model" | "version">;
};

/** An empty window over rows of `layout`. */
export function createWindow(shape: WindowShape, paneMs: number, layout: RowLayout): Window {
  const { name, lengthMs, slideMs } = shape;
  let held = new Map<number, RollUp>();
  let records = 0;
  let sum: Uint32Array | Float64Array = new Uint32Array(layout.slots);

  function exchange(next: Map<number, RollUp>): void {
    records = 0;
    for (const { records: ofPart } of next.values()) records += ofPart;
    const wide = records > MAX_UINT32;
    if (wide !== sum instanceof Float64Array) {
      sum = wide ? new Float64Array(layout.slots) : new Uint32Array(layout.slots);
      held = new Map();
    }
    for (const [startMs, old] of held) if (old.row !== undefined && next.get(startMs) !== old) addRow(sum, old.row, -1);
    for (const [startMs, part] of next) if (part.row !== undefined && held.get(startMs) !== part) addRow(sum, part.row, 1);
    held = next;
  }

  return {
    moveTo: (endMs, rollUps) => {
      const startMs = endMs - lengthMs;
      exchange(new Map(rollUps.map((part, i) => [startMs + i * slideMs, part])));
      const changedFeatures = new Set<string>();
      let covered = 0;
      let incomplete = false;
      let lost = 0;
      for (const part of rollUps) {
        covered += part.covered;
        incomplete ||= part.incomplete;
        lost += part.lost;
        for (const feature of part.changed) changedFeatures.add(feature);
      }
      return {
        window: { name, lengthMs },
        startMs,
        endMs,
        layout,
        counts: sum,
        records,
        coverage: covered / (lengthMs / paneMs),
        blocks: mergeBlocks(rollUps),
        changedFeatures,
        incomplete,
        lost,
        ids: sumIds(rollUps),
        offsets: mergeOffsets(rollUps.flatMap((part) => part.offsets)).map(({ source, partition, from, to }) => ({
          source,
          partition,
          from,
          to,
        })),
      };
    },
  };
}
