/** Canonical JSON and the hashes over it: equal content gives equal bytes, whatever order the keys were written in. */

import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Hexadecimal digits of a layout's hash: 64 bits, for a few thousand layouts a collision is out of the question. */
const LAYOUT_DIGITS = 16;

/**
 * JSON with keys sorted by code units, no white space, and no undefined members. Throws a `TypeError` on a number that JSON cannot hold
 * (NaN, ±Infinity): such a value is a bug of the writer.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`canonical JSON cannot hold ${value}`);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(",")}]`;
  const object = value as Readonly<Record<string, unknown>>;
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  return `{${members.join(",")}}`;
}

/** `sha256:` and the hash of the canonical JSON of `content` without its own `digest` member. */
export function digestOf(content: Readonly<Record<string, unknown>>): string {
  const { digest: _, ...rest } = content;
  return `sha256:${createHash("sha256").update(canonicalJson(rest)).digest("hex")}`;
}

/** The same in short turns of the event loop: a daemon makes snapshots beside its work. */
export async function digestInTurns(content: Readonly<Record<string, unknown>>): Promise<string> {
  const { digest: _, ...rest } = content;
  const hash = createHash("sha256");
  await inTurns(jsonParts(rest, PART_DEPTH, canonicalJson), (part) => hash.update(part));
  return `sha256:${hash.digest("hex")}`;
}

/** The JSON of a snapshot as `JSON.stringify` writes it, made in short turns of the event loop. */
export async function jsonInTurns(content: Readonly<Record<string, unknown>>): Promise<Buffer> {
  const blocks: Buffer[] = [];
  await inTurns(jsonParts(content, PART_DEPTH, JSON.stringify), (part) => blocks.push(Buffer.from(part)));
  return Buffer.concat(blocks);
}

/** Down to the features of a snapshot, and to the half hours of one feature. */
const PART_DEPTH = 3;
/** Text of one turn: a few milliseconds. */
const TURN_CHARACTERS = 100_000;

async function inTurns(parts: Iterable<string>, take: (part: string) => void): Promise<void> {
  let taken = 0;
  for (const part of parts) {
    take(part);
    taken += part.length;
    if (taken < TURN_CHARACTERS) continue;
    taken = 0;
    await nextTurn();
  }
}

/** The text that `write` makes of the value, in parts: members and items down to `depth` are written one by one. `write` says whether keys are sorted. */
function* jsonParts(value: unknown, depth: number, write: typeof canonicalJson | typeof JSON.stringify): Generator<string> {
  if (depth === 0 || value === null || typeof value !== "object") {
    yield write(value);
    return;
  }
  const list = Array.isArray(value);
  const object = value as Readonly<Record<string, unknown>>;
  let keys = list ? [...value.keys()] : Object.keys(object).filter((key) => object[key] !== undefined);
  if (!list && write === canonicalJson) keys = keys.sort();
  let before = list ? "[" : "{";
  for (const key of keys) {
    yield list ? before : `${before}${JSON.stringify(key)}:`;
    yield* jsonParts(list ? (value[key as number] ?? null) : object[key as string], depth - 1, write);
    before = ",";
  }
  yield `${keys.length === 0 ? before : ""}${list ? "]" : "}"}`;
}

/** The short hash that names a layout. */
export function layoutHash(content: unknown): string {
  return createHash("sha256").update(canonicalJson(content)).digest("hex").slice(0, LAYOUT_DIGITS);
}
