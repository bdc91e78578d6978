/** Lists of the API: `{ items, next }`, where `next` is the cursor of the following page, or null. A cursor is opaque to clients. */

import { httpError } from "./problem.ts";

export type Page<T> = { readonly items: readonly T[]; readonly next: string | null };

/** New items that may come in at the head between two pages before a cursor is lost. */
const SLACK = 200;

/**
 * One page of a list that is read newest first. `fetch(n)` gives its first n items; the cursor names the last item of the page before, so
 * items that come in meanwhile neither repeat nor hide others. Throws HTTP_CURSOR (400) for one that was not made here or is too old.
 */
export async function page<T>(
  fetch: (limit: number) => readonly T[] | Promise<readonly T[]>,
  keyOf: (item: T) => string,
  request: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<T>> {
  const after = request.cursor === undefined ? undefined : decodeCursor(request.cursor);
  const seen = after?.seen ?? 0;
  const all = await fetch(after === undefined ? request.limit + 1 : seen + SLACK + request.limit + 1);
  const from = after === undefined ? 0 : all.findIndex((item) => keyOf(item) === after.key) + 1;
  if (after !== undefined && from === 0) throw staleCursor();
  const items = all.slice(from, from + request.limit);
  const last = items.at(-1);
  const more = last !== undefined && all.length > from + items.length;
  return { items, next: more ? encodeCursor({ key: keyOf(last), seen: from + items.length }) : null };
}

/** `{ key, seen }` as URL-safe text. */
export function encodeCursor(cursor: { readonly key: string; readonly seen: number }): string {
  return Buffer.from(JSON.stringify([cursor.key, cursor.seen])).toString("base64url");
}

/** Reads a cursor; throws HTTP_CURSOR (400). */
export function decodeCursor(text: string): { readonly key: string; readonly seen: number } {
  try {
    const [key, seen, ...rest] = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown[];
    if (typeof key === "string" && Number.isSafeInteger(seen) && (seen as number) >= 0 && (seen as number) <= 1e6 && rest.length === 0) {
      return { key, seen: seen as number };
    }
  } catch {
    // Not ours: the same answer as for a cursor whose item is gone.
  }
  throw staleCursor();
}

/** The answer to a cursor that leads nowhere. */
export function staleCursor() {
  return httpError(400, "HTTP_CURSOR", "the cursor is not one of this list, or its place is gone", {
    hint: "start again without a cursor",
  });
}
