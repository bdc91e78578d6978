/**
 * The quality of the data as an alert of its own, beside drift's: the same sustained 3 of 4, pending → firing → resolved, its own episodes, and
 * never a request to retrain. What drift remembers of a feature, this remembers of a check of a feature, under the key `check feature`. Pure.
 */

import { type Evaluation, FEW_ROWS, FEW_VALUES, type QualityCheckName } from "../evaluate/evaluation.ts";
import type { EventRow } from "../store/store.ts";
import type { Episode } from "./alert.ts";
import { cut, episodeTimes, iso } from "./events.ts";
import type { Track } from "./track.ts";
import { type AlertState, type Change, type Hash, sustained } from "./transition.ts";
import type { WindowVerdict } from "./verdicts.ts";

/** A check of a feature that fails now, sustained, in a window. */
export type FailingCheck = {
  readonly feature: string;
  readonly check: QualityCheckName;
  readonly window: string;
  readonly severity: Episode["severity"];
};

type Place = Pick<FailingCheck, "feature" | "check">;

/** What a check needs to be judged; the others say themselves when they cannot tell. */
const NEEDS: Readonly<Partial<Record<QualityCheckName, number>>> = {
  missing: FEW_ROWS,
  nan: FEW_ROWS,
  infinite: FEW_ROWS,
  wrong_type: FEW_ROWS,
  vanished: FEW_ROWS,
  out_of_range: FEW_VALUES,
  unseen: FEW_VALUES,
  constant: FEW_VALUES,
};

/** The evaluations as the state machine reads them: what fails, and what of the remembered checks could not be judged. */
export function qualityVerdicts(evaluations: readonly Evaluation[], tracks: readonly Track[]): WindowVerdict[] {
  return evaluations.map((evaluation) => {
    const { model, version, window, endMs, findings } = evaluation;
    const listed = (findings ?? []).map(({ feature, check, verdict, severity }) => ({
      feature: keyOf({ feature, check }),
      verdict,
      severity,
    }));
    return {
      ...{ model, version, window, endMs },
      // Nothing was looked at: what is remembered stays.
      verdict: findings === undefined ? "insufficient_data" : "no_drift",
      features: [...listed, ...unjudgedOf(evaluation, tracks)],
    };
  });
}

/** The remembered checks of the window that could not be judged in it. O(features) only while something is remembered. */
function unjudgedOf({ window, outcomes, unjudged, findings = [] }: Evaluation, tracks: readonly Track[]): WindowVerdict["features"] {
  if (outcomes === undefined || unjudged === undefined) return [];
  const remembered = new Map<string, string[]>();
  for (const track of tracks) {
    if (track.window !== window) continue;
    const { feature } = placeOf(track.feature);
    remembered.set(feature, [...(remembered.get(feature) ?? []), track.feature]);
  }
  if (remembered.size === 0) return [];
  const failing = new Set(findings.map(keyOf));
  const found: { readonly feature: string; readonly verdict: "insufficient_data" }[] = [];
  for (let i = 0; i < unjudged.length; i++) {
    if (unjudged[i] === 0) continue;
    for (const key of remembered.get(outcomes.features[i]!) ?? []) {
      const needs = NEEDS[placeOf(key).check] ?? 0;
      if ((unjudged[i]! & needs) !== 0 && !failing.has(key)) found.push({ feature: key, verdict: "insufficient_data" });
    }
  }
  return found;
}

/** Names the episodes of quality, apart from those of drift. */
export function qualityHash(hash: Hash): Hash {
  return (parts) => hash(["quality", ...parts]);
}

/** The change with its episode as the store has it. */
export function qualityChange(change: Change): Change {
  return { ...change, episode: qualityEpisode(change.episode) };
}

/** An episode of the state machine as the store has it: features by name, and the checks beside them. */
export function qualityEpisode(episode: Episode): Episode {
  const features = [...new Set(episode.features.map((key) => placeOf(key).feature))].sort();
  return { ...episode, kind: "quality", features, checks: episode.features };
}

/** What fails now, sustained. */
export function failingChecks(state: AlertState): readonly FailingCheck[] {
  return sustained(state).map(({ feature, window, severity }) => ({ ...placeOf(feature), window, severity }));
}

/** The feature and the check of a key: the check is one word. */
export function placeOf(key: string): Place {
  const space = key.indexOf(" ");
  return { check: key.slice(0, space) as QualityCheckName, feature: key.slice(space + 1) };
}

/** `driftd.quality.pending`, `.firing`, `.escalated`, `.features_changed`, `.resolved`, `.lapsed`; `change` is one of `qualityChange`. */
export function qualityEvent(change: Change, atMs: number): EventRow {
  const { episode } = change;
  const body = {
    episode: episode.id,
    reason: change.reason === "first_drift" ? "first_failure" : change.reason,
    severity: episode.severity,
    window_end: iso(change.endMs),
    ...episodeTimes(episode),
    ...cut("features", episode.features),
    ...cut("checks", episode.checks ?? []),
    ...(change.kind === "features_changed" ? { ...cut("added", change.added), ...cut("removed", change.removed) } : {}),
  };
  return { atMs, type: `driftd.quality.${change.kind}`, model: episode.model, version: episode.version, body: JSON.stringify(body) };
}

function keyOf({ feature, check }: Place): string {
  return `${check} ${feature}`;
}
