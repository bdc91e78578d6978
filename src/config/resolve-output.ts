/** From an output as it stands in the file to what the stage gets: secrets wrapped, milliseconds, absolute paths. Pure. */

import { parseDuration } from "../lib/duration.ts";
import type { Preset } from "../outputs/preset.ts";
import { presets } from "../outputs/presets/index.ts";
import { resolveSasl, resolveSsl } from "./kafka-access.ts";
import type { DeliveryConfig, EffectiveOutput, KafkaOutputAccess, OutputConfig, TargetOutputConfig } from "./outputs.ts";
import { fileSecret, inlineSecret, type Secret } from "./secret.ts";

/** What resolving an output may use: absolute paths, and the brokers that driftd reads from. */
export type ResolveOutput = {
  readonly absolute: (file: string) => string;
  readonly kafka: KafkaOutputAccess | undefined;
};

/** Turns an output of the file into what the stage gets. The rules must have accepted it (one of `url`, `url_file` …). */
export function resolveOutput(name: string, output: EffectiveOutput, { absolute, kafka }: ResolveOutput): OutputConfig {
  const secret = (inline: unknown, file: unknown): Secret | undefined => {
    if (typeof inline === "string") return inlineSecret(inline);
    return typeof file === "string" ? fileSecret(absolute(file)) : undefined;
  };
  const caOf = (file: string | undefined, fallback: string | undefined): TargetOutputConfig["ca"] => {
    if (file !== undefined) return { file: absolute(file), optional: false };
    return fallback === undefined ? undefined : { file: fallback, optional: true };
  };
  const map = "headers" in output ? Object.entries(output.headers) : [];
  const hidden = Object.fromEntries(map.map(([header, value]) => [header, inlineSecret(value)]));
  if (output.type === "alertmanager") {
    const { urls, username, labels, timeout } = output;
    const given: Readonly<Record<string, unknown>> = output;
    const secrets = ["token", "password"].flatMap((key) => {
      const value = secret(given[key], given[`${key}_file`]);
      return value === undefined ? [] : [[key, value] as const];
    });
    return {
      ...{ type: "alertmanager", name, username, labels, headers: hidden, timeoutMs: parseDuration(timeout)! },
      urls: urls.map(inlineSecret),
      secrets: Object.fromEntries(secrets),
      ca: caOf(output.ca_file, undefined),
    };
  }
  const delivery: DeliveryConfig = {
    name,
    timeoutMs: parseDuration(output.timeout)!,
    maxAttempts: output.max_attempts,
    expiryMs: parseDuration(output.expiry)!,
    concurrency: output.concurrency,
  };
  if (output.type === "webhook") {
    return {
      ...{ type: "webhook", ...delivery, headers: hidden },
      url: secret(output.url, output.url_file)!,
      secret: secret(output.secret, output.secret_file),
    };
  }
  if (output.type === "kafka") {
    const { topic, brokers, client_id: clientId, ssl, sasl } = output;
    const own = { brokers: brokers ?? [], clientId, ssl: resolveSsl(ssl, absolute), sasl: resolveSasl(sasl, secret) };
    return { type: "kafka", ...delivery, topic, access: brokers === undefined ? kafka! : own };
  }
  const preset: Preset = presets[output.type];
  const secrets = Object.entries(preset.secrets).flatMap(([key, { fallback, fallbackFile }]) => {
    const value = secret(output[key], output[`${key}_file`]) ?? secret(fallback, fallbackFile);
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    ...{ type: output.type, ...delivery, headers: hidden, secrets: Object.fromEntries(secrets) },
    options: Object.fromEntries(Object.keys(preset.options).map((key) => [key, output[key]])),
    ca: caOf(output.ca_file, preset.fallbackCaFile),
  };
}
