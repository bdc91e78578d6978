/**
 * One HTTP exchange: one request on a connection of its own, and the beginning of its answer. What the answer means is in `answer.ts`.
 *
 * `node:http` and not `fetch`: fetch sends a request a second time by itself (421) and hides an answer (407), both beneath the outbox's count of
 * attempts; it also follows redirects, which could carry the message, and the headers that prove who sent it, to somebody else.
 */

import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";

import type { Clock } from "../lib/clock.ts";
import { coerceError } from "../lib/errors.ts";
import type { AttemptFailure, AttemptResult } from "./output.ts";

/** Bytes read of an answer; what comes after is not waited for. */
export const MAX_ANSWER_BYTES = 64 * 1024;

export type ExchangeRequest = {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** Certificates (PEM) to trust in place of the system's. */
  readonly ca?: string | undefined;
};

export type RawAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string };

/** Sends the request; resolves to whatever was answered, and rejects with the error of the connection or of `signal`. */
export function exchange({ url, method, headers, body, ca }: ExchangeRequest, signal: AbortSignal): Promise<RawAnswer> {
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    // A connection of its own: a kept one may be closed by the peer just then, and the failure would be ours.
    const options = { method, headers: { ...headers, ...length }, signal, agent: false as const, ...(ca === undefined ? {} : { ca }) };
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const text = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        response.destroy();
      };
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= MAX_ANSWER_BYTES) finish();
      });
      response.on("end", finish);
      // The status is the answer: a body that breaks off or never ends does not take it back.
      response.on("error", finish);
    });
    request.on("error", reject);
    request.end(body);
  });
}

export type AttemptLimits = { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal };

/** Runs one attempt within its time; what the connection throws becomes a failure that may be tried again. Never rejects. */
export async function attemptWithin(
  { clock, timeoutMs, signal }: AttemptLimits,
  attempt: (signal: AbortSignal) => Promise<AttemptResult>,
): Promise<AttemptResult> {
  const timer = new AbortController();
  const timeout = new AbortController();
  void clock.sleep(timeoutMs, timer.signal).then(() => timeout.abort());
  try {
    return await attempt(AbortSignal.any([signal, timeout.signal]));
  } catch (thrown) {
    const code = codeOf(thrown);
    if (signal.aborted) return { ok: false, failure: "connection", retry: true, excerpt: "stopped" };
    if (timeout.signal.aborted) return { ok: false, failure: "timeout", retry: true, excerpt: `no answer in ${timeoutMs / 1000} s` };
    return { ok: false, failure: failureOf(code), retry: true, excerpt: code };
  } finally {
    timer.abort();
  }
}

/** The system's code of an error: its message may name the host. */
function codeOf(thrown: unknown): string {
  const { code } = coerceError(thrown) as { code?: unknown };
  return typeof code === "string" ? code : "CONNECTION_FAILED";
}

function failureOf(code: string): AttemptFailure {
  const tls = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO|INVALID_CA|CRL_)/.test(code);
  if (tls) return "tls";
  return code.startsWith("HPE_") ? "body" : code === "ETIMEDOUT" ? "timeout" : "connection";
}
