/** Reads the body of a request: JSON only, of bounded size, every field checked by name and type, so that a misspelt one is told and not passed over. */

import type { IncomingMessage } from "node:http";
import { didYouMean } from "../lib/suggest.ts";
import { httpError } from "./problem.ts";

/** A body as it came. */
export type Body = {
  readonly json: unknown;
  /** Byte for byte, for signatures. */
  readonly raw: Buffer;
  /** A header of the request; undefined: it has none. */
  readonly header: (name: string) => string | undefined;
};

/** A field that is text. */
export type Field = {
  readonly required?: boolean;
  readonly maxLength: number;
  /** The closed list of its values. */
  readonly values?: readonly string[];
};

/**
 * Reads and parses. A missing body is `{}`. Throws HTTP_BODY_TOO_LARGE (413), HTTP_BODY_TYPE (415) for anything that does not call itself JSON,
 * and HTTP_BODY (400).
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const header = (name: string) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  };
  const raw = await bytesOf(request, maxBytes);
  const type = header("content-type");
  if (raw.length > 0 && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? "")) {
    throw httpError(415, "HTTP_BODY_TYPE", `the body is ${type === undefined ? "of no type" : JSON.stringify(type)}, not JSON`, {
      hint: "send the header content-type: application/json",
    });
  }
  const encoding = header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    throw httpError(415, "HTTP_BODY_TYPE", `the body is encoded as ${JSON.stringify(encoding)}`, { hint: "send it as it is" });
  }
  return { json: raw.length === 0 ? {} : parse(raw), raw, header };
}

/** The fields of a body that is a map of texts. Throws HTTP_BODY (400) with the field's name. */
export function readFields<Name extends string>(json: unknown, fields: Readonly<Record<Name, Field>>): Partial<Record<Name, string>> {
  if (!isMap(json)) throw bad("the body is not a JSON object", `send {"${Object.keys(fields)[0]}": …}`);
  const known = Object.keys(fields);
  const read: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(json)) {
    const field = Object.hasOwn(fields, name) ? fields[name as Name] : undefined;
    if (field === undefined) throw bad(`there is no field ${JSON.stringify(name)}`, didYouMean(name, known));
    if (value === null && field.required !== true) continue;
    if (typeof value !== "string") throw bad(`${name}: is not text`, `write "${name}": "…"`);
    if (value === "" && field.required === true) throw bad(`${name}: is empty`, "give it a value");
    if (value.length > field.maxLength) throw bad(`${name}: is longer than ${field.maxLength} characters`, "say it shorter");
    if (field.values !== undefined && !field.values.includes(value)) {
      throw bad(`${name}: ${JSON.stringify(value.slice(0, 80))} is not known`, `one of ${field.values.join(", ")}`);
    }
    read[name as Name] = value;
  }
  for (const name of known) {
    if (fields[name as Name].required === true && read[name as Name] === undefined) {
      throw bad(`${name}: is required`, `the body's fields: ${known.join(", ")}`);
    }
  }
  return read;
}

/** True for a JSON object. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An error of the body; HTTP_BODY (400). */
export function bad(message: string, hint: string) {
  return httpError(400, "HTTP_BODY", message, { hint });
}

async function bytesOf(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    httpError(413, "HTTP_BODY_TOO_LARGE", `the body is larger than ${maxBytes} bytes`, {
      hint: "send less",
      headers: { Connection: "close" },
    });
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Left standing when it is too large: the answer goes out over the same connection.
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // Nobody reads this answer; but who hangs up is no failure of ours.
    throw bad("the body breaks off", "send it again");
  }
  if (size > maxBytes) throw tooLarge();
  return Buffer.concat(chunks);
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw)) as unknown;
  } catch {
    throw bad("the body is not JSON", "check its quotes, commas and encoding (UTF-8)");
  }
}
