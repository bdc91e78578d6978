/**
 * Every metric of driftd in one table: the contract that dashboards, rules and the README are checked against.
 * Only data here; `registry.ts` makes series of it. A new metric or label is a new entry, and a line in `test/golden/metrics.txt`.
 */

import { OPEN_STATUSES, REQUEST_STATUSES } from "../decide/record.ts";
import { SILENT_REASONS, SUPPRESS_REASONS } from "../decide/retrain.ts";
import type { CalibrationOrigin } from "../evaluate/calibration-state.ts";
import { QUALITY_CHECKS } from "../evaluate/evaluation.ts";
import { OUTLIER_DROPS } from "../outputs/outlier-log.ts";
import type { AttemptFailure } from "../outputs/output.ts";
import { FETCH_FAILURES } from "../reference/addresses/address.ts";
import type { KafkaErrorReason } from "../sources/kafka/errors.ts";

/**
 * Where the values of a label come from: a closed list (a counter is born with all of them at 0),
 * `user` = text of the configuration or of a reference (may hold anything), `own` = text that driftd makes (bounded, never escaped).
 */
type LabelValues = readonly string[] | "user" | "own";

/** One metric. The order of `labels` is the order on the line. */
export type MetricRow = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Base unit of the value, or what is counted. */
  readonly unit: string;
  /** Which way is worse: what an alert looks for. Absent: neither, or it depends. A time that is `low` is worse the older it is. */
  readonly worse?: "high" | "low";
  /** Upper bounds of a histogram, ascending. */
  readonly bounds?: readonly number[];
  /** A gauge of a model that says nothing about its reference, its policy or their verdicts: it stays when these change. */
  readonly outlivesReference?: true;
  /** One series or more for each feature: stands under `metrics.features` and the series cap (`per-feature.ts`). The greatest number is dropped first. */
  readonly perFeature?: number;
};

/** Why a message was not counted into a pane: the closed list of `driftd_messages_dropped_total`. */
export const DROP_REASONS = [
  "decode_error",
  "schema_error",
  "unknown_model",
  "no_timestamp",
  "too_late",
  "too_large",
  "too_far_ahead",
  "future",
  "tombstone",
  "too_many_versions",
  "sampled_out",
  "duplicate",
  "filtered",
  "no_match",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Why an evaluation gave no verdict: the closed list of `driftd_evaluations_skipped_total`. */
const SKIP_REASONS = [
  "insufficient_samples",
  "no_reference",
  "paused",
  "low_coverage",
  "empty_reference",
  "reference_changed",
  "source_stalled",
  "overflow",
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

const LEVELS = ["warn", "error", "fatal"] as const;
const SEVERITIES = ["warning", "critical"] as const;
const VERDICTS = ["drift", "no_drift", "insufficient_data"] as const;
const ACTIONS = ["retrain"] as const;
// Closed lists that other stages own: a reason more or less there is a compile error here.
const KAFKA_ERRORS = reasons<KafkaErrorReason>({
  connection: true,
  auth: true,
  coordinator: true,
  fetch: true,
  corrupt_batch: true,
  other: true,
});
const ATTEMPT_FAILURES = reasons<AttemptFailure>({
  timeout: true,
  connection: true,
  http_4xx: true,
  http_5xx: true,
  rate_limited: true,
  tls: true,
  secret: true,
  body: true,
  gone: true,
});
const SUPPRESSIONS = SUPPRESS_REASONS.filter((reason) => !SILENT_REASONS.has(reason));
const FINISHED_STATUSES = REQUEST_STATUSES.filter((status) => !OPEN_STATUSES.some((open) => open === status));
/** What became of an alert that Alertmanager sent: the closed list of `driftd_trigger_alerts_total`. */
export const TRIGGER_OUTCOMES = [
  "requested",
  "awaiting_approval",
  "held",
  "duplicate",
  "resolved",
  "unlabelled",
  "unknown_model",
  "unknown_version",
  "not_configured",
  "truncated",
] as const;
export type TriggerOutcome = (typeof TRIGGER_OUTCOMES)[number];
const INVALID_VALUES = ["missing", "wrong_type", "non_finite", "unseen_category"] as const;
const ORIGINS = ["own_days", "hour_of_day", "weekday", "tolerance", "budget", "fixed"] as const satisfies readonly CalibrationOrigin[];
const EVALUATION_FAILURES = ["store", "internal"] as const;

const none = {} as const;
const topic = { topic: "user" } as const;
const model = { model: "user" } as const;
const modelVersion = { model: "user", version: "user" } as const;
const modelVersionWindow = { model: "user", version: "user", window: "user" } as const;
const target = { target: "user" } as const;

/** Every metric that driftd exports beside the `process_*` and `nodejs_*` families of prom-client. */
export const catalog: readonly MetricRow[] = [
  // Process, configuration, HTTP
  {
    name: "driftd_build_info",
    type: "gauge",
    labels: { version: "own", revision: "own", nodejs_version: "own" },
    unit: "1",
    help: "Always 1; the labels say which driftd this is.",
  },
  {
    name: "driftd_config_last_reload_successful",
    type: "gauge",
    labels: none,
    unit: "boolean",
    worse: "low",
    help: "Whether the last load or reload of the configuration worked.",
  },
  {
    name: "driftd_config_last_reload_success_timestamp_seconds",
    type: "gauge",
    labels: none,
    unit: "seconds",
    help: "When the configuration in force was loaded.",
  },
  {
    name: "driftd_config_hash",
    type: "gauge",
    labels: none,
    unit: "1",
    help: "Hash of the configuration in force as a number, to see replicas disagree.",
  },
  {
    name: "driftd_log_messages_total",
    type: "counter",
    labels: { level: LEVELS },
    unit: "lines",
    worse: "high",
    help: "Log lines of level warn and above.",
  },
  {
    name: "driftd_http_requests_total",
    type: "counter",
    labels: { handler: "own", method: "own", code: "own" },
    unit: "requests",
    help: "Requests to driftd's own HTTP server.",
  },
  {
    name: "driftd_http_request_duration_seconds",
    type: "histogram",
    labels: { handler: "own", method: "own" },
    unit: "seconds",
    worse: "high",
    help: "Time to answer a request.",
    bounds: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
  },
  {
    name: "driftd_metrics_series",
    type: "gauge",
    labels: { family: "own" },
    unit: "series",
    worse: "high",
    help: "Series exported now: of each per-feature family, and of all others together.",
  },
  {
    name: "driftd_metrics_series_dropped_total",
    type: "counter",
    labels: { family: "own" },
    unit: "writes",
    worse: "high",
    help: "Series refused by metrics.max_series, counted at each write and eviction.",
  },
  {
    name: "driftd_metrics_render_duration_seconds",
    type: "gauge",
    labels: none,
    unit: "seconds",
    worse: "high",
    help: "How long the last rendering of this page took.",
  },
  {
    name: "driftd_metrics_collect_failures_total",
    type: "counter",
    labels: none,
    unit: "failures",
    worse: "high",
    help: "Families or collectors left out of a scrape because reading them failed.",
  },

  // Kafka input
  { name: "driftd_kafka_messages_consumed_total", type: "counter", labels: topic, unit: "messages", help: "Messages fetched." },
  {
    name: "driftd_kafka_bytes_consumed_total",
    type: "counter",
    labels: topic,
    unit: "bytes",
    help: "Bytes of message keys and values fetched.",
  },
  {
    name: "driftd_kafka_consumer_lag",
    type: "gauge",
    labels: { topic: "user", partition: "own" },
    unit: "messages",
    worse: "high",
    help: "End of the partition's log minus the next offset to be read.",
  },
  {
    name: "driftd_kafka_consumer_lag_seconds",
    type: "gauge",
    labels: topic,
    unit: "seconds",
    worse: "high",
    help: "Age of the oldest message not yet processed; 0 when caught up.",
  },
  {
    name: "driftd_kafka_last_message_timestamp_seconds",
    type: "gauge",
    labels: topic,
    unit: "seconds",
    worse: "low",
    help: "Kafka timestamp of the last message processed.",
  },
  {
    name: "driftd_kafka_assigned_partitions",
    type: "gauge",
    labels: topic,
    unit: "partitions",
    worse: "low",
    help: "Partitions assigned to this process.",
  },
  {
    name: "driftd_kafka_foreign_member",
    type: "gauge",
    labels: topic,
    unit: "boolean",
    worse: "high",
    help: "Whether the consumer group holds a member that is not this driftd; while 1 nothing is evaluated.",
  },
  {
    name: "driftd_kafka_rebalances_total",
    type: "counter",
    labels: none,
    unit: "rebalances",
    help: "Rebalances of the consumer group.",
    worse: "high",
  },
  { name: "driftd_kafka_commits_total", type: "counter", labels: none, unit: "commits", help: "Offset commits, failed ones included." },
  {
    name: "driftd_kafka_commit_failures_total",
    type: "counter",
    labels: none,
    unit: "commits",
    help: "Offset commits that failed.",
    worse: "high",
  },
  {
    name: "driftd_kafka_errors_total",
    type: "counter",
    labels: { reason: KAFKA_ERRORS },
    unit: "errors",
    help: "Errors of the client.",
    worse: "high",
  },

  // Decode and count
  {
    name: "driftd_messages_dropped_total",
    type: "counter",
    labels: { topic: "user", reason: DROP_REASONS },
    unit: "messages",
    worse: "high",
    help: "Messages that entered no pane, by reason.",
  },
  {
    name: "driftd_messages_lost_total",
    type: "counter",
    labels: topic,
    unit: "messages",
    worse: "high",
    help: "Offsets that the source passed over: messages deleted before they were read.",
  },
  {
    name: "driftd_decode_duration_seconds",
    type: "histogram",
    labels: { format: ["json", "rows"] },
    unit: "seconds",
    worse: "high",
    help: "Time to decode and count one message; each observation is the mean of a chunk.",
    bounds: [0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.001, 0.01],
  },
  { name: "driftd_records_total", type: "counter", labels: modelVersion, unit: "records", help: "Records counted into a pane." },
  {
    name: "driftd_model_last_record_timestamp_seconds",
    type: "gauge",
    labels: modelVersion,
    unit: "seconds",
    outlivesReference: true,
    worse: "low",
    help: "When a record was last counted, by the wall clock; absent until the first.",
  },
  {
    name: "driftd_model_silent",
    type: "gauge",
    labels: modelVersion,
    unit: "boolean",
    outlivesReference: true,
    worse: "high",
    help: "Whether no record of the model comes although its topics are read; the version is that of its last record.",
  },
  {
    name: "driftd_record_delay_seconds",
    type: "histogram",
    labels: model,
    unit: "seconds",
    worse: "high",
    help: "Processing time minus event time; each observation is the newest record of a chunk.",
    bounds: [1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400],
  },
  {
    name: "driftd_feature_invalid_values_total",
    type: "counter",
    labels: { model: "user", feature: "user", reason: INVALID_VALUES },
    unit: "values",
    worse: "high",
    help: "Values that could not be judged, and categories that the reference does not have.",
    perFeature: 6,
  },

  // Panes, windows, evaluation, drift
  { name: "driftd_panes_open", type: "gauge", labels: none, unit: "panes", help: "Panes that still take records.", worse: "high" },
  {
    name: "driftd_panes_closed_total",
    type: "counter",
    labels: model,
    unit: "panes",
    help: "Panes closed by the watermark or by the end of a source.",
  },
  {
    name: "driftd_window_samples",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "records",
    worse: "low",
    help: "Records in the last evaluated window.",
  },
  {
    name: "driftd_window_expected_records",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "records",
    help: "Records that are usual for the last evaluated window at its hour, of all versions of the model; absent while it cannot be told.",
  },
  {
    name: "driftd_volume_z",
    type: "gauge",
    labels: modelVersion,
    unit: "deviations",
    help: "How far the number of records lies from what is usual at its hour, in deviations of healthy traffic; 0 inside of it.",
  },
  {
    name: "driftd_window_repeated_ids_ratio",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "ratio",
    worse: "high",
    help: "Share of the window's records whose id had been seen before in the same pane and partition, 0 to 1; absent without ids.",
  },
  {
    name: "driftd_window_end_timestamp_seconds",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "seconds",
    worse: "low",
    help: "End of the last evaluated window, in event time.",
  },
  {
    name: "driftd_feature_missing_ratio",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", window: "user" },
    unit: "ratio",
    worse: "high",
    help: "Share of the window's records without a value, 0 to 1.",
    perFeature: 5,
  },
  {
    name: "driftd_evaluations_total",
    type: "counter",
    labels: model,
    unit: "evaluations",
    help: "Windows evaluated, those without a verdict included.",
  },
  {
    name: "driftd_evaluation_failures_total",
    type: "counter",
    labels: { model: "user", reason: EVALUATION_FAILURES },
    unit: "evaluations",
    worse: "high",
    help: "Evaluations that broke off.",
  },
  {
    name: "driftd_evaluations_skipped_total",
    type: "counter",
    labels: { model: "user", reason: SKIP_REASONS },
    unit: "evaluations",
    worse: "high",
    help: "Windows that got insufficient_data instead of a verdict, by reason.",
  },
  {
    name: "driftd_evaluation_duration_seconds",
    type: "histogram",
    labels: model,
    unit: "seconds",
    worse: "high",
    help: "Time to evaluate one window.",
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5],
  },
  {
    name: "driftd_last_evaluation_timestamp_seconds",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "seconds",
    worse: "low",
    help: "When a window was last evaluated, with or without a verdict, by the wall clock; absent until the first.",
  },
  {
    name: "driftd_last_evaluation_success_timestamp_seconds",
    type: "gauge",
    labels: modelVersionWindow,
    unit: "seconds",
    worse: "low",
    help: "When a window last got a verdict, by the wall clock; absent until the first.",
  },
  {
    name: "driftd_evaluation_interval_seconds",
    type: "gauge",
    labels: model,
    unit: "seconds",
    help: "Slide of the model's shortest window.",
  },
  {
    name: "driftd_evaluation_blocked_since_timestamp_seconds",
    type: "gauge",
    labels: model,
    unit: "seconds",
    worse: "low",
    help: "Since when due windows wait for a partition that is neither closed through nor idle; absent when none waits.",
  },
  {
    name: "driftd_reference_info",
    type: "gauge",
    labels: { model: "user", version: "user", reference: "user", digest: "user" },
    unit: "1",
    help: "Always 1; the labels say which reference judges the version.",
  },
  {
    name: "driftd_reference_created_timestamp_seconds",
    type: "gauge",
    labels: modelVersion,
    unit: "seconds",
    worse: "low",
    help: "When the reference was built.",
  },
  { name: "driftd_reference_samples", type: "gauge", labels: modelVersion, unit: "records", help: "Records of the reference." },
  {
    name: "driftd_reference_renewals_total",
    type: "counter",
    labels: { model: "user" },
    unit: "renewals",
    help: "References that were made anew from closed panes and put in force.",
  },
  {
    name: "driftd_reference_renewal_timestamp_seconds",
    type: "gauge",
    labels: modelVersion,
    unit: "seconds",
    help: "Event time from which the renewed reference is in force; absent while the configured one judges.",
  },
  {
    name: "driftd_reference_fetch_failures_total",
    type: "counter",
    labels: { model: "user", reason: FETCH_FAILURES },
    unit: "fetches",
    worse: "high",
    help: "Fetches of a reference from its address that failed, by reason; the reference in force stays.",
  },
  {
    name: "driftd_reference_fetch_last_success_timestamp_seconds",
    type: "gauge",
    labels: model,
    unit: "seconds",
    worse: "low",
    outlivesReference: true,
    help: "When the addresses of the model's references all answered last, by the wall clock; only of references by address.",
  },
  {
    name: "driftd_reference_from_cache",
    type: "gauge",
    labels: model,
    unit: "boolean",
    worse: "high",
    outlivesReference: true,
    help: "1 while a reference in force is the copy of an earlier run, because its address has not answered since the start.",
  },
  {
    name: "driftd_reference_distance",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user" },
    unit: "nats",
    worse: "high",
    help: "PSI less its noise between the first reference and the longest window; of renewed references only.",
    perFeature: 10,
  },
  {
    name: "driftd_drift_score",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", statistic: "own", window: "user" },
    unit: "by statistic",
    worse: "high",
    help: "Distance of the window from the reference; psi and kl in nats, ks 0 to 1. Never add across statistics.",
    perFeature: 3,
  },
  {
    name: "driftd_drift_threshold",
    type: "gauge",
    labels: { model: "user", feature: "user", statistic: "own", severity: SEVERITIES },
    unit: "by statistic",
    help: "Limit in force for the score, in the score's own unit.",
    perFeature: 4,
  },
  {
    name: "driftd_drift_threshold_info",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", window: "user", origin: ORIGINS },
    unit: "1",
    help: "Always 1; origin says how the limits came about: own_days, hour_of_day or weekday of the reference, a tolerance, or fixed.",
    perFeature: 8,
  },
  {
    name: "driftd_feature_drifted",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", severity: SEVERITIES },
    unit: "boolean",
    worse: "high",
    help: "driftd's own verdict on the feature, after it was sustained: the one that asks for retraining.",
    perFeature: 1,
  },
  {
    name: "driftd_model_drifted_features",
    type: "gauge",
    labels: { model: "user", version: "user", severity: SEVERITIES },
    unit: "features",
    worse: "high",
    help: "Features that drift now.",
  },
  {
    name: "driftd_feature_quality_failed",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", check: QUALITY_CHECKS },
    unit: "boolean",
    worse: "high",
    help: "driftd's own verdict on the quality of the feature's data, after it was sustained; only for checks that fail or have failed.",
    perFeature: 2,
  },
  {
    name: "driftd_feature_quality_ratio",
    type: "gauge",
    labels: { model: "user", version: "user", feature: "user", check: QUALITY_CHECKS, window: "user" },
    unit: "ratio",
    worse: "high",
    help: "Share of the window's rows or values that a check of quality is about, 0 to 1; absent when 0.",
    perFeature: 11,
  },
  {
    name: "driftd_model_quality_failing_features",
    type: "gauge",
    labels: modelVersion,
    unit: "features",
    worse: "high",
    help: "Features whose data fails a check of quality now.",
  },
  { name: "driftd_model_features", type: "gauge", labels: modelVersion, unit: "features", help: "Features that are judged." },
  {
    name: "driftd_model_verdict",
    type: "gauge",
    labels: { model: "user", version: "user", window: "user", verdict: VERDICTS },
    unit: "boolean",
    help: "1 for the verdict of the last evaluated window, 0 for the other two.",
  },
  {
    name: "driftd_feature_info",
    type: "gauge",
    labels: { model: "user", feature: "user", role: "own", kind: "own" },
    unit: "1",
    help: "Always 1; role is feature, prediction, signal or derived, kind numeric or categorical.",
    perFeature: 7,
  },

  // Actions, outputs, state
  {
    name: "driftd_actions_triggered_total",
    type: "counter",
    labels: { model: "user", action: ACTIONS },
    unit: "actions",
    help: "Actions asked for.",
  },
  {
    name: "driftd_actions_suppressed_total",
    type: "counter",
    labels: { model: "user", action: ACTIONS, reason: SUPPRESSIONS },
    unit: "actions",
    help: "Actions that a guard held back, by reason.",
  },
  {
    name: "driftd_last_action_timestamp_seconds",
    type: "gauge",
    labels: { model: "user", action: ACTIONS },
    unit: "seconds",
    outlivesReference: true,
    help: "When the action was last asked for; absent until the first.",
  },
  {
    name: "driftd_retrain_requests",
    type: "gauge",
    labels: { model: "user", status: OPEN_STATUSES },
    unit: "requests",
    outlivesReference: true,
    help: "Retrain requests that something can still come of, by status.",
  },
  {
    name: "driftd_retrain_finished_total",
    type: "counter",
    labels: { model: "user", status: FINISHED_STATUSES },
    unit: "requests",
    help: "Retrain requests that came to an end, by how they ended.",
  },
  {
    name: "driftd_retrain_paused",
    type: "gauge",
    labels: model,
    unit: "boolean",
    outlivesReference: true,
    help: "1 when retraining of the model is paused, by the configuration or over the API.",
  },
  {
    name: "driftd_trigger_alerts_total",
    type: "counter",
    labels: { outcome: TRIGGER_OUTCOMES },
    unit: "alerts",
    help: "Alerts received from Alertmanager, by what came of them; truncated = left out by Alertmanager.",
  },
  { name: "driftd_webhook_attempts_total", type: "counter", labels: target, unit: "attempts", help: "Delivery attempts." },
  {
    name: "driftd_webhook_attempt_failures_total",
    type: "counter",
    labels: { target: "user", reason: ATTEMPT_FAILURES },
    unit: "attempts",
    worse: "high",
    help: "Delivery attempts that failed, by reason.",
  },
  {
    name: "driftd_webhook_attempt_duration_seconds",
    type: "histogram",
    labels: target,
    unit: "seconds",
    worse: "high",
    help: "Time of one delivery attempt.",
    bounds: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 30],
  },
  {
    name: "driftd_webhook_queue_length",
    type: "gauge",
    labels: target,
    unit: "messages",
    help: "Messages waiting in the outbox.",
    worse: "high",
  },
  {
    name: "driftd_webhook_oldest_pending_timestamp_seconds",
    type: "gauge",
    labels: target,
    unit: "seconds",
    worse: "low",
    help: "When the oldest waiting message was made; absent when none waits.",
  },
  {
    name: "driftd_webhook_dead_letters",
    type: "gauge",
    labels: target,
    unit: "messages",
    help: "Messages given up for good.",
    worse: "high",
  },
  {
    name: "driftd_webhook_target_disabled",
    type: "gauge",
    labels: target,
    unit: "boolean",
    worse: "high",
    help: "Whether the receiver has told driftd to stop (410).",
  },
  {
    name: "driftd_webhook_last_success_timestamp_seconds",
    type: "gauge",
    labels: target,
    unit: "seconds",
    worse: "low",
    help: "When a message was last accepted; absent until the first.",
  },
  {
    name: "driftd_alertmanager_alerts_sent_total",
    type: "counter",
    labels: { alertmanager: "user" },
    unit: "alerts",
    help: "Alerts that an instance of Alertmanager took, repetitions included.",
  },
  {
    name: "driftd_alertmanager_send_failures_total",
    type: "counter",
    labels: { alertmanager: "user" },
    unit: "alerts",
    worse: "high",
    help: "Alerts that an instance of Alertmanager did not take.",
  },
  { name: "driftd_event_log_lines_total", type: "counter", labels: none, unit: "lines", help: "Lines written to the event log." },
  {
    name: "driftd_event_log_dropped_total",
    type: "counter",
    labels: { reason: ["queue_full", "write_failed"] },
    unit: "lines",
    worse: "high",
    help: "Lines that did not reach the event log, by reason; the store has them.",
  },
  {
    name: "driftd_outlier_lines_total",
    type: "counter",
    labels: model,
    unit: "lines",
    worse: "high",
    help: "Lines written about records with a high outlier score.",
  },
  {
    name: "driftd_outlier_lines_dropped_total",
    type: "counter",
    labels: { model: "user", reason: OUTLIER_DROPS },
    unit: "lines",
    worse: "high",
    help: "Records with a high outlier score that have no line, by reason.",
  },
  {
    name: "driftd_state_snapshot_last_success_timestamp_seconds",
    type: "gauge",
    labels: none,
    unit: "seconds",
    worse: "low",
    help: "When panes and cursors were last stored.",
  },
  { name: "driftd_state_snapshot_size_bytes", type: "gauge", labels: none, unit: "bytes", help: "Size of the store.", worse: "high" },
  {
    name: "driftd_state_snapshot_duration_seconds",
    type: "gauge",
    labels: none,
    unit: "seconds",
    worse: "high",
    help: "How long the last commit of panes and cursors took.",
  },
  {
    name: "driftd_state_snapshot_failures_total",
    type: "counter",
    labels: none,
    unit: "commits",
    worse: "high",
    help: "Commits to the store that failed.",
  },
];

function reasons<R extends string>(all: Record<R, true>): readonly string[] {
  return Object.keys(all);
}
