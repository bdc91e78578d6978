/** The small types of the configuration: durations, sizes, names, paths, addresses. Each checks text and leaves it as it is. */

import * as z from "zod";

import { durationPattern, parseDuration } from "../lib/duration.ts";
import { parseSize, sizePattern } from "../lib/size.ts";

/** A duration between two durations (both included), e.g. `5m`. The message of a failure is the reason and the example. */
export function duration(description: string, range: { readonly min?: string; readonly max?: string } = {}) {
  const minMs = range.min === undefined ? 0 : parseDuration(range.min)!;
  const maxMs = range.max === undefined ? Number.MAX_SAFE_INTEGER : parseDuration(range.max)!;
  return z
    .string()
    .regex(durationPattern, { error: "is not a duration; write 250ms, 30s, 5m, 1h30m or 35d", abort: true })
    .refine((text) => parseDuration(text)! >= minMs, { error: `is too short; at least ${range.min}` })
    .refine((text) => (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= maxMs, {
      error: `is too long; at most ${range.max ?? "2^53 ms"}`,
    })
    .meta({ title: "duration", description });
}

/** A size between two sizes (both included), e.g. `4MiB`. */
export function size(description: string, range: { readonly min: string; readonly max: string }) {
  return z
    .string()
    .regex(sizePattern, { error: "is not a size; write 256KiB, 10MiB or 4MB", abort: true })
    .refine((text) => (parseSize(text) ?? -1) >= parseSize(range.min)!, { error: `is too small; at least ${range.min}` })
    .refine((text) => (parseSize(text) ?? 0) <= parseSize(range.max)!, { error: `is too large; at most ${range.max}` })
    .meta({ title: "size", description });
}

/** Text that is not empty. */
export function text(description: string) {
  return z.string().min(1, { error: "is empty" }).meta({ title: "text", description });
}

/** A path of a file; a relative one is taken from the folder of the configuration file. */
export function filePath(description: string) {
  return z.string().min(1, { error: "is empty" }).meta({ title: "path", description });
}

/** A name that becomes a label and a part of ids: 1 to 128 characters, no control characters, no blanks at the ends. */
const namePattern = /^(?! )[^\p{Cc}]{1,128}(?<! )$/u;

export function name(description: string) {
  return z
    .string()
    .regex(namePattern, { error: "is not a name; 1 to 128 characters, no control characters, no blank at either end" })
    .meta({ title: "name", description });
}

/** Where a field stands in the record: keys joined by dots; a dot inside a key is written `\.`. One dot alone is the record itself. */
export function recordPath(description: string) {
  return z
    .string()
    .regex(/^(?:\.|(?:[^.\\]|\\[.\\])+(?:\.(?:[^.\\]|\\[.\\])+)*)$/, {
      error: 'is not a path; write keys joined by dots, e.g. meta.time (a dot inside a key: "a\\.b")',
    })
    .meta({ title: "record path", description });
}

/** Splits a record path into its keys. */
export function splitRecordPath(path: string): readonly string[] {
  if (path === ".") return [];
  const keys = [""];
  for (const [piece] of path.matchAll(/\\[.\\]|\.|[^.\\]+/g)) {
    if (piece === ".") keys.push("");
    else keys[keys.length - 1] += piece.startsWith("\\") ? piece.slice(1) : piece;
  }
  return keys;
}

/** `host:port`; an IPv6 host stands in brackets; no host means all addresses. */
const addressPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/;

/** Splits `host:port`; returns undefined when it is none. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = addressPattern.exec(address);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? "", port };
}

export function address(description: string, hostRequired: boolean) {
  return z
    .string()
    .refine((value) => splitAddress(value) !== undefined, {
      error: "is not an address; write host:port, e.g. localhost:9092 or [::1]:9092",
      abort: true,
    })
    .refine((value) => !hostRequired || splitAddress(value)?.host !== "", { error: "has no host; write host:port, e.g. localhost:9092" })
    .meta({ title: "host:port", description });
}
