/**
 * The one schema of the configuration file: types, validation, JSON Schema and the table of the README come from it.
 * It checks shapes and fills defaults, and changes no value; what concerns several keys at once is in `semantics.ts`, meaning in `resolve.ts`.
 */

import * as z from "zod";

import { compatSchema, expectationsSchema, outliersSchema, qualitySchema, referenceSchema, volumeSchema } from "./judging.ts";
import { kafkaAccess } from "./kafka-access.ts";
import { outputSchema, webhookOptions } from "./outputs.ts";
import { calendarSchema, mlflowSchema } from "./references.ts";
import { httpAccess, notifySchema, retrainGuards } from "./retraining.ts";
import { address, duration, filePath, name, recordPath, size, text } from "./scalars.ts";

/** JSON Schema key of a default that is computed from other keys. */
const computedDefault = "x-default";

const flag = (description: string) => z.boolean().meta({ title: "boolean", description });
const integer = (description: string, min: number, max: number) => z.int().min(min).max(max).meta({ title: "integer", description });
const choice = <const T extends readonly [string, ...string[]]>(description: string, values: T) =>
  z.enum(values).meta({ title: values.join(" | "), description });
const list = <T extends z.ZodType>(description: string, item: T) => z.array(item).meta({ title: "list", description });

const kafka = z
  .strictObject({
    brokers: list("Brokers to begin with, `host:port`.", address("A broker.", true)).min(1),
    topics: list(
      "Topics that carry inference logs.",
      text("A topic.").regex(/^[A-Za-z0-9._-]{1,249}$/, { error: "is not the name of a topic" }),
    ).min(1),
    group_id: text("Consumer group. A store belongs to one group.").default("driftd"),
    client_id: text("Name in the broker's logs.").default("driftd"),
    start: z
      .union([z.enum(["earliest", "latest"]), duration("So long before now.")])
      .meta({
        title: "earliest | latest | duration",
        description: "Where a new store begins to read; a duration counts back from now.",
        [computedDefault]: "the longest window + `event_time.allowed_lateness`",
      })
      .optional(),
    ...kafkaAccess,
    max_bytes_per_partition: size("Bytes that one fetch may bring from one partition.", { min: "1KiB", max: "64MiB" }).default("256KiB"),
    max_wait: duration("How long the broker may wait to fill a fetch.", { min: "1ms", max: "30s" }).default("500ms"),
    session_timeout: duration("Silence after which the broker takes the partitions away.", { min: "6s", max: "30m" }).default("45s"),
    max_message_bytes: size("Larger messages are dropped as `too_large`.", { min: "1KiB", max: "256MiB" }).default("4MiB"),
  })
  .meta({ title: "map", description: "Inference logs from Apache Kafka." });

const file = z
  .strictObject({
    path: filePath("File (NDJSON, JSON, CSV, TSV, Parquet, also gzip and zstd), glob of files, or `-` for NDJSON on standard input."),
    speed: z
      .number()
      .min(0)
      .meta({ title: "number", description: "How many times faster than the clock event time passes; 0 = as fast as it goes." })
      .default(0),
  })
  .meta({ title: "map", description: "Inference logs from a file, in place of `kafka`." });

const record = z
  .strictObject({
    id: recordPath("Id of the record.").default("id"),
    model: recordPath("Name of the model. A record without it belongs to the only configured model.").default("model"),
    version: recordPath("Version of the model.").default("version"),
    features: recordPath("Map of the features; `.` = the record itself.").default("features"),
    prediction: recordPath("What the model answered.").default("prediction"),
    label: recordPath("What was true, where it is known.").default("label"),
    signals: z
      .record(
        z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, { error: "is not the name of a signal; letters, digits and _" }),
        recordPath("Where it stands."),
      )
      .meta({
        title: "map",
        description: "More numbers of the record to be watched, e.g. `latency: latency_ms`; they are the features `$latency` …",
      })
      .prefault({}),
  })
  .meta({ title: "map", description: "Where fields stand in a record: keys joined by dots. The event time is `event_time.from`." });

const store = z
  .strictObject({
    type: choice("Kind of store.", ["sqlite"]).default("sqlite"),
    path: filePath("File of the store.").default("driftd.db"),
    retention: duration("How long closed panes are kept, measured back from what has been evaluated.", { min: "1m" }).default("35d"),
  })
  .meta({ title: "map", description: "Pane log, alert state and outbox." });

const http = z
  .strictObject({
    listen: address("Address of metrics, API and health; `:9465` for all addresses.", false).default("127.0.0.1:9465"),
    reload: flag("Whether `POST /-/reload` is answered.")
      .meta({ [computedDefault]: "`true` when `listen` is a loopback address" })
      .optional(),
    external_url: z
      .string()
      .regex(/^https?:\/\/[^\s?#]+$/, { error: "is not a URL; write http://… or https://… without a query" })
      .meta({
        title: "URL",
        description: "Where people reach this daemon: the link in retraining requests.",
        [computedDefault]: "from `listen`",
      })
      .optional(),
    ...httpAccess,
  })
  .meta({ title: "map", description: "The HTTP server." });

const eventTime = z
  .strictObject({
    from: recordPath("Where the event time stands in a record, or `kafka` for the message's own timestamp.").default("timestamp"),
    pane: duration("Length of a pane; must divide 30 minutes.", { min: "1s", max: "30m" }).default("5m"),
    allowed_lateness: duration("How far a record may lag behind the newest of its partition.", { max: "30d" }).default("10m"),
    idle_timeout: duration("Silence after which a caught-up partition no longer holds evaluations back.", { min: "1s" }).default("2m"),
    stall_timeout: duration("How long evaluation may be held back before the verdict is `source_stalled`.", { min: "1s" }).default("15m"),
    max_step: duration("An event time further ahead than this is believed only when ten agree.", { min: "1s" }).default("1h"),
    action_max_age: z
      .union([z.literal("off"), duration("An age.")])
      .meta({ title: "duration | off", description: "Requests for windows older than this are recorded as `stale` and not sent." })
      .default("24h"),
  })
  .meta({ title: "map", description: "Event time, panes and the watermark." });

const severityLimits = (max: number) =>
  z
    .strictObject({
      warning: z.number().min(0).max(max).meta({ title: "number", description: "At or above: warning." }).optional(),
      critical: z.number().min(0).max(max).meta({ title: "number", description: "At or above: critical." }).optional(),
    })
    .optional();
// The Jensen-Shannon divergence in nats ends at ln 2; PSI and KL have no end, but beyond 1000 it is a slip.
const thresholds = z
  .union([
    z.literal("auto"),
    z.strictObject({
      psi: severityLimits(1000),
      kl: severityLimits(1000),
      kl_reverse: severityLimits(1000),
      ks: severityLimits(1),
      jensen_shannon: severityLimits(Math.LN2),
      hellinger: severityLimits(1),
      total_variation: severityLimits(1),
    }),
  ])
  .meta({
    title: "auto | map",
    description:
      "`auto`: limits calibrated on the reference's own days. Or fixed limits per statistic: `psi`, `kl`, `kl_reverse`, `ks`, `jensen_shannon`, `hellinger`, `total_variation`, each `{ warning, critical }`.",
  });

const retrain = z
  .strictObject({
    to: list("Names of outputs.", text("An output.")).min(1).optional(),
    webhook: z
      .strictObject(webhookOptions)
      .meta({ title: "map", description: "In place of `to`: a webhook of this model alone, with the keys of an output." })
      .optional(),
    repeat_interval: duration("Ask again while an episode lasts, after this long.", { min: "1m" })
      .meta({ [computedDefault]: "one request an episode" })
      .optional(),
    daily_limit: integer("Requests of the model in 24 hours.", 1, 1000).default(3),
    min_samples: integer("Records that the window must hold.", 0, Number.MAX_SAFE_INTEGER).default(0),
    dry_run: flag("Decide and record, but send nothing.").default(false),
    paused: flag("Make no requests.").default(false),
    ...retrainGuards,
  })
  .meta({ title: "map", description: "Whom to ask for retraining when drift is critical. Without it nobody is asked." });

/** One model. */
export const modelSchema = z.strictObject({
  name: name("Name of the model, as in the records."),
  reference: referenceSchema.optional(),
  references: z
    .record(z.string(), z.string().min(1, { error: "is empty" }))
    .meta({ title: "map", description: "In place of `reference`: a snapshot per version." })
    .optional(),
  max_versions: integer("Versions that are followed; records of further ones are dropped.", 1, 10_000).default(20),
  thresholds: thresholds.default("auto"),
  false_alarms: z
    .strictObject({
      budget: z.number().gt(0).max(1000).meta({ title: "number", description: "False alarms that are tolerated …" }).default(1),
      per: duration("… in this time, over all features, statistics and windows.", { min: "1h", max: "3650d" }).default("30d"),
    })
    .meta({ title: "map", description: "Budget of `thresholds: auto`." })
    .prefault({}),
  expectations: expectationsSchema.prefault({}),
  quality: qualitySchema.prefault({}),
  volume: volumeSchema.prefault({}),
  compat: compatSchema.prefault({}),
  outliers: outliersSchema.optional(),
  for: duration("How long drift must last before the alert fires.", { max: "30d" }).default("0s"),
  keep_firing_for: duration("How long an alert goes on after the last drift.", { max: "365d" })
    .meta({ [computedDefault]: "the longest window" })
    .optional(),
  retrain: retrain.optional(),
  notify: notifySchema.optional(),
  features: z
    .strictObject({
      include: list("Only these features are judged.", text("A feature."))
        .min(1)
        .meta({ [computedDefault]: "all of the reference" })
        .optional(),
      exclude: list("These features are not judged.", text("A feature.")).default([]),
      sensitive: list(
        "Unseen values of these features are only counted, never shown nor kept; the categories of the reference are shown as for any feature.",
        text("A feature."),
      ).default([]),
    })
    .meta({ title: "map", description: "Which features are judged." })
    .prefault({}),
});

const windows = list("Lengths of the sliding windows.", duration("A length.", { min: "12s", max: "365d" })).min(1);

/** The sections of the file, each checked by itself, so that one slip hides no other. */
export const sections = {
  kafka: kafka.optional(),
  file: file.optional(),
  record: record.prefault({}),
  store: store.prefault({}),
  http: http.prefault({}),
  event_time: eventTime.prefault({}),
  windows: windows.default(["1h", "6h", "24h"]),
  outputs: z
    .record(name("Name of an output."), outputSchema)
    .meta({ title: "map", description: "Where messages go, by name." })
    .prefault({}),
  event_log: z
    .strictObject({ path: filePath("File that gets one JSON line per decision; without it there is none.").optional() })
    .meta({ title: "map", description: "Decisions as JSON lines." })
    .prefault({}),
  models: list("The models that are watched.", modelSchema).min(1),
  mlflow: mlflowSchema.optional(),
  calendar: calendarSchema,
  metrics: z
    .strictObject({
      features: choice("Whose scores are exported.", ["all", "drifted", "none"]).default("all"),
      max_series: integer(
        "Per-feature series that `/metrics` may hold, all together; further ones are left out in a fixed order and counted. Series of models, topics and outputs are never left out.",
        100,
        10_000_000,
      ).default(20_000),
    })
    .meta({ title: "map", description: "Prometheus metrics." })
    .prefault({}),
  log: z
    .strictObject({
      level: choice("Least level that is written.", ["debug", "info", "warn", "error"]).default("info"),
      format: choice("`auto`: text on a terminal, else JSON.", ["auto", "json", "text"]).default("auto"),
    })
    .meta({ title: "map", description: "The log on standard error." })
    .prefault({}),
};

/** The whole file. */
export const configSchema = z.strictObject(sections).meta({ title: "driftd configuration" });

/** The file with defaults filled, in its own spelling. */
export type Effective = z.output<typeof configSchema>;
export type EffectiveModel = z.output<typeof modelSchema>;
