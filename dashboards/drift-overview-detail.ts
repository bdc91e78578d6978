/** The lower part of the overview: drift over time, and folded away every feature, the quality of the data, how many records came, the references. */

import type { Panel, Row } from "./grafana.ts";
import { toDriftd, toFeature, toModel } from "./links.ts";
import { COLOURS, limitSteps, stateMappings, steps, verdictMappings } from "./look.ts";
import { column, history, table, timeline, timeseries } from "./panels.ts";
import { coloured, FEATURE, farthest, featureState, IN_VIEW, maxBy, ofModel, ofReference, ofVersion, windowState } from "./queries.ts";

/** Where a feature's series leads. */
export const featureLinks = [toFeature("series"), ...toDriftd("series")];
/** Seconds since the time that a gauge of models and versions holds. */
export const age = (metric: string) => `time() - ${maxBy("model, version", ofVersion(metric))}`;

/** The features that came nearest to their limit, or went farthest over it, in the time shown. */
const inSight = `topk(20, ${farthest(IN_VIEW, "[$__range] @ end()")})`;

const overTime: readonly Panel[] = [
  history(
    {
      title: "Score as a share of its limit",
      description:
        "Feature by time: the 20 features that came farthest, in one colour scale for all statistics; of the chosen windows the least share counts, so that a thin hour alone does not colour it. Yellow begins at a fifth of the critical limit, where calibrated limits put the warning; orange is over it and not drift; red is drift. A gap: no score.",
      unit: "percentunit",
      width: 24,
      height: 11,
      decimals: 0,
      thresholds: limitSteps,
      links: featureLinks,
    },
    [`(${coloured()}) and on (${FEATURE}) (${inSight})`, "{{model}} {{version}} · {{feature}}"],
  ),
  timeline(
    {
      title: "Verdict of each window",
      description:
        "Each window's last verdict, before it is sustained. Short windows see breaks, long ones slow drift. Purple: too few records, no reference, or another reason to say nothing.",
      width: 24,
      height: 8,
      mappings: verdictMappings,
      links: toModel("series"),
    },
    [windowState, "{{model}} {{version}} · {{window}}"],
  ),
  timeseries(
    {
      title: "Share of features in drift",
      description:
        "Features in drift, of those that are judged. One feature is a matter of that feature; many at once are a matter of the whole input.",
      unit: "percentunit",
      width: 12,
      height: 8,
      min: 0,
      max: 1,
      links: toModel("series"),
    },
    [
      `${maxBy("model, version", `sum without (severity) (${ofVersion("driftd_model_drifted_features")})`)} / ${maxBy("model, version", ofVersion("driftd_model_features"))}`,
      "{{model}} {{version}}",
    ],
  ),
  timeseries(
    {
      title: "Farthest feature of each model",
      description:
        "The share of its limit that the farthest feature reaches in every chosen window; beyond the dashed line only with a verdict of drift.",
      unit: "percentunit",
      width: 12,
      height: 8,
      decimals: 0,
      thresholds: steps("transparent", [1, COLOURS.critical]),
      lines: "dashed",
      links: toModel("series"),
    },
    [maxBy("model, version", coloured()), "{{model}} {{version}}"],
  ),
];

const everyFeature: readonly Panel[] = [
  table(
    {
      title: "Features",
      sortBy: "farthest",
      description:
        "Every feature of the chosen models with its state, its farthest score and its missing values. Click a feature for its page, or for both distributions.",
      unit: "none",
      width: 24,
      height: 12,
      columns: [
        { field: "model", title: "model" },
        { field: "version", title: "version" },
        { field: "feature", title: "feature", properties: column.links([toFeature("row"), ...toDriftd("row")]) },
        { field: "Value #A", title: "state", properties: column.filled(stateMappings) },
        { field: "Value #B", title: "farthest", properties: [...column.unit("percentunit", 0), ...column.coloured(limitSteps)] },
        { field: "Value #C", title: "missing", properties: column.unit("percentunit", 1) },
      ],
    },
    featureState(),
    coloured(),
    maxBy(FEATURE, ofVersion("driftd_feature_missing_ratio", IN_VIEW[0])),
  ),
];

const quality: readonly Panel[] = [
  table(
    {
      title: "Checks that fail",
      description: "Features and checks of quality that fail now, or have failed and are fine again. Only what has failed once is here.",
      unit: "none",
      width: 12,
      height: 8,
      columns: [
        { field: "model", title: "model" },
        { field: "version", title: "version" },
        { field: "feature", title: "feature", properties: column.links([toFeature("row"), ...toDriftd("row")]) },
        { field: "check", title: "check" },
        {
          field: "Value",
          title: "now",
          properties: column.filled([
            {
              type: "value",
              options: {
                "0": { text: "fine again", color: COLOURS.fine, index: 0 },
                "1": { text: "fails", color: COLOURS.warning, index: 1 },
              },
            },
          ]),
        },
      ],
    },
    maxBy(`${FEATURE}, check`, ofVersion("driftd_feature_quality_failed")),
  ),
  timeseries(
    {
      title: "Share of values that a check is about",
      description: "Rows or values of the window that a check of quality is about, the twenty largest. What is 0 has no line.",
      unit: "percentunit",
      width: 12,
      height: 8,
      min: 0,
      links: featureLinks,
    },
    [
      `topk(20, ${maxBy(`${FEATURE}, check, window`, ofVersion("driftd_feature_quality_ratio", IN_VIEW[0]))})`,
      "{{model}} {{version}} · {{feature}} · {{check}} · {{window}}",
    ],
  ),
];

const records: readonly Panel[] = [
  timeseries(
    {
      title: "Records of the shortest window, and what is usual",
      description:
        "Records in the last window against what is usual at its hour, of all versions. Dashed: usual; absent while too little traffic is known to tell.",
      unit: "short",
      width: 8,
      height: 8,
      overrides: [
        {
          matcher: { id: "byRegexp", options: ".* usual$" },
          properties: [{ id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } }],
        },
      ],
    },
    [
      `sum by (model, window) (${maxBy("model, version, window", ofModel("driftd_window_samples"))}) and on (model, window) ${ofModel("driftd_window_expected_records")}`,
      "{{model}} {{window}}",
    ],
    [`max by (model, window) (${ofModel("driftd_window_expected_records")})`, "{{model}} {{window}} usual"],
  ),
  timeseries(
    {
      title: "Distance from usual traffic",
      description:
        "In deviations of healthy traffic at this hour; 0 is inside of it. Far below: records are lost on the way. Far above: they come twice.",
      unit: "none",
      width: 8,
      height: 8,
      decimals: 1,
    },
    [maxBy("model, version", ofVersion("driftd_volume_z")), "{{model}} {{version}}"],
  ),
  timeseries(
    {
      title: "Repeated ids",
      description: "Share of the window's records whose id was seen before: a producer that sends twice. Absent where records have no id.",
      unit: "percentunit",
      width: 8,
      height: 8,
    },
    [maxBy("model, version, window", ofVersion("driftd_window_repeated_ids_ratio", IN_VIEW[0])), "{{model}} {{version}} · {{window}}"],
  ),
];

const references: readonly Panel[] = [
  table(
    {
      title: "References in force",
      description: "The snapshot that each version is judged by, and how old it is.",
      unit: "none",
      width: 24,
      height: 7,
      columns: [
        { field: "model", title: "model", properties: column.links(toModel("row")) },
        { field: "version", title: "version" },
        { field: "reference", title: "reference" },
        { field: "digest", title: "digest" },
        { field: "Value #A", title: "records", properties: column.unit("short") },
        { field: "Value #B", title: "age", properties: column.unit("s", 0) },
      ],
    },
    ofReference("model, version", ofVersion("driftd_reference_samples")),
    `time() - ${ofReference("model, version", ofVersion("driftd_reference_created_timestamp_seconds"))}`,
  ),
  timeseries(
    {
      title: "Distance from the first reference",
      description:
        "Of references that are renewed: how far today's traffic has moved from the first one, the twenty farthest features. A drift that comes slowly shows here and nowhere else.",
      unit: "none",
      width: 24,
      height: 8,
      decimals: 3,
      links: featureLinks,
    },
    [`topk(20, ${maxBy(FEATURE, ofVersion("driftd_reference_distance"))})`, "{{model}} {{version}} · {{feature}}"],
  ),
];

/** Rows for the overview. */
export const overviewDetail: readonly Row[] = [
  { title: "Over time", panels: overTime },
  { title: "Every feature", collapsed: true, panels: everyFeature },
  { title: "Quality of the data", collapsed: true, panels: quality },
  { title: "Records against what is usual", collapsed: true, panels: records },
  { title: "References", collapsed: true, panels: references },
];
