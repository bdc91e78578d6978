/**
 * Who may change something over HTTP: whoever brings the bearer token `http.token`; without one, whoever is on this machine. Reading is free:
 * what must not be read stands behind the network's own walls.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../config/secret.ts";
import { httpError } from "./problem.ts";

export type Access = {
  /** Undefined: none is configured. */
  readonly token: Secret | undefined;
  /** The server is reached from this machine alone. */
  readonly loopback: boolean;
};

/**
 * `token`: the request brings the token, or none is configured and the address is a loopback one. `token_if_set`: something else decides where
 * no token is configured (`http.reload`). `own`: the route checks by itself (a signature).
 */
export type Gate = "token" | "token_if_set" | "own";

/** Throws HTTP_TOKEN (401), HTTP_TOKEN_NEEDED (403), or HTTP_TOKEN_UNREADABLE (503) when the token's file cannot be read: then nobody may. */
export async function authorize(gate: Gate, { token, loopback }: Access, authorization: string | undefined): Promise<void> {
  if (gate === "own") return;
  if (token === undefined) {
    if (gate === "token_if_set" || loopback) return;
    throw httpError(
      403,
      "HTTP_TOKEN_NEEDED",
      "this address is reached from other machines and no token is configured, so nothing may be changed",
      {
        hint: "set http.token_file, or listen on a loopback address: http.listen",
      },
    );
  }
  const expected = await token.reveal().catch(() => {
    throw httpError(503, "HTTP_TOKEN_UNREADABLE", "the token cannot be read, so nothing may be changed", { hint: "check http.token_file" });
  });
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  if (given !== undefined && equal(given, expected)) return;
  const what = authorization === undefined ? "no token was sent" : "the token is not the right one";
  throw httpError(401, "HTTP_TOKEN", what, {
    hint: "send the header authorization: Bearer <http.token>",
    headers: { "WWW-Authenticate": 'Bearer realm="driftd"' },
  });
}

/** In constant time, whatever the lengths. */
function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
