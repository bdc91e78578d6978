/** What the evaluation loop sees of each model and version: its windows out of the pane log, and the verdict of the reference that judges it. */

import { evaluateWindow, insufficientEvaluation } from "./evaluate/evaluate.ts";
import type { Subject, WindowSpec } from "./evaluate/evaluator.ts";
import type { Judges } from "./judges.ts";
import type { Clock } from "./lib/clock.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { WindowReader } from "./panes/window-reader.ts";
import type { Volumes } from "./volumes.ts";

export type SubjectsOptions = {
  readonly judges: Judges;
  readonly reader: WindowReader;
  /** Absent: the number of records is not judged. */
  readonly volumes?: Volumes | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

const EMPTY_ROW = { hash: "", features: [], slots: 0, numeric: 0 } as const;

/** One model and version under the references and the policy of `judges`: a later configuration makes another subject. */
export function subjectOf(model: string, version: string, { judges, reader, volumes, metrics, clock }: SubjectsOptions): Subject {
  const judge = judges.find(model, version);
  const row = judge?.counted.row ?? EMPTY_ROW;
  const countsAt = (window: WindowSpec, endMs: number) =>
    reader.windowIfCached(model, version, window, endMs, row) ?? reader.windowAt(model, version, window, endMs, row);
  return {
    model,
    version,
    windowAt: (window, endMs) => {
      // The first look at a thousand features prepares for seconds: not in the one turn of the event loop that a verdict takes.
      const preparing = judge?.prepared.readyFor(judge.prepared.policy.windows.findIndex(({ name }) => name === window.name));
      const reading = volumes?.ready(model, window.name, endMs);
      if (preparing === undefined && reading === undefined) return countsAt(window, endMs);
      return Promise.all([preparing, reading]).then(() => countsAt(window, endMs));
    },
    evaluate: (counts) => {
      const { volume, findings } = volumes?.judge(counts) ?? { volume: undefined, findings: [] };
      const { ids } = counts;
      const whole = { ...(volume === undefined ? {} : { volume }), ...(ids === undefined || ids.checked === 0 ? {} : { ids }) };
      if (judge === undefined) {
        return Object.assign(insufficientEvaluation(counts, "no_reference", judges.policyDigest(model), null, findings), whole);
      }
      const beganMs = clock.monotonicMs();
      const evaluation = Object.assign(evaluateWindow(counts, judge.prepared, findings), whole);
      metrics.observe("driftd_evaluation_duration_seconds", { model }, (clock.monotonicMs() - beganMs) / 1000);
      return evaluation;
    },
  };
}

/** Every model and version that records were seen of. */
export function subjectsOf(options: SubjectsOptions): readonly Subject[] {
  return options.judges.subjects().map(({ model, version }) => subjectOf(model, version, options));
}
