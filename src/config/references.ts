/**
 * The keys of references by address: how often they are asked, and how to be let in; and the section about MLflow. Shapes and defaults only, as in
 * `schema.ts`; rules over several keys and meaning are in `resolve-references.ts`.
 */

import * as z from "zod";

import { headers, isHttpUrl, list, secretTwins, section } from "./output-options.ts";
import { duration, filePath, name, text } from "./scalars.ts";

/** JSON Schema key of a default that is computed from other keys. */
const computedDefault = "x-default";

const login = {
  username: text("User name, with `password` (HTTP basic authentication).").optional(),
  ...typedTwins("password", "Password of `username` (a secret)."),
  ca_file: filePath("Certificates (PEM) to trust in place of the system's, for https.").optional(),
};

/** Of a model's `reference`, in its long form. */
export const addressOptions = {
  refresh: z
    .union([z.literal("off"), z.literal(0), duration("So long.", { min: "1s", max: "30d" })])
    .meta({
      title: "duration | off",
      description: "How often the address is asked for another snapshot; `off` or `0`: at start and reload only.",
      [computedDefault]: "`5m`; of a file `off`",
    })
    .optional(),
  max_age: duration("Age of the reference in force from which `do: refresh` of the calendar warns.", {
    min: "1h",
    max: "3650d",
  }).optional(),
  timeout: duration("How long one fetch may take, with its body.", { min: "100ms", max: "30m" }).default("30s"),
  http: section("How to be let in at `http(s)://…`.", {
    ...typedTwins("token", "Bearer token (a secret)."),
    ...login,
    headers,
  }).optional(),
  s3: section("How to be let in at `s3://…`; what is not given is taken from the usual variables of AWS.", {
    endpoint: z
      .string()
      .refine((url) => isHttpUrl(url), { error: "is not a URL; write http://… or https://…" })
      .meta({
        title: "URL",
        description: "Server that speaks S3; the bucket is then the first part of the path.",
        [computedDefault]: "`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or that of AWS",
      })
      .optional(),
    region: text("Region.")
      .meta({ [computedDefault]: "`AWS_REGION`, `AWS_DEFAULT_REGION`, or `us-east-1`" })
      .optional(),
    ...typedTwins("access_key_id", "Access key (a secret); without one requests are not signed.", "`AWS_ACCESS_KEY_ID`"),
    ...typedTwins("secret_access_key", "Secret key of `access_key_id` (a secret).", "`AWS_SECRET_ACCESS_KEY`"),
    ...typedTwins("session_token", "Token of temporary keys (a secret).", "`AWS_SESSION_TOKEN`"),
    ca_file: login.ca_file,
  }).optional(),
};

/** The section `mlflow`. */
export const mlflowSchema = section("MLflow's tracking server: for references at `mlflow://…` and for webhooks of its registry.", {
  ...typedTwins("url", "Address of the tracking server (a secret: never shown)."),
  ...typedTwins("token", "Bearer token (a secret)."),
  ...login,
  ...typedTwins("webhook_secret", "Key of the signatures of MLflow's webhooks (a secret); without it none is taken."),
  models: z
    .record(name("Registered name."), text("A model."))
    .meta({ title: "map", description: "Registered name → model; a model that is not named is registered under its own name." })
    .default({}),
});

/** The section `calendar`. */
export const calendarSchema = z
  .record(
    name("Name of an entry."),
    z.strictObject({
      cron: text("When: minute, hour, day of month, month, day of week."),
      time_zone: text("Time zone of `cron`, e.g. `Europe/Oslo`.").default("UTC"),
      do: z.enum(["retrain", "digest", "refresh"]).meta({
        title: "retrain | digest | refresh",
        description:
          "`retrain`: asks for a retraining, through the guards; `digest`: sends a summary to `to`; `refresh`: asks the addresses of references, and warns of those older than `reference.max_age`.",
      }),
      models: list("Models that it is about.", text("A model."))
        .min(1)
        .meta({ [computedDefault]: "all that it can be about" })
        .optional(),
      to: list("Of a digest: names of outputs.", text("An output.")).min(1).optional(),
      missed: z
        .enum(["once", "skip"])
        .meta({
          title: "once | skip",
          description: "When due times passed while driftd did not run: do it once at start, or leave it to the next due time.",
        })
        .default("once"),
    }),
  )
  .meta({ title: "map", description: "What is done by the calendar, by name." })
  .prefault({});

/** A secret and its twin that names a file, with their types. */
function typedTwins<const K extends string>(key: K, description: string, fallback?: string) {
  const twins = secretTwins(key, description);
  const own = twins[key] as z.ZodType;
  type Twin = z.ZodOptional<z.ZodString>;
  return { ...twins, ...(fallback === undefined ? {} : { [key]: own.meta({ [computedDefault]: fallback }) }) } as Readonly<
    Record<K | `${K}_file`, Twin>
  >;
}
