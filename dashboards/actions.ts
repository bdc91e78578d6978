/** What driftd asked for, what it held back and why, and whether anybody heard it. */

import { deliveryRow, ofTarget } from "./actions-delivery.ts";
import { actionAnnotations } from "./annotations.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { siblings, toDeliveries, toModel, toRequests, UIDS } from "./links.ts";
import { anyIs, COLOURS, steps, yesNo } from "./look.ts";
import { column, stat, table, timeline, timeseries } from "./panels.ts";
import { counted, increase, maxBy, modelState, ofModel, ofScrape, sumBy } from "./queries.ts";
import { addressVariable, MODEL, scrapeVariables, variables } from "./variables.ts";

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
  `time() - ${maxBy("target", ofTarget("driftd_webhook_oldest_pending_timestamp_seconds"))} or 0 * ${maxBy("target", ofTarget("driftd_webhook_queue_length"))}`,
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
    [counted("model, reason", increase(ofModel("driftd_actions_suppressed_total"))), "{{model}} {{reason}}"],
  ),
];

const requests: readonly Panel[] = [
  timeseries(
    {
      title: "Open requests",
      description:
        "Retrain requests that something can still come of. awaiting_approval: somebody has to approve. requested: no word from the pipeline yet. running: it said so. While one is open, in_progress holds back the next.",
      unit: "none",
      width: 12,
      height: 8,
      stacked: true,
      links: [toRequests("series"), ...toModel("series")],
    },
    [maxBy("model, status", ofModel("driftd_retrain_requests")), "{{model}} {{status}}"],
  ),
  timeseries(
    {
      title: "Finished requests",
      description:
        "Requests that came to an end, in each step of the picture. failed: the pipeline said so, or every delivery was given up. timed_out: nothing was heard within in_progress_timeout. cancelled: the drift was over before anybody was asked.",
      unit: "none",
      width: 12,
      height: 8,
      bars: true,
      stacked: true,
      links: [toRequests("series"), ...toModel("series")],
    },
    [counted("model, status", increase(ofModel("driftd_retrain_finished_total"))), "{{model}} {{status}}"],
  ),
  timeline(
    {
      title: "Paused models",
      description: "Where retraining is paused, by the configuration or over the API: drift is judged and shown, and nobody is asked.",
      width: 12,
      height: 6,
      mappings: yesNo("not paused", "paused", COLOURS.near),
      links: [toRequests("series"), ...toModel("series")],
    },
    [maxBy("model", ofModel("driftd_retrain_paused")), "{{model}}"],
  ),
  timeseries(
    {
      title: "Alerts that came in",
      description:
        "Alerts received from Alertmanager, in each step, by what came of them. unlabelled, unknown_model, not_configured: the route sends what driftd cannot use.",
      unit: "none",
      width: 12,
      height: 6,
      bars: true,
      stacked: true,
    },
    [sumBy("outcome", increase(ofScrape("driftd_trigger_alerts_total"))), "{{outcome}}"],
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
  rows: [
    { panels: [...atAGlance, targets] },
    { title: "Decisions", panels: decisions },
    { title: "Requests", panels: requests },
    deliveryRow,
  ],
};
