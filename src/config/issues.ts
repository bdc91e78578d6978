/** What zod found, in driftd's words: one slip per issue, with "did you mean" from the schema. */

import type * as z from "zod";

import { didYouMean, nearest } from "../lib/suggest.ts";
import { jsonSchemaAt } from "./json-schema.ts";
import type { ConfigPath } from "./problem.ts";

/** A slip at a path; `at` says whether its place is that of the key or of the value; `value: false` = the value says nothing. */
export type Slip = {
  readonly path: ConfigPath;
  readonly at: "key" | "value";
  readonly value: boolean;
  readonly message: string;
  readonly hint?: string | undefined;
};

type Issue = z.core.$ZodIssue;

/** Words for the issues of a section; `prefix` is the section's path, `root` the whole value of the file. */
export function slipsOf(issues: readonly Issue[], prefix: ConfigPath, root: unknown): Slip[] {
  return issues.flatMap((issue) => slipOf(issue, [...prefix, ...(issue.path as (string | number)[])], root));
}

/** The value at a path, or undefined. */
export function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

function slipOf(issue: Issue, path: ConfigPath, root: unknown): Slip[] {
  const value = valueAt(root, path);
  const fact = (message: string, hint?: string): Slip[] => [{ path, at: "value", value: true, message, hint }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: "key" as const,
        value: false,
        message: "unknown key",
        hint: unknownKeyHint(path, key, root),
      }));
    case "invalid_type":
      if (value === undefined) return [{ path, at: "value", value: false, message: "is required", hint: descriptionAt(path, root) }];
      if (value === null) return fact("is empty", "give it a value, or remove the key");
      return fact(`is ${kindOf(value)}, not ${expected(issue.expected)}`, typeHint(issue.expected, value, jsonSchemaAt(path, root)?.title));
    case "invalid_value": {
      const allowed = issue.values.map(String);
      if (value === undefined) return [{ path, at: "value", value: false, message: "is required", hint: `one of ${allowed.join(", ")}` }];
      return fact(`is not ${oneOf(allowed)}`, nearHint(value, allowed));
    }
    case "too_small":
      if (issue.origin === "array")
        return [{ path, at: "value", value: false, message: "is an empty list", hint: "give it at least one entry" }];
      return fact(`is too small; ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`);
    case "too_big":
      return fact(`is too large; ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`);
    case "invalid_union":
      return unionSlips(issue, path, root);
    case "invalid_key":
      return [{ path, at: "key", value: false, message: issue.issues[0]?.message ?? "is not a valid key" }];
    default:
      return fact(issue.message);
  }
}

/** Of a union's branches the one is reported that has the value's kind; when none has it, what the branches expect. */
function unionSlips(issue: Issue & { code: "invalid_union" }, path: ConfigPath, root: unknown): Slip[] {
  const value = valueAt(root, path);
  if (issue.errors.length === 0) {
    const known = issue.discriminator === undefined ? [] : (jsonSchemaAt(path.slice(0, -1), root)?.types ?? []);
    if (value === undefined) return [{ path, at: "value", value: false, message: "is required", hint: `one of ${known.join(", ")}` }];
    return [{ path, at: "value", value: true, message: `is not ${oneOf(known)}`, hint: nearHint(value, known) }];
  }
  if (value === null) return [{ path, at: "value", value: true, message: "is empty", hint: "give it a value, or remove the key" }];
  const fitting = issue.errors.find((branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === "invalid_type"));
  const ofSameKind = issue.errors.find(
    (branch) => !branch.some((inner) => inner.path.length === 0 && (inner.code === "invalid_type" || inner.code === "invalid_value")),
  );
  const map = ofSameKind ?? fitting;
  if (typeof value === "object" && map !== undefined) return slipsOf(map, path, root);
  const words = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) => (inner.code === "invalid_value" ? inner.values.map(String) : [])),
  );
  const kinds = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) => (inner.path.length === 0 && inner.code === "invalid_type" ? [expected(inner.expected)] : [])),
  );
  const other = ofSameKind?.[0];
  if (words.length === 0 && other !== undefined) return slipsOf([other], path, root);
  const reason = other === undefined ? "" : ` and ${other.message}`;
  const allowed = [...words, ...(other === undefined ? kinds : [])];
  return [{ path, at: "value", value: true, message: `is not ${oneOf(allowed)}${reason}`, hint: nearHint(value, words) }];
}

function unknownKeyHint(path: ConfigPath, key: string, root: unknown): string | undefined {
  if (path.join(".") === "record" && key === "timestamp") return "event_time.from says where the event time stands";
  return didYouMean(key, jsonSchemaAt(path, root)?.keys ?? []);
}

function descriptionAt(path: ConfigPath, root: unknown): string | undefined {
  const description = jsonSchemaAt(path, root)?.description;
  return description === undefined ? undefined : `${description[0]!.toLowerCase()}${description.slice(1).replace(/\.$/, "")}`;
}

function expected(type: string): string {
  const words: Record<string, string> = {
    object: "a map",
    record: "a map",
    array: "a list",
    string: "text",
    int: "a whole number",
    number: "a number",
    boolean: "true or false",
  };
  return words[type] ?? type;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "true or false";
  return Number.isInteger(value) ? "a whole number" : "a number";
}

function typeHint(type: string, value: unknown, title: string | undefined): string | undefined {
  if (type === "array" && typeof value !== "object") return `write [${String(value)}]`;
  if (type !== "string" || typeof value === "object") return undefined;
  if (title === "duration") return `add the unit, e.g. ${String(value)}s`;
  return title === "size" ? `add the unit, e.g. ${String(value)}KiB` : `write "${String(value)}"`;
}

function nearHint(value: unknown, known: readonly string[]): string | undefined {
  const near = nearest(String(value), known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `one of ${words.join(", ")}`;
}
