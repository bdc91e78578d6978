/** Whether driftd itself is well: what comes in, what is dropped and why, whether it is judged in time, and what it costs. */

import { daemonAnnotations } from "./annotations.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { siblings, toModel, UIDS } from "./links.ts";
import { COLOURS, steps, yesNo } from "./look.ts";
import { column, stat, table, timeseries } from "./panels.ts";
import { inputRows, NO_KAFKA, ofTopic } from "./pipeline-input.ts";
import { processRows } from "./pipeline-process.ts";
import { counted, increase, maxBy, ofDaemon, ofModel, ofScrape, quantile, rate, select, sumBy } from "./queries.ts";
import { addressVariable, SCRAPE, scrapeVariables, variables } from "./variables.ts";

const atAGlance: readonly Panel[] = [
  stat(
    {
      title: "Daemons",
      description: "Daemons that answer Prometheus. One for each consumer group: a second one would see only its share of the partitions.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: steps(COLOURS.critical, [1, COLOURS.fine]),
    },
    [`sum(${ofDaemon(select("up", SCRAPE), "[$__range] @ end()")})`, "up"],
  ),
  stat(
    {
      title: "Configuration",
      description:
        "Whether the last load or reload worked. After a failed one the old configuration stays in force; the log names the key.",
      unit: "none",
      width: 4,
      height: 4,
      mappings: yesNo("in force", "reload failed"),
    },
    [`1 - min(${ofScrape("driftd_config_last_reload_successful")})`, "configuration"],
  ),
  stat(
    {
      title: "Behind by",
      description: `Age of the oldest message that is not processed yet, of the topic that is farthest behind. ${NO_KAFKA}`,
      unit: "s",
      width: 4,
      height: 4,
      thresholds: steps(COLOURS.fine, [300, COLOURS.near], [900, COLOURS.critical]),
    },
    [`max(${ofTopic("driftd_kafka_consumer_lag_seconds")})`, "behind"],
  ),
  stat(
    {
      title: "Dropped",
      description:
        "Share of the messages that entered no pane. Late and unknown ones are usual to a degree; more than a few percent means that something upstream changed.",
      unit: "percentunit",
      width: 4,
      height: 4,
      decimals: 2,
      thresholds: steps(COLOURS.fine, [0.01, COLOURS.near], [0.05, COLOURS.critical]),
    },
    [
      `sum(${rate(ofTopic("driftd_messages_dropped_total"))}) / (sum(${rate(ofTopic("driftd_messages_dropped_total"))}) + sum(${rate(ofScrape("driftd_records_total"))}) > 0) or 0 * sum(${rate(ofScrape("driftd_records_total"))})`,
      "dropped",
    ],
  ),
  stat(
    {
      title: "Evaluation blocked for",
      description: "Due windows wait for a partition that is neither closed through nor idle. None waits: no value, which is well.",
      unit: "s",
      width: 4,
      height: 4,
      thresholds: steps(COLOURS.neutral, [300, COLOURS.near], [900, COLOURS.critical]),
    },
    [
      `max(time() - ${ofModel("driftd_evaluation_blocked_since_timestamp_seconds")}) or 0 * max(${ofModel("driftd_evaluation_interval_seconds")})`,
      "blocked",
    ],
  ),
  stat(
    {
      title: "State stored",
      description: "Time since panes and cursors were last stored. What came since would be read again after a crash, not lost.",
      unit: "s",
      width: 4,
      height: 4,
      thresholds: steps(COLOURS.fine, [600, COLOURS.near], [3600, COLOURS.critical]),
    },
    [`time() - min(${ofScrape("driftd_state_snapshot_last_success_timestamp_seconds")})`, "stored"],
  ),
];

const evaluation: readonly Panel[] = [
  timeseries(
    {
      title: "Windows evaluated",
      description: "In each step of the picture, those without a verdict included.",
      unit: "none",
      width: 12,
      height: 8,
      bars: true,
      stacked: true,
      links: toModel("series"),
    },
    [sumBy("model", increase(ofModel("driftd_evaluations_total"))), "{{model}}"],
  ),
  timeseries(
    {
      title: "Windows without a verdict, by reason",
      description:
        "Why nothing can be told. insufficient_samples and low_coverage: too little traffic. no_reference: the version has none. reference_changed: passes once the window has filled. source_stalled: the input stands still. Failures are bugs or a store that refuses.",
      unit: "none",
      width: 12,
      height: 8,
      bars: true,
      stacked: true,
    },
    [counted("model, reason", increase(ofModel("driftd_evaluations_skipped_total"))), "{{model}} {{reason}}"],
    [sumBy("model, reason", increase(ofModel("driftd_evaluation_failures_total"))), "{{model}} failed: {{reason}}"],
  ),
  timeseries(
    { title: "Time to evaluate a window", description: "Median and 99th percentile.", unit: "s", width: 6, height: 8 },
    [quantile(0.5, "model", ofModel("driftd_evaluation_duration_seconds_bucket")), "{{model}} median"],
    [quantile(0.99, "model", ofModel("driftd_evaluation_duration_seconds_bucket")), "{{model}} p99"],
  ),
  timeseries(
    { title: "Panes", description: "Panes that still take records, and panes closed in each step.", unit: "none", width: 6, height: 8 },
    [`sum(${ofScrape("driftd_panes_open")})`, "open"],
    [sumBy("model", increase(ofModel("driftd_panes_closed_total"))), "{{model}} closed"],
  ),
  table(
    {
      title: "Windows",
      description:
        "How long ago each window was evaluated and last got a verdict, how far its end lies behind now in event time, and its records.",
      unit: "none",
      width: 12,
      height: 8,
      columns: [
        { field: "model", title: "model", properties: column.links(toModel("row")) },
        { field: "version", title: "version" },
        { field: "window", title: "window" },
        { field: "Value #A", title: "evaluated", properties: column.unit("s", 0) },
        {
          field: "Value #B",
          title: "verdict",
          properties: [...column.unit("s", 0), ...column.coloured(steps(COLOURS.neutral, [7200, COLOURS.cannotTell]))],
        },
        { field: "Value #C", title: "ended", properties: column.unit("s", 0) },
        { field: "Value #D", title: "records", properties: column.unit("short") },
      ],
    },
    `time() - ${maxBy("model, version, window", ofModel("driftd_last_evaluation_timestamp_seconds"))}`,
    `time() - ${maxBy("model, version, window", ofModel("driftd_last_evaluation_success_timestamp_seconds"))}`,
    `time() - ${maxBy("model, version, window", ofModel("driftd_window_end_timestamp_seconds"))}`,
    maxBy("model, version, window", ofModel("driftd_window_samples")),
  ),
];

/** Pipeline health. */
export const pipelineHealth: Dashboard = {
  uid: UIDS.pipeline,
  title: "driftd / Pipeline health",
  description: "Whether driftd is well: input, drops, evaluation, store, process.",
  variables: [...scrapeVariables, variables.topics, variables.models, addressVariable],
  annotations: daemonAnnotations,
  links: siblings,
  rows: [{ panels: atAGlance }, ...inputRows, { title: "Evaluation", panels: evaluation }, ...processRows],
};
