/**
 * The alert state of one model and version over all features and windows: inactive → pending → firing → resolved (inactive again).
 * Only data here; the transitions are in `transition.ts`. Times are window ends (event time, epoch ms), never the host's clock.
 */

export type Severity = "warning" | "critical";
export type Verdict = "drift" | "no_drift" | "insufficient_data";
export type AlertPhase = "inactive" | "pending" | "firing";

/** An episode: from its first drifting evaluation to its resolution. */
export type Episode = {
  /** Deterministic: a hash of model, version and the first window end. */
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly severity: Severity;
  readonly features: readonly string[];
  readonly pendingAtMs: number;
  readonly firingAtMs: number | null;
  readonly resolvedAtMs: number | null;
};
