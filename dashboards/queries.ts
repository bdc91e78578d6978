/**
 * The PromQL that more than one panel needs, composed of small pieces. No recording rule is used: the dashboards work where only the scrape is set up.
 *
 * Series of several instances (a pod that was renamed, a stand-by) fall together by `max`; what is counted is added.
 */

import { STATE } from "./look.ts";
import { MODEL, SCRAPE, VERSION } from "./variables.ts";

/** What tells one feature from another. */
export const FEATURE = "model, version, feature";

/** An instant selector. */
export function select(metric: string, matchers: readonly string[], ...more: readonly string[]): string {
  return `${metric}{${[...matchers, ...more].join(",")}}`;
}

/** Of the daemon itself. */
export const ofScrape = (metric: string, ...more: readonly string[]) => select(metric, SCRAPE, ...more);
/** What other jobs have too (`process_*`, `up`), of driftd alone: with “All” the matchers take whatever Prometheus scrapes. `range`: also of what is gone. */
export const ofDaemon = (expr: string, range = "") => {
  const info = ofScrape("driftd_build_info");
  return `${expr} and on (job, instance) ${range === "" ? info : `max_over_time(${info}${range})`}`;
};
/** Of the chosen models. */
export const ofModel = (metric: string, ...more: readonly string[]) => select(metric, MODEL, ...more);
/** Of the chosen models and versions. */
export const ofVersion = (metric: string, ...more: readonly string[]) => select(metric, VERSION, ...more);

/** A counter's rate over the scrape's own scale. */
export const rate = (selector: string) => `rate(${selector}[$__rate_interval])`;
/** How often a counter counted between two points of the picture. */
export const increase = (selector: string) => `increase(${selector}[$__rate_interval])`;
export const sumBy = (labels: string, expr: string) => `sum by (${labels}) (${expr})`;
export const maxBy = (labels: string, expr: string) => `max by (${labels}) (${expr})`;
/** A quantile of a histogram, by labels besides `le`. */
export const quantile = (q: number, labels: string, histogram: string) =>
  `histogram_quantile(${q}, sum by (${["le", ...labels.split(", ").filter(Boolean)].join(", ")}) (${rate(histogram)}))`;

/** A gauge of a model's or version's reference, with the name and the digest of the reference. */
export const ofReference = (labels: string, selector: string) =>
  `${maxBy(labels, selector)} * on (${labels}) group_right () ${maxBy(`${labels}, reference, digest`, ofVersion("driftd_reference_info"))}`;

/** The matchers of a chosen window and statistic. */
export const IN_VIEW = ['window=~"$window"', 'statistic=~"$statistic"'] as const;

/** Each score as a share of the highest limit that is set for it (the critical one, unless there is only a warning): one scale for all statistics. */
export function shareOfLimit(more: readonly string[] = IN_VIEW, range = ""): string {
  const selector = ofVersion("driftd_drift_score", ...more);
  const score = range === "" ? selector : `max_over_time(${selector}${range})`;
  const limit = `max without (severity) (${ofModel("driftd_drift_threshold", ...more.filter((matcher) => matcher.startsWith("statistic")))})`;
  return `${score} / on (job, instance, model, feature, statistic) group_left () ${limit}`;
}

/**
 * How far a feature is from its limit: of its farthest statistic, in every chosen window, so the least of them. A thin hour makes short windows
 * jump although driftd, which knows the hour, sees nothing; what is real shows in the long ones too. `range` (`[$__range] @ end()`) takes the
 * highest scores of the time shown.
 */
export function farthest(more: readonly string[] = IN_VIEW, range = ""): string {
  return `clamp_min(${maxBy(FEATURE, `min without (window) (${shareOfLimit(more, range)})`)}, 0)`;
}

/**
 * The same, as it is coloured: more than 1 only where driftd's verdict on the feature is drift. A calibrated limit on this scale is the least
 * effect that matters; whether the shift is also greater than what the reference's own days show is no number here, so 1 is as much as a score
 * can say on its own.
 */
export function coloured(more: readonly string[] = IN_VIEW, matchers: readonly string[] = []): string {
  const share = farthest([...matchers, ...more]);
  return `${share} and on (${FEATURE}) ${maxBy(FEATURE, ofVersion("driftd_feature_drifted", ...matchers))} == 1 or clamp_max(${share}, 1)`;
}

/** What counted, by all labels; where nothing did, one 0 for each value of the first label and not one for each possible reason. */
export function counted(labels: string, expr: string): string {
  const [first = ""] = labels.split(", ");
  return `sum by (${labels}) (${expr}) > 0 or sum by (${first}) (${expr}) == 0`;
}

/** No verdict of any window for so long, and there is none: four times the longest slide there is. */
const STALE_SECONDS = 7200;

/** The models and versions of which the last verdict holds: there is one, it is not old, and records come. */
function judged(matchers: readonly string[]): string {
  const ofModels = (metric: string, ...more: readonly string[]) => maxBy("model, version", select(metric, matchers, ...more));
  return [
    `${ofModels("driftd_model_verdict", 'verdict=~"drift|no_drift"')} == 1`,
    `and on (model, version) ${ofModels("driftd_last_evaluation_success_timestamp_seconds")} > time() - ${STALE_SECONDS}`,
    `unless on (model, version) ${ofModels("driftd_model_silent")} == 1`,
  ].join(" ");
}

/** A state for each model and version, and one without a version for a model that has never been judged. `matchers`: where there is no choice of versions. */
export function modelState(matchers: readonly string[] = VERSION): string {
  const ofModels = (metric: string, ...more: readonly string[]) => maxBy("model, version", select(metric, matchers, ...more));
  return [
    `${STATE.critical} * (${ofModels("driftd_model_drifted_features", 'severity="critical"')} > bool 0) > 0`,
    `(${ofModels("driftd_model_drifted_features", 'severity="warning"')} > bool 0) > 0`,
    `0 * (${judged(matchers)})`,
    `0 * ${ofModels("driftd_model_verdict")} - 1`,
    `0 * ${maxBy("model", ofModel("driftd_evaluation_interval_seconds"))} - 1 unless on (model) ${ofModel("driftd_model_verdict")}`,
  ].join(" or ");
}

/** A state for each feature: that of driftd's own verdict; cannot tell without a score, or where the model's verdict does not hold. */
export function featureState(...more: readonly string[]): string {
  const scored = `group by (${FEATURE}) (${ofVersion("driftd_drift_score", ...more)})`;
  return [
    `${STATE.critical} * ${maxBy(FEATURE, ofVersion("driftd_feature_drifted", 'severity="critical"', ...more))} > 0`,
    `${maxBy(FEATURE, ofVersion("driftd_feature_drifted", 'severity="warning"', ...more))} > 0`,
    `0 * (${scored} and on (model, version) (${judged(VERSION)}))`,
    `0 * ${maxBy(FEATURE, ofVersion("driftd_feature_drifted", ...more))} - 1`,
  ].join(" or ");
}

/** What each window says, before it is sustained: its last verdict. */
export const windowState = [
  `${maxBy("model, version, window", ofVersion("driftd_model_verdict", 'verdict="drift"', IN_VIEW[0]))} > 0`,
  `0 * (${maxBy("model, version, window", ofVersion("driftd_model_verdict", 'verdict="no_drift"', IN_VIEW[0]))} == 1)`,
  `0 * ${maxBy("model, version, window", ofVersion("driftd_model_verdict", IN_VIEW[0]))} - 1`,
].join(" or ");

/** Alerts of these dashboards' rules; of an absent daemon they carry no job. */
export const alerts = 'ALERTS{alertname=~"Driftd.+",job=~"$job|"}';
