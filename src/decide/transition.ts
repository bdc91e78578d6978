/**
 * The alert state machine of one model and version, over all its features and windows. Pure: a state, the evaluations of one window end and a
 * rule give the next state and what changed, each change with its reason. All times are window ends (event time), so a replay says the same.
 *
 * - **inactive**: no feature drifts in any window.
 * - **pending**: a feature drifted, but no severity has been sustained (`track.ts`: 3 of the last 4) for `for` yet. Not an alert: nothing is sent.
 * - **firing**: the episode. It keeps its id and its worst severity until every feature and window has been clear for `keep_firing_for`.
 *   "Clear" means that no level is sustained; a single drifting evaluation does not keep an episode open.
 *
 * | state    | at a window end                                            | goes to  | change                                   |
 * | -------- | ---------------------------------------------------------- | -------- | ---------------------------------------- |
 * | inactive | nothing drifts, or cannot tell                             | inactive | –                                        |
 * | inactive | something drifts                                           | pending  | pending: first_drift (then as pending)   |
 * | pending  | a severity has been sustained for `for`, provably so now   | firing   | firing: sustained                        |
 * | pending  | no drift left among the remembered evaluations             | inactive | lapsed: not_sustained                    |
 * | pending  | anything else, cannot tell among it                        | pending  | –                                        |
 * | firing   | critical has been sustained for `for`, provably so now     | firing   | escalated: critical_sustained            |
 * | firing   | the set of sustained features is another one               | firing   | features_changed: sustained_features     |
 * | firing   | clear for less than `keep_firing_for`, or still sustained  | firing   | –                                        |
 * | firing   | clear for `keep_firing_for`                                | inactive | resolved: clear                          |
 * | firing   | 7 days without a provable drift: cannot tell               | inactive | resolved: no_evidence                    |
 *
 * The last row bounds what "cannot tell clears nothing" may hold open: an episode of a version whose traffic went away would never end.
 */

import type { AlertPhase, Episode, Severity } from "./alert.ts";
import { moveTracks } from "./move-tracks.ts";
import { byText, hasDrift, provenLevel, type Track, worse } from "./track.ts";
import type { WindowVerdict } from "./verdicts.ts";

/** An episode held open only by "cannot tell" ends after this long (or after `keep_firing_for`, if that is longer): a weekend without traffic is survived. */
export const FORGET_AFTER_MS = 7 * 24 * 3_600_000;

export type AlertRule = {
  /** How long a severity must be sustained before it fires, ms of event time. */
  readonly forMs: number;
  /** How long everything must be clear before the episode ends, ms of event time; by default the longest window. */
  readonly keepFiringForMs: number;
  /** Names of the configured windows: what is remembered of others is dropped. */
  readonly windows: readonly string[];
};

/** Plain JSON. Only tracks that are not quiet are kept, in the order of (feature, window). */
export type AlertState = {
  readonly phase: AlertPhase;
  readonly tracks: readonly Track[];
  /** Since which window end the model's level has been at least this one without a break. */
  readonly warningSinceMs: number | null;
  readonly criticalSinceMs: number | null;
  /** Present unless inactive. */
  readonly episode: Episode | null;
  /** The newest window end at which a level was sustained, and at which that could be proven. */
  readonly lastSustainedMs: number | null;
  readonly lastProvenMs: number | null;
};

/** Names an episode from its parts; the same parts give the same text. */
export type Hash = (parts: readonly (string | number)[]) => string;

export type Change = { readonly endMs: number; readonly episode: Episode } & (
  | { readonly kind: "pending"; readonly reason: "first_drift" }
  | { readonly kind: "lapsed"; readonly reason: "not_sustained" }
  | { readonly kind: "firing"; readonly reason: "sustained" }
  | { readonly kind: "escalated"; readonly reason: "critical_sustained" }
  | {
      readonly kind: "features_changed";
      readonly reason: "sustained_features";
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | { readonly kind: "resolved"; readonly reason: "clear" | "no_evidence" }
);

export type Transition = {
  readonly state: AlertState;
  readonly changes: readonly Change[];
  /** The episode as it now stands, also when this step resolved it; null while inactive. */
  readonly episode: Episode | null;
};

/** The state of a model that has never drifted. */
export const inactiveState: AlertState = {
  phase: "inactive",
  tracks: [],
  warningSinceMs: null,
  criticalSinceMs: null,
  episode: null,
  lastSustainedMs: null,
  lastProvenMs: null,
};

/**
 * Moves the state by the evaluations of one window end of one model and version (at most one per window). The caller gives every window end
 * once, in ascending order. Returns the very same state object when nothing is to be remembered. O(features that are not `no_drift` + tracks).
 */
export function transition(state: AlertState, evaluations: readonly WindowVerdict[], rule: AlertRule, hash: Hash): Transition {
  const first = evaluations[0];
  if (first === undefined) return { state, changes: [], episode: state.episode };
  const endMs = first.endMs;
  const { tracks, drifting } = moveTracks(state.tracks, evaluations, rule.windows);
  if (state.phase === "inactive" && tracks.length === 0) {
    return { state: state.tracks.length === 0 ? state : inactiveState, changes: [], episode: null };
  }
  const level = tracks.reduce<Severity | null>((worst, track) => worse(worst, track.level), null);
  const next: AlertState = {
    ...state,
    tracks,
    warningSinceMs: level === null ? null : (state.warningSinceMs ?? endMs),
    criticalSinceMs: level === "critical" ? (state.criticalSinceMs ?? endMs) : null,
    lastSustainedMs: level === null ? state.lastSustainedMs : endMs,
    lastProvenMs: worstProven(tracks) === null ? state.lastProvenMs : endMs,
  };
  if (state.phase === "firing") return whileFiring(state, next, endMs, rule);

  const changes: Change[] = [];
  let pending = next;
  if (state.phase === "inactive") {
    // What is remembered from before the last resolution counts towards 3 of 4, but begins nothing by itself.
    if (!drifting) return { state: next, changes, episode: null };
    const id = `ep_${hash([first.model, first.version, endMs]).slice(0, 24)}`;
    const episode: Episode = {
      id,
      model: first.model,
      version: first.version,
      severity: level ?? worstMark(tracks),
      features: featuresOf(tracks.filter(hasDrift)),
      pendingAtMs: endMs,
      firingAtMs: null,
      resolvedAtMs: null,
    };
    pending = { ...next, phase: "pending", episode };
    changes.push({ kind: "pending", reason: "first_drift", endMs, episode });
  }
  return whilePending(pending, changes, endMs, rule);
}

/** The features and windows that sustain a severity now, in the order of (feature, window). */
export function sustained(
  state: AlertState,
): readonly { readonly feature: string; readonly window: string; readonly severity: Severity }[] {
  return state.tracks.flatMap((track) =>
    track.level === null ? [] : [{ feature: track.feature, window: track.window, severity: track.level }],
  );
}

function whilePending(state: AlertState, changes: Change[], endMs: number, rule: AlertRule): Transition {
  const before = state.episode as Episode;
  const due = dueSeverity(state, endMs, rule.forMs);
  if (due !== null) {
    const episode: Episode = { ...before, severity: due, features: sustainedFeatures(state.tracks), firingAtMs: endMs };
    changes.push({ kind: "firing", reason: "sustained", endMs, episode });
    return { state: { ...state, phase: "firing", episode }, changes, episode };
  }
  if (state.tracks.length === 0) {
    const episode: Episode = { ...before, resolvedAtMs: endMs };
    changes.push({ kind: "lapsed", reason: "not_sustained", endMs, episode });
    return { state: inactiveState, changes, episode };
  }
  const drifting = featuresOf(state.tracks.filter(hasDrift));
  const episode: Episode = { ...before, severity: worse(before.severity, worstMark(state.tracks)) ?? "warning", features: drifting };
  return { state: { ...state, episode }, changes, episode };
}

function whileFiring(before: AlertState, next: AlertState, endMs: number, rule: AlertRule): Transition {
  const changes: Change[] = [];
  const was = sustainedFeatures(before.tracks);
  const is = sustainedFeatures(next.tracks);
  let episode = before.episode as Episode;
  if (dueSeverity(next, endMs, rule.forMs) === "critical" && episode.severity === "warning") {
    episode = { ...episode, severity: "critical", features: union(episode.features, is) };
    changes.push({ kind: "escalated", reason: "critical_sustained", endMs, episode });
  }
  const added = without(is, was);
  const removed = without(was, is);
  if (added.length + removed.length > 0) {
    episode = { ...episode, features: union(episode.features, is) };
    changes.push({ kind: "features_changed", reason: "sustained_features", endMs, episode, added, removed });
  }
  const reason = endOf(next, endMs, rule.keepFiringForMs);
  if (reason === null) return { state: { ...next, episode }, changes, episode };
  episode = { ...episode, resolvedAtMs: endMs };
  changes.push({ kind: "resolved", reason, endMs, episode });
  // Levels that were only held by "cannot tell" go with the episode; drift that is still remembered may begin the next one.
  const tracks = reason === "clear" ? next.tracks : [];
  return { state: { ...inactiveState, tracks }, changes, episode };
}

/** Why a firing episode ends now, or null. */
function endOf(state: AlertState, endMs: number, keepMs: number): "clear" | "no_evidence" | null {
  const clear = state.lastSustainedMs !== endMs;
  if (clear && endMs - (state.lastSustainedMs ?? endMs) >= keepMs) return "clear";
  if (endMs - (state.lastProvenMs ?? endMs) >= Math.max(FORGET_AFTER_MS, keepMs) && state.lastProvenMs !== endMs) return "no_evidence";
  return null;
}

/** The worst severity that has been sustained for `for` and is not only held by what could not be judged. */
function dueSeverity(state: AlertState, endMs: number, forMs: number): Severity | null {
  const proven = worstProven(state.tracks);
  if (proven === "critical" && state.criticalSinceMs !== null && endMs - state.criticalSinceMs >= forMs) return "critical";
  if (proven !== null && state.warningSinceMs !== null && endMs - state.warningSinceMs >= forMs) return "warning";
  return null;
}

function worstProven(tracks: readonly Track[]): Severity | null {
  return tracks.reduce<Severity | null>((worst, track) => worse(worst, provenLevel(track)), null);
}

function worstMark(tracks: readonly Track[]): Severity {
  return tracks.some((track) => track.ring.includes("c")) ? "critical" : "warning";
}

function sustainedFeatures(tracks: readonly Track[]): readonly string[] {
  return featuresOf(tracks.filter((track) => track.level !== null));
}

/** Names in ascending order, each once. */
function featuresOf(tracks: readonly Track[]): readonly string[] {
  return [...new Set(tracks.map((track) => track.feature))].sort(byText);
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort(byText);
}

function without(a: readonly string[], b: readonly string[]): readonly string[] {
  const excluded = new Set(b);
  return a.filter((name) => !excluded.has(name));
}
