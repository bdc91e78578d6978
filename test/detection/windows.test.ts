/** The running windows of the simulations against a plain recount of the same panes. */

import { describe, expect, it } from "vitest";
import { slideOf } from "../../src/evaluate/evaluator.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { createProcess, DAY, HOUR, PANE, PANES_PER_SLOT, SLOT, START } from "./process.ts";
import { buildReference } from "./reference.ts";
import { SCENARIOS } from "./scenarios.ts";
import { walk } from "./windows.ts";

function begin() {
  const process = createProcess({ scenario: SCENARIOS.weekly, features: 5, rate: 3, seed: [4], startMs: START });
  return { built: buildReference(process, 2), process };
}

describe("walk", () => {
  const { built, process } = begin();
  const firstMs = process.now();
  const again = process.fork();
  const fromMs = firstMs + DAY;
  // The last half hour is not over.
  const toMs = fromMs + 3 * HOUR + 2 * PANE;
  const seen: { name: string; endMs: number; counts: number[]; records: number; coverage: number; blocks: unknown }[] = [];
  walk({ process, built, windows: DEFAULT_POLICY.windows, fromMs, toMs }, (windows) => {
    for (const { window, endMs, counts, records, coverage, blocks } of windows) {
      const copied = blocks.map(({ startMs, values }) => [startMs, [...values]]);
      seen.push({ name: window.name, endMs, counts: [...counts], records, coverage, blocks: copied });
    }
    return true;
  });
  const panes = Array.from({ length: Math.ceil((toMs - firstMs) / SLOT) }, () => {
    const rows = Array.from({ length: PANES_PER_SLOT }, () => new Uint32Array(built.layout.slots));
    const records = again.slot(built.placesOf(again), rows);
    return rows.map((counts, i) => ({ counts, records: records[i]! }));
  }).flat();

  it("gives every window of the ladder at its own ends, shorter ones first", () => {
    const expected = Array.from({ length: 38 }, (_, i) => fromMs + (i + 1) * PANE).flatMap((endMs) =>
      DEFAULT_POLICY.windows.filter(({ lengthMs }) => endMs % slideOf(lengthMs) === 0).map(({ name }) => [name, endMs]),
    );
    expect(seen.map(({ name, endMs }) => [name, endMs])).toEqual(expected);
  });

  it.each(["1h", "6h", "24h"])("sums the panes of the window %s", (name) => {
    const { lengthMs } = DEFAULT_POLICY.windows.find((window) => window.name === name)!;
    for (const window of seen.filter((one) => one.name === name)) {
      const last = (window.endMs - firstMs) / PANE;
      const inside = panes.slice(last - lengthMs / PANE, last);
      expect(window.counts).toEqual(
        Array.from({ length: built.layout.slots }, (_, i) => inside.reduce((sum, { counts }) => sum + counts[i]!, 0)),
      );
      expect(window.records).toBe(inside.reduce((sum, { records }) => sum + records, 0));
      expect(window.coverage).toBe(inside.filter(({ records }) => records > 0).length / inside.length);
      const blocks = new Map<number, number>();
      inside.forEach(({ records }, i) => {
        const startMs = Math.floor((window.endMs - lengthMs + i * PANE) / SLOT) * SLOT;
        blocks.set(startMs, (blocks.get(startMs) ?? 0) + records);
      });
      expect(window.blocks).toEqual([...blocks].map(([startMs, records]) => [startMs, new Array(5).fill(records)]));
    }
  });
});

describe("buildReference", () => {
  it("counts the same rows into bins and half hours", () => {
    const { snapshot } = begin().built;
    for (const { feature, count, counts } of snapshot.features) {
      expect(counts.reduce((sum, one) => sum + one, 0)).toBe(count);
      const slots = snapshot.calibration!.slots[feature]!;
      expect(slots).toHaveLength(96);
      expect(slots.flat().reduce((sum, one) => sum + one, 0)).toBe(count);
    }
  });
});
