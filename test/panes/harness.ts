/** An ingest with everything around it: records as JSON bytes, a store of maps, a clock that stands still until it is moved. */

import { type BytesDecoder, newRecord, type RowDecoder } from "../../src/decode/record.ts";
import { createIngest, type Ingest, type Router } from "../../src/ingest.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/metrics/metrics.ts";
import type { Cursor, Pane } from "../../src/panes/pane.ts";
import type { Timing } from "../../src/panes/watermark.ts";
import type { CompiledLayout, RowLayout } from "../../src/reference/layout.ts";
import type { Chunk } from "../../src/sources/source.ts";
import { layoutOf } from "./layouts.ts";
import type { Message } from "./recount.ts";

export const MINUTE = 60_000;
export const timing: Timing = {
  paneMs: 5 * MINUTE,
  allowedLatenessMs: 10 * MINUTE,
  maxStepMs: 60 * MINUTE,
  futureMs: 5 * MINUTE,
  idleTimeoutMs: 2 * MINUTE,
};
export const layouts = { a: layoutOf({ x: { edges: [0, 1, 2] } }), b: layoutOf({ c: { categories: ["p", "q"] }, x: { edges: [5] } }) };

const routes = new Map<string, ReturnType<Router>>();
/** Routes to the models a and b; the same route object for the same pair. */
export const route: Router = (model = "a", version) => {
  const layout = (layouts as Record<string, CompiledLayout>)[model];
  if (layout === undefined) return "unknown_model";
  const key = `${model}|${version}`;
  if (!routes.has(key)) routes.set(key, { model, version, layout });
  return routes.get(key) as ReturnType<Router>;
};

/** A decoder for `JSON.stringify(Message)`. */
const decodeBytes: BytesDecoder = (bytes, start, end, _, into) => {
  let message: Partial<Message> & { eventTimeMs?: number | null };
  try {
    message = JSON.parse(bytes.toString("utf8", start, end)) as Partial<Message>;
  } catch {
    return "decode_error";
  }
  if (typeof message.eventTimeMs !== "number") return "no_timestamp";
  Object.assign(into, newRecord(), message);
  return undefined;
};
const decodeRow: RowDecoder = (row, into) => {
  Object.assign(into, newRecord(), row);
  return undefined;
};

/** What a store keeps; panes are copied on their way in. */
export function createMapStore() {
  const panes = new Map<string, Pane>();
  const cursors = new Map<string, Cursor>();
  const rows = new Map<string, RowLayout>();
  return {
    panes,
    cursors,
    layouts: rows,
    commit: (batch: { panes: readonly Pane[]; layouts: readonly RowLayout[]; cursors: readonly Cursor[] }) => {
      for (const layout of batch.layouts) rows.set(layout.hash, layout);
      for (const pane of batch.panes) {
        if (!rows.has(pane.key.layout)) throw new Error(`the layout of a pane was never stored: ${pane.key.layout}`);
        const key = JSON.stringify(pane.key);
        const before = panes.get(key);
        if (before === undefined || (pane.upto >= before.upto && Number(pane.final) >= Number(before.final)))
          panes.set(key, structuredClone(pane));
      }
      for (const cursor of batch.cursors) cursors.set(`${cursor.source}/${cursor.partition}`, structuredClone(cursor));
    },
  };
}
export type MapStore = ReturnType<typeof createMapStore>;

/** A clock moved by hand. */
export function createHandClock(): Clock & { readonly move: (ms: number) => void } {
  let ms = 1_000_000;
  return {
    nowMs: () => ms,
    monotonicMs: () => ms,
    sleep: async () => {},
    every: () => () => {},
    move: (by) => {
      ms += by;
    },
  };
}

/** A message with defaults. */
export function message(offset: number, eventTimeMs: number, rest: Partial<Message> = {}): Message {
  return { offset, eventTimeMs, transportMs: Number.NaN, model: "a", version: "", features: { x: 0.5 }, ...rest };
}

/** Messages as one chunk of a partition. */
export function chunkOf(messages: readonly Message[], at: Partial<Chunk> = {}): Chunk {
  const next = (messages.at(-1)?.offset ?? -1) + 1;
  return {
    ...{ source: "kafka:t", partition: 0, asked: messages[0]?.offset ?? next, next, end: Number.NaN, kind: "bytes", format: "json" },
    forEach: (visit: (offset: number, transportMs: number, bytes: Buffer, start: number, end: number) => void) => {
      for (const { offset, transportMs, ...rest } of messages) {
        const bytes = Buffer.from(JSON.stringify(rest));
        visit(offset, transportMs, bytes, 0, bytes.length);
        bytes.fill(0); // the bytes are borrowed
      }
    },
    ...at,
  } as Chunk;
}

/** An ingest that begins where the store stands. */
export function openIngest(store: MapStore, rest: Partial<Parameters<typeof createIngest>[0]> = {}): Ingest {
  return createIngest({
    decoders: { bytes: decodeBytes, row: decodeRow },
    route,
    timing,
    cursors: [...store.cursors.values()].map((cursor) => structuredClone(cursor)),
    openPanes: [...store.panes.values()].filter((pane) => !pane.final).map((pane) => structuredClone(pane)),
    layouts: [...store.layouts.values()],
    start: () => "earliest",
    driftd: "0.0.0",
    metrics: noMetrics,
    clock: createHandClock(),
    log: silentLog,
    onFatal: (error) => {
      throw error;
    },
    ...rest,
  });
}

/** Commits what changed. */
export function commit(ingest: Ingest, store: MapStore): void {
  const batch = ingest.takeBatch();
  if (batch === undefined) return;
  store.commit(batch);
  batch.done();
}
