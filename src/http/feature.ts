/** Shapes one feature of one window for the API: verdict, both distributions over coarse bins, statistics and gates. Pure. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { featureEvaluation } from "../evaluate/evaluate.ts";
import type { Evaluation, FeatureEvaluation, Gate, WindowCounts } from "../evaluate/evaluation.ts";
import { coarseCounts, coarseLabels, coarsePlan, referenceCoarse } from "../reference/coarse.ts";
import type { SnapshotFeature } from "../reference/snapshot.ts";
import { unseenDocument } from "./api.ts";
import { isoTime } from "./time.ts";
import type { UnseenFacts } from "./view.ts";

/** Features whose detail is built for one ranking, at about 0.1 ms each; drifting ones first, then in the snapshot's order. */
const RANKED_AT_MOST = 500;
/** Details built in one turn of the event loop. */
const FEATURES_PER_TURN = 40;

/**
 * How near a feature is to a verdict of drift: each test's smallest ratio of value to limit (a test hits only when all of its gates do),
 * the largest of them. At or above 1 = at least one test hits. Undefined when nothing was tested. Only for ranking: it decides nothing.
 */
export function driftScore(gates: readonly Gate[]): number | undefined {
  const ratios = new Map<string, number>();
  for (const { gate, value, limit } of gates) if (limit > 0) ratios.set(gate, value / limit);
  const both = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? undefined : Math.min(a, b));
  const distribution = [ratios.get("shift"), ratios.get("location")].filter((ratio) => ratio !== undefined);
  const tests: (number | undefined)[] = [
    both(distribution.length === 0 ? undefined : Math.max(...distribution), ratios.get("effect_warning")),
    both(ratios.get("bin_change"), ratios.get("bin_t")),
  ];
  for (const special of ["out_of_range", "gap", "unseen"]) tests.push(both(ratios.get(`${special}_increase`), ratios.get(`${special}_t`)));
  for (const [gate, ratio] of ratios)
    if (/^(psi|kl|kl_reverse|ks|jensen_shannon|hellinger|total_variation)_(warning|critical)$/.test(gate)) tests.push(ratio);
  const known = tests.filter((ratio) => ratio !== undefined);
  return known.length === 0 ? undefined : Math.max(0, ...known);
}

/** One line of a ranking. */
function featureSummary(judged: FeatureEvaluation, role: string) {
  const score = driftScore(judged.gates);
  const { psi, kl, ks } = judged.statistics;
  return {
    feature: judged.feature,
    kind: judged.kind,
    role,
    verdict: judged.verdict,
    reason: judged.reason,
    ...(judged.severity === undefined ? {} : { severity: judged.severity }),
    ...(score === undefined ? {} : { score }),
    current_count: judged.current_count,
    statistics: { ...(psi === undefined ? {} : { psi }), ...(kl === undefined ? {} : { kl }), ...(ks === undefined ? {} : { ks }) },
    quality_failed: judged.quality.filter(({ verdict }) => verdict === "drift").map(({ check }) => check),
  };
}

export type FeatureSummary = ReturnType<typeof featureSummary>;

const rankOf = (summary: FeatureSummary) =>
  summary.severity === "critical" ? 3 : summary.severity === "warning" ? 2 : summary.verdict === "no_drift" ? 1 : 0;

/** The features of an evaluation, worst first: severity, then score, then name. Gives the event loop a turn every few milliseconds. */
export async function rankFeatures(evaluation: Evaluation, features: readonly SnapshotFeature[]): Promise<FeatureSummary[]> {
  const roles = new Map(features.map(({ feature, role }) => [feature, role]));
  const codes = evaluation.outcomes?.codes;
  const places = Array.from({ length: codes?.length ?? evaluation.features.length }, (_, i) => i);
  if (codes !== undefined) places.sort((a, b) => codes[b]! - codes[a]! || a - b);
  const summaries: FeatureSummary[] = [];
  for (const i of places.slice(0, RANKED_AT_MOST)) {
    const judged = featureEvaluation(evaluation, i)!;
    summaries.push(featureSummary(judged, roles.get(judged.feature) ?? "feature"));
    if (summaries.length % FEATURES_PER_TURN === 0) await nextTurn();
  }
  return summaries.sort((a, b) => rankOf(b) - rankOf(a) || (b.score ?? -1) - (a.score ?? -1) || (a.feature < b.feature ? -1 : 1));
}

/** Both distributions over the coarse bins, with labels; `current` is absent when the window's counts are gone or under other bins. */
export function distribution(feature: SnapshotFeature, counts: WindowCounts | undefined) {
  const plan = coarsePlan(feature);
  const reference = referenceCoarse(feature);
  const layout = counts?.layout.features.find((one) => one.feature === feature.feature && one.layout === feature.layout);
  const current =
    counts === undefined || layout === undefined
      ? undefined
      : coarseCounts(feature, counts.counts, layout.offset, new Float64Array(plan.size));
  const share = (all: Float64Array, bin: number) => {
    const total = all.reduce((sum, count) => sum + count, 0);
    return total === 0 ? 0 : all[bin]! / total;
  };
  return coarseLabels(feature).map((label, bin) => ({
    label,
    special: bin >= plan.regular,
    reference_count: reference[bin]!,
    reference_share: share(reference, bin),
    ...(current === undefined ? {} : { current_count: current[bin]!, current_share: share(current, bin) }),
  }));
}

/** The document of `GET /api/v1/models/{model}/features/{feature}`. */
export function featureDocument(facts: {
  readonly model: string;
  readonly version: string;
  readonly window: string;
  readonly feature: SnapshotFeature;
  readonly digest: string;
  readonly evaluation: Evaluation | undefined;
  readonly judged: FeatureEvaluation | undefined;
  readonly counts: WindowCounts | undefined;
  readonly unseen: UnseenFacts | undefined;
}) {
  const { feature, evaluation, judged } = facts;
  const score = judged === undefined ? undefined : driftScore(judged.gates);
  return {
    model: facts.model,
    version: facts.version,
    feature: feature.feature,
    kind: feature.kind,
    role: feature.role,
    window: {
      name: facts.window,
      ...(evaluation === undefined
        ? {}
        : { start: isoTime(evaluation.startMs), end: isoTime(evaluation.endMs), records: evaluation.records }),
    },
    verdict: judged?.verdict ?? "insufficient_data",
    reason: judged?.reason ?? evaluation?.reason ?? "not_evaluated",
    ...(judged?.severity === undefined ? {} : { severity: judged.severity }),
    ...(score === undefined ? {} : { score }),
    ...(judged?.bin === undefined ? {} : { bin: judged.bin }),
    ...(judged === undefined ? {} : { calibrated: judged.calibrated }),
    ...(judged?.threshold === undefined ? {} : { threshold: judged.threshold }),
    ...(judged?.effect === undefined ? {} : { effect: judged.effect }),
    reference: { digest: facts.digest, count: feature.count, missing: feature.missing },
    ...(judged === undefined ? {} : { current: { count: judged.current_count, missing: judged.missing.current } }),
    bins: distribution(feature, facts.counts),
    statistics: judged?.statistics ?? {},
    ...(judged?.compat === undefined ? {} : { compat: judged.compat }),
    gates: judged?.gates ?? [],
    quality: judged?.quality ?? [],
    ...(facts.unseen === undefined ? {} : { unseen: unseenDocument(facts.unseen) }),
  };
}
