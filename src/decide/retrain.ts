/**
 * Whether to ask for a retraining now: the guards, in one order, each with its reason. Pure; `now` comes in.
 *
 * Event time says *that* there is drift; these guards live by the guard clock (the host's, in a replay the window's end), because they protect
 * people and pipelines from too many requests. A guard that holds a request back does not use it up: the next window end asks again, so a
 * request that was stale during catch-up, or stood behind a burst of nulls, goes out once the same episode has fresh, clean evidence.
 */

import type { Episode, Severity } from "./alert.ts";

/** A day of the daily limit: the last 24 hours, so that midnight gives nothing away. */
export const DAILY_LIMIT_SPAN_MS = 24 * 3_600_000;

/** Outbox ids remembered for a cancellation; older ones were delivered or given up long before. */
const MAX_MESSAGES = 100;

/** Why a request is made: the closed list. */
export const SEND_REASONS = ["first_of_episode", "repeat_interval_elapsed"] as const;
export type SendReason = (typeof SEND_REASONS)[number];

/** Why none is made, in the order in which the guards look: the closed list. */
export const SUPPRESS_REASONS = [
  "not_firing", // no episode
  "no_evidence", // no window of this end drifts at that severity: ask again at the next
  "below_severity", // a warning episode
  "no_outputs", // nobody to ask
  "paused",
  "already_requested", // one request an episode
  "repeat_interval", // asked, and not long enough ago
  "in_progress", // a retraining runs, as far as is known
  "daily_limit",
  "minimum_samples",
  "quality", // the drifting features fail a check of missing, NaN or wrong types, or are computed from some that do: mend the data first
  "stale", // the window is older than action_max_age
  "dry_run",
] as const;
export type SuppressReason = (typeof SUPPRESS_REASONS)[number];

/** Reasons that are the ordinary course of things: neither counted nor logged. */
export const SILENT_REASONS: ReadonlySet<SuppressReason> = new Set(["not_firing", "no_evidence", "already_requested"]);

/** Undefined limits do not hold anything back. */
export type RetrainRule = {
  /** Names of outputs. */
  readonly to: readonly string[];
  /** The episode's severity that is reason enough; critical unless set. */
  readonly severity?: Severity | undefined;
  /** Undefined: one request an episode. */
  readonly repeatIntervalMs: number | undefined;
  /** How long a request locks the next one, unless a callback ends it sooner; undefined: no lock. */
  readonly inProgressTimeoutMs?: number | undefined;
  /** Requests of the model, all versions together, in 24 hours. */
  readonly dailyLimit: number | undefined;
  /** Records that the window must hold. */
  readonly minSamples: number;
  readonly dryRun: boolean;
  readonly paused: boolean;
  /** Windows that ended longer ago are stale; null: any age is sent. */
  readonly actionMaxAgeMs: number | null;
};

/** What a model and version remembers of its requests: plain JSON. A dry run is remembered apart, so that it uses nothing up. */
export type RetrainState = {
  /** Requests made for the open episode, and when the last was made. */
  readonly requests: number;
  readonly lastRequestMs: number | null;
  readonly dryRequests: number;
  readonly lastDryRequestMs: number | null;
  /** Outbox ids of the open episode: cancelled when it is resolved. */
  readonly messages: readonly string[];
  /** Requests of the last 24 hours by the guard clock. */
  readonly recentMs: readonly number[];
  /** The request that is believed to be in progress. */
  readonly lock: { readonly request: string; readonly sinceMs: number } | null;
  /** The last reported suppression of the open episode: the same one is not reported again. */
  readonly suppressed: SuppressReason | null;
};

/** The state of a model that has never asked. */
export const noRequests: RetrainState = {
  requests: 0,
  lastRequestMs: null,
  dryRequests: 0,
  lastDryRequestMs: null,
  messages: [],
  recentMs: [],
  lock: null,
  suppressed: null,
};

/** The window that a request would rest on. */
export type Evidence = {
  readonly endMs: number;
  readonly records: number;
  /** Features that drift in it at the rule's severity and are sustained, and how many of them fail a quality check. */
  readonly features: number;
  readonly failingQuality: number;
};

export type RetrainInput = {
  /** The episode while it is firing, else null. */
  readonly firing: Episode | null;
  /** Undefined: no window of this end shows the drift. */
  readonly evidence: Evidence | undefined;
  readonly state: RetrainState;
  /** Times of recent requests of the model's other versions. */
  readonly otherVersionsMs: readonly number[];
};

export type RetrainDecision =
  | { readonly action: "send"; readonly reason: SendReason; readonly ordinal: number }
  | {
      readonly action: "suppress";
      readonly reason: SuppressReason;
      /** With `dry_run`: the ordinal that would have been sent. */
      readonly ordinal?: number;
    };

/** Decides about one window end. Pure; `nowMs` is the guard clock. */
export function decideRetrain(input: RetrainInput, rule: RetrainRule, nowMs: number): RetrainDecision {
  const { firing, evidence, state } = input;
  if (firing === null) return suppress("not_firing");
  if ((rule.severity ?? "critical") === "critical" && firing.severity !== "critical") return suppress("below_severity");
  if (evidence === undefined) return suppress("no_evidence");
  if (rule.to.length === 0) return suppress("no_outputs");
  if (rule.paused) return suppress("paused");

  const made = rule.dryRun ? state.requests + state.dryRequests : state.requests;
  const lastMs = rule.dryRun ? latest(state.lastRequestMs, state.lastDryRequestMs) : state.lastRequestMs;
  if (made > 0 && rule.repeatIntervalMs === undefined) return suppress("already_requested");
  if (made > 0 && lastMs !== null && nowMs - lastMs < (rule.repeatIntervalMs ?? 0)) return suppress("repeat_interval");
  if (lockHolds(state, rule, nowMs)) return suppress("in_progress");
  const recent = [...state.recentMs, ...input.otherVersionsMs].filter((atMs) => nowMs - atMs < DAILY_LIMIT_SPAN_MS);
  if (rule.dailyLimit !== undefined && recent.length >= rule.dailyLimit) return suppress("daily_limit");
  if (evidence.records < rule.minSamples) return suppress("minimum_samples");
  if (evidence.features === evidence.failingQuality) return suppress("quality");
  if (rule.actionMaxAgeMs !== null && nowMs - evidence.endMs > rule.actionMaxAgeMs) return suppress("stale");
  if (rule.dryRun) return { action: "suppress", reason: "dry_run", ordinal: made + 1 };
  return { action: "send", reason: made === 0 ? "first_of_episode" : "repeat_interval_elapsed", ordinal: made + 1 };
}

/** The state after a decision of the guard clock's `nowMs`; `messages` are the ids that went into the outbox. */
export function afterDecision(
  state: RetrainState,
  decision: RetrainDecision,
  nowMs: number,
  request: string,
  messages: readonly string[],
): RetrainState {
  if (decision.action === "send") {
    return {
      ...state,
      requests: decision.ordinal,
      lastRequestMs: nowMs,
      messages: [...state.messages, ...messages].slice(-MAX_MESSAGES),
      recentMs: [...state.recentMs.filter((atMs) => nowMs - atMs < DAILY_LIMIT_SPAN_MS), nowMs],
      lock: { request, sinceMs: nowMs },
      suppressed: null,
    };
  }
  if (decision.reason === "dry_run") {
    return { ...state, dryRequests: state.dryRequests + 1, lastDryRequestMs: nowMs, suppressed: "dry_run" };
  }
  return SILENT_REASONS.has(decision.reason) ? state : { ...state, suppressed: decision.reason };
}

/** True when this decision says something that the last one of the episode did not. */
export function isNews(state: RetrainState, decision: RetrainDecision): boolean {
  if (decision.action === "send" || decision.reason === "dry_run") return true;
  return !SILENT_REASONS.has(decision.reason) && decision.reason !== state.suppressed;
}

/** The state when the episode is over: what outlives it is the lock and the daily limit. */
export function afterEpisode(state: RetrainState): RetrainState {
  return { ...noRequests, recentMs: state.recentMs, lock: state.lock };
}

/** The state after the pipeline reported that a request is done (or failed); another request's lock stays. */
export function released(state: RetrainState, request: string): RetrainState {
  return state.lock?.request === request ? { ...state, lock: null } : state;
}

function lockHolds(state: RetrainState, rule: RetrainRule, nowMs: number): boolean {
  return state.lock !== null && rule.inProgressTimeoutMs !== undefined && nowMs - state.lock.sinceMs < rule.inProgressTimeoutMs;
}

function suppress(reason: SuppressReason): RetrainDecision {
  return { action: "suppress", reason };
}

function latest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
