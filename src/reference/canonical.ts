/** Canonical JSON and the hashes over it: equal content gives equal bytes, whatever order the keys were written in. */

import { createHash } from "node:crypto";

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

/** The short hash that names a layout. */
export function layoutHash(content: unknown): string {
  return createHash("sha256").update(canonicalJson(content)).digest("hex").slice(0, LAYOUT_DIGITS);
}
