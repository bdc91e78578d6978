/** What the decision reads of an evaluation: each feature's verdict as a mark. An `Evaluation` is a `WindowVerdict`. Pure. */

import type { Outcomes } from "../evaluate/evaluation.ts";
import type { Severity, Verdict } from "./alert.ts";
import type { Mark } from "./track.ts";

/** One window end of one model and version, judged. */
export type WindowVerdict = {
  readonly model: string;
  readonly version: string;
  readonly window: string;
  readonly endMs: number;
  /** Of the whole: `insufficient_data` without a feature says that nothing could be judged. */
  readonly verdict: Verdict;
  /** Read only where `outcomes` is absent: building the detail costs. */
  readonly features: readonly { readonly feature: string; readonly verdict: Verdict; readonly severity?: Severity }[];
  readonly outcomes?: Outcomes;
};

/** The marks of `OUTCOMES`, by code: insufficient_data, no_drift, warning, critical. */
const MARK_OF_CODE: readonly Mark[] = ["u", "n", "w", "c"];

/** Visits every listed feature with its mark; a drift without a severity is a warning. */
export function marks(evaluation: WindowVerdict, visit: (feature: string, mark: Mark) => void): void {
  const { outcomes } = evaluation;
  if (outcomes !== undefined) {
    for (let i = 0; i < outcomes.features.length; i++) visit(outcomes.features[i]!, MARK_OF_CODE[outcomes.codes[i]!] ?? "u");
    return;
  }
  for (const { feature, verdict, severity } of evaluation.features) {
    visit(feature, verdict === "insufficient_data" ? "u" : verdict === "no_drift" ? "n" : severity === "critical" ? "c" : "w");
  }
}
