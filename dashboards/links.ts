/** Where the dashboards lead: to each other, to driftd's own page and API, to the page of an alert. */

import { type Json, TAG, variable } from "./grafana.ts";

/** Where people read dashboards/runbooks/, one file for each alert: the same address as in the rules, to be replaced in both by the same `sed`. */
const RUNBOOKS = "https://driftd.example/runbooks";

/** Where a browser reaches driftd: the value of the variable `driftd` until the reader writes another into it. */
export const DRIFTD_URL = "http://localhost:9465";

const DRIFTD = variable("driftd");

/** Identities of the dashboards. */
export const UIDS = {
  overview: "driftd-overview",
  feature: "driftd-feature",
  pipeline: "driftd-pipeline",
  actions: "driftd-actions",
} as const;

/** The others of the four, with the time and the variables of this one. */
export const siblings: readonly Json[] = [
  {
    type: "dashboards",
    title: "driftd",
    tags: [TAG],
    asDropdown: false,
    icon: "external link",
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    tooltip: "",
    url: "",
  },
  {
    type: "link",
    title: "driftd's own page",
    icon: "external link",
    asDropdown: false,
    includeVars: false,
    keepTime: false,
    tags: [],
    targetBlank: true,
    tooltip: "Both distributions of every feature, and why each verdict is what it is",
    url: `${DRIFTD}/`,
  },
];

/** How a link finds the labels of what was clicked: by the series' labels, or by the row of a table. */
type From = "series" | "row";

const label = (from: From, name: string) => variable(`${from === "series" ? "__field.labels" : "__data.fields"}.${name}`, "percentencode");
const kept = [
  `var-datasource=${variable("datasource")}`,
  variable("job", "queryparam"),
  variable("instance", "queryparam"),
  `var-driftd=${variable("driftd", "percentencode")}`,
  variable("__url_time_range"),
].join("&");

/** To the page of one feature, in Grafana. */
export function toFeature(from: From): Json {
  const model = `var-model=${label(from, "model")}&var-version=${label(from, "version")}&var-feature=${label(from, "feature")}`;
  return link("Feature in detail", `/d/${UIDS.feature}?${model}&${kept}`, false);
}

/** To the pages of a model: its features and its actions in Grafana, itself in driftd. */
export function toModel(from: From): readonly Json[] {
  const [model, version] = [label(from, "model"), label(from, "version")];
  return [
    link("Its features in detail", `/d/${UIDS.feature}?var-model=${model}&var-version=${version}&${kept}`, false),
    link("What was done about it", `/d/${UIDS.actions}?var-model=${model}&${kept}`, false),
    link("On driftd's page", `${DRIFTD}/#model=${model}&version=${version}`),
    link("In driftd's API", `${DRIFTD}/api/v1/models/${model}`),
  ];
}

/** To one feature in driftd: with both distributions and every gate. */
export function toDriftd(from: From): readonly Json[] {
  const [model, version, feature] = [label(from, "model"), label(from, "version"), label(from, "feature")];
  return [
    link("Both distributions, on driftd's page", `${DRIFTD}/#model=${model}&version=${version}&feature=${feature}`),
    link("Every gate with its limit, in driftd's API", `${DRIFTD}/api/v1/models/${model}/features/${feature}?version=${version}`),
  ];
}

/** To the requests for retraining a model. */
export function toRequests(from: From): Json {
  return link("Its requests, in driftd's API", `${DRIFTD}/api/v1/retrain?model=${label(from, "model")}`);
}

/** To the messages of an output. */
export function toDeliveries(from: From): Json {
  return link("Its messages, in driftd's API", `${DRIFTD}/api/v1/deliveries?output=${label(from, "target")}`);
}

/** To the page of the alert of a table's row. */
export const toRunbook: Json = link("What it means and what to do", `${RUNBOOKS}/${variable("__data.fields.alertname")}.md`);

function link(title: string, url: string, targetBlank = true): Json {
  return { title, url, targetBlank };
}
