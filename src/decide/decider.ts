/**
 * Evaluations in, decisions out: alert states, episodes, outbox messages, events. Data only: whoever calls commits it in one transaction and
 * then calls `accept`. The same evaluations, clock and rules give the same bytes.
 */

import type { Evaluation } from "../evaluate/evaluation.ts";
import type { OutboxMessage } from "../outputs/output.ts";
import type { AlertStateRow, EventRow } from "../store/store.ts";
import type { AlertPhase, Episode, Severity } from "./alert.ts";
import { changeEvent, requestEvent, suppressEvent } from "./events.ts";
import { evidenceIn } from "./evidence.ts";
import { groupByEnd, keyOf, merge } from "./merge.ts";
import { type FailingCheck, failingChecks, qualityChange, qualityEpisode, qualityEvent, qualityHash, qualityVerdicts } from "./quality.ts";
import { RETRAIN_REQUESTED, retrainBody } from "./request.ts";
import {
  afterDecision,
  afterEpisode,
  decideRetrain,
  isNews,
  type RetrainRule,
  released,
  type SendReason,
  type SuppressReason,
} from "./retrain.ts";
import { type DecideState, emptyState, readState, writeState } from "./state.ts";
import { byText } from "./track.ts";
import { type AlertRule, type AlertState, type Change, type Hash, sustained, transition } from "./transition.ts";

/** What the configuration says about one model. */
export type DecideRule = {
  readonly alert: AlertRule;
  /** Undefined: nobody is asked to retrain it. */
  readonly retrain: RetrainRule | undefined;
  /** Go into the request as they are. */
  readonly links?: Readonly<Record<string, string>>;
};

export type DeciderOptions = {
  /** Read at every decision, so that a reload or a pause holds from the next window end; undefined: a model that is no longer configured. */
  readonly ruleOf: (model: string) => DecideRule | undefined;
  /** Hex text of a cryptographic hash over the parts: names episodes and requests. */
  readonly hash: Hash;
  /** `store.alertStates()`. */
  readonly restored: readonly AlertStateRow[];
  /** Records of the reference that judges a version, for the request. */
  readonly referenceRecords: (model: string, version: string) => number | undefined;
  /** False: nobody keeps the states, so no row of them is made (what-if: half of the cost). Default true. */
  readonly keepsStates?: boolean;
};

/** What became of a retraining: for counters, logs and the replay's report. */
export type RetrainNote = {
  readonly model: string;
  readonly version: string;
  readonly episode: string;
  readonly severity: Severity;
  readonly endMs: number;
  /** Ranked. */
  readonly features: readonly string[];
} & (
  | { readonly action: "send"; readonly reason: SendReason; readonly request: string }
  | {
      readonly action: "suppress";
      readonly reason: SuppressReason;
      /** With `dry_run`: the id that it would have had. */
      readonly request: string | undefined;
    }
);

/** Rows for `Store.commitDecision`, and what to do after the commit. */
export type Decision = {
  /** At most one for each model and version, only where it changed. */
  readonly alertState: readonly AlertStateRow[];
  /** Episodes that fired, to be put under their id; a pending one is no episode yet. */
  readonly episodes: readonly Episode[];
  readonly outbox: readonly OutboxMessage[];
  readonly events: readonly EventRow[];
  /** Outbox ids that have lost their point, since their episode is over: `outbox.cancel` takes those that still wait. */
  readonly cancel: readonly string[];
  readonly changes: readonly Change[];
  /** Of the quality of the data: never a reason to retrain. */
  readonly quality: readonly Change[];
  readonly retrain: readonly RetrainNote[];
};

/** One model and version as it stands, for the API and the metrics. */
export type Alert = {
  readonly model: string;
  readonly version: string;
  readonly phase: AlertPhase;
  /** The pending or firing episode. */
  readonly episode: Episode | null;
  /** Sustained now, in the order of (feature, window). */
  readonly features: readonly { readonly feature: string; readonly window: string; readonly severity: Severity }[];
  /** The same for the quality of the data, check by check. */
  readonly quality: { readonly phase: AlertPhase; readonly episode: Episode | null; readonly checks: readonly FailingCheck[] };
};

export type Decider = {
  /** Decides about window ends of any models, in ascending order of the end; each end comes once, with all its windows. `nowMs`: the guard clock. */
  readonly decide: (evaluations: readonly Evaluation[], nowMs: number) => Decision;
  /** To be called after the commit of a decision, in their order. */
  readonly accept: (decision: Pick<Decision, "alertState">) => void;
  /** Forgets every decision that was not accepted (its commit failed). */
  readonly revert: () => void;
  /** Models and versions that are not quiet, accepted or not, in the order of (model, version). */
  readonly alerts: () => readonly Alert[];
  /** The pipeline is done with a request: ends its lock. Returns the row to be committed, or undefined when no lock was held for it. */
  readonly release: (model: string, version: string, request: string) => AlertStateRow | undefined;
};

/** Makes a decider from the stored states. Throws what `readState` throws. */
export function createDecider(options: DeciderOptions): Decider {
  type Held = { readonly model: string; readonly version: string; readonly state: DecideState };
  const working = new Map<string, Held>();
  const accepted = new Map<string, AlertStateRow>();
  for (const row of options.restored) {
    accepted.set(keyOf(row), row);
    working.set(keyOf(row), { model: row.model, version: row.version, state: readState(row.state, row.model, row.version) });
  }

  function decideEnd(evaluations: readonly Evaluation[], rule: DecideRule, nowMs: number): Decision {
    const { model, version, endMs } = evaluations[0]!;
    const key = keyOf({ model, version });
    const before = working.get(key)?.state ?? emptyState;
    const { state: alert, changes, episode } = transition(before.alert, evaluations, rule.alert, options.hash);
    const verdicts = qualityVerdicts(evaluations, before.quality.tracks);
    const quality = transition(before.quality, verdicts, rule.alert, qualityHash(options.hash));
    const qualityChanges = quality.changes.map(qualityChange);
    const events = [...changes.map((change) => changeEvent(change, nowMs)), ...qualityChanges.map((change) => qualityEvent(change, nowMs))];
    const episodes: Episode[] = [];
    if (episode !== null && changes.some(isOfEpisode)) episodes.push(episode);
    if (quality.episode !== null && qualityChanges.some(isOfEpisode)) episodes.push(qualityEpisode(quality.episode));
    const over = changes.some(({ kind }) => kind === "resolved");
    let retrain = over ? afterEpisode(before.retrain) : before.retrain;
    const outbox: OutboxMessage[] = [];
    const notes: RetrainNote[] = [];

    if (rule.retrain !== undefined && alert.phase === "firing" && episode !== null) {
      const severity = rule.retrain.severity ?? "critical";
      const shown = evidenceIn(evaluations, alert.tracks, severity);
      const decision = decideRetrain(
        { firing: episode, evidence: shown, state: retrain, otherVersionsMs: requestsOfOtherVersions(model, version) },
        rule.retrain,
        nowMs,
      );
      if (isNews(retrain, decision)) {
        const request = decision.ordinal === undefined ? undefined : `msg_${options.hash([episode.id, decision.ordinal]).slice(0, 32)}`;
        const common = {
          model,
          version,
          episode: episode.id,
          severity: episode.severity,
          endMs,
          features: shown?.ranked.map(({ feature }) => feature) ?? [],
        };
        let body: string | undefined;
        if (request !== undefined && shown !== undefined) {
          body = retrainBody({
            id: request,
            ordinal: decision.ordinal!,
            episode: episode.id,
            severity: episode.severity,
            dryRun: decision.action === "suppress",
            atMs: nowMs,
            evaluation: shown.evaluation,
            referenceRecords: options.referenceRecords(model, version),
            features: shown.ranked,
            links: rule.links ?? {},
          });
        }
        if (decision.action === "send" && request !== undefined && body !== undefined) {
          const message = { type: RETRAIN_REQUESTED, model, version, body, createdAtMs: nowMs };
          // The first output's message has the request's own id; a row of the outbox has one receiver, so the others get a name behind it.
          for (const [i, output] of rule.retrain.to.entries()) {
            outbox.push({ id: i === 0 ? request : `${request}-${output}`, output, ...message });
          }
          notes.push({ ...common, action: "send", reason: decision.reason, request });
          events.push(requestEvent(common, decision.reason, request, body, nowMs));
        } else if (decision.action === "suppress") {
          notes.push({ ...common, action: "suppress", reason: decision.reason, request });
          events.push(suppressEvent(common, decision.reason, request, body, nowMs));
        }
      }
      retrain = afterDecision(
        retrain,
        decision,
        nowMs,
        outbox[0]?.id ?? "",
        outbox.map(({ id }) => id),
      );
    }

    const alertState: AlertStateRow[] = [];
    if (alert !== before.alert || quality.state !== before.quality || retrain !== before.retrain) {
      const state: DecideState = { alert, quality: quality.state, retrain };
      if (options.keepsStates !== false) {
        const text = writeState(state);
        if (text !== writeState(before)) alertState.push({ model, version, state: text });
      }
      working.set(key, { model, version, state });
    }
    const cancel = over ? before.retrain.messages : [];
    return { alertState, episodes, outbox, events, cancel, changes, quality: qualityChanges, retrain: notes };
  }

  function requestsOfOtherVersions(model: string, version: string): readonly number[] {
    const times: number[] = [];
    for (const held of working.values()) {
      if (held.model === model && held.version !== version) times.push(...held.state.retrain.recentMs);
    }
    return times;
  }

  return {
    decide: (evaluations, nowMs) => {
      const decisions: Decision[] = [];
      for (const group of groupByEnd(evaluations)) {
        const rule = options.ruleOf(group[0]!.model);
        if (rule !== undefined) decisions.push(decideEnd(group, rule, nowMs));
      }
      return merge(decisions);
    },
    accept: ({ alertState }) => {
      for (const row of alertState) accepted.set(keyOf(row), row);
    },
    revert: () => {
      working.clear();
      for (const [key, row] of accepted) {
        working.set(key, { model: row.model, version: row.version, state: readState(row.state, row.model, row.version) });
      }
    },
    alerts: () =>
      [...working.values()]
        .filter(({ state: { alert, quality } }) => !isQuiet(alert) || !isQuiet(quality))
        .map(({ model, version, state }) => ({
          model,
          version,
          phase: state.alert.phase,
          episode: state.alert.episode,
          features: sustained(state.alert),
          quality: {
            phase: state.quality.phase,
            episode: state.quality.episode === null ? null : qualityEpisode(state.quality.episode),
            checks: failingChecks(state.quality),
          },
        }))
        .sort((a, b) => byText(a.model, b.model) || byText(a.version, b.version)),
    release: (model, version, request) => {
      const key = keyOf({ model, version });
      const held = working.get(key);
      if (held === undefined) return undefined;
      const retrain = released(held.state.retrain, request);
      if (retrain === held.state.retrain) return undefined;
      const state = { ...held.state, retrain };
      working.set(key, { model, version, state });
      return { model, version, state: writeState(state) };
    },
  };
}

/** A pending episode is none yet. */
function isOfEpisode({ kind }: Change): boolean {
  return kind !== "pending" && kind !== "lapsed";
}

function isQuiet({ phase, tracks }: AlertState): boolean {
  return phase === "inactive" && tracks.length === 0;
}
