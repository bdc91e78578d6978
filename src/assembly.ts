/** From a configuration to the parts that the daemon and `replay` share: decoders, policies, rules, references. Nothing here opens or starts anything. */

import type { Config, ModelConfig } from "./config/config.ts";
import type { DecideRule } from "./decide/decider.ts";
import type { FieldPaths } from "./decode/fields.ts";
import { type DecoderOptions, decoders } from "./decode/index.ts";
import type { BytesDecoder, RowDecoder } from "./decode/record.ts";
import { createRowDecoder } from "./decode/row.ts";
import type { Policy } from "./evaluate/policy.ts";
import { createJudges, type Judges } from "./judges.ts";
import type { Timing } from "./panes/watermark.ts";
import { loadModelReferences } from "./reference/models.ts";

/** A record whose event time is later than its own Kafka timestamp by more than this is `future`. */
const FUTURE_MS = 5 * 60_000;

/** Where a file's records have their event time: a file has no transport timestamp to take instead. */
export function timestampPath(config: Config): readonly string[] {
  return config.record.timestamp ?? ["timestamp"];
}

/** The decoders of a configuration; files are always read by the record's own event time. */
export function decodersOf(config: Config): { readonly bytes: BytesDecoder; readonly row: RowDecoder } {
  const { record, eventTime } = config;
  const paths: FieldPaths = { ...record, timestamp: timestampPath(config) };
  const options: DecoderOptions = {
    paths,
    transportTime: eventTime.from === "kafka" && config.kafka !== undefined,
    maxBytes: config.kafka?.maxMessageBytes ?? DEFAULT_MAX_BYTES,
  };
  return { bytes: decoders.json(options), row: createRowDecoder(paths) };
}

/** Of a record of a file. */
const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;

export function timingOf({ eventTime }: Config): Timing {
  return {
    paneMs: eventTime.paneMs,
    allowedLatenessMs: eventTime.allowedLatenessMs,
    maxStepMs: eventTime.maxStepMs,
    futureMs: FUTURE_MS,
    idleTimeoutMs: eventTime.idleTimeoutMs,
  };
}

/** What a model's evaluations obey. */
export function policyOf(config: Config, model: ModelConfig): Policy {
  return {
    mode: "monitor",
    thresholds: model.thresholds,
    falseAlarms: model.falseAlarms,
    windows: config.windows.map(({ name, lengthMs }) => ({ name, lengthMs })),
    features: model.features,
  };
}

/** What a model's decisions obey. `links` go into its requests. */
export function ruleOf(config: Config, model: ModelConfig, links: Readonly<Record<string, string>>): DecideRule {
  return {
    alert: { forMs: model.forMs, keepFiringForMs: model.keepFiringForMs, windows: config.windows.map(({ name }) => name) },
    retrain: model.retrain && { ...model.retrain, actionMaxAgeMs: config.eventTime.actionMaxAgeMs },
    links,
  };
}

/** Loads all references and prepares what judges by them. Throws `REFERENCE_*`. */
export async function loadJudges(config: Config): Promise<Judges> {
  const references = await loadModelReferences(config.models);
  return createJudges(
    config.models.map((model) => ({ name: model.name, policy: policyOf(config, model), maxVersions: model.maxVersions })),
    references,
  );
}
