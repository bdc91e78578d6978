/**
 * The series about quality beside drift. They are sparse: a share of 0 has none, and a check has a verdict only once it has failed. Of 50,000
 * features few have any.
 */

import type { Alert } from "../decide/decision.ts";
import type { Evaluation, FeatureEvaluation, QualityCheckName } from "../evaluate/evaluation.ts";
import type { Labels, Metrics } from "./metrics.ts";

export type QualitySeries = {
  /** Begins the shares of one evaluation: `feature` for each judged feature, then `end`, which removes what is 0 now. */
  readonly shares: (evaluation: Evaluation) => { readonly feature: (judged: FeatureEvaluation) => void; readonly end: () => void };
  /** What fails, sustained, of the models and versions given. */
  readonly alerts: (alerts: readonly Alert[], known: Iterable<{ readonly model: string; readonly version: string }>) => void;
  /** The series of the model, or of one version of it, were removed. */
  readonly forget: (model: string, version?: string) => void;
};

/** No series. */
export function createQualitySeries(metrics: Metrics): QualitySeries {
  /** By model, version and window: the shares that are exported. */
  const exported = new Map<string, { readonly model: string; readonly version: string; readonly series: ReadonlyMap<string, Labels> }>();
  let failing = new Map<string, Labels>();

  return {
    shares: ({ model, version, window, findings = [] }) => {
      const at = JSON.stringify([model, version, window]);
      const before = exported.get(at)?.series ?? new Map<string, Labels>();
      const series = new Map<string, Labels>();
      const write = (feature: string, check: QualityCheckName, share: number) => {
        const labels = { model, version, feature, check, window };
        const key = `${check} ${feature}`;
        series.set(key, labels);
        metrics.set("driftd_feature_quality_ratio", labels, share);
      };
      return {
        feature: ({ feature, quality }) => {
          for (const { check, current_share: share, verdict } of quality) {
            // Some value is always the most frequent one: of `constant` only a failure is told.
            if (share > 0 && (check !== "constant" || verdict === "drift")) write(feature, check, share);
          }
        },
        end: () => {
          // What no judged feature has: the schema, expectations on features that the reference lacks.
          for (const { feature, check, value } of findings) {
            if (check !== "volume" && value > 0 && value <= 1 && !series.has(`${check} ${feature}`)) write(feature, check, value);
          }
          for (const [key, labels] of before) if (!series.has(key)) metrics.remove("driftd_feature_quality_ratio", labels);
          exported.set(at, { model, version, series });
        },
      };
    },
    alerts: (alerts, known) => {
      const counts = new Map<string, { readonly model: string; readonly version: string; readonly features: Set<string> }>();
      for (const { model, version } of known) counts.set(JSON.stringify([model, version]), { model, version, features: new Set() });
      const now = new Map<string, Labels>();
      for (const { model, version, quality } of alerts) {
        const count = counts.get(JSON.stringify([model, version]));
        if (quality.phase !== "firing" || count === undefined) continue;
        for (const { feature, check } of quality.checks) {
          const labels = { model, version, feature, check };
          now.set(JSON.stringify(labels), labels);
          count.features.add(feature);
        }
      }
      for (const [key, labels] of now) if (!failing.has(key)) metrics.set("driftd_feature_quality_failed", labels, 1);
      for (const [key, labels] of failing) if (!now.has(key)) metrics.set("driftd_feature_quality_failed", labels, 0);
      failing = now;
      for (const { features, ...labels } of counts.values()) metrics.set("driftd_model_quality_failing_features", labels, features.size);
    },
    forget: (model, version) => {
      const isGone = (one: Labels) => one["model"] === model && (version === undefined || one["version"] === version);
      for (const [key, { model, version }] of exported) if (isGone({ model, version })) exported.delete(key);
      for (const [key, labels] of failing) if (isGone(labels)) failing.delete(key);
    },
  };
}
