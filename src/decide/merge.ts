/** Evaluations grouped by what is decided together, and decisions merged into the one that is committed. Pure. */

import type { Evaluation } from "../evaluate/evaluation.ts";
import type { Decision } from "./decision.ts";
import { byText } from "./track.ts";

/** Evaluations of one model, version and end together, in the order of (end, model, version). */
export function groupByEnd(evaluations: readonly Evaluation[]): readonly (readonly Evaluation[])[] {
  const groups = new Map<string, Evaluation[]>();
  for (const evaluation of evaluations) {
    const key = JSON.stringify([evaluation.endMs, evaluation.model, evaluation.version]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [evaluation]);
    else group.push(evaluation);
  }
  return [...groups.values()].sort(([a], [b]) => a!.endMs - b!.endMs || byText(a!.model, b!.model) || byText(a!.version, b!.version));
}

/** Several decisions as one, in their order. */
export function merge(decisions: readonly Decision[]): Decision {
  // A later state of the same model and version replaces an earlier one.
  const states = new Map(decisions.flatMap(({ alertState }) => alertState).map((row) => [keyOf(row), row]));
  const episodes = new Map(decisions.flatMap((decision) => decision.episodes).map((episode) => [episode.id, episode]));
  return {
    alertState: [...states.values()],
    episodes: [...episodes.values()],
    outbox: decisions.flatMap(({ outbox }) => outbox),
    events: decisions.flatMap(({ events }) => events),
    requests: decisions.flatMap(({ requests }) => requests),
    cancel: decisions.flatMap(({ cancel }) => cancel),
    withdraw: decisions.flatMap(({ withdraw }) => withdraw),
    changes: decisions.flatMap(({ changes }) => changes),
    quality: decisions.flatMap(({ quality }) => quality),
    retrain: decisions.flatMap(({ retrain }) => retrain),
  };
}

/** A model and version as a key. */
export function keyOf({ model, version }: { readonly model: string; readonly version: string }): string {
  return JSON.stringify([model, version]);
}
