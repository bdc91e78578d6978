/** From the file's spelling to what the stages get: absolute paths, milliseconds, bytes, secrets wrapped, shorthands written out. Pure. */

import { isAbsolute, resolve as resolvePath } from "node:path";

import { formatDuration, parseDuration } from "../lib/duration.ts";
import { parseSize } from "../lib/size.ts";
import type { Config, KafkaConfig, ModelConfig, RetrainConfig, Thresholds } from "./config.ts";
import { resolveSasl, resolveSsl } from "./kafka-access.ts";
import { maskSecrets } from "./masked.ts";
import type { EffectiveOutput } from "./outputs.ts";
import { resolveCalendar } from "./resolve-calendar.ts";
import { resolveJudging } from "./resolve-judging.ts";
import { resolveOutput } from "./resolve-output.ts";
import { type Resolving, resolveMaxAge, resolveMlflow, resolveReference } from "./resolve-references.ts";
import { isLoopback, resolveGuards, resolveNotify } from "./resolve-retraining.ts";
import { splitAddress, splitRecordPath } from "./scalars.ts";
import type { Effective, EffectiveModel } from "./schema.ts";
import { fileSecret, inlineSecret, type Secret } from "./secret.ts";
import { slideOf } from "./semantics.ts";

const ms = (text: string): number => parseDuration(text)!;

/** Resolves a valid configuration. `path` is the file (absolute), `folder` what its relative paths start from; `env`: for the usual variables of AWS. */
export function resolveConfig(file: Effective, path: string, folder: string, env: Resolving["env"] = {}): Config {
  const absolute = (name: string): string => (isAbsolute(name) ? name : resolvePath(folder, name));
  const optional = (name: string | undefined): string | undefined => (name === undefined ? undefined : absolute(name));
  const secret = (inline: string | undefined, fileName: string | undefined): Secret | undefined => {
    if (inline !== undefined) return inlineSecret(inline);
    return fileName === undefined ? undefined : fileSecret(absolute(fileName));
  };

  const effective = complete(file);
  const windows = effective.windows
    .map((window) => ({ name: window, lengthMs: ms(window), slideMs: slideOf(ms(window)) }))
    .sort((a, b) => a.lengthMs - b.lengthMs);
  const time = effective.event_time;
  const { host, port } = splitAddress(effective.http.listen)!;
  const kafka = effective.kafka === undefined ? undefined : resolveKafka(effective.kafka, absolute, secret);
  return {
    path,
    kafka,
    file:
      effective.file === undefined
        ? undefined
        : { path: effective.file.path === "-" ? "-" : absolute(effective.file.path), speed: effective.file.speed },
    record: {
      id: splitRecordPath(effective.record.id),
      model: splitRecordPath(effective.record.model),
      version: splitRecordPath(effective.record.version),
      timestamp: time.from === "kafka" ? undefined : splitRecordPath(time.from),
      features: splitRecordPath(effective.record.features),
      prediction: splitRecordPath(effective.record.prediction),
      label: splitRecordPath(effective.record.label),
      signals: new Map(Object.entries(effective.record.signals).map(([name, at]) => [name, splitRecordPath(at)])),
    },
    store: { type: effective.store.type, path: absolute(effective.store.path), retentionMs: ms(effective.store.retention) },
    http: {
      ...{ host, port, reload: effective.http.reload!, externalUrl: effective.http.external_url! },
      token: secret(effective.http.token, effective.http.token_file),
      loopback: isLoopback(host),
    },
    eventTime: {
      from: time.from === "kafka" ? "kafka" : "record",
      paneMs: ms(time.pane),
      allowedLatenessMs: ms(time.allowed_lateness),
      idleTimeoutMs: ms(time.idle_timeout),
      stallTimeoutMs: ms(time.stall_timeout),
      maxStepMs: ms(time.max_step),
      actionMaxAgeMs: time.action_max_age === "off" ? null : ms(time.action_max_age),
    },
    windows,
    outputs: new Map(Object.entries(effective.outputs).map(([name, output]) => [name, resolveOutput(name, output, { absolute, kafka })])),
    eventLog: { path: optional(effective.event_log.path) },
    models: effective.models.map((model) => resolveModel(model, { absolute, secret, env })),
    mlflow: resolveMlflow(effective, { absolute, secret, env }),
    calendar: resolveCalendar(effective),
    metrics: { features: effective.metrics.features, maxSeries: effective.metrics.max_series },
    log: effective.log,
    effective: maskSecrets(effective) as Config["effective"],
  };
}

/** Fills the defaults that depend on other keys, and writes the `webhook` shorthand out as an output. */
function complete(file: Effective): Effective {
  const longest = file.windows.toSorted((a, b) => ms(b) - ms(a))[0]!;
  const outputs: Record<string, EffectiveOutput> = { ...file.outputs };
  const models = file.models.map((model) => {
    const { retrain, keep_firing_for = longest } = model;
    if (retrain?.webhook === undefined) return { ...model, keep_firing_for };
    const { webhook, ...rest } = retrain;
    const name = `retrain-${model.name}`;
    outputs[name] = { type: "webhook", ...webhook };
    return { ...model, keep_firing_for, retrain: { ...rest, to: [name] } };
  });
  const start = file.kafka?.start ?? formatDuration(ms(longest) + ms(file.event_time.allowed_lateness));
  return {
    ...file,
    kafka: file.kafka === undefined ? undefined : { ...file.kafka, start },
    http: {
      ...file.http,
      reload: file.http.reload ?? isLoopback(splitAddress(file.http.listen)!.host),
      external_url: (file.http.external_url ?? urlOf(splitAddress(file.http.listen)!)).replace(/\/+$/, ""),
    },
    outputs,
    models,
  };
}

/** An address that listens everywhere is best reached by the machine's own name; the loopback is all that is known of it here. */
function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = host === "" || host === "0.0.0.0" || host === "::" ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function resolveKafka(
  kafka: NonNullable<Effective["kafka"]>,
  path: (name: string) => string,
  secret: (inline: string | undefined, file: string | undefined) => Secret | undefined,
): KafkaConfig {
  const start = kafka.start!;
  return {
    brokers: kafka.brokers,
    topics: kafka.topics,
    groupId: kafka.group_id,
    clientId: kafka.client_id,
    start: start === "earliest" || start === "latest" ? start : { durationMs: ms(start) },
    ssl: resolveSsl(kafka.ssl, path),
    sasl: resolveSasl(kafka.sasl, secret),
    maxBytesPerPartition: parseSize(kafka.max_bytes_per_partition)!,
    maxWaitMs: ms(kafka.max_wait),
    sessionTimeoutMs: ms(kafka.session_timeout),
    maxMessageBytes: parseSize(kafka.max_message_bytes)!,
  };
}

function resolveModel(model: EffectiveModel, resolving: Resolving): ModelConfig {
  return {
    name: model.name,
    reference: resolveReference(model, resolving),
    maxAgeMs: resolveMaxAge(model),
    ...resolveJudging(model, resolving.absolute),
    maxVersions: model.max_versions,
    thresholds: resolveThresholds(model.thresholds),
    falseAlarms: { budget: model.false_alarms.budget, perMs: ms(model.false_alarms.per) },
    forMs: ms(model.for),
    keepFiringForMs: ms(model.keep_firing_for!),
    retrain: model.retrain === undefined ? undefined : resolveRetrain(model.retrain),
    notify: resolveNotify(model),
    features: { include: model.features.include, exclude: model.features.exclude, sensitive: model.features.sensitive },
  };
}

function resolveThresholds(thresholds: EffectiveModel["thresholds"]): Thresholds {
  if (thresholds === "auto") return "auto";
  const set = Object.entries(thresholds).flatMap(([statistic, limits]) =>
    limits === undefined ? [] : [[statistic, { warning: limits.warning, critical: limits.critical }]],
  );
  return Object.fromEntries(set) as Thresholds;
}

function resolveRetrain(retrain: NonNullable<EffectiveModel["retrain"]>): RetrainConfig {
  return {
    to: retrain.to!,
    repeatIntervalMs: retrain.repeat_interval === undefined ? undefined : ms(retrain.repeat_interval),
    dailyLimit: retrain.daily_limit,
    dryRun: retrain.dry_run,
    paused: retrain.paused,
    minSamples: retrain.min_samples,
    ...resolveGuards(retrain),
  };
}
