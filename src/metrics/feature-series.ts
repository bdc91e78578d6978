/** The per-feature series of evaluations: scores, limits and how these came about, shares of missing values, the distance to the first reference. */

import type { Evaluation, FeatureEvaluation } from "../evaluate/evaluation.ts";
import type { Metrics } from "./metrics.ts";

export type FeatureSeries = {
  /** Writes what a window says of one feature, and removes what it says no longer. */
  readonly write: (evaluation: Evaluation, judged: FeatureEvaluation) => void;
  /** The series of the model, or of one version of it, were removed. */
  readonly forget: (model: string, version?: string) => void;
};

/** No series. */
export function createFeatureSeries(metrics: Metrics): FeatureSeries {
  /** By (model, version, feature, window): the origin that is exported. */
  const origins = new Map<string, string>();
  /** By (model, version, feature): the window whose distance to the first reference is exported. */
  const distances = new Map<string, string>();

  /** PSI, KL and KS are what users compare across tools, PSI less its noise is what is held against a limit; the API has all statistics. */
  function write(evaluation: Evaluation, judged: FeatureEvaluation): void {
    const { model, version, window } = evaluation;
    const { feature } = judged;
    const { psi, kl, ks } = judged.statistics;
    const scores = { psi: psi?.value, psi_excess: psi?.excess, kl: kl?.value, ks: ks?.value };
    for (const [statistic, score] of Object.entries(scores)) {
      const labels = { model, version, feature, statistic, window };
      if (score === undefined || judged.verdict === "insufficient_data") metrics.remove("driftd_drift_score", labels);
      else metrics.set("driftd_drift_score", labels, score);
    }
    writeDistance({ model, version, feature }, window, judged.gates.find(({ gate }) => gate === "first_reference")?.value);
    // The limit on the scale of a statistic is the same for every window: an effect size, or what the user has set.
    for (const { gate, limit } of judged.gates) {
      const [, name, severity] = /^(\w+)_(warning|critical)$/.exec(gate) ?? [];
      // `shift_critical` is G's limit: it depends on the window, and G is no score that is exported.
      if (name === undefined || severity === undefined || name === "shift") continue;
      const statistic = name === "effect" ? "psi_excess" : name;
      metrics.set("driftd_drift_threshold", { model, feature, statistic, severity }, limit);
    }
    writeOrigin({ model, version, feature, window }, judged.threshold?.origin);
    const missing = judged.quality.find(({ check }) => check === "missing");
    const labels = { model, version, feature, window };
    if (missing === undefined) metrics.remove("driftd_feature_missing_ratio", labels);
    else metrics.set("driftd_feature_missing_ratio", labels, missing.current_share);
  }

  /** Only the longest window has one, and only under a renewed reference. */
  function writeDistance(labels: Readonly<Record<"model" | "version" | "feature", string>>, window: string, distance: number | undefined) {
    const key = JSON.stringify(Object.values(labels));
    if (distance !== undefined) {
      metrics.set("driftd_reference_distance", labels, distance);
      distances.set(key, window);
    } else if (distances.get(key) === window) {
      metrics.remove("driftd_reference_distance", labels);
      distances.delete(key);
    }
  }

  /** One series at a time: a renewed reference may be calibrated in another way. */
  function writeOrigin(labels: Readonly<Record<"model" | "version" | "feature" | "window", string>>, origin: string | undefined): void {
    const key = JSON.stringify(Object.values(labels));
    const before = origins.get(key);
    if (before === origin) return;
    if (before !== undefined) metrics.remove("driftd_drift_threshold_info", { ...labels, origin: before });
    origins.delete(key);
    if (origin === undefined) return;
    metrics.set("driftd_drift_threshold_info", { ...labels, origin }, 1);
    origins.set(key, origin);
  }

  return {
    write,
    forget: (model, version) => {
      for (const map of [origins, distances]) {
        for (const key of map.keys()) {
          const [ofModel, ofVersion] = JSON.parse(key) as string[];
          if (ofModel === model && (version === undefined || ofVersion === version)) map.delete(key);
        }
      }
    },
  };
}
