/**
 * The form of an evaluation in the store: the whole's verdict and the detail of the features that drift. The rest can be made again at any
 * time, since an evaluation is a pure function of the pane log, and would be most of the store.
 */

import { featureEvaluation } from "./evaluate.ts";
import { type Evaluation, OUTCOMES } from "./evaluation.ts";

/** A burst of nulls in 50,000 features is told by its first. */
const MAX_FINDINGS = 1_000;

/** The same evaluation with the drifting features and the failing checks only; one without `outcomes` is returned as it is. */
export function storedEvaluation(evaluation: Evaluation): Evaluation {
  const { outcomes } = evaluation;
  if (outcomes === undefined) return evaluation;
  const { model, version, window, startMs, endMs, records, verdict, reason, severity, policy, referenceDigest, offsets } = evaluation;
  const findings = evaluation.findings?.filter((finding) => finding.verdict === "drift").slice(0, MAX_FINDINGS) ?? [];
  const features = [];
  for (let i = 0; i < outcomes.codes.length; i++) {
    const outcome = OUTCOMES[outcomes.codes[i] as number];
    const feature = outcome === "warning" || outcome === "critical" ? featureEvaluation(evaluation, i) : undefined;
    if (feature !== undefined) features.push(feature);
  }
  return {
    ...{ model, version, window, startMs, endMs, records, verdict, reason },
    ...(severity === undefined ? {} : { severity }),
    ...{ policy, referenceDigest, features },
    ...(findings.length === 0 ? {} : { findings }),
    offsets,
  };
}
