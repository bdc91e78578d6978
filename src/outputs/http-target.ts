/**
 * Turns a preset into an output: reveals its secrets for each attempt, makes its requests within the attempt's time, and keeps secrets out of
 * whatever comes back. The targets' own knowledge is in `presets/`; the verdict on an answer in `answer.ts`.
 */

import { readFile } from "node:fs/promises";

import type { TargetOutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { type HttpAnswer, judgeByRules } from "./answer.ts";
import { attemptWithin, exchange } from "./exchange.ts";
import type { AttemptResult, OutboxMessage, Output } from "./output.ts";
import type { Ask, Auth, Call, Message, Preset } from "./preset.ts";
import { formsOf, redact, secretsOfUrl } from "./redact.ts";

/** Headers that are the request's own: a configured one of the same name is an error. */
const OWN_HEADERS = /^(content-length|content-type|host|transfer-encoding|connection)$/i;

export type TargetDependencies = { readonly clock: Clock; readonly version: string };

/** What one attempt needs, read anew each time so that files can be rotated. */
type Revealed = {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: string | undefined;
  readonly secrets: readonly string[];
};

/** Makes the output. Rejects with OUTPUT_URL_INVALID, OUTPUT_HEADER_RESERVED, OUTPUT_CA_UNREADABLE or what a secret's file throws. */
export async function createHttpTarget(
  preset: Preset,
  config: TargetOutputConfig,
  { clock, version }: TargetDependencies,
): Promise<Output> {
  await reveal(config);
  const session: { token: string | undefined } = { token: undefined };
  // Credentials in a file are rotated from outside: the next attempt may be told yes.
  const rotates = Object.values(config.secrets).some((secret) => secret?.file !== undefined);

  async function send(message: OutboxMessage, signal: AbortSignal): Promise<AttemptResult> {
    let revealed: Revealed;
    try {
      revealed = await reveal(config);
    } catch (thrown) {
      // A file may be missing for a moment while it is replaced.
      const excerpt = thrown instanceof DriftdError ? thrown.code : coerceError(thrown).name;
      return { ok: false, failure: "secret", retry: true, excerpt };
    }
    const secrets = [...revealed.secrets];
    const result = await attemptWithin({ clock, timeoutMs: config.timeoutMs, signal }, async (within) => {
      const read = readMessage(message);
      const call: Call<unknown> = {
        settings: revealed.settings,
        message: read,
        root: read,
        ask: (asked) => ask(asked, revealed, secrets, version, within),
        judge: (answer, rules = {}) => {
          const retry = rotates ? [...(rules.retry ?? []), 401] : rules.retry;
          return judgeByRules(answer, retry === undefined ? rules : { ...rules, retry }, clock.nowMs());
        },
        refuse: (problem) => ({ ok: false, failure: "body", retry: false, excerpt: problem }),
        session,
        nowMs: clock.nowMs,
      };
      try {
        return await preset.attempt(call as never);
      } catch (thrown) {
        if (thrown instanceof DriftdError && thrown.code.startsWith("TEMPLATE_")) return call.refuse(thrown.message);
        throw thrown;
      }
    });
    if (session.token !== undefined) secrets.push(session.token);
    return { ...result, excerpt: redact(result.excerpt, secrets.flatMap(formsOf)) };
  }

  return {
    name: config.name,
    type: config.type,
    maxAttempts: config.maxAttempts,
    expiryMs: config.expiryMs,
    send,
    close: () => Promise.resolve(),
  };
}

/** Reads a stored body. */
export function readMessage({ id, type, model, version, body }: OutboxMessage): Message {
  const { timestamp, data } = JSON.parse(body) as { timestamp?: string; data?: Record<string, unknown> };
  return { id, type, model, version, timestamp: timestamp ?? "", data: data ?? {} };
}

async function ask(asked: Ask, revealed: Revealed, secrets: string[], version: string, signal: AbortSignal): Promise<HttpAnswer> {
  const url = addressOf(asked, String(revealed.settings["url"] ?? ""));
  secrets.push(...secretsOfUrl(url));
  if (asked.auth !== undefined) secrets.push(...secretsOfAuth(asked.auth));
  const { text, type } = bodyOf(asked);
  const {
    status,
    headers,
    text: answered,
  } = await exchange(
    {
      url,
      method: asked.method ?? "POST",
      headers: {
        "user-agent": `driftd/${version}`,
        accept: "application/json",
        ...(asked.auth === undefined ? {} : { authorization: headerOfAuth(asked.auth) }),
        ...(type === undefined ? {} : { "content-type": type }),
        ...asked.headers,
        ...revealed.headers,
      },
      body: text === undefined ? undefined : Buffer.from(text, "utf8"),
      ca: url.protocol === "https:" ? revealed.ca : undefined,
    },
    signal,
  );
  return { status, headers, text: answered, json: jsonOf(answered) };
}

/** The target's URL with the path behind it; its own query stays. */
function addressOf({ url, path = "", query = {} }: Ask, base: string): URL {
  const address = new URL(url ?? base);
  if (url === undefined && path !== "") address.pathname = `${address.pathname.replace(/\/+$/, "")}${path}`;
  // Its own query stays byte for byte: it may be signed.
  const more = new URLSearchParams(query).toString();
  if (more !== "") address.search = address.search === "" ? more : `${address.search}&${more}`;
  return address;
}

function bodyOf({ json, form, body }: Ask): { readonly text: string | undefined; readonly type: string | undefined } {
  if (json !== undefined) return { text: JSON.stringify(json), type: "application/json" };
  if (form !== undefined) return { text: new URLSearchParams(form).toString(), type: "application/x-www-form-urlencoded" };
  return { text: body, type: undefined };
}

function headerOfAuth(auth: Auth): string {
  return auth.kind === "bearer" ? `Bearer ${auth.token}` : `Basic ${basicOf(auth)}`;
}

function basicOf({ username, password }: { readonly username: string; readonly password: string }): string {
  return Buffer.from(`${username}:${password}`, "utf8").toString("base64");
}

function secretsOfAuth(auth: Auth): readonly string[] {
  return auth.kind === "bearer" ? [auth.token] : [auth.password, basicOf(auth)];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function reveal(config: TargetOutputConfig): Promise<Revealed> {
  const [secrets, headers] = await Promise.all([revealAll(config.secrets), revealAll(config.headers)]);
  const where = `outputs.${config.name}`;
  const { url } = secrets;
  if (url !== undefined && (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))) {
    throw new DriftdError("OUTPUT_URL_INVALID", `${where}.url is not an http:// or https:// URL`, { hint: "write http://… or https://…" });
  }
  const reserved = Object.keys(headers).find((name) => OWN_HEADERS.test(name));
  if (reserved !== undefined) {
    throw new DriftdError("OUTPUT_HEADER_RESERVED", `${where}.headers.${reserved} is set by driftd itself`, { hint: "remove it" });
  }
  return {
    settings: { ...config.options, ...secrets },
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ca: url !== undefined && new URL(url).protocol === "https:" ? await readCertificates(config) : undefined,
    secrets: [...Object.values(secrets), ...Object.values(headers)],
  };
}

async function revealAll(secrets: Readonly<Record<string, { readonly reveal: () => Promise<string> }>>): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(Object.entries(secrets).map(async ([key, secret]) => [key, await secret.reveal()] as const)));
}

/** Certificates to trust; undefined: the system's. */
export async function readCertificates({ name, ca }: Pick<TargetOutputConfig, "name" | "ca">): Promise<string | undefined> {
  if (ca === undefined) return undefined;
  return readFile(ca.file, "utf8").catch((thrown: unknown) => {
    if (ca.optional) return undefined;
    throw new DriftdError("OUTPUT_CA_UNREADABLE", `outputs.${name}.ca_file: ${ca.file} cannot be read: ${coerceError(thrown).message}`, {
      hint: "name a PEM file that this user may read",
      cause: thrown,
    });
  });
}
