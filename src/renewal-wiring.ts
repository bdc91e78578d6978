/** Joins renewal with a configuration: what the daemon and `replay` hand to the pipeline, so that both renew in the same way. */

import { judgesOf } from "./assembly.ts";
import type { Config } from "./config/config.ts";
import type { Judges } from "./judges.ts";
import type { PipelineOptions } from "./pipeline.ts";
import { type FetchedReferences, loadModelReferences, type ModelReferences } from "./reference/models.ts";
import type { RenewalContext, Renewals } from "./renewal.ts";

/** The configured references, and what judges by them and their renewals. */
export type JudgedReferences = {
  /** As in their files. */
  readonly references: ModelReferences;
  readonly judges: Judges;
  /** `Renewals.generation` when the judges were made. */
  readonly generation: number;
};

/** Where renewed snapshots are kept: beside the store. */
export function renewalFolder(storePath: string): string {
  return `${storePath}.references`;
}

/** What a configuration says about renewal. */
export function renewalContext(config: Config, references: ModelReferences): RenewalContext {
  const rules = new Map(config.models.map(({ name, renew, keepFiringForMs }) => [name, renew && { ...renew, keepFiringForMs }]));
  return {
    ruleOf: (model) => rules.get(model),
    references,
    longestWindowMs: Math.max(...config.windows.map(({ lengthMs }) => lengthMs)),
  };
}

/** Loads the references of a configuration, with their renewals; `fetched` gives those at addresses. Rejects with `REFERENCE_*`, `STORE_*`, `RENEWAL_STATE_UNREADABLE`. */
export async function loadJudgedReferences(
  config: Config,
  renewals: Renewals,
  fetched: (model: string) => FetchedReferences,
): Promise<JudgedReferences> {
  const references = await loadModelReferences(config.models, fetched);
  await renewals.load(renewalContext(config, references));
  return judgedReferences(config, references, renewals);
}

/** The same for references that are loaded already. `before`: judges of the same configuration, whose work is taken over. */
export function judgedReferences(config: Config, references: ModelReferences, renewals: Renewals, before?: Judges): JudgedReferences {
  const judges = judgesOf(config, renewals.over(renewalContext(config, references)), before);
  return { references, judges, generation: renewals.generation() };
}

/** Renewal as the pipeline sees it. `parts` is what is in force; `applied` puts new judges there. */
export function pipelineRenewal(
  renewals: Renewals,
  parts: () => { readonly config: Config; readonly references: ModelReferences },
  applied: (judged: JudgedReferences) => void,
): NonNullable<PipelineOptions["renewal"]> {
  return {
    untilMs: renewals.untilMs,
    renewAt: renewals.renewAt,
    judges: (before) => judgedReferences(parts().config, parts().references, renewals, before).judges,
    applied: (judges) => applied({ references: parts().references, judges, generation: renewals.generation() }),
  };
}
