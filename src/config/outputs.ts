/**
 * The types of outputs as the configuration sees them: the union of their schemas, and what the stages get of each. Targets over HTTP come from
 * the table of presets; what is made of none has its options here. Meaning is in `resolve-output.ts`, rules over several keys in
 * `output-rules.ts`.
 */

import * as z from "zod";

import { MESSAGE_TYPES, type MessageType } from "../outputs/output.ts";
import type { Preset } from "../outputs/preset.ts";
import { type PresetType, presets } from "../outputs/presets/index.ts";
import { loginSecrets } from "../outputs/presets/login.ts";
import type { KafkaSasl, KafkaSsl } from "./config.ts";
import { kafkaAccess } from "./kafka-access.ts";
import { deliveryOptions, headers, httpOptions, list, secretTwins, textLike, textMap } from "./output-options.ts";
import { address, filePath, text } from "./scalars.ts";
import type { Secret } from "./secret.ts";

/** What every output has that delivers messages of the outbox. */
export type DeliveryConfig = {
  readonly name: string;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Attempts until the message is a dead letter. */
  readonly maxAttempts: number;
  /** Age at which a message that could not be delivered is a dead letter. */
  readonly expiryMs: number;
  /** The most retrainings that may be in progress there, over all models; undefined: any number. */
  readonly concurrency: number | undefined;
};

/** A webhook: a signed POST (Standard Webhooks). */
export type WebhookOutputConfig = DeliveryConfig & {
  readonly type: "webhook";
  readonly url: Secret;
  /** Undefined: requests are not signed. */
  readonly secret: Secret | undefined;
  readonly headers: Readonly<Record<string, Secret>>;
};

/** A target over HTTP, by its preset. */
export type TargetOutputConfig = DeliveryConfig & {
  readonly type: PresetType;
  /** The preset's own options, defaults filled. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly headers: Readonly<Record<string, Secret>>;
  /** Certificates to trust, absolute; `optional`: where the file is not there, the system's. */
  readonly ca: { readonly file: string; readonly optional: boolean } | undefined;
};

/** How to reach the brokers of an output. */
export type KafkaOutputAccess = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl: KafkaSsl | undefined;
  readonly sasl: KafkaSasl | undefined;
};

/** A topic of Kafka. */
export type KafkaOutputConfig = DeliveryConfig & {
  readonly type: "kafka";
  readonly topic: string;
  readonly access: KafkaOutputAccess;
};

/** Alertmanagers: no messages go there, but alerts, again and again while they fire. */
export type AlertmanagerOutputConfig = {
  readonly type: "alertmanager";
  readonly name: string;
  readonly urls: readonly Secret[];
  readonly username: string | undefined;
  readonly secrets: Readonly<Partial<Record<"token" | "password", Secret>>>;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly ca: TargetOutputConfig["ca"];
  readonly labels: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

/** An output by its `type`. */
export type OutputConfig = WebhookOutputConfig | TargetOutputConfig | KafkaOutputConfig | AlertmanagerOutputConfig;

/** What a webhook needs but its type: also the shorthand `retrain.webhook`. */
export const webhookOptions = {
  url: z
    .string()
    .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
      error: "is not a URL; write http://… or https://…",
    })
    .meta({ title: "URL", description: "Where requests are sent (a secret: never shown)." })
    .optional(),
  url_file: filePath("In place of `url`: a file that holds it; read at each use.").optional(),
  secret: text(
    "Key that signs requests: `whsec_` and base64, or any text. Without `secret` and `secret_file` requests are not signed.",
  ).optional(),
  secret_file: filePath("In place of `secret`: a file that holds it; read at each use.").optional(),
  headers,
  ...deliveryOptions,
};

const typed = <const T extends string>(type: T, description: string) => z.literal(type).meta({ title: "type", description });

const webhook = z.strictObject({ type: typed("webhook", "A signed POST (Standard Webhooks)."), ...webhookOptions });

const kafka = z.strictObject({
  type: typed("kafka", "A message in a topic of Kafka, keyed by model."),
  topic: textLike("The topic.", /^[A-Za-z0-9._-]{1,249}$/, "is not the name of a topic"),
  brokers: list("Brokers to begin with, `host:port`; absent: those of `kafka`, with its `ssl` and `sasl`.", address("A broker.", true))
    .min(1)
    .optional(),
  client_id: text("Name in the broker's logs.").default("driftd"),
  ...kafkaAccess,
  ...deliveryOptions,
});

const alertmanager = z.strictObject({
  type: typed("alertmanager", "Alerts in Alertmanager, sent again while they fire."),
  urls: list(
    "Every instance of the cluster, never a load balancer (secrets: never shown).",
    z.string().refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
      error: "is not a URL; write http://… or https://…",
    }),
  ).min(1),
  username: text("User name, with `password` (HTTP basic authentication).").optional(),
  ...secretTwins("token", loginSecrets.token.description),
  ...secretTwins("password", loginSecrets.password.description),
  labels: textMap(
    "Labels of every alert beside alertname, model, version and severity.",
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "is not the name of a label; letters, digits and _" }),
  ).default({}),
  ...httpOptions,
  timeout: deliveryOptions.timeout,
});

/** A target as it stands in the file: what every one has; its own options beside. */
type EffectiveTarget = { readonly type: PresetType } & z.output<z.ZodObject<typeof deliveryOptions & typeof httpOptions>> &
  Readonly<Record<string, unknown>>;

const targets = Object.entries(presets).map(([type, { description, options, secrets }]: [string, Preset]) =>
  z.strictObject({
    type: typed(type, description),
    ...Object.fromEntries(Object.entries(secrets).flatMap(([key, secret]) => Object.entries(secretTwins(key, secret.description)))),
    ...options,
    ...httpOptions,
    ...deliveryOptions,
  }),
) as unknown as readonly z.ZodObject<{ type: z.ZodLiteral<PresetType> }>[];

/** An output as it stands in the file, defaults filled. */
export type EffectiveWebhook = z.output<typeof webhook>;
export type EffectiveOutput = EffectiveWebhook | z.output<typeof kafka> | z.output<typeof alertmanager> | EffectiveTarget;

/** All types: the discriminator is `type`. The options of presets are checked by their own schemas; their types stay with them. */
export const outputSchema = z.discriminatedUnion("type", [webhook, ...targets, kafka, alertmanager]) as unknown as z.ZodType<
  EffectiveOutput,
  unknown
>;

/** The preset of an output; undefined for what is made of none. */
export function presetOf(type: OutputConfig["type"]): Preset | undefined {
  return Object.hasOwn(presets, type) ? presets[type as PresetType] : undefined;
}

/** Keys whose values are never printed, with a twin that names a file; of these `required` must be given. */
export function secretKeysOf(type: OutputConfig["type"]): { readonly keys: readonly string[]; readonly required: readonly string[] } {
  if (type === "webhook") return { keys: ["url", "secret"], required: ["url"] };
  if (type === "alertmanager") return { keys: Object.keys(loginSecrets), required: [] };
  const secrets = Object.entries(presetOf(type)?.secrets ?? {});
  return { keys: secrets.map(([key]) => key), required: secrets.filter(([, secret]) => secret.required === true).map(([key]) => key) };
}

/** The messages that an output can carry: none for Alertmanager, which gets alerts and no messages. */
export function acceptsOf(output: EffectiveOutput): readonly MessageType[] {
  if (output.type === "alertmanager") return [];
  return presetOf(output.type)?.accepts(output as never) ?? MESSAGE_TYPES;
}

/** The secrets of a resolved output by key, where they come from files. */
export function secretFilesOf(output: OutputConfig): readonly (readonly [key: string, secret: Secret])[] {
  const secrets: Readonly<Record<string, Secret | undefined>> =
    output.type === "webhook" ? { url: output.url, secret: output.secret } : output.type === "kafka" ? {} : output.secrets;
  return Object.entries(secrets).flatMap(([key, secret]) => (secret?.file === undefined ? [] : [[key, secret] as const]));
}
