/**
 * The output `webhook`: one signed POST per attempt, with the body exactly as it is stored. It owns the request and the reading of the answer;
 * what an answer means is in `answer.ts`, when to try again in `outbox.ts`.
 *
 * `node:http` and not `fetch`: fetch sends a request a second time by itself (421) and hides an answer (407), both beneath the outbox's count of
 * attempts. The URL, the headers and the keys are secrets: they appear in no excerpt, no log and no error.
 */

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import type { WebhookOutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { judgeAnswer } from "./answer.ts";
import type { AttemptFailure, AttemptResult, OutboxMessage, Output } from "./output.ts";
import { parseKeys, sign } from "./signing.ts";

/** Bytes read of an answer; what comes after is not waited for. */
export const MAX_ANSWER_BYTES = 64 * 1024;
/** Characters of an answer that the delivery log keeps. */
export const EXCERPT_LENGTH = 1024;

/** Headers that are the delivery's own: a configured one of the same name is an error. */
const OWN_HEADERS = /^(webhook-.*|content-length|content-type|host|transfer-encoding|connection)$/i;

export type WebhookDependencies = { readonly clock: Clock; readonly version: string };

/** What one attempt needs, read anew each time so that files can be rotated. */
type Target = {
  readonly url: URL;
  readonly keys: readonly Buffer[];
  readonly headers: Record<string, string>;
  readonly secrets: readonly string[];
};

/** Makes the output. Throws OUTPUT_URL_INVALID, OUTPUT_HEADER_RESERVED, OUTPUT_SECRET_INVALID or what a secret's file throws, so that a bad one is found at start. */
export async function createWebhook(options: WebhookOutputConfig, { clock, version }: WebhookDependencies): Promise<Output> {
  await readTarget(options);

  async function send(message: OutboxMessage, signal: AbortSignal): Promise<AttemptResult> {
    let target: Target;
    try {
      target = await readTarget(options);
    } catch (thrown) {
      // A file may be missing for a moment while it is replaced.
      const excerpt = thrown instanceof DriftdError ? thrown.code : coerceError(thrown).name;
      return { ok: false, failure: "secret", retry: true, excerpt };
    }
    const timer = new AbortController();
    const timeout = new AbortController();
    const either = AbortSignal.any([signal, timeout.signal]);
    void clock.sleep(options.timeoutMs, timer.signal).then(() => timeout.abort());
    try {
      const answer = await post(target, message, either, clock.nowMs(), version);
      return judgeAnswer({ ...answer, excerpt: redact(answer.excerpt, target.secrets) }, clock.nowMs());
    } catch (thrown) {
      const code = codeOf(thrown);
      if (signal.aborted) return { ok: false, failure: "connection", retry: true, excerpt: "stopped" };
      if (timeout.signal.aborted)
        return { ok: false, failure: "timeout", retry: true, excerpt: `no answer in ${options.timeoutMs / 1000} s` };
      return { ok: false, failure: failureOf(code), retry: true, excerpt: code };
    } finally {
      timer.abort();
    }
  }

  return {
    name: options.name,
    type: "webhook",
    maxAttempts: options.maxAttempts,
    expiryMs: options.expiryMs,
    send,
    close: () => Promise.resolve(),
  };
}

type RawAnswer = { readonly status: number; readonly retryAfter: string | undefined; readonly abort: boolean; readonly excerpt: string };

function post(target: Target, message: OutboxMessage, signal: AbortSignal, nowMs: number, version: string): Promise<RawAnswer> {
  const body = Buffer.from(message.body, "utf8");
  const headers = {
    "user-agent": `driftd/${version}`,
    accept: "*/*",
    ...target.headers,
    "content-type": "application/json",
    "content-length": body.length,
    ...sign(target.keys, message.id, nowMs, body),
  };
  return new Promise((resolve, reject) => {
    const send = target.url.protocol === "https:" ? httpsRequest : httpRequest;
    // A connection of its own: a kept one may be closed by the peer just then, and the failure would be ours.
    const request = send(target.url, { method: "POST", headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const excerpt = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString("utf8");
        const abort = response.headers["webhook-delivery"] === "abort-message";
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], abort, excerpt });
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

async function readTarget(options: WebhookOutputConfig): Promise<Target> {
  const [urlText, secretText, headers] = await Promise.all([
    options.url.reveal(),
    options.secret?.reveal(),
    Promise.all(Object.entries(options.headers).map(async ([name, value]) => [name, await value.reveal()] as const)),
  ]);
  const where = `outputs.${options.name}`;
  if (!URL.canParse(urlText) || !/^https?:$/.test(new URL(urlText).protocol)) {
    throw new DriftdError("OUTPUT_URL_INVALID", `${where}.url is not an http:// or https:// URL`, { hint: "write http://… or https://…" });
  }
  const reserved = headers.find(([name]) => OWN_HEADERS.test(name));
  if (reserved !== undefined) {
    throw new DriftdError("OUTPUT_HEADER_RESERVED", `${where}.headers.${reserved[0]} is set by driftd itself`, { hint: "remove it" });
  }
  const url = new URL(urlText);
  const keys = secretText === undefined ? [] : parseKeys(secretText);
  const secrets = [
    urlText,
    url.href,
    url.host,
    url.hostname,
    `${url.pathname}${url.search}`,
    url.pathname,
    decodeURIComponent(url.username),
    decodeURIComponent(url.password),
    ...url.searchParams.values(),
    ...headers.map(([, value]) => value),
    ...(secretText?.split(/\r?\n/) ?? []),
  ];
  return { url, keys, headers: Object.fromEntries(headers), secrets };
}

/** Takes secrets and control characters out of a text and cuts it. Short secrets (a path `/`) are no secrets, and would eat the text. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of [...secrets].filter(({ length }) => length >= 4).sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(secret, "<secret>");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return clean.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, EXCERPT_LENGTH);
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
