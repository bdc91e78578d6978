/** The upper part of the pipeline's page: the records that come in, and the Kafka client. */

import type { Panel, Row } from "./grafana.ts";
import { toModel } from "./links.ts";
import { COLOURS, yesNo } from "./look.ts";
import { timeline, timeseries } from "./panels.ts";
import { counted, increase, maxBy, ofModel, ofScrape, quantile, rate, select, sumBy } from "./queries.ts";
import { SCRAPE } from "./variables.ts";

/** Of the chosen topics. */
export const ofTopic = (metric: string, ...more: readonly string[]) => select(metric, SCRAPE, 'topic=~"$topic"', ...more);
/** For descriptions. */
export const NO_KAFKA = "“no data” where records come from a file.";

const records: readonly Panel[] = [
  timeseries(
    {
      title: "Records counted",
      description: "Records a second that entered a pane, by model and version.",
      unit: "cps",
      width: 12,
      height: 8,
      links: toModel("series"),
    },
    [sumBy("model, version", rate(ofModel("driftd_records_total"))), "{{model}} {{version}}"],
  ),
  timeseries(
    {
      title: "Messages dropped, by reason",
      description:
        "Messages a second that entered no pane. decode_error and schema_error: the format changed. unknown_model: no such model is configured. too_late: event_time.allowed_lateness. no_timestamp: event_time.from. Also what was deleted before it was read (“lost”).",
      unit: "cps",
      width: 12,
      height: 8,
      stacked: true,
    },
    [counted("topic, reason", rate(ofTopic("driftd_messages_dropped_total"))), "{{topic}} {{reason}}"],
    [sumBy("topic", rate(ofTopic("driftd_messages_lost_total"))), "{{topic}} lost"],
  ),
  timeseries(
    {
      title: "Delay of records",
      description:
        "Processing time minus event time, median and 99th percentile: what the traffic brings along before driftd adds anything. Observed once for each chunk.",
      unit: "s",
      width: 8,
      height: 8,
    },
    [quantile(0.5, "model", ofModel("driftd_record_delay_seconds_bucket")), "{{model}} median"],
    [quantile(0.99, "model", ofModel("driftd_record_delay_seconds_bucket")), "{{model}} p99"],
  ),
  timeseries(
    {
      title: "Time to decode and count a message",
      description: "Mean over the interval. The hot path: microseconds.",
      unit: "s",
      width: 8,
      height: 8,
    },
    [
      `${sumBy("format", rate(ofScrape("driftd_decode_duration_seconds_sum")))} / ${sumBy("format", rate(ofScrape("driftd_decode_duration_seconds_count")))}`,
      "{{format}}",
    ],
  ),
  timeseries(
    {
      title: "Since the last record",
      description: "Time since a record of the model was last counted, and since the newest message that was read was written to Kafka.",
      unit: "s",
      width: 8,
      height: 8,
      links: toModel("series"),
    },
    [`time() - ${maxBy("model, version", ofModel("driftd_model_last_record_timestamp_seconds"))}`, "{{model}} {{version}}"],
    [`time() - ${maxBy("topic", ofTopic("driftd_kafka_last_message_timestamp_seconds"))}`, "newest message of {{topic}}"],
  ),
  timeline(
    {
      title: "Silent models",
      description:
        "A model is silent when no record of it comes, although everything in its topics was read, for longer than is usual for its traffic. While it is, nothing can be told about it.",
      width: 24,
      height: 5,
      mappings: yesNo("records come, or none are due", "silent", COLOURS.cannotTell),
      links: toModel("series"),
    },
    [maxBy("model, version", ofModel("driftd_model_silent")), "{{model}} {{version}}"],
  ),
];

const kafka: readonly Panel[] = [
  timeseries(
    {
      title: "Lag in messages",
      description: `End of each partition's log minus the next offset. ${NO_KAFKA}`,
      unit: "short",
      width: 8,
      height: 8,
    },
    [`topk(30, ${maxBy("topic, partition", ofTopic("driftd_kafka_consumer_lag"))})`, "{{topic}} {{partition}}"],
  ),
  timeseries(
    {
      title: "Lag in seconds",
      description: `Age of the oldest message not yet processed; 0 when caught up. ${NO_KAFKA}`,
      unit: "s",
      width: 8,
      height: 8,
    },
    [maxBy("topic", ofTopic("driftd_kafka_consumer_lag_seconds")), "{{topic}}"],
  ),
  timeseries(
    { title: "Fetched", description: `Bytes of keys and values fetched a second. ${NO_KAFKA}`, unit: "Bps", width: 8, height: 8 },
    [sumBy("topic", rate(ofTopic("driftd_kafka_bytes_consumed_total"))), "{{topic}}"],
  ),
  timeseries(
    {
      title: "Errors of the client",
      description:
        "Errors a second by reason, and offset commits that failed. Offsets in Kafka are for onlookers only: driftd goes on from its own store.",
      unit: "cps",
      width: 8,
      height: 8,
    },
    [sumBy("reason", rate(ofScrape("driftd_kafka_errors_total"))), "{{reason}}"],
    [`sum(${rate(ofScrape("driftd_kafka_commit_failures_total"))})`, "commit failed"],
  ),
  timeseries(
    {
      title: "Rebalances and commits",
      description:
        "Rebalances of the consumer group and offset commits, in each step of the picture. Rebalances without a restart: another member comes and goes.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
    },
    [`sum(${increase(ofScrape("driftd_kafka_rebalances_total"))})`, "rebalances"],
    [`sum(${increase(ofScrape("driftd_kafka_commits_total"))})`, "commits"],
  ),
  timeseries(
    {
      title: "Partitions, and a foreign member",
      description:
        "Partitions that this driftd reads, and whether the group holds a member that is not this driftd: while 1 nothing is evaluated, for records would be missing.",
      unit: "none",
      width: 8,
      height: 8,
    },
    [sumBy("topic", ofTopic("driftd_kafka_assigned_partitions")), "{{topic}} partitions"],
    [
      `${maxBy("topic", ofTopic("driftd_kafka_foreign_member"))} or 0 * ${maxBy("topic", ofTopic("driftd_kafka_assigned_partitions"))}`,
      "{{topic}} foreign member",
    ],
  ),
];

/** Rows for the page of the pipeline. */
export const inputRows: readonly Row[] = [
  { title: "Records", panels: records },
  { title: "Kafka", panels: kafka },
];
