/**
 * RSS of a feature's window: what the window reader keeps of 10,000 features of 256 bins at 50 records a minute, in a process of its own with
 * collections forced before each look. Against the same window as dense `Uint32` panes.
 */

import { newMoments } from "../../src/panes/moments.ts";
import type { Pane } from "../../src/panes/pane.ts";
import type { WindowShape } from "../../src/panes/window.ts";
import { createWindowReader } from "../../src/panes/window-reader.ts";
import { rowLayoutOf } from "../../src/reference/compile.ts";
import type { RowLayout } from "../../src/reference/layout.ts";
import { ask } from "./child.ts";
import { type Figure, median, report } from "./figure.ts";
import { createRandom } from "./records.ts";
import { addValues, HOUR_MS, wideSnapshot } from "./wide.ts";

const MODELS = 20;
const FEATURES = 500;
const RECORDS_A_PANE = 250;
const PANE_MS = 300_000;
const ROUNDS = 3;
const TEMPLATES = 16;
const ONE_HOUR: readonly WindowShape[] = [{ name: "1h", lengthMs: HOUR_MS, slideMs: PANE_MS }];
const LADDER: readonly WindowShape[] = [
  ...ONE_HOUR,
  { name: "6h", lengthMs: 6 * HOUR_MS, slideMs: HOUR_MS / 2 },
  { name: "24h", lengthMs: 24 * HOUR_MS, slideMs: HOUR_MS / 2 },
];
const BEGIN_MS = Date.UTC(2026, 0, 19);
const END_MS = BEGIN_MS + 26 * HOUR_MS;

/** What RSS has grown by, and the arrays alone: the rest is memory that the allocator has not given back. */
type Growth = { readonly rssBytes: number; readonly arrayBytes: number };

const part = process.argv[2];
if (part === undefined) {
  const grow = async (what: string): Promise<{ readonly rss: number; readonly arrays: number }> => {
    const rounds: Growth[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await ask<Growth>("memory.ts", [what], ["--expose-gc"]));
    const kB = (of: (growth: Growth) => number) => median(rounds.map(of)) / (MODELS * FEATURES) / 1000;
    return { rss: kB(({ rssBytes }) => rssBytes), arrays: kB(({ arrayBytes }) => arrayBytes) };
  };
  const [hour, ladder, dense] = [await grow("1h"), await grow("ladder"), await grow("dense")];
  const figures: Figure[] = [
    {
      figure: "RSS of a feature's 1 h window",
      unit: "kB",
      value: hour.rss,
      baseline: { what: "dense Uint32 panes", value: dense.rss },
      target: { of: "value", most: 12 },
      note: `${hour.arrays.toFixed(1)} kB are arrays in use; ${MODELS * FEATURES} features, 256 bins, 50 records a minute`,
    },
    {
      figure: "the same with windows of 1 h, 6 h and 24 h",
      unit: "kB",
      value: ladder.rss,
      note: `${ladder.arrays.toFixed(1)} kB are arrays in use`,
    },
  ];
  report(figures);
} else {
  const layouts = Array.from({ length: MODELS }, (_, i) => ({
    model: `m${i}`,
    layout: rowLayoutOf(wideSnapshot(`m${i}`, FEATURES, false).features),
  }));
  const random = createRandom(5);
  /** Rows to copy: making each anew would take minutes. */
  const rows = Array.from({ length: TEMPLATES }, () => filledRow(layouts[0]!.layout));
  let made = 0;
  const before = await settled();
  const kept = part === "dense" ? layouts.map(({ layout }) => densePanes(layout)) : await read(part === "1h" ? ONE_HOUR : LADDER);
  const after = await settled();
  process.send!({ rssBytes: after.rss - before.rss, arrayBytes: after.arrayBuffers - before.arrayBuffers } satisfies Growth);
  if (kept === undefined) throw new Error("nothing was kept");

  /** Twelve panes and their sum. */
  function densePanes(layout: RowLayout): Uint32Array[] {
    return Array.from({ length: 13 }, () => nextRow(layout));
  }

  function filledRow(layout: RowLayout): Uint32Array {
    const row = new Uint32Array(layout.slots);
    addValues(row, layout, RECORDS_A_PANE, random);
    return row;
  }

  /** Another model's row has the same length, for its features have the same shapes. */
  function nextRow(layout: RowLayout): Uint32Array {
    const row = rows[made++ % TEMPLATES]!.slice();
    if (row.length !== layout.slots) throw new Error("layouts differ");
    return row;
  }

  /** Moves the windows of every model pane by pane up to the end, as the daemon does, and returns the reader that holds them. */
  async function read(shapes: readonly WindowShape[]): Promise<unknown> {
    let nowMs = 0;
    const byModel = new Map(layouts.map(({ model, layout }) => [model, layout]));
    const reader = createWindowReader({
      paneMs: PANE_MS,
      store: {
        layouts: async () => layouts.map(({ layout }) => layout),
        panes: async ({ model, fromMs, toMs }) => {
          const panes: Pane[] = [];
          for (let startMs = fromMs!; startMs < Math.min(toMs!, nowMs); startMs += PANE_MS)
            panes.push(paneOf(model!, byModel.get(model!)!, startMs));
          return panes;
        },
      },
    });
    const longestMs = Math.max(...shapes.map(({ lengthMs }) => lengthMs));
    for (nowMs = END_MS - 2 * HOUR_MS; nowMs <= END_MS; nowMs += PANE_MS) {
      if (nowMs - longestMs < BEGIN_MS) continue;
      for (const { model, layout } of layouts) {
        for (const shape of shapes) if (nowMs % shape.slideMs === 0) await reader.windowAt(model, "", shape, nowMs, layout);
      }
    }
    return reader;
  }

  function paneOf(model: string, layout: RowLayout, startMs: number): Pane {
    return {
      key: {
        model,
        version: "",
        segment: "",
        source: "kafka:bench",
        partition: 0,
        epoch: 0,
        layout: layout.hash,
        paneMs: PANE_MS,
        startMs,
      },
      final: true,
      incomplete: false,
      upto: 1,
      offsetFrom: 0,
      offsetTo: 1,
      records: RECORDS_A_PANE,
      late: 0,
      lost: 0,
      counts: nextRow(layout),
      moments: newMoments(0),
      driftd: "bench",
    };
  }
}

/** Memory when nothing more can be collected. */
async function settled(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage();
}
