/** Reads the parameters of a request by the route's table: strict, so that a misspelt one is told and not passed over. */

import { didYouMean } from "../lib/suggest.ts";
import { httpError } from "./problem.ts";

/** A parameter: text, a number between bounds, a time, or one of a list. */
export type Param = {
  readonly in: "path" | "query";
  readonly description: string;
} & (
  | { readonly type: "text" }
  | { readonly type: "integer"; readonly min: number; readonly max: number; readonly default: number }
  | { readonly type: "time" }
  | { readonly type: "one_of"; readonly values: readonly string[] }
);

export type Params = Readonly<Record<string, Param>>;

/** What a handler gets: texts (checked), integers, times in epoch ms. */
export type Values = {
  readonly text: (name: string) => string | undefined;
  readonly integer: (name: string) => number;
  readonly timeMs: (name: string) => number | undefined;
};

/** Checks path and query against the table. Throws HTTP_PARAMETER (400). */
export function readParams(params: Params, path: Readonly<Record<string, unknown>>, query: URLSearchParams): Values {
  const known = Object.keys(params).filter((name) => params[name]!.in === "query");
  const given = new Map<string, string>();
  for (const [name, value] of query) {
    if (!known.includes(name)) {
      const hint = known.length === 0 ? "this address takes no parameters" : didYouMean(name, known);
      throw bad(`there is no parameter ${JSON.stringify(name)}`, hint);
    }
    if (given.has(name)) throw bad(`the parameter ${name} is given twice`, "give it once");
    given.set(name, value);
  }
  for (const [name, value] of Object.entries(path)) given.set(name, String(value));
  const integers = new Map<string, number>();
  const times = new Map<string, number>();
  for (const [name, param] of Object.entries(params)) {
    const value = given.get(name);
    if (param.type === "integer") integers.set(name, value === undefined ? param.default : readInteger(name, value, param));
    if (value === undefined) continue;
    if (param.type === "time") times.set(name, readTime(name, value));
    if (param.type === "one_of" && !param.values.includes(value)) {
      throw bad(`${name}: ${JSON.stringify(value)} is not known`, `one of ${param.values.join(", ")}`);
    }
  }
  return { text: (name) => given.get(name), integer: (name) => integers.get(name)!, timeMs: (name) => times.get(name) };
}

function readInteger(name: string, value: string, { min, max }: { readonly min: number; readonly max: number }): number {
  const read = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(read >= min && read <= max)) throw bad(`${name}: ${JSON.stringify(value)} is not a number from ${min} to ${max}`, "");
  return read;
}

function readTime(name: string, value: string): number {
  // Only with a zone: text without one would mean another time on another host.
  const read = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(read))
    throw bad(`${name}: ${JSON.stringify(value)} is not a time`, "write it as 2001-01-15T10:00:00Z (a + must be sent as %2B)");
  return read;
}

function bad(message: string, hint: string) {
  return httpError(400, "HTTP_PARAMETER", message, hint === "" ? {} : { hint });
}
