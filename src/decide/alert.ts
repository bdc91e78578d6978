/**
 * The alert state of one model and version over all features and windows: inactive → pending → firing → resolved (inactive again).
 * Only data here; the transitions are in `transition.ts`. Times are window ends (event time, epoch ms), never the host's clock.
 */

export type Severity = "warning" | "critical";
export type Verdict = "drift" | "no_drift" | "insufficient_data";
export type AlertPhase = "inactive" | "pending" | "firing";

/** What an episode is about: drift, which may ask for retraining, or the quality of the data, which never does. */
export type EpisodeKind = "drift" | "quality";

/** An episode: from its first drifting (or failing) evaluation to its resolution. */
export type Episode = {
  /** Absent: drift. */
  readonly kind?: EpisodeKind;
  /** Deterministic: a hash of model, version and the first window end. */
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly severity: Severity;
  readonly features: readonly string[];
  /** Of quality: the checks that fail or failed, as `check feature`. */
  readonly checks?: readonly string[];
  readonly pendingAtMs: number;
  readonly firingAtMs: number | null;
  readonly resolvedAtMs: number | null;
};
