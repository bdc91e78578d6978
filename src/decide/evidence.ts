/** Which window of an end a retrain request rests on, and whether its drift may only be broken data. Pure. */

import type { Evaluation, FeatureEvaluation, QualityCheck, QualityCheckName } from "../evaluate/evaluation.ts";
import type { Severity } from "./alert.ts";
import { rankFeatures } from "./request.ts";
import type { Evidence } from "./retrain.ts";
import type { Track } from "./track.ts";
import { marks } from "./verdicts.ts";

/** The evidence with the window that it comes from. */
export type Shown = Evidence & { readonly evaluation: Evaluation; readonly ranked: readonly FeatureEvaluation[] };

/** The window of this end that shows the drift best: the most features at the severity, then the shortest. */
export function evidenceIn(evaluations: readonly Evaluation[], tracks: readonly Track[], severity: Severity): Shown | undefined {
  const anywhere = new Set(tracks.filter(({ level }) => level !== null).map(({ feature }) => feature));
  let best: { evaluation: Evaluation; at: ReadonlySet<string> } | undefined;
  for (const evaluation of evaluations) {
    const level = new Map(tracks.filter(({ window }) => window === evaluation.window).map((track) => [track.feature, track.level]));
    const at = new Set<string>();
    marks(evaluation, (feature, mark) => {
      const reached = severity === "critical" ? mark === "c" : mark === "c" || mark === "w";
      const held = level.get(feature) ?? null;
      if (reached && held !== null && (severity === "warning" || held === "critical")) at.add(feature);
    });
    if (at.size === 0) continue;
    const lengthMs = evaluation.endMs - evaluation.startMs;
    const bestLengthMs = best === undefined ? Number.POSITIVE_INFINITY : best.evaluation.endMs - best.evaluation.startMs;
    if (best === undefined || at.size > best.at.size || (at.size === best.at.size && lengthMs < bestLengthMs)) best = { evaluation, at };
  }
  if (best === undefined) return undefined;
  return shown(best.evaluation, best.at, (feature) => anywhere.has(feature));
}

/** The window among the newest evaluations of a version that shows the most drift, then the shortest: what is sent along when nobody decided. */
export function newestEvidence(evaluations: readonly Evaluation[]): Shown | undefined {
  let best: Shown | undefined;
  for (const evaluation of evaluations) {
    const at = new Set<string>();
    marks(evaluation, (feature, mark) => {
      if (mark === "c" || mark === "w") at.add(feature);
    });
    const found = shown(evaluation, at, (feature) => at.has(feature));
    if (best === undefined || found.features > best.features || (found.features === best.features && lengthOf(found) < lengthOf(best))) {
      best = found;
    }
  }
  return best;
}

function lengthOf({ evaluation }: Shown): number {
  return evaluation.endMs - evaluation.startMs;
}

/** `at`: the features that count; `listed`: those that are shown, if they drift in the window. */
function shown(evaluation: Evaluation, at: ReadonlySet<string>, listed: (feature: string) => boolean): Shown {
  // Detail costs, and most window ends of an episode ask for nothing: made when a guard or a request looks at it.
  let drifting: FeatureEvaluation[] | undefined;
  const detail = () => {
    drifting ??= evaluation.features.filter(({ feature, verdict }) => verdict === "drift" && listed(feature));
    return drifting;
  };
  return {
    evaluation,
    endMs: evaluation.endMs,
    records: evaluation.records,
    features: at.size,
    get failingQuality() {
      const brokenInput = evaluation.findings?.some(({ feature, check, verdict }) => isBroken({ check, verdict }) && !isComputed(feature));
      return detail().filter(
        ({ feature, quality }) => at.has(feature) && (quality.some(isBroken) || (isComputed(feature) && brokenInput === true)),
      ).length;
    },
    get ranked() {
      return rankFeatures(detail());
    },
  };
}

const BROKEN: ReadonlySet<QualityCheckName> = new Set(["missing", "nan", "infinite", "wrong_type", "constant", "vanished"]);

/** A burst of nulls alerts, it does not retrain: a model learns nothing good from broken data. */
function isBroken({ check, verdict }: Pick<QualityCheck, "check" | "verdict">): boolean {
  return verdict === "drift" && BROKEN.has(check);
}

/**
 * Computed from the inputs, by driftd (`$pca_1` …, `$outlier`: the mean rarity of five values spreads wider than that of ten) or by the model: it
 * moves with any broken input.
 */
function isComputed(feature: string): boolean {
  return feature === "$prediction" || feature === "$outlier" || feature.startsWith("$pca_");
}
