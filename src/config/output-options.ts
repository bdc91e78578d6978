/**
 * The small parts that outputs make their options of: presets describe themselves with these, so that zod stays in this folder.
 * What every output has in common is here too.
 */

import * as z from "zod";

import { duration, filePath, text } from "./scalars.ts";

/** The options of an output: a schema for each key. */
export type OptionShape = Readonly<Record<string, z.ZodType>>;

/** The options with defaults filled. */
export type OptionsOf<S extends OptionShape> = z.output<z.ZodObject<{ -readonly [K in keyof S]: S[K] }>>;

export const flag = (description: string) => z.boolean().meta({ title: "boolean", description });

export const integer = (description: string, min: number, max: number) => z.int().min(min).max(max).meta({ title: "integer", description });

export const choice = <const T extends readonly [string, ...string[]]>(description: string, values: T) =>
  z.enum(values).meta({ title: values.join(" | "), description });

export const list = <T extends z.ZodType>(description: string, item: T) => z.array(item).meta({ title: "list", description });

/** A text that must look like `pattern`; `error` says what it is not. */
export const textLike = (description: string, pattern: RegExp, error: string) =>
  z.string().regex(pattern, { error }).meta({ title: "text", description });

/** JSON Schema key of a default in words. */
const defaultInWords = "x-default";

/** What holds where a template is not given, and how the documentation says it. */
export type TemplateDefault<T> = { readonly value: T; readonly words: string };

/** A JSON template (see `outputs/template.ts`) of any kind. */
export const template = (description: string, { value, words }: TemplateDefault<unknown>) =>
  z
    .unknown()
    .default(value)
    .meta({ title: "template", description, [defaultInWords]: words });

/** A JSON template that must be a map. */
export const templateMap = (description: string, { value, words }: TemplateDefault<Readonly<Record<string, unknown>>>) =>
  z
    .record(z.string(), z.unknown())
    .default(value)
    .meta({ title: "template", description, [defaultInWords]: words });

/** A JSON template that must be a map, and must be there. */
export const requiredTemplate = (description: string) => z.record(z.string(), z.unknown()).meta({ title: "template", description });

/** No parameters. */
export const NO_PARAMETERS: TemplateDefault<Readonly<Record<string, unknown>>> = { value: {}, words: "" };

/** A text with expressions in it. */
export const templateText = (description: string) => text(description).meta({ title: "template" });

/** A map of texts. */
export const textMap = (description: string, key: z.ZodType<string, string> = z.string()) =>
  z.record(key, z.string()).meta({ title: "map", description });

/** A text, number or switch. */
export const scalar = (description: string) => z.union([z.string(), z.number(), z.boolean()]).meta({ title: "value", description });

/** A map of options. */
export const section = <S extends Record<string, z.ZodType>>(description: string, shape: S) =>
  z.strictObject(shape).meta({ title: "map", description });

// A token of RFC 9110 5.6.2.
const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: "is not the name of an HTTP header" });

/** HTTP headers of the operator's own. */
export const headers = z
  .record(headerName, z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "is not the value of an HTTP header" }))
  .meta({ title: "map", description: "More headers, e.g. `authorization` (values are secrets: never shown)." })
  .prefault({});

/** What every output that delivers messages has. */
export const deliveryOptions = {
  timeout: duration("How long one attempt may take.", { min: "100ms", max: "5m" }).default("15s"),
  max_attempts: integer("Attempts until a message is a dead letter; ten take up to three days and a half.", 1, 1000).default(10),
  expiry: duration("Age at which an undelivered message is a dead letter.", { min: "1s", max: "30d" }).default("4d"),
  concurrency: integer("Retrainings in progress at this output, over all models: further ones are not asked for.", 1, 10_000).optional(),
};

/** What every output over HTTP has beside. */
export const httpOptions = {
  headers,
  ca_file: filePath("Certificates (PEM) to trust in place of the system's, for https.").optional(),
};

/** A secret and its twin that names a file. A `url` must be an address. */
export function secretTwins(key: string, description: string): OptionShape {
  const value =
    key === "url"
      ? z
          .string()
          .refine((url) => isHttpUrl(url), { error: "is not a URL; write http://… or https://…" })
          .meta({ title: "URL" })
      : text(description);
  return {
    [key]: value.meta({ description }).optional(),
    [`${key}_file`]: filePath(`In place of \`${key}\`: a file that holds it; read at each use.`).optional(),
  };
}

/** Whether a text is an address that a request can be sent to. */
export function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
