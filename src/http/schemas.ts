/** JSON Schemas of every answer of the API, as they stand under `components.schemas` of the OpenAPI file. Only data. */

import { REPORTS, REQUEST_REASONS, REQUEST_STATUSES } from "../decide/record.ts";

export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const number: Schema = { type: "number" };
const count: Schema = { type: "number", minimum: 0 };
const integer: Schema = { type: "integer", minimum: 0 };
const flag: Schema = { type: "boolean" };
const time: Schema = { type: "string", format: "date-time", description: "ISO 8601 UTC." };
const anything: Schema = {};
const map: Schema = { type: "object", additionalProperties: true };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const list = (items: Schema): Schema => ({ type: "array", items });
const oneOf = (...values: readonly string[]): Schema => ({ type: "string", enum: values });
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object; a name that ends in `?` may be absent. */
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: "object",
  properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name.replace(/\?$/, ""), schema])),
  required: Object.keys(properties).filter((name) => !name.endsWith("?")),
});
const pageOf = (name: string): Schema =>
  object({ items: list(ref(name)), next: { ...orNull(text), description: "Cursor of the following page, or null." } });

const verdict = oneOf("drift", "no_drift", "insufficient_data");
const severity = oneOf("warning", "critical");
const kind = oneOf("numeric", "categorical");
const check = object({ check: text, ok: flag, "detail?": text });
const threshold = { "threshold?": number };

/** Schemas by name. */
export const schemas: Readonly<Record<string, Schema>> = {
  Problem: object({
    ...{ type: text, title: text, status: integer, detail: text, code: text, "hint?": text, "errors?": list(text) },
    "current_status?": { ...text, description: "Of a request that cannot be moved." },
    "guard?": { ...text, description: "What holds a retraining back." },
  }),
  Ready: object({ ready: flag, failing: list(check) }),
  Healthy: object({ healthy: flag }),
  Reloaded: object({ reloaded: flag }),
  Status: object({
    version: text,
    revision: text,
    nodejs_version: text,
    now: time,
    started_at: time,
    uptime_seconds: count,
    config: object({ digest: text, loaded_at: time }),
    ready: flag,
    checks: list(check),
    sources: list(
      object({
        source: text,
        connected: flag,
        "problem?": text,
        event_time: { ...orNull(time), description: "Largest accepted event time." },
        lag: { ...orNull(count), description: "Records between position and end of the log, summed; null while unknown." },
        partitions: list(object({ partition: integer, assigned: flag, position: number, end: orNull(number), lag: orNull(count) })),
      }),
    ),
    store: object({ type: text, size_bytes: count }),
    records: object({ counted: count, dropped: { type: "object", additionalProperties: count } }),
  }),
  Model: object({
    model: text,
    windows: list(text),
    silence: orNull(ref("Silence")),
    retrain: orNull(ref("Retrain")),
    versions: list(ref("Version")),
  }),
  ModelDetail: object({
    model: text,
    windows: list(text),
    silence: orNull(ref("Silence")),
    retrain: orNull(ref("Retrain")),
    versions: list(ref("Version")),
    features: {
      ...list(object({ version: text, window: text, items: list(ref("FeatureSummary")), total: integer })),
      description: "For each version and window its worst features; all of them: /features.",
    },
  }),
  Silence: object({
    silent: flag,
    reason: oneOf("records", "silent", "not_due", "source_down", "unassigned", "catching_up", "store", "unknown"),
    version: { ...text, description: "Of the last record." },
    since: { ...orNull(time), description: "Since when nothing came." },
    last_record: { ...orNull(time), description: "When the last record was counted, since the start." },
  }),
  Retrain: object({
    approval: oneOf("auto", "manual"),
    dry_run: flag,
    paused: flag,
    paused_since: { ...orNull(time), description: "When it was paused over the API; null: it was not." },
    open: { ...list(ref("RetrainRequest")), description: "Requests that something can still come of." },
  }),
  ModelPage: pageOf("Model"),
  Version: object({
    version: text,
    reference: orNull(
      object({
        digest: text,
        version: { ...orNull(text), description: "null: judges every version." },
        records: integer,
        created_at: text,
        source: text,
        time: orNull(object({ from: text, to: text })),
        calibration_days: orNull(integer),
        renewal: {
          ...orNull(object({ ordinal: integer, previous: text, first: object({ digest: text, created_at: text }) })),
          description: "Where a renewed reference comes from; null: a person has built it.",
        },
      }),
    ),
    renewal: {
      ...orNull(object({ due: time, next_try: time, postponed: orNull(object({ due: time, reason: text, detail: text })) })),
      description:
        "When the reference is to be renewed, and why it was not the last time; null: it is not renewed, or nothing was judged yet.",
    },
    features: integer,
    alert: object({
      phase: oneOf("inactive", "pending", "firing"),
      episode: orNull(ref("Episode")),
      features: list(object({ feature: text, window: text, severity })),
    }),
    quality: object({
      phase: oneOf("inactive", "pending", "firing"),
      episode: orNull(ref("Episode")),
      failing: list(object({ feature: text, check: text, window: text, severity })),
      "appeared?": { ...ref("Unseen"), description: "Keys of records that the reference does not have." },
    }),
    volume: {
      ...orNull(
        object({
          window: text,
          end: time,
          verdict,
          reason: text,
          "severity?": severity,
          actual: count,
          "expected?": count,
          "usual?": object({ from: count, to: count }),
          "rhythm?": oneOf("hour_of_week", "hour_of_day"),
          "periods?": integer,
          "z?": number,
          "limit?": number,
          "fails?": { ...object({ below: number, above: number }), description: "Fewer or more records than these fail." },
          "days?": { ...integer, description: "Days of traffic that there are, where they are too few." },
          "partition?": { ...text, description: "The partition without a record, whose numbers these are." },
        }),
      ),
      description: "Records of the model in its shortest window against the same hours before; null: another version has more records.",
    },
    duplicates: {
      ...orNull(object({ window: text, end: time, checked: count, repeated: count, share: count })),
      description: "Records whose id had been seen before in their pane; null: no record has an id, or they are not looked at.",
    },
    windows: list(
      object({
        window: text,
        start: time,
        end: time,
        records: count,
        verdict,
        reason: text,
        "severity?": severity,
        drifting_features: integer,
        failing_checks: integer,
        policy: text,
        reference: orNull(text),
      }),
    ),
  }),
  FeatureSummary: object({
    feature: text,
    kind,
    role: oneOf("feature", "prediction", "signal", "derived"),
    verdict,
    reason: text,
    "severity?": severity,
    "score?": { ...count, description: "How near to a verdict of drift: 1 = a test hits. For ranking only." },
    current_count: count,
    statistics: ref("Statistics"),
    quality_failed: list(text),
  }),
  FeaturePage: pageOf("FeatureSummary"),
  Statistics: object({
    "psi?": object({ value: number, excess: number, ...threshold }),
    "kl?": object({ value: number, direction: text, ...threshold }),
    "kl_reverse?": object({ value: number, direction: text, ...threshold }),
    "ks?": object({ value: number, upper: number, p_value: number, ...threshold }),
    "g?": object({ value: number, p_value: number, degrees_of_freedom: number, ...threshold }),
    "chi_square?": object({ value: number, p_value: number, degrees_of_freedom: number, ...threshold }),
    "jensen_shannon?": object({ value: number, base: text, form: text, ...threshold }),
    "hellinger?": object({ value: number, ...threshold }),
    "total_variation?": object({ value: number, ...threshold }),
    "wasserstein?": object({ value: number, binned: flag, ...threshold }),
    "area_gap?": object({ value: number, ...threshold }),
  }),
  Feature: object({
    model: text,
    version: text,
    feature: text,
    kind,
    role: oneOf("feature", "prediction", "signal", "derived"),
    window: object({ name: text, "start?": time, "end?": time, "records?": count }),
    verdict,
    reason: text,
    "severity?": severity,
    "score?": count,
    "bin?": { ...text, description: "Label of the bin that the verdict rests on." },
    "calibrated?": flag,
    "threshold?": {
      ...object({ origin: text, "degraded?": text }),
      description:
        "How the limits came about: own_days, hour_of_day, weekday, tolerance, budget or fixed; degraded: what could not be had.",
    },
    "effect?": {
      ...object({ psi_excess: number, lower: number, upper: number, confidence: number }),
      description: "PSI less its noise with its confidence interval, from the counts alone.",
    },
    reference: object({ digest: text, count, missing: count }),
    "current?": object({ count, missing: count }),
    bins: list(
      object({
        label: text,
        special: { ...flag, description: "out_of_range, gap or other." },
        reference_count: count,
        reference_share: count,
        "current_count?": count,
        "current_share?": count,
      }),
    ),
    statistics: ref("Statistics"),
    "compat?": {
      ...object({
        "psi?": object({ value: number, zero: text, bins: text, exact: flag }),
        "kl?": object({ value: number, direction: text, zero: text, bins: text, exact: flag }),
        "jensen_shannon?": object({ value: number, base: text, form: text, bins: text, exact: flag }),
      }),
      description: "The numbers of an older tool, as the model's `compat` asks for them; they decide nothing.",
    },
    gates: {
      ...list(object({ gate: text, passed: flag, value: number, limit: number })),
      description: "Every number of the rule with its limit, in the order of the rule.",
    },
    quality: list(object({ check: text, verdict, "reference_share?": count, current_share: count, "limit?": count, "expected?": text })),
    "unseen?": { ...ref("Unseen"), description: "Values that the reference does not have; absent for numbers and sensitive features." },
  }),
  Pane: { type: "object", additionalProperties: true, description: "A line of `driftd store export`." },
  PanePage: pageOf("Pane"),
  Unseen: object({
    since: time,
    total: count,
    values: list(object({ value: text, count, over: { ...count, description: "By how much the count may be too large." } })),
  }),
  Episode: object({
    id: text,
    kind: oneOf("drift", "quality"),
    model: text,
    version: text,
    severity,
    features: list(text),
    "checks?": { ...list(object({ check: text, feature: text })), description: "Of quality: what fails or failed." },
    pending_at: time,
    firing_at: orNull(time),
    resolved_at: orNull(time),
  }),
  EpisodePage: pageOf("Episode"),
  Event: object({ number: integer, time, type: text, model: text, version: text, details: map }),
  EventPage: pageOf("Event"),
  Delivery: object({
    id: text,
    output: text,
    type: text,
    model: text,
    version: text,
    status: oneOf("pending", "delivered", "dead", "cancelled"),
    attempts: integer,
    created_at: time,
    updated_at: time,
    next_attempt_at: orNull(time),
  }),
  DeliveryPage: pageOf("Delivery"),
  DeliveryDetail: {
    allOf: [
      ref("Delivery"),
      object({
        body: anything,
        attempt_log: list(
          object({ at: time, ok: flag, status: orNull(integer), failure: orNull(text), latency_seconds: count, excerpt: text }),
        ),
      }),
    ],
  },
  RetrainRequest: object({
    id: text,
    model: text,
    version: text,
    reason: oneOf(...REQUEST_REASONS),
    severity: { ...orNull(severity), description: "Of the episode; null: no drift was firing." },
    episode: orNull(text),
    status: oneOf(...REQUEST_STATUSES),
    created_at: time,
    updated_at: { ...time, description: "When it came to its status, was delivered, or was last said to run." },
    outputs: list(text),
    new_version: { ...orNull(text), description: "Version of the model that came of it." },
    detail: orNull(text),
  }),
  RetrainRequestPage: pageOf("RetrainRequest"),
  RetrainRequestDetail: { allOf: [ref("RetrainRequest"), object({ body: anything })] },
  RetrainAsk: object({ model: text, "version?": text, "reason_text?": text }),
  StatusReport: object({ status: oneOf(...REPORTS), "version?": text, "detail?": text }),
  Rejection: object({ "detail?": text }),
  Paused: object({ model: text, paused: flag, changed: flag }),
  AlertmanagerNotification: map,
  AlertAnswers: object({
    alerts: list(object({ fingerprint: text, outcome: text, "model?": text, "request_id?": text, "guard?": text, "detail?": text })),
    truncated: integer,
  }),
  MlflowWebhook: map,
  MlflowAnswer: object({
    outcome: oneOf("succeeded", "noted", "ignored"),
    model: orNull(text),
    version: orNull(text),
    request_id: orNull(text),
  }),
  Replayed: object({ id: text, status: oneOf("pending") }),
  Config: map,
  OpenApi: map,
};
