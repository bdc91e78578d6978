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
  /** How people reach it (`http.external_url`). */
  readonly externalUrl?: string;
};

/** What is read of a request. */
export type Caller = {
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  /** A browser sent it for a page: it says so, a program does not. */
  readonly page: boolean;
};

/**
 * `token`: the request brings the token, or none is configured and the address is a loopback one. `token_if_set`: something else decides where
 * no token is configured (`http.reload`). `own`: the route checks by itself (a signature).
 */
export type Gate = "token" | "token_if_set" | "own";

/** Throws HTTP_TOKEN (401), HTTP_TOKEN_NEEDED and HTTP_FOREIGN_NAME (403), or HTTP_TOKEN_UNREADABLE (503) when the token's file cannot be read: then nobody may. */
export async function authorize(gate: Gate, { token, loopback, externalUrl }: Access, caller: Caller): Promise<void> {
  if (gate === "own") return;
  if (token === undefined) {
    if (caller.page && !isOurs(caller.host, externalUrl)) {
      throw httpError(
        403,
        "HTTP_FOREIGN_NAME",
        "a page under a name that is not this server's asked for this, and no token is configured",
        {
          hint: "open the page under localhost or http.external_url, or set http.token_file",
        },
      );
    }
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
  const given = /^bearer +(\S+) *$/i.exec(caller.authorization ?? "")?.[1];
  if (given !== undefined && equal(given, expected)) return;
  const what = caller.authorization === undefined ? "no token was sent" : "the token is not the right one";
  throw httpError(401, "HTTP_TOKEN", what, {
    hint: "send the header authorization: Bearer <http.token>",
    headers: { "WWW-Authenticate": 'Bearer realm="driftd"' },
  });
}

/** Any site can give its own name the address 127.0.0.1; then its page is of this "site", but for the name. */
function isOurs(host: string | undefined, externalUrl: string | undefined): boolean {
  const url = `http://${host ?? ""}`;
  if (!URL.canParse(url)) return false;
  const { hostname, host: whole } = new URL(url);
  if (hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)) return true;
  return externalUrl !== undefined && new URL(externalUrl).host === whole;
}

/** In constant time, whatever the lengths. */
function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
