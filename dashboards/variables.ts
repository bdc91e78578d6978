/** The variables that a reader chooses by, each asked of Prometheus and narrowed by those before it. */

import { DATASOURCE, type Json } from "./grafana.ts";
import { DRIFTD_URL } from "./links.ts";

/** Which series a variable's values come from. */
type Asked = {
  readonly name: string;
  readonly label: string;
  readonly metric: string;
  readonly of: string;
  readonly matchers?: readonly string[];
};

/** Of all daemons that the data source knows. */
const dataSource: Json = {
  type: "datasource",
  name: "datasource",
  label: "Data source",
  query: "prometheus",
  regex: "",
  hide: 0,
  includeAll: false,
  multi: false,
  options: [],
  current: {},
  refresh: 1,
};

/** Several values, or all. Records without a version have none on their series, which `.+` would pass over: hence `.*` for all but the scrape's labels. */
function several(asked: Asked, all: ".+" | ".*" = ".*"): Json {
  return { ...query(asked), multi: true, includeAll: true, allValue: all, current: { selected: true, text: ["All"], value: ["$__all"] } };
}

function one(asked: Asked): Json {
  return { ...query(asked), multi: false, includeAll: false, current: {} };
}

function query({ name, label, metric, of, matchers = [] }: Asked): Json {
  const text = `label_values(${metric}${matchers.length === 0 ? "" : `{${matchers.join(",")}}`}, ${of})`;
  return {
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    definition: text,
    query: { qryType: 1, query: text, refId: "PrometheusVariableQueryEditor-VariableQuery" },
    regex: "",
    hide: 0,
    options: [],
    refresh: 2, // when the time changes
    skipUrlSync: false,
    sort: 1,
  };
}

const driftd: Json = {
  type: "textbox",
  name: "driftd",
  label: "driftd at",
  query: DRIFTD_URL,
  current: { selected: true, text: DRIFTD_URL, value: DRIFTD_URL },
  options: [{ selected: true, text: DRIFTD_URL, value: DRIFTD_URL }],
  hide: 0,
  skipUrlSync: false,
};

/** Matchers of the scrape: in every query. */
export const SCRAPE = ['job=~"$job"', 'instance=~"$instance"'] as const;
/** Matchers of what is shown of a model. */
export const MODEL = [...SCRAPE, 'model=~"$model"'] as const;
export const VERSION = [...MODEL, 'version=~"$version"'] as const;

/** The data source and the daemon: first on every dashboard. */
export const scrapeVariables: readonly Json[] = [
  dataSource,
  several({ name: "job", label: "Job", metric: "driftd_build_info", of: "job" }, ".+"),
  several({ name: "instance", label: "Instance", metric: "driftd_build_info", of: "instance", matchers: ['job=~"$job"'] }, ".+"),
];

/** Last on every dashboard: where its links lead. */
export const addressVariable: Json = driftd;

const model: Asked = { name: "model", label: "Model", metric: "driftd_evaluation_interval_seconds", of: "model", matchers: SCRAPE };
const topic: Asked = { name: "topic", label: "Topic", metric: "driftd_messages_dropped_total", of: "topic", matchers: SCRAPE };
const target: Asked = { name: "target", label: "Target", metric: "driftd_webhook_attempts_total", of: "target", matchers: SCRAPE };
const version: Asked = { name: "version", label: "Version", metric: "driftd_model_verdict", of: "version", matchers: MODEL };
const window: Asked = { name: "window", label: "Window", metric: "driftd_model_verdict", of: "window", matchers: VERSION };
const feature: Asked = { name: "feature", label: "Feature", metric: "driftd_feature_drifted", of: "feature", matchers: VERSION };
const statistic: Asked = { name: "statistic", label: "Statistic", metric: "driftd_drift_score", of: "statistic", matchers: VERSION };

export const variables = {
  models: several(model),
  topics: several(topic),
  targets: several(target),
  versions: several(version),
  windows: several(window),
  statistics: several(statistic),
  oneModel: one(model),
  oneFeature: one(feature),
} as const;
