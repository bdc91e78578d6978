/**
 * Whether to ask for a retraining now: the guards, in one order, each with its reason. Pure; `now` comes in.
 *
 * Event time says *that* there is drift; these guards live by the guard clock (the host's, in a replay the window's end), because they protect
 * people and pipelines from too many requests. A guard that holds a request back does not use it up: the next window end asks again, so a
 * request that was stale during catch-up, or stood behind a burst of nulls, goes out once the same episode has fresh, clean evidence.
 *
 * What asks is the drift itself (`decideRetrain`), or an alert, the calendar or a person (`decideAsked`): the same guards, less those that look
 * at the drift.
 */

import type { Episode, Severity } from "./alert.ts";
import type { RequestReason, RequestStatus } from "./record.ts";

/** A day of the daily limit: the last 24 hours, so that midnight gives nothing away. */
export const DAILY_LIMIT_SPAN_MS = 24 * 3_600_000;

/** Outbox ids remembered for a cancellation; older ones were delivered or given up long before. */
const MAX_MESSAGES = 100;

/** Why a request is made: the closed list; the last three are who asked. */
export const SEND_REASONS = ["first_of_episode", "repeat_interval_elapsed", "alert", "schedule", "manual"] as const;
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
  "awaiting_approval", // a request of the model waits for somebody to approve it
  "in_progress", // a retraining of the model runs, as far as is known
  "target_busy", // as many retrainings run at an output as it may have, over all models
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
  /** How long a request locks the model's next one, unless the pipeline says sooner that it is done; undefined: no lock. */
  readonly inProgressTimeoutMs?: number | undefined;
  /** Most retrainings in progress at an output, over all models; an output that is not named has no limit. */
  readonly concurrency?: ReadonlyMap<string, number>;
  /** `manual`: a request is only sent when somebody approves it. Default: auto. */
  readonly approval?: "auto" | "manual";
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
  suppressed: null,
};

/** A request of any model that something can still come of, as the guards see it. */
export type OpenRequest = {
  readonly model: string;
  readonly status: RequestStatus;
  readonly outputs: readonly string[];
  /** Since when nothing was heard of it, by the guard clock. */
  readonly updatedAtMs: number;
  /** Its model's `inProgressTimeoutMs`. */
  readonly timeoutMs: number | undefined;
  /** Its message still waits for its first delivery: the pipeline's time has not begun. */
  readonly undelivered: boolean;
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
  /** Of this model and of all others. */
  readonly open: readonly OpenRequest[];
};

/** What somebody asks for, beside the model's state. */
export type AskedInput = {
  readonly model: string;
  readonly reason: Exclude<RequestReason, "drift">;
  /** The episode while it is firing, else null. */
  readonly firing: Episode | null;
  /** Of the newest evaluation; undefined: there is none. */
  readonly evidence: Evidence | undefined;
  readonly state: RetrainState;
  readonly otherVersionsMs: readonly number[];
  readonly open: readonly OpenRequest[];
};

export type RetrainDecision =
  | {
      readonly action: "send";
      readonly reason: SendReason;
      /** Of the episode; 0: outside of one. */
      readonly ordinal: number;
    }
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
  const made = rule.dryRun ? state.requests + state.dryRequests : state.requests;
  const held =
    heldByRule(rule) ??
    heldByEpisode(made, rule.dryRun ? latest(state.lastRequestMs, state.lastDryRequestMs) : state.lastRequestMs, rule, nowMs) ??
    heldByOthers(firing.model, input, rule, nowMs);
  if (held !== undefined) return suppress(held);
  if (evidence.records < rule.minSamples) return suppress("minimum_samples");
  if (evidence.features === evidence.failingQuality) return suppress("quality");
  if (rule.actionMaxAgeMs !== null && nowMs - evidence.endMs > rule.actionMaxAgeMs) return suppress("stale");
  if (rule.dryRun) return { action: "suppress", reason: "dry_run", ordinal: made + 1 };
  return { action: "send", reason: made === 0 ? "first_of_episode" : "repeat_interval_elapsed", ordinal: made + 1 };
}

/**
 * Decides about what an alert, the calendar or a person asks for. Pure. An alert about an episode that has asked already is the same news, so it
 * obeys `already_requested` and `repeat_interval`; the others mean what they say. No window need drift, and its age says nothing.
 */
export function decideAsked(input: AskedInput, rule: RetrainRule, nowMs: number): RetrainDecision {
  const { firing, evidence, state, reason } = input;
  const ofEpisode = firing !== null && reason === "alert";
  const held =
    heldByRule(rule) ??
    (ofEpisode ? heldByEpisode(state.requests, state.lastRequestMs, rule, nowMs) : undefined) ??
    heldByOthers(input.model, input, rule, nowMs);
  if (held !== undefined) return suppress(held);
  if ((evidence?.records ?? 0) < rule.minSamples) return suppress("minimum_samples");
  if (evidence !== undefined && evidence.features > 0 && evidence.features === evidence.failingQuality) return suppress("quality");
  if (rule.dryRun) return suppress("dry_run");
  return { action: "send", reason, ordinal: firing === null ? 0 : state.requests + 1 };
}

/** True while a request holds the next one of its model back. */
export function inProgress({ status, updatedAtMs, timeoutMs, undelivered }: OpenRequest, nowMs: number): boolean {
  if (status !== "requested" && status !== "running") return false;
  return timeoutMs !== undefined && (undelivered || isWithin(timeoutMs, updatedAtMs, nowMs));
}

/** The output of a rule at which as many retrainings are in progress as it may have; undefined: each has a place. */
export function busyOutput(rule: Pick<RetrainRule, "to" | "concurrency">, open: readonly OpenRequest[], nowMs: number): string | undefined {
  return rule.to.find((output) => {
    const most = rule.concurrency?.get(output);
    if (most === undefined) return false;
    return open.filter((request) => request.outputs.includes(output) && inProgress(request, nowMs)).length >= most;
  });
}

/** What holds a request of a model back even when somebody approves it; undefined: nothing. Undefined rule: nobody is asked for the model any more. */
export function heldAtApproval(
  { model, outputs }: { readonly model: string; readonly outputs: readonly string[] },
  rule: RetrainRule | undefined,
  open: readonly OpenRequest[],
  nowMs: number,
): SuppressReason | undefined {
  // None of those who were to be asked is configured any more: nobody would get it.
  if (rule === undefined || !outputs.some((output) => rule.to.includes(output))) return "no_outputs";
  if (rule.paused) return "paused";
  if (rule.dryRun) return "dry_run";
  // A pipeline that was believed dead may have spoken meanwhile.
  if (open.some((request) => request.model === model && inProgress(request, nowMs))) return "in_progress";
  // Whom to ask was decided when it was made.
  return busyOutput({ ...rule, to: outputs }, open, nowMs) === undefined ? undefined : "target_busy";
}

function heldByRule(rule: RetrainRule): SuppressReason | undefined {
  if (rule.to.length === 0) return "no_outputs";
  return rule.paused ? "paused" : undefined;
}

function heldByEpisode(made: number, lastMs: number | null, rule: RetrainRule, nowMs: number): SuppressReason | undefined {
  if (made === 0) return undefined;
  if (rule.repeatIntervalMs === undefined) return "already_requested";
  return lastMs !== null && isWithin(rule.repeatIntervalMs, lastMs, nowMs) ? "repeat_interval" : undefined;
}

function heldByOthers(
  model: string,
  { open, state, otherVersionsMs }: Pick<RetrainInput, "open" | "state" | "otherVersionsMs">,
  rule: RetrainRule,
  nowMs: number,
): SuppressReason | undefined {
  const own = open.filter((request) => request.model === model);
  if (own.some(({ status }) => status === "awaiting_approval")) return "awaiting_approval";
  if (own.some((request) => inProgress(request, nowMs))) return "in_progress";
  if (busyOutput(rule, open, nowMs) !== undefined) return "target_busy";
  const recent = [...state.recentMs, ...otherVersionsMs].filter((atMs) => isWithin(DAILY_LIMIT_SPAN_MS, atMs, nowMs));
  return rule.dailyLimit !== undefined && recent.length >= rule.dailyLimit ? "daily_limit" : undefined;
}

/** The state after a decision of the guard clock's `nowMs`; `messages` are the ids that went into the outbox. */
export function afterDecision(state: RetrainState, decision: RetrainDecision, nowMs: number, messages: readonly string[]): RetrainState {
  if (decision.action === "send") {
    const recentMs = [...state.recentMs.filter((atMs) => isWithin(DAILY_LIMIT_SPAN_MS, atMs, nowMs)), nowMs];
    if (decision.ordinal === 0) return { ...state, recentMs };
    return {
      ...state,
      requests: decision.ordinal,
      lastRequestMs: nowMs,
      messages: [...state.messages, ...messages].slice(-MAX_MESSAGES),
      recentMs,
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

/** The state when the episode is over: what outlives it is the daily limit. (Locks are the open requests' own.) */
export function afterEpisode(state: RetrainState): RetrainState {
  return { ...noRequests, recentMs: state.recentMs };
}

/** Whether a time is so near. Of a time ahead too: a clock that was wrong and is set back must not hold anything back until it gets there again. */
function isWithin(spanMs: number, atMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - atMs) < spanMs;
}

function suppress(reason: SuppressReason): RetrainDecision {
  return { action: "suppress", reason };
}

function latest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
