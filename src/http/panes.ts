/** Pages over the panes of a model, which may be many and wide: read an hour of pane starts at a time, until the page is full. */

import type { Page } from "./paging.ts";
import { decodeCursor, encodeCursor, staleCursor } from "./paging.ts";
import { httpError } from "./problem.ts";
import type { Values } from "./query.ts";
import type { ApiView, ModelFacts, PaneDocument } from "./view.ts";

const HOUR_MS = 3_600_000;
/** Hours read for one page at most: 31 days, so that a sparse model cannot hold a request for long. */
const HOURS_PER_PAGE = 744;

/** One page of panes. The cursor holds the key of the last pane: panes are never inserted before a closed one. */
export async function panePage(view: ApiView, facts: ModelFacts, values: Values): Promise<Page<PaneDocument>> {
  const ends = facts.versions.flatMap(({ evaluations }) => evaluations.map(({ endMs }) => endMs));
  const toMs = values.timeMs("to") ?? (ends.length === 0 ? undefined : Math.max(...ends));
  if (toMs === undefined) return { items: [], next: null };
  const fromMs = values.timeMs("from") ?? toMs - HOUR_MS;
  if (!(fromMs < toMs)) throw httpError(400, "HTTP_PARAMETER", "from is not before to", { hint: "the range is [from, to)" });
  const version = values.text("version");
  const limit = values.integer("limit");
  const cursor = values.text("cursor");
  const after = cursor === undefined ? undefined : readCursor(cursor);

  const items: PaneDocument[] = [];
  let atMs = after === undefined ? fromMs : Math.max(fromMs, after.startMs);
  for (let hours = 0; atMs < toMs && hours < HOURS_PER_PAGE; hours++) {
    const untilMs = Math.min(toMs, atMs + HOUR_MS);
    let panes = await view.panes({ model: facts.model, fromMs: atMs, toMs: untilMs, ...(version === undefined ? {} : { version }) });
    if (after !== undefined && hours === 0) panes = panes.slice(panes.findIndex((pane) => keyOf(pane) === after.key) + 1);
    items.push(...panes.slice(0, limit - items.length));
    const last = items.at(-1);
    if (items.length === limit && last !== undefined) return { items, next: encodeCursor({ key: keyOf(last), seen: 0 }) };
    atMs = untilMs;
  }
  // The page ended for want of time, not of panes: a cursor that names no pane goes on at that hour.
  return { items, next: atMs < toMs ? encodeCursor({ key: JSON.stringify([new Date(atMs).toISOString()]), seen: 0 }) : null };
}

function keyOf(pane: PaneDocument): string {
  return JSON.stringify([pane.pane_start, pane.version, pane.source, pane.partition, pane.epoch, pane["layout"] ?? null]);
}

function readCursor(text: string): { readonly key: string; readonly startMs: number } {
  const { key } = decodeCursor(text);
  try {
    const [start] = JSON.parse(key) as unknown[];
    const startMs = typeof start === "string" ? Date.parse(start) : Number.NaN;
    if (!Number.isNaN(startMs)) return { key, startMs };
  } catch {
    // Not a key of ours.
  }
  throw staleCursor();
}
