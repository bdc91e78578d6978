/** What driftd asked for, what it held back and why, and whether anybody heard it. */

import { actionAnnotations } from "./annotations.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { siblings, toDeliveries, toModel, UIDS } from "./links.ts";
import { anyIs, COLOURS, steps, yesNo } from "./look.ts";
import { column, stat, table, timeline, timeseries } from "./panels.ts";
import { increase, maxBy, modelState, ofModel, ofScrape, quantile, rate, select, sumBy } from "./queries.ts";
import { addressVariable, MODEL, SCRAPE, scrapeVariables, variables } from "./variables.ts";

const ofTarget = (metric: string, ...more: readonly string[]) => select(metric, SCRAPE, 'target=~"$target"', ...more);
const targetLinks = [toDeliveries("series")];

const atAGlance: readonly Panel[] = [
  stat(
    {
      title: "Retrainings asked for, last 24 h",
      description:
        "Requests that passed every guard. Several a day for one model: retraining does not help, or the reference was not replaced after it.",
      unit: "none",
      width: 5,
      height: 4,
      decimals: 0,
    },
    [`sum(increase(${ofModel("driftd_actions_triggered_total", 'action="retrain"')}[24h]))`, "asked for"],
  ),
  stat(
    {
      title: "Held back, last 24 h",
      description: "Requests that a guard held back; by reason below.",
      unit: "none",
      width: 5,
      height: 4,
      decimals: 0,
    },
    [`sum(increase(${ofModel("driftd_actions_suppressed_total", 'action="retrain"')}[24h]))`, "held back"],
  ),
  stat(
    {
      title: "Waiting",
      description: "Messages in the outbox.",
      unit: "none",
      width: 5,
      height: 4,
      thresholds: anyIs(COLOURS.near),
    },
    [`sum(${maxBy("target", ofTarget("driftd_webhook_queue_length"))})`, "waiting"],
  ),
  stat(
    {
      title: "Given up",
      description:
        "Messages that were not accepted within their attempts and their time. Look at them with `driftd deliveries`, and send them again once the target is well.",
      unit: "none",
      width: 5,
      height: 4,
      thresholds: anyIs(COLOURS.critical),
    },
    [`sum(${maxBy("target", ofTarget("driftd_webhook_dead_letters"))})`, "given up"],
  ),
  stat(
    {
      title: "Attempts that failed",
      description: "Share of the delivery attempts of the last hour that failed. No attempts: no value.",
      unit: "percentunit",
      width: 4,
      height: 4,
      decimals: 0,
      thresholds: steps(COLOURS.neutral, [0.1, COLOURS.near], [0.5, COLOURS.critical]),
    },
    [
      `sum(increase(${ofTarget("driftd_webhook_attempt_failures_total")}[1h])) / (sum(increase(${ofTarget("driftd_webhook_attempts_total")}[1h])) > 0)`,
      "failed",
    ],
  ),
];

const targets = table(
  {
    title: "Targets",
    description:
      "Every target with what waits for it, what was given up, and when it last accepted something. Click a target for its messages.",
    unit: "none",
    width: 24,
    height: 7,
    columns: [
      { field: "target", title: "target", properties: column.links([toDeliveries("row")]) },
      { field: "Value #A", title: "waiting", properties: column.coloured(anyIs(COLOURS.near)) },
      { field: "Value #B", title: "oldest waits", properties: column.unit("s", 0) },
      { field: "Value #C", title: "given up", properties: column.coloured(anyIs(COLOURS.critical)) },
      { field: "Value #D", title: "switched off", properties: column.filled(yesNo("no", "said 410")) },
      { field: "Value #E", title: "accepted, ago", properties: column.unit("s", 0) },
      { field: "Value #F", title: "attempts, 24 h", properties: column.unit("short", 0) },
      { field: "Value #G", title: "failed, 24 h", properties: [...column.unit("short", 0), ...column.coloured(anyIs(COLOURS.warning))] },
    ],
  },
  maxBy("target", ofTarget("driftd_webhook_queue_length")),
  `time() - ${maxBy("target", ofTarget("driftd_webhook_oldest_pending_timestamp_seconds"))}`,
  maxBy("target", ofTarget("driftd_webhook_dead_letters")),
  maxBy("target", ofTarget("driftd_webhook_target_disabled")),
  `time() - ${maxBy("target", ofTarget("driftd_webhook_last_success_timestamp_seconds"))}`,
  `sum by (target) (increase(${ofTarget("driftd_webhook_attempts_total")}[24h]))`,
  `sum by (target) (increase(${ofTarget("driftd_webhook_attempt_failures_total")}[24h]))`,
);

const decisions: readonly Panel[] = [
  timeline(
    {
      title: "Models",
      description: "What the actions below answer to: the state of each model, by driftd's own verdict. Purple: nothing could be told.",
      width: 24,
      height: 6,
      links: toModel("series"),
    },
    [modelState(MODEL), "{{model}} {{version}}"],
  ),
  timeseries(
    {
      title: "Asked for",
      description: "Actions in each step of the picture.",
      unit: "none",
      width: 12,
      height: 8,
      bars: true,
      stacked: true,
      links: toModel("series"),
    },
    [sumBy("model, action", increase(ofModel("driftd_actions_triggered_total"))), "{{model}} {{action}}"],
  ),
  timeseries(
    {
      title: "Held back, by reason",
      description:
        "Actions that a guard held back. below_severity: only critical drift asks. quality: the data is broken, so retraining on it would not help. repeat_interval, in_progress, daily_limit, paused, dry_run: as configured. stale: the window is too old to act on.",
      unit: "none",
      width: 12,
      height: 8,
      bars: true,
      stacked: true,
      links: toModel("series"),
    },
    [sumBy("model, reason", increase(ofModel("driftd_actions_suppressed_total"))), "{{model}} {{reason}}"],
  ),
];

const delivery: readonly Panel[] = [
  timeseries(
    {
      title: "Attempts",
      description: "Delivery attempts in each step of the picture.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
      stacked: true,
      links: targetLinks,
    },
    [sumBy("target", increase(ofTarget("driftd_webhook_attempts_total"))), "{{target}}"],
  ),
  timeseries(
    {
      title: "Attempts that failed, by reason",
      description:
        "connection, tls, timeout: the way there. http_5xx, rate_limited: the target, and it is tried again. http_4xx, body: what driftd says is refused. secret: the file with the secret cannot be read. gone: the target said 410.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
      stacked: true,
      links: targetLinks,
    },
    [sumBy("target, reason", increase(ofTarget("driftd_webhook_attempt_failures_total"))), "{{target}} {{reason}}"],
  ),
  timeseries(
    {
      title: "Time of an attempt",
      description: "95th percentile. An attempt ends at the target's timeout (15 s by default).",
      unit: "s",
      width: 8,
      height: 8,
      links: targetLinks,
    },
    [quantile(0.95, "target", ofTarget("driftd_webhook_attempt_duration_seconds_bucket")), "{{target}}"],
  ),
  timeseries(
    {
      title: "Waiting and given up",
      description: "Messages in the outbox and dead letters, by target.",
      unit: "none",
      width: 12,
      height: 8,
      links: targetLinks,
    },
    [maxBy("target", ofTarget("driftd_webhook_queue_length")), "{{target}} waiting"],
    [maxBy("target", ofTarget("driftd_webhook_dead_letters")), "{{target}} given up"],
  ),
  timeseries(
    {
      title: "Lines written beside",
      description: "Lines of the event log, and lines about outlying records, a second.",
      unit: "cps",
      width: 12,
      height: 8,
    },
    [`sum(${rate(ofScrape("driftd_event_log_lines_total"))})`, "event log"],
    [sumBy("model", rate(ofModel("driftd_outlier_lines_total"))), "outliers of {{model}}"],
  ),
];

/** Actions. */
export const actions: Dashboard = {
  uid: UIDS.actions,
  title: "driftd / Actions",
  description: "What driftd asked for, what it held back and why, and whether it was delivered.",
  variables: [...scrapeVariables, variables.models, variables.targets, addressVariable],
  annotations: actionAnnotations,
  links: siblings,
  rows: [{ panels: [...atAGlance, targets] }, { title: "Decisions", panels: decisions }, { title: "Delivery", panels: delivery }],
};
