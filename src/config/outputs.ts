/**
 * The types of outputs as the configuration sees them: one schema and one resolution per type, and the table of all.
 * A new output is one more entry here and one more file in `src/outputs/`.
 */

import * as z from "zod";

import { parseDuration } from "../lib/duration.ts";
import { duration, filePath, text } from "./scalars.ts";
import type { Secret } from "./secret.ts";

/** A webhook: a signed POST (Standard Webhooks). */
export type WebhookOutputConfig = {
  readonly type: "webhook";
  readonly name: string;
  readonly url: Secret;
  /** Undefined: requests are not signed. */
  readonly secret: Secret | undefined;
  readonly headers: Readonly<Record<string, Secret>>;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Attempts until the message is a dead letter. */
  readonly maxAttempts: number;
  /** Age at which a message that could not be delivered is a dead letter. */
  readonly expiryMs: number;
};

/** An output by its `type`. */
export type OutputConfig = WebhookOutputConfig;

/** What resolving an output may use: secrets given inline or by file, resolved against the configuration's folder. */
export type ResolveSecret = (inline: string | undefined, file: string | undefined) => Secret | undefined;

// A token of RFC 9110 5.6.2.
const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: "is not the name of an HTTP header" });

/** What a webhook needs but its type: also the shorthand `retrain.webhook`. */
export const webhookOptions = {
  url: z
    .string()
    .refine((value) => isHttpUrl(value), { error: "is not a URL; write http://… or https://…" })
    .meta({ title: "URL", description: "Where requests are sent (a secret: never shown)." })
    .optional(),
  url_file: filePath("File that holds the URL; read at each use. One of `url` and `url_file` must be set.").optional(),
  secret: text(
    "Key that signs requests: `whsec_` and base64, or any text. Without `secret` and `secret_file` requests are not signed.",
  ).optional(),
  secret_file: filePath("File that holds the signing key; read at each use.").optional(),
  headers: z
    .record(headerName, z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "is not the value of an HTTP header" }))
    .meta({ title: "map", description: "More headers, e.g. `authorization` (values are secrets: never shown)." })
    .prefault({}),
  timeout: duration("How long one attempt may take.", { min: "100ms", max: "5m" }).default("15s"),
  max_attempts: z
    .int()
    .min(1)
    .max(1000)
    .meta({ title: "integer", description: "Attempts until a message is a dead letter; ten take up to three days and a half." })
    .default(10),
  expiry: duration("Age at which an undelivered message is a dead letter.", { min: "1s", max: "30d" }).default("4d"),
};

const webhook = z.strictObject({
  type: z.literal("webhook").meta({ title: "type", description: "What kind of output it is." }),
  ...webhookOptions,
});

/** All types: the discriminator is `type`. */
export const outputSchema = z.discriminatedUnion("type", [webhook]);

/** An output as it stands in the file, defaults filled. */
export type EffectiveOutput = z.output<typeof outputSchema>;

/** Keys whose values are never printed, per type, with the twin that names a file. */
export const outputSecrets = { webhook: ["url", "secret"] } as const;

/** Turns an output of the file into what the stage gets. `secret` must have accepted the twins (one of `url`, `url_file`). */
export function resolveOutput(name: string, output: EffectiveOutput, secret: ResolveSecret): OutputConfig {
  return {
    type: "webhook",
    name,
    url: secret(output.url, output.url_file)!,
    secret: secret(output.secret, output.secret_file),
    headers: Object.fromEntries(Object.entries(output.headers).map(([header, value]) => [header, secret(value, undefined)!])),
    timeoutMs: parseDuration(output.timeout)!,
    maxAttempts: output.max_attempts,
    expiryMs: parseDuration(output.expiry)!,
  };
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
