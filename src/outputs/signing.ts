/**
 * Standard Webhooks 1.0.0: the three headers of a message, and their check. Symmetric keys only (`v1`, HMAC-SHA256).
 * The signed text is `<id>.<unix seconds>.<body>`, so the body must go out exactly as it was signed.
 */

import { createHmac, timingSafeEqual } from "node:crypto";

import { DriftdError } from "../lib/errors.ts";

/** A receiver refuses messages whose time is further off than this, as the specification's own libraries do. */
export const TOLERANCE_MS = 5 * 60_000;

export type SignedHeaders = {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  /** One `v1,<base64>` for each key, separated by spaces. */
  readonly "webhook-signature": string;
};

/**
 * Reads signing keys: one a line, so that a new one can stand before the old one while they are rotated; messages are signed with all of them.
 * A key is `whsec_` and base64 (the specification's form), or any text, whose UTF-8 bytes are the key. Line ends around it are not part of it.
 * Throws OUTPUT_SECRET_INVALID for no key or a broken `whsec_`; the message never holds the key.
 */
export function parseKeys(text: string): readonly Buffer[] {
  const keys = text
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line, i) => {
      if (!line.startsWith("whsec_")) return Buffer.from(line, "utf8");
      const encoded = line.slice("whsec_".length).trim();
      const key = Buffer.from(encoded, "base64");
      // Buffer passes over what is not base64; the way back shows it.
      if (key.length === 0 || key.toString("base64").replace(/=+$/, "") !== encoded.replace(/=+$/, "")) {
        throw new DriftdError("OUTPUT_SECRET_INVALID", `the signing key in line ${i + 1} begins with whsec_ but is not base64 behind it`, {
          hint: "copy the key again, or make one: echo whsec_$(openssl rand -base64 32)",
        });
      }
      return key;
    });
  if (keys.length === 0) {
    throw new DriftdError("OUTPUT_SECRET_INVALID", "the signing key is empty", {
      hint: "make one: echo whsec_$(openssl rand -base64 32)",
    });
  }
  return keys;
}

/** The headers of one attempt at `nowMs`; without keys the message goes out with its id and time, unsigned. */
export function sign(keys: readonly Uint8Array[], id: string, nowMs: number, body: string | Uint8Array): Partial<SignedHeaders> {
  const seconds = String(Math.floor(nowMs / 1000));
  const headers = { "webhook-id": id, "webhook-timestamp": seconds };
  if (keys.length === 0) return headers;
  return { ...headers, "webhook-signature": keys.map((key) => `v1,${digest(key, id, seconds, body).toString("base64")}`).join(" ") };
}

/** Why a message is refused. */
export type Refusal = "missing_header" | "bad_timestamp" | "too_old" | "too_new" | "bad_signature";

/** Checks the headers of a received message against any of the keys, in constant time; undefined means that it is genuine. */
export function verify(
  keys: readonly Uint8Array[],
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string | Uint8Array,
  nowMs: number,
): Refusal | undefined {
  const id = headers["webhook-id"];
  const seconds = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof seconds !== "string" || typeof signatures !== "string" || id === "") return "missing_header";
  if (!/^\d{1,12}$/.test(seconds)) return "bad_timestamp";
  const ageMs = nowMs - Number(seconds) * 1000;
  if (ageMs > TOLERANCE_MS) return "too_old";
  if (ageMs < -TOLERANCE_MS) return "too_new";
  const expected = keys.map((key) => digest(key, id, seconds, body));
  for (const signature of signatures.split(" ")) {
    if (!signature.startsWith("v1,")) continue;
    const given = Buffer.from(signature.slice(3), "base64");
    if (expected.some((each) => each.length === given.length && timingSafeEqual(each, given))) return undefined;
  }
  return "bad_signature";
}

function digest(key: Uint8Array, id: string, seconds: string, body: string | Uint8Array): Buffer {
  return createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest();
}
