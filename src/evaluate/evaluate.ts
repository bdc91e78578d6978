/**
 * One window against its reference: `evaluateWindow` is what the daemon, `replay` and `compare` all call. A single look; that drift must be
 * sustained is decided later. The detail of a feature is built when it is asked for: verdicts of 50,000 features take a third of a second,
 * their gates, statistics and p-values would take several.
 */

import { psiInterval } from "../../detectors/index.ts";
import { coarseLabels } from "../reference/coarse.ts";
import type { PreparedReference } from "./calibrate.ts";
import { calibrationState } from "./calibration-state.ts";
import { compatStatistics } from "./compat.ts";
import {
  type Evaluation,
  type FeatureEvaluation,
  type Gate,
  OUTCOMES,
  type QualityCheck,
  type QualityFinding,
  type VerdictReason,
  type WindowCounts,
} from "./evaluation.ts";
import { expectationFindings, type JudgedExpectation, judgeExpectations } from "./expect.ts";
import { INSUFFICIENT, type Look, NO_DRIFT } from "./look.ts";
import { createLooker } from "./looker.ts";
import { missingRows, qualityOf } from "./quality.ts";
import { createQualityScan } from "./quality-scan.ts";
import { shownStatistics } from "./statistics.ts";

const MAX_UINT16 = 65_535;
/** Of the interval around an effect. */
const EFFECT_CONFIDENCE = 0.95;

/** Detail by feature of the evaluations made here, so that one feature can be had without the others. */
const details = new WeakMap<Evaluation, (index: number) => FeatureEvaluation | undefined>();

/**
 * Judges one window under the reference's policy. Pure: the same counts give the same verdict, whenever its detail is read (the counts are
 * copied). A window whose name the policy does not have is a RangeError: a wiring error, not bad input. `others`: what others found in the
 * window's records (`$volume`, `$duplicates`).
 */
export function evaluateWindow(window: WindowCounts, reference: PreparedReference, others: readonly QualityFinding[] = []): Evaluation {
  const place = reference.policy.windows.findIndex(({ name }) => name === window.window.name);
  if (place < 0) throw new RangeError(`evaluateWindow: the policy has no window ${window.window.name}`);
  const { features } = reference;
  const { lengthMs } = reference.policy.windows[place]!;
  const looker = createLooker(window, reference, place);
  const findings: QualityFinding[] = [];
  const quality = createQualityScan(reference, lengthMs, findings);
  const codes = new Uint8Array(features.length);
  let worst = -1;
  let reason: VerdictReason = "empty_reference";
  for (let i = 0; i < features.length; i++) {
    const look = looker.at(i);
    codes[i] = look.code;
    quality.look(look, i);
    const rank = look.code === NO_DRIFT && look.reason === "below_effect_floor" ? look.code + 0.5 : look.code;
    if (rank > worst) {
      worst = rank;
      reason = look.reason;
    }
  }
  expectationFindings(window, reference, lengthMs, findings);
  for (const other of others) findings.push(other);
  const code = Math.max(INSUFFICIENT, Math.floor(worst));
  const kept = keepCounts(window);
  const memo: (FeatureEvaluation | undefined)[] = new Array(features.length);
  let detailed: ReturnType<typeof createLooker> | undefined;
  let expected: ReadonlyMap<string, readonly QualityCheck[]> | undefined;
  const detail = (index: number): FeatureEvaluation | undefined => {
    if (index < 0 || index >= features.length) return undefined;
    detailed ??= createLooker(kept, reference, place);
    expected ??= checksByFeature(judgeExpectations(kept, reference, lengthMs));
    memo[index] ??= featureDetail(index, place, reference, detailed, lengthMs, expected);
    return memo[index];
  };

  const evaluation: Evaluation = {
    ...identity(window),
    verdict: verdictOf(code),
    reason,
    ...severityOf(code),
    policy: reference.policyDigest,
    referenceDigest: reference.snapshot.digest,
    get features() {
      return features.map((_, i) => detail(i)!);
    },
    findings,
    offsets: window.offsets,
  };
  // Not enumerable: the public shape has `features`, which says the same.
  Object.defineProperty(evaluation, "outcomes", { value: { features: reference.names, codes }, enumerable: false });
  Object.defineProperty(evaluation, "unjudged", { value: quality.unjudged, enumerable: false });
  details.set(evaluation, detail);
  return evaluation;
}

/** The full detail of judged feature `index` (as in `outcomes`), without building the others; undefined outside the list. */
export function featureEvaluation(evaluation: Evaluation, index: number): FeatureEvaluation | undefined {
  const detail = details.get(evaluation);
  return detail === undefined ? evaluation.features[index] : detail(index);
}

/** The evaluation of a window that cannot be judged at all (`no_reference`, `source_stalled`). */
export function insufficientEvaluation(
  window: WindowCounts,
  reason: VerdictReason,
  policyDigest: string,
  referenceDigest: string | null,
  findings?: readonly QualityFinding[],
): Evaluation {
  return {
    ...identity(window),
    verdict: "insufficient_data",
    reason,
    policy: policyDigest,
    referenceDigest,
    features: [],
    outcomes: { features: [], codes: new Uint8Array(0) },
    ...(findings === undefined ? {} : { findings }),
    offsets: window.offsets,
  };
}

function identity(window: WindowCounts): Pick<Evaluation, "model" | "version" | "window" | "startMs" | "endMs" | "records"> {
  const { model, version, startMs, endMs, records } = window;
  return { model, version, window: window.window.name, startMs, endMs, records };
}

function verdictOf(code: number): Evaluation["verdict"] {
  return code === INSUFFICIENT ? "insufficient_data" : code === NO_DRIFT ? "no_drift" : "drift";
}

function severityOf(code: number): Pick<Evaluation, "severity"> {
  const outcome = OUTCOMES[code];
  return outcome === "warning" || outcome === "critical" ? { severity: outcome } : {};
}

/** The window's sums go on running; what the detail is built from must not. */
function keepCounts(window: WindowCounts): WindowCounts {
  return {
    ...window,
    // Half the memory where they fit: no count is larger than the number of records.
    counts: window.records <= MAX_UINT16 ? new Uint16Array(window.counts) : window.counts.slice(),
    blocks: window.blocks.map(({ startMs, values }) => ({ startMs, values: values.slice() })),
    changedFeatures: new Set(window.changedFeatures),
  };
}

function checksByFeature(expectations: readonly JudgedExpectation[]): ReadonlyMap<string, readonly QualityCheck[]> {
  const grouped = Map.groupBy(expectations, ({ feature }) => feature);
  return new Map([...grouped].map(([feature, judged]) => [feature, judged.map(({ check }) => check)]));
}

function featureDetail(
  index: number,
  window: number,
  reference: PreparedReference,
  looker: ReturnType<typeof createLooker>,
  windowMs: number,
  expected: ReadonlyMap<string, readonly QualityCheck[]>,
): FeatureEvaluation {
  const gates: Gate[] = [];
  const look = looker.at(index, gates);
  const { feature, bin } = look;
  const { code, reason } = look;
  const compat = showsStatistics(look, reference) ? compatStatistics(look, reference.policy.compat) : undefined;
  return {
    feature: feature.feature.feature,
    kind: feature.feature.kind,
    verdict: verdictOf(code),
    reason,
    ...severityOf(code),
    reference_count: feature.total,
    current_count: look.n,
    missing: missingRows(look),
    quality: [...qualityOf(look, reference, windowMs), ...(expected.get(feature.feature.feature) ?? [])],
    statistics: showsStatistics(look, reference) ? shownStatistics(look, reference.policy) : {},
    ...(compat === undefined ? {} : { compat }),
    gates,
    calibrated: look.prepared.calibration !== undefined,
    ...(bin < 0 ? {} : { bin: look.label ?? coarseLabels(feature.feature)[bin]! }),
    threshold: calibrationState(reference, index, window),
    ...effectOf(look, reference),
  };
}

/** How large the change can be said to be: by the counts alone, whether or not there is one. */
function effectOf(look: Look, reference: PreparedReference): Pick<FeatureEvaluation, "effect"> {
  const interval = showsStatistics(look, reference) ? psiInterval(look.expected.counts, look.current, EFFECT_CONFIDENCE) : undefined;
  if (interval === undefined) return {};
  return { effect: { psi_excess: interval.value, lower: interval.lower, upper: interval.upper, confidence: EFFECT_CONFIDENCE } };
}

/** In the daemon a statistic of too few values is noise that would be plotted; a person who compares two small tables may see it. */
function showsStatistics(look: Look, reference: PreparedReference): boolean {
  if (look.offset < 0 || look.n === 0 || look.feature.total === 0) return false;
  return reference.policy.mode === "compare" || look.code >= NO_DRIFT || look.reason === "thin_window" || look.reason === "low_coverage";
}
