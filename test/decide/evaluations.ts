/** Hand-made evaluations for the tests of decide and outputs. */

import type { Evaluation, FeatureEvaluation, QualityCheck } from "../../src/evaluate/evaluation.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** A feature: `c` critical, `w` warning, `n` no drift, `u` cannot tell. */
export function feature(
  name: string,
  mark: string,
  options: { readonly excess?: number; readonly nulls?: boolean } = {},
): FeatureEvaluation {
  const excess = options.excess ?? 0.5;
  const quality: QualityCheck[] = [
    { check: "missing", verdict: options.nulls ? "drift" : "no_drift", reference_share: 0.01, current_share: options.nulls ? 0.6 : 0.01 },
  ];
  const verdict = mark === "u" ? "insufficient_data" : mark === "n" ? "no_drift" : "drift";
  return Object.freeze({
    feature: name,
    kind: "numeric" as const,
    verdict,
    reason: verdict === "drift" ? ("shift" as const) : verdict === "no_drift" ? ("within_noise" as const) : ("thin_window" as const),
    ...(verdict === "drift" ? { severity: mark === "c" ? ("critical" as const) : ("warning" as const) } : {}),
    reference_count: 4850,
    current_count: 660,
    missing: { reference: 150, current: 4 },
    quality,
    statistics: {
      psi: { value: excess + 0.02, excess, threshold: 0.1 },
      kl: { value: 0.123456789012345, direction: "current||reference" as const },
      ks: { value: 0.21, upper: 0.2139, p_value: 1e-80, threshold: 0.04 },
      g: { value: 400.1, p_value: 1e-70, degrees_of_freedom: 11 },
    },
    gates: [],
    calibrated: true,
  });
}

/** An evaluation of `flights` 1. */
export function evaluation(endMs: number, features: readonly FeatureEvaluation[], more: Partial<Evaluation> = {}): Evaluation {
  return Object.freeze({
    model: "flights",
    version: "1",
    window: "1h",
    startMs: endMs - HOUR,
    endMs,
    records: 660,
    verdict: features.some((one) => one.verdict === "drift") ? ("drift" as const) : ("no_drift" as const),
    reason: "shift" as const,
    policy: "sha256:policy",
    referenceDigest: "sha256:reference",
    features,
    offsets: [{ source: "kafka:inference-log", partition: 0, from: 100, to: 900 }],
    ...more,
  });
}
