/**
 * The output `webhook`: one signed POST per attempt, with the body exactly as it is stored. How a request is made is in `exchange.ts`, what an
 * answer means in `answer.ts`, when to try again in `outbox.ts`. The URL, the headers and the keys are secrets: they appear in no excerpt, no
 * log and no error.
 */

import type { WebhookOutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { judgeAnswer } from "./answer.ts";
import { attemptWithin, exchange } from "./exchange.ts";
import type { AttemptResult, OutboxMessage, Output } from "./output.ts";
import { redact, secretsOfUrl } from "./redact.ts";
import { parseKeys, sign } from "./signing.ts";

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
    return attemptWithin({ clock, timeoutMs: options.timeoutMs, signal }, async (within) => {
      const body = Buffer.from(message.body, "utf8");
      const headers = {
        "user-agent": `driftd/${version}`,
        accept: "*/*",
        ...target.headers,
        "content-type": "application/json",
        ...sign(target.keys, message.id, clock.nowMs(), body),
      };
      const answer = await exchange({ url: target.url, method: "POST", headers, body }, within);
      const excerpt = redact(answer.text, target.secrets);
      const abort = answer.headers["webhook-delivery"] === "abort-message";
      return judgeAnswer({ status: answer.status, retryAfter: answer.headers["retry-after"], abort, excerpt }, clock.nowMs());
    });
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
  const secrets = [urlText, ...secretsOfUrl(url), ...headers.map(([, value]) => value), ...(secretText?.split(/\r?\n/) ?? [])];
  return { url, keys, headers: Object.fromEntries(headers), secrets };
}
