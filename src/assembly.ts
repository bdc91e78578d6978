/** From a configuration to the parts that the daemon and `replay` share: decoders, policies, rules, references. Nothing here opens or starts anything. */

import type { Config, ModelConfig } from "./config/config.ts";
import { concurrencyOf } from "./config/resolve-retraining.ts";
import type { DecideRule } from "./decide/decision.ts";
import type { FieldPaths } from "./decode/fields.ts";
import { type DecoderOptions, decoders } from "./decode/index.ts";
import type { FieldPath } from "./decode/paths.ts";
import type { BytesDecoder, RowDecoder } from "./decode/record.ts";
import { createRowDecoder } from "./decode/row.ts";
import { DEFAULT_VOLUME, type Policy, type VolumeRule } from "./evaluate/policy.ts";
import { createJudges, type Judges } from "./judges.ts";
import type { Timing } from "./panes/watermark.ts";
import type { CompiledFeature } from "./reference/layout.ts";
import type { ModelReferences } from "./reference/models.ts";
import type { FileSourceOptions } from "./sources/file.ts";

/** What is not set is left out of the policy, so that its digest is that of an older driftd. */
const DEFAULT_GROWTH = 0.01;

/** A record whose event time is later than its own Kafka timestamp by more than this is `future`. */
const FUTURE_MS = 5 * 60_000;

/** Where records of files have their fields: a file has no transport timestamp to take the event time from. */
function pathsOf({ record }: Config): FieldPaths {
  return { ...record, timestamp: record.timestamp ?? ["timestamp"] };
}

/** The same in a table, which is flat: the last key of a path is the column's name. */
function columnsOf(config: Config): FieldPaths {
  const { id, model, version, timestamp, prediction, label, signals } = pathsOf(config);
  const column = (path: FieldPath) => path.slice(-1);
  return {
    id: column(id),
    model: column(model),
    version: column(version),
    timestamp: column(timestamp),
    features: [],
    prediction: column(prediction),
    label: column(label),
    signals: new Map([...(signals ?? [])].map(([name, path]) => [name, column(path)])),
  };
}

/**
 * How a table's columns are to be read: sorted by event time, names as they are written, and numbers where a reference has numbers, so that a
 * CSV file gives the same records as NDJSON. A feature on which two models disagree is left to its looks.
 */
export function tableColumns(config: Config, judges: Judges): Pick<FileSourceOptions, "timestampColumn" | "kinds"> {
  const columns = columnsOf(config);
  const features = judges.references().flatMap(({ compiled }) => compiled.features);
  const nameOf = ({ from, key }: CompiledFeature) =>
    from === "features" ? key : String((from === "prediction" ? columns.prediction : columns.signals?.get(key))?.[0]);
  const categorical = new Set(features.filter(({ categories }) => categories !== undefined).map(nameOf));
  const kinds = new Map<string, "number" | "verbatim">();
  for (const feature of features) if (!categorical.has(nameOf(feature))) kinds.set(nameOf(feature), "number");
  for (const path of [columns.id, columns.model, columns.version]) kinds.set(String(path[0]), "verbatim");
  return { timestampColumn: String(columns.timestamp[0]), kinds };
}

/** The decoders of a configuration; files are always read by the record's own event time. */
export function decodersOf(config: Config): { readonly bytes: BytesDecoder; readonly row: RowDecoder } {
  const options: DecoderOptions = {
    paths: pathsOf(config),
    transportTime: config.eventTime.from === "kafka" && config.kafka !== undefined,
    maxBytes: config.kafka?.maxMessageBytes ?? DEFAULT_MAX_BYTES,
  };
  return { bytes: decoders.json(options), row: createRowDecoder(columnsOf(config)) };
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
  const expectations = [...model.expectations].flatMap(([feature, checks]) => checks.map((check) => ({ feature, ...check })));
  const volume: VolumeRule = { against: model.volume.against, duplicates: model.volume.duplicates };
  return {
    mode: "monitor",
    thresholds: model.thresholds,
    falseAlarms: model.falseAlarms,
    windows: config.windows.map(({ name, lengthMs }) => ({ name, lengthMs })),
    features: { include: model.features.include, exclude: model.features.exclude },
    ...(expectations.length === 0 ? {} : { expectations }),
    ...(model.quality.growth === DEFAULT_GROWTH ? {} : { quality: model.quality }),
    ...(Object.values(model.compat).every((part) => part === undefined) ? {} : { compat: model.compat }),
    ...(isDefault(volume) ? {} : { volume }),
    ...(model.renew === undefined ? {} : { maxDistance: model.renew.maxDistance }),
  };
}

function isDefault({ against, duplicates }: VolumeRule): boolean {
  return against === DEFAULT_VOLUME.against && duplicates === DEFAULT_VOLUME.duplicates;
}

/** What a model's decisions obey; its requests carry a link to the model as this daemon shows it. */
export function ruleOf(config: Config, model: ModelConfig): DecideRule {
  return {
    alert: { forMs: model.forMs, keepFiringForMs: model.keepFiringForMs, windows: config.windows.map(({ name }) => name) },
    retrain: model.retrain && {
      ...model.retrain,
      actionMaxAgeMs: config.eventTime.actionMaxAgeMs,
      concurrency: concurrencyAt(config, model.retrain.to),
    },
    notify: model.notify,
    callbacks: `${config.http.externalUrl}/api/v1/retrain`,
    links: { driftd: `${config.http.externalUrl}/api/v1/models/${encodeURIComponent(model.name)}` },
  };
}

function concurrencyAt({ outputs }: Config, names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    names.flatMap((name) => {
      const most = concurrencyOf(outputs.get(name));
      return most === undefined ? [] : [[name, most]];
    }),
  );
}

/** Keys that no record's inputs bring as news: where the other fields of a record stand, as keys of the record or as columns of a table. */
function recordKeysOf(config: Config): readonly string[] {
  const { signals, ...paths } = pathsOf(config);
  return [...Object.values(paths), ...(signals?.values() ?? [])].flatMap((path) => [...path.slice(0, 1), ...path.slice(-1)]);
}

/** What judges by references that are loaded: several configurations may share them. `before`: of the same configuration (`createJudges`). */
export function judgesOf(config: Config, references: ModelReferences, before?: Judges): Judges {
  const recordKeys = recordKeysOf(config);
  return createJudges(
    config.models.map((model) => ({
      name: model.name,
      policy: policyOf(config, model),
      maxVersions: model.maxVersions,
      sensitive: model.features.sensitive,
      recordKeys,
      outlierShare: model.outliers?.share,
    })),
    references,
    before,
  );
}
