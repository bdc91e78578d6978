/** The lower part of the pipeline's page: the store, the process, what driftd's own HTTP server and its metrics cost. */

import type { Panel, Row } from "./grafana.ts";
import { anyIs, COLOURS, steps } from "./look.ts";
import { stat, timeseries } from "./panels.ts";
import { increase, ofDaemon, ofScrape, quantile, rate, sumBy } from "./queries.ts";

const store: readonly Panel[] = [
  timeseries(
    { title: "Size of the store", description: "Panes, cursors, alert state and outbox on disk.", unit: "bytes", width: 8, height: 7 },
    [ofScrape("driftd_state_snapshot_size_bytes"), "{{instance}}"],
  ),
  timeseries(
    {
      title: "Time of a commit",
      description: "How long the last commit of panes and cursors took. While one runs, records wait.",
      unit: "s",
      width: 8,
      height: 7,
    },
    [ofScrape("driftd_state_snapshot_duration_seconds"), "{{instance}}"],
  ),
  timeseries(
    {
      title: "Commits that failed, lines that were lost",
      description:
        "In each step. A commit that fails is tried again; while the store refuses, the source is held back. Lines of the event log that were not written are in the store.",
      unit: "none",
      width: 8,
      height: 7,
      bars: true,
    },
    [sumBy("instance", increase(ofScrape("driftd_state_snapshot_failures_total"))), "{{instance}} commit failed"],
    [sumBy("reason", increase(ofScrape("driftd_event_log_dropped_total"))), "event log: {{reason}}"],
  ),
];

const process: readonly Panel[] = [
  timeseries(
    {
      title: "CPU",
      description: "Cores in use. One is the most that the main thread can take; the store's thread is beside it.",
      unit: "none",
      width: 8,
      height: 7,
      decimals: 2,
    },
    [ofDaemon(rate(ofScrape("process_cpu_seconds_total"))), "{{instance}}"],
  ),
  timeseries(
    {
      title: "Memory",
      description: "Resident memory of the process, and the part of it that is JavaScript's heap.",
      unit: "bytes",
      width: 8,
      height: 7,
    },
    [ofDaemon(ofScrape("process_resident_memory_bytes")), "{{instance}} resident"],
    [ofDaemon(ofScrape("nodejs_heap_size_used_bytes")), "{{instance}} heap"],
  ),
  timeseries(
    {
      title: "Event loop",
      description:
        "Time between two turns, 99th percentile and longest since the last scrape. 0.05 s is the step of the measuring itself, and idle. Seconds: heartbeats to Kafka are missed.",
      unit: "s",
      width: 8,
      height: 7,
      decimals: 3,
    },
    [ofDaemon(ofScrape("nodejs_eventloop_lag_p99_seconds")), "{{instance}} p99"],
    [ofDaemon(ofScrape("nodejs_eventloop_lag_max_seconds")), "{{instance}} longest"],
  ),
  timeseries(
    {
      title: "Warnings and errors in the log",
      description: "Lines in each step, by level.",
      unit: "none",
      width: 8,
      height: 7,
      bars: true,
      stacked: true,
    },
    [sumBy("level", increase(ofScrape("driftd_log_messages_total"))), "{{level}}"],
  ),
  timeseries(
    {
      title: "Requests to driftd",
      description: "Requests a second to driftd's own HTTP server.",
      unit: "reqps",
      width: 8,
      height: 7,
      stacked: true,
    },
    [sumBy("handler, code", rate(ofScrape("driftd_http_requests_total"))), "{{handler}} {{code}}"],
  ),
  timeseries({ title: "Time to answer", description: "99th percentile, by address.", unit: "s", width: 8, height: 7 }, [
    quantile(0.99, "handler", ofScrape("driftd_http_request_duration_seconds_bucket")),
    "{{handler}}",
  ]),
];

const metrics: readonly Panel[] = [
  timeseries(
    {
      title: "Series by family",
      description: "What driftd exports now. The per-feature families stand under metrics.max_series.",
      unit: "short",
      width: 10,
      height: 7,
      stacked: true,
    },
    [sumBy("family", ofScrape("driftd_metrics_series")), "{{family}}"],
  ),
  stat(
    {
      title: "Series refused in the last hour",
      description:
        "Writes that metrics.max_series refused. Over the cap whole families go, in a fixed order: panels that need them show no data. Raise the cap, or set metrics.features to drifted.",
      unit: "none",
      width: 4,
      height: 7,
      thresholds: anyIs(COLOURS.warning),
    },
    [`sum(increase(${ofScrape("driftd_metrics_series_dropped_total")}[1h]))`, "refused"],
  ),
  timeseries(
    {
      title: "Scrape",
      description:
        "Time to make the page, and time of the whole scrape as Prometheus saw it. Above Prometheus's scrape_timeout (10 s by default) everything is lost.",
      unit: "s",
      width: 10,
      height: 7,
      thresholds: steps("transparent", [10, COLOURS.critical]),
    },
    [ofScrape("driftd_metrics_render_duration_seconds"), "{{instance}} rendered"],
    [ofDaemon(ofScrape("scrape_duration_seconds")), "{{instance}} scraped"],
  ),
];

const versions: readonly Panel[] = [
  timeseries(
    {
      title: "Versions of driftd",
      description: "Which driftd runs where. Two at once: a roll-out is going on, or stuck.",
      unit: "none",
      width: 24,
      height: 5,
    },
    [
      `count by (version, revision, nodejs_version) (${ofScrape("driftd_build_info")})`,
      "driftd {{version}} ({{revision}}), Node {{nodejs_version}}",
    ],
  ),
];

/** Rows for the page of the pipeline. */
export const processRows: readonly Row[] = [
  { title: "Store", collapsed: true, panels: store },
  { title: "Process", collapsed: true, panels: process },
  { title: "Metrics", collapsed: true, panels: metrics },
  { title: "Versions", collapsed: true, panels: versions },
];
