/** One feature of one model: its scores beside their limits, its values, and what it is judged by. */

import { modelAnnotations } from "./annotations.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { siblings, toDriftd, UIDS } from "./links.ts";
import { COLOURS, dashed, limitSteps, stateMappings, steps, verdictMappings } from "./look.ts";
import { column, stat, table, timeline, timeseries } from "./panels.ts";
import {
  coloured,
  featureState,
  IN_VIEW,
  maxBy,
  ofModel,
  ofReference,
  ofVersion,
  rate,
  select,
  shareOfLimit,
  windowState,
} from "./queries.ts";
import { addressVariable, MODEL, scrapeVariables, variables } from "./variables.ts";

const THIS = 'feature=~"$feature"';
const [WINDOW, STATISTIC] = IN_VIEW;
const ofFeature = (metric: string, ...more: readonly string[]) => ofVersion(metric, THIS, ...more);
/** Limits have no version. */
const limit = (severity: string) => maxBy("statistic", select("driftd_drift_threshold", MODEL, THIS, STATISTIC, `severity="${severity}"`));
const links = toDriftd("series");

const atAGlance: readonly Panel[] = [
  stat(
    {
      title: "State",
      description: "driftd's own verdict on the feature, after it was sustained. Purple: nothing can be told now, so nothing is said.",
      unit: "none",
      width: 4,
      height: 4,
      mappings: stateMappings,
      links,
    },
    [featureState(THIS), "{{version}}"],
  ),
  stat(
    {
      title: "Share of its limit",
      description:
        "The share of its limit that the farthest statistic reaches in every chosen window. Orange at 100 %: over the limit, and yet not drift. Red: drift.",
      unit: "percentunit",
      width: 4,
      height: 4,
      decimals: 0,
      thresholds: limitSteps,
      links,
    },
    [coloured(IN_VIEW, [THIS]), "{{version}}"],
  ),
  stat(
    {
      title: "Missing now",
      description:
        "Share of the window's records without a value, the worst of the chosen windows. Whether that is too much is judged against the reference's own share.",
      unit: "percentunit",
      width: 4,
      height: 4,
      decimals: 2,
    },
    [maxBy("version", ofFeature("driftd_feature_missing_ratio", WINDOW)), "{{version}}"],
  ),
  table(
    {
      title: "What it is, and where its limits come from",
      description:
        "Role and kind of the feature. Origin of the limits by window: own days, hours of the day or weekdays of the reference (calibrated), a tolerance, the false-alarm budget, or fixed by the configuration.",
      unit: "none",
      width: 12,
      height: 4,
      hidden: ["Value"],
      columns: [
        { field: "version", title: "version" },
        { field: "window", title: "window" },
        { field: "role", title: "role" },
        { field: "kind", title: "kind" },
        { field: "origin", title: "limits from" },
      ],
    },
    `${maxBy("model, feature, version, window, origin", ofFeature("driftd_drift_threshold_info", WINDOW))} * on (model, feature) group_left (role, kind) ${maxBy("model, feature, role, kind", ofModel("driftd_feature_info", THIS))}`,
  ),
];

const drift: readonly Panel[] = [
  timeline(
    {
      title: "Verdict over time",
      description: "driftd's sustained verdict on the feature: the one that asks for retraining.",
      width: 12,
      height: 5,
      links,
    },
    [featureState(THIS), "{{version}}"],
  ),
  timeline(
    {
      title: "Verdict of each window of the model",
      description:
        "What each window says about the whole model, before it is sustained. Where it is purple, the scores below are missing for a reason.",
      width: 12,
      height: 5,
      mappings: verdictMappings,
    },
    [windowState, "{{version}} · {{window}}"],
  ),
  timeseries(
    {
      title: "Short against long windows",
      description:
        "The score as a share of its limit, a line for each window. Short ones jump first and are noisy; when the long ones follow, it lasts. Above the dashed line is not always drift: a calibrated limit here is the least effect that matters, and the shift must also be greater than what the reference's own days show at that hour.",
      unit: "percentunit",
      width: 24,
      height: 8,
      decimals: 0,
      thresholds: steps("transparent", [1, COLOURS.critical]),
      lines: "dashed",
      links,
    },
    [maxBy("version, statistic, window", shareOfLimit([THIS, ...IN_VIEW])), "{{version}} · {{statistic}} · {{window}}"],
  ),
];

const scores: readonly Panel[] = [
  timeseries(
    {
      title: "Score: $statistic",
      description:
        "The score in its own unit (psi and kl in nats, ks 0 to 1; psi_excess is psi less its noise, and is what calibrated limits are held against) with its limits dashed. Without a dashed line the statistic has no limit and decides nothing. Above it driftd still asks whether it is more than noise.",
      unit: "none",
      width: 24,
      height: 8,
      repeat: "statistic",
      links,
      overrides: [dashed("^warning.*", COLOURS.warning), dashed("^critical.*", COLOURS.critical)],
    },
    [maxBy("version, statistic, window", ofFeature("driftd_drift_score", ...IN_VIEW)), "{{version}} · {{statistic}} · {{window}}"],
    [limit("warning"), "warning, {{statistic}}"],
    [limit("critical"), "critical, {{statistic}}"],
  ),
];

const values: readonly Panel[] = [
  timeseries(
    {
      title: "Missing values",
      description: "Share of the window's records without a value.",
      unit: "percentunit",
      width: 8,
      height: 8,
      links,
    },
    [maxBy("version, window", ofFeature("driftd_feature_missing_ratio", WINDOW)), "{{version}} · {{window}}"],
  ),
  timeseries(
    {
      title: "Values that could not be judged",
      description: "Values a second that were missing, of a wrong type or not finite, and categories that the reference does not have.",
      unit: "cps",
      width: 8,
      height: 8,
      stacked: true,
    },
    [`sum by (reason) (${rate(ofModel("driftd_feature_invalid_values_total", THIS))})`, "{{reason}}"],
  ),
  timeseries(
    {
      title: "Checks of quality",
      description: "Share of the window's rows or values that a check of quality is about. What is 0 has no line.",
      unit: "percentunit",
      width: 8,
      height: 8,
    },
    [maxBy("version, check, window", ofFeature("driftd_feature_quality_ratio", WINDOW)), "{{version}} · {{check}} · {{window}}"],
  ),
];

const behind: readonly Panel[] = [
  timeseries(
    {
      title: "Records of the window",
      description: "How many records each verdict rests on. Thin windows get no verdict.",
      unit: "short",
      width: 12,
      height: 8,
    },
    [maxBy("version, window", ofVersion("driftd_window_samples", WINDOW)), "{{version}} · {{window}}"],
  ),
  table(
    {
      title: "Reference",
      description: "The snapshot that the feature is judged by.",
      unit: "none",
      width: 12,
      height: 8,
      columns: [
        { field: "version", title: "version" },
        { field: "reference", title: "reference" },
        { field: "digest", title: "digest" },
        { field: "Value #A", title: "records", properties: column.unit("short") },
        { field: "Value #B", title: "built", properties: column.unit("dateTimeAsIso") },
      ],
    },
    ofReference("version", ofVersion("driftd_reference_samples")),
    `1000 * ${ofReference("version", ofVersion("driftd_reference_created_timestamp_seconds"))}`,
  ),
];

/** Feature detail. */
export const featureDetail: Dashboard = {
  uid: UIDS.feature,
  title: "driftd / Feature detail",
  description: "One feature of one model: scores beside their limits, the values, and what they are judged by.",
  variables: [
    ...scrapeVariables,
    variables.oneModel,
    variables.versions,
    variables.oneFeature,
    variables.statistics,
    variables.windows,
    addressVariable,
  ],
  annotations: modelAnnotations,
  links: siblings,
  rows: [
    { panels: [...atAGlance, ...drift] },
    { title: "Scores and their limits", panels: scores },
    { title: "Values", panels: values },
    { title: "What the verdict rests on", collapsed: true, panels: behind },
  ],
};
