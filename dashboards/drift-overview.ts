/** The first page: which models are in drift, which cannot be judged, what fires, and where to go from here. */

import { modelAnnotations } from "./annotations.ts";
import { age, featureLinks, overviewDetail } from "./drift-overview-detail.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { siblings, toModel, toRunbook, UIDS } from "./links.ts";
import { anyIs, COLOURS, limitSteps, stateMappings, steps } from "./look.ts";
import { bargauge, column, stat, table, timeline } from "./panels.ts";
import { alerts, coloured, FEATURE, featureState, maxBy, modelState, ofScrape, ofVersion, rate, sumBy } from "./queries.ts";
import { addressVariable, scrapeVariables, variables } from "./variables.ts";

/** Features that were in drift at any time shown. */
const drifted = `${maxBy(FEATURE, `max_over_time(${ofVersion("driftd_feature_drifted")}[$__range] @ end())`)} > 0`;

const atAGlance: readonly Panel[] = [
  stat(
    {
      title: "Models in drift",
      description:
        "Models and versions of which at least one feature is in drift by driftd's own, sustained verdict. Which ones: the table below.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: anyIs(COLOURS.critical),
    },
    [`sum(${maxBy("model, version", ofVersion("driftd_model_drifted_features"))} > bool 0)`, "in drift"],
  ),
  stat(
    {
      title: "Features in drift",
      description: "Features in drift now over all chosen models, by severity: the verdict that asks for retraining.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: anyIs(COLOURS.warning),
      overrides: [{ matcher: { id: "byName", options: "critical" }, properties: [{ id: "thresholds", value: anyIs(COLOURS.critical) }] }],
    },
    [`sum by (severity) (${maxBy("model, version, severity", ofVersion("driftd_model_drifted_features"))})`, "{{severity}}"],
  ),
  stat(
    {
      title: "Models that cannot be judged",
      description:
        "No window has a verdict, the last one is over two hours old, the model is silent, or it has never been judged. No drift is seen there because nothing is seen. Why: the skipped evaluations in “Pipeline health”.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: anyIs(COLOURS.cannotTell),
    },
    [`sum((${modelState()}) == bool -1)`, "cannot tell"],
  ),
  stat(
    {
      title: "Features with bad data",
      description:
        "Features that fail a check of quality now: nulls, types, ranges, new categories, declared expectations. Quality is not drift and never asks for retraining.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: anyIs(COLOURS.warning),
    },
    [`sum(${maxBy("model, version", ofVersion("driftd_model_quality_failing_features"))})`, "failing"],
  ),
  stat(
    {
      title: "Oldest verdict",
      description:
        "Time since a window of the model that waits longest got a verdict. At the default windows every 5 minutes brings one where records come.",
      unit: "s",
      width: 4,
      height: 4,
      thresholds: steps(COLOURS.neutral, [1800, COLOURS.near], [7200, COLOURS.cannotTell]),
    },
    [`max(${age("driftd_last_evaluation_success_timestamp_seconds")})`, "oldest"],
  ),
  stat(
    {
      title: "Messages not delivered",
      description:
        "Messages to targets that wait in the outbox, and those that were given up. A retraining that nobody heard of is among them. Which: “Actions”.",
      unit: "none",
      width: 4,
      height: 4,
      thresholds: anyIs(COLOURS.near),
      overrides: [{ matcher: { id: "byName", options: "given up" }, properties: [{ id: "thresholds", value: anyIs(COLOURS.critical) }] }],
    },
    [`sum(${maxBy("target", ofScrape("driftd_webhook_queue_length"))})`, "waiting"],
    [`sum(${maxBy("target", ofScrape("driftd_webhook_dead_letters"))})`, "given up"],
  ),
];

const models = table(
  {
    title: "Models",
    sortBy: "state",
    description:
      "Every model and version, with what holds now. A state is driftd's own verdict; “farthest” is the share of its limit that the farthest feature reaches in every window, whatever the statistic. Click a model for its features, its actions, or driftd's own page.",
    unit: "none",
    width: 16,
    height: 9,
    columns: [
      { field: "model", title: "model", properties: column.links(toModel("row")) },
      { field: "version", title: "version" },
      { field: "Value #A", title: "state", properties: column.filled(stateMappings) },
      { field: "Value #B", title: "critical", properties: column.coloured(anyIs(COLOURS.critical)) },
      { field: "Value #C", title: "warning", properties: column.coloured(anyIs(COLOURS.warning)) },
      { field: "Value #D", title: "of features" },
      { field: "Value #E", title: "farthest", properties: [...column.unit("percentunit", 0), ...column.coloured(limitSteps)] },
      { field: "Value #F", title: "bad data", properties: column.coloured(anyIs(COLOURS.warning)) },
      { field: "Value #G", title: "records/s", properties: column.unit("cps") },
      { field: "Value #H", title: "last verdict", properties: column.unit("s", 0) },
      { field: "Value #I", title: "reference's age", properties: column.unit("s", 0) },
    ],
  },
  modelState(),
  maxBy("model, version", ofVersion("driftd_model_drifted_features", 'severity="critical"')),
  maxBy("model, version", ofVersion("driftd_model_drifted_features", 'severity="warning"')),
  maxBy("model, version", ofVersion("driftd_model_features")),
  maxBy("model, version", coloured()),
  maxBy("model, version", ofVersion("driftd_model_quality_failing_features")),
  sumBy("model, version", rate(ofVersion("driftd_records_total"))),
  age("driftd_last_evaluation_success_timestamp_seconds"),
  age("driftd_reference_created_timestamp_seconds"),
);

const firing = table(
  {
    title: "Alerts",
    description:
      "driftd's alerts in Prometheus, pending and firing. Each name leads to its page: what it means, how to look, what to do. Needs the rules of dashboards/rules; empty when none is active.",
    unit: "none",
    width: 8,
    height: 9,
    hidden: ["Value"],
    columns: [
      { field: "alertname", properties: column.links([toRunbook]) },
      { field: "severity", title: "severity" },
      { field: "alertstate", title: "state" },
      { field: "model", title: "model" },
      { field: "feature", title: "feature" },
    ],
  },
  `max by (alertname, severity, alertstate, model, feature) (${alerts})`,
);

const features: readonly Panel[] = [
  bargauge(
    {
      title: "Farthest from the reference now",
      description:
        "The ten features whose scores reach the greatest share of their limit in every chosen window. Orange at 100 %: over the limit, and yet not drift, for it is within what is usual, or has not lasted. Red: drift by driftd's verdict.",
      unit: "percentunit",
      width: 8,
      height: 10,
      decimals: 0,
      min: 0,
      max: 1.5,
      thresholds: limitSteps,
      links: featureLinks,
    },
    [`sort_desc(topk(10, ${coloured()}))`, "{{model}} {{version}} · {{feature}}"],
  ),
  timeline(
    {
      title: "Features that were in drift",
      description:
        "driftd's own verdict over the time shown, of the features that were in drift at any moment of it. Purple: nothing could be told. Empty: none was in drift.",
      width: 16,
      height: 10,
      links: featureLinks,
    },
    [`(${featureState()}) and on (${FEATURE}) (${drifted})`, "{{model}} {{version}} · {{feature}}"],
  ),
];

/** Drift overview. */
export const driftOverview: Dashboard = {
  uid: UIDS.overview,
  title: "driftd / Drift overview",
  description: "Which models are in drift, which cannot be judged, and what fires.",
  variables: [...scrapeVariables, variables.models, variables.versions, variables.windows, variables.statistics, addressVariable],
  annotations: modelAnnotations,
  links: siblings,
  rows: [{ panels: [...atAGlance, models, firing, ...features] }, ...overviewDetail],
};
