/**
 * Evaluations in, decisions out: alert states, episodes, outbox messages, events. Data only: whoever calls commits it in one transaction and
 * then calls `accept`. The same evaluations, clock and rules give the same bytes. It is long because the order of what one window end leads to
 * stands in one place; each part of it is a file of its own.
 */

import type { Evaluation } from "../evaluate/evaluation.ts";
import type { AlertStateRow } from "../store/store.ts";
import type { Episode } from "./alert.ts";
import type { Alert, DecideRule, Decision, RetrainNote } from "./decision.ts";
import { changeEvent } from "./events.ts";
import { evidenceIn, newestEvidence, type Shown } from "./evidence.ts";
import { approveRequest, bodyOf, holdRequest, makeRequest, movedEvent, type RequestOf } from "./make-request.ts";
import { groupByEnd, keyOf, merge } from "./merge.ts";
import { noticesOf } from "./notices.ts";
import { createOpenRequests } from "./open-requests.ts";
import { failingChecks, qualityChange, qualityEpisode, qualityEvent, qualityHash, qualityVerdicts } from "./quality.ts";
import { messageIds, moved, type RequestReason, type RetrainRecord } from "./record.ts";
import {
  afterDecision,
  afterEpisode,
  decideAsked,
  decideRetrain,
  heldAtApproval,
  isNews,
  type RetrainDecision,
  type RetrainRule,
  type RetrainState,
  type SuppressReason,
} from "./retrain.ts";
import { type DecideState, emptyState, readState, writeState } from "./state.ts";
import { byText } from "./track.ts";
import { type AlertState, type Change, type Hash, sustained, transition } from "./transition.ts";

export type DeciderOptions = {
  /** Read at every decision, so that a reload or a pause holds from the next window end; undefined: a model that is no longer configured. */
  readonly ruleOf: (model: string) => DecideRule | undefined;
  /** Hex text of a cryptographic hash over the parts: names episodes and requests. */
  readonly hash: Hash;
  /** `store.alertStates()`. */
  readonly restored: readonly AlertStateRow[];
  /** Records of the reference that judges a version, for the request. */
  readonly referenceRecords: (model: string, version: string) => number | undefined;
  /** `store.retrainRequests({ open: true })`. Default: none. */
  readonly openRequests?: readonly RetrainRecord[];
  /** Whether a request's message still waits for its first delivery, so that the pipeline's time has not begun. Default: never. */
  readonly undelivered?: (request: string) => boolean;
  /** False: nobody keeps the states, so no row of them is made (what-if: half of the cost). Default true. */
  readonly keepsStates?: boolean;
};

/** What an alert, the calendar or a person asks for. */
export type Asked = {
  readonly model: string;
  readonly version: string;
  readonly reason: Exclude<RequestReason, "drift">;
  readonly detail: string;
  readonly dedupKey: string | null;
  /** Names the request, with the rest: the same parts give the same id. */
  readonly idParts: readonly (string | number)[];
};

export type Decider = {
  /** Decides about window ends of any models, in ascending order of the end; each end comes once, with all its windows. `nowMs`: the guard clock. */
  readonly decide: (evaluations: readonly Evaluation[], nowMs: number) => Decision;
  /** Decides about what somebody asks for; `evaluations`: the newest of the version. Its one note says what came of it; undefined: nobody is configured to be asked. */
  readonly ask: (
    asked: Asked,
    evaluations: readonly Evaluation[],
    nowMs: number,
  ) => (Decision & { readonly note: RetrainNote }) | undefined;
  /** Sends a request that waited for approval, or says what holds it back even so. */
  readonly approve: (record: RetrainRecord, nowMs: number) => Decision | { readonly guard: SuppressReason };
  /** Puts requests that were moved from outside (reports of a pipeline, a refusal, a delivery), with their events. */
  readonly move: (records: readonly RetrainRecord[], nowMs: number) => Decision;
  /** Whether a request of any model was not heard of for too long. */
  readonly overdue: (nowMs: number) => boolean;
  /** Those requests, as `timed_out`. */
  readonly expire: (nowMs: number) => Decision;
  /** The requests that something can still come of, oldest first, accepted or not. */
  readonly openRequests: () => readonly RetrainRecord[];
  /** To be called after the commit of a decision, in their order. */
  readonly accept: (decision: Pick<Decision, "alertState" | "requests">) => void;
  /** Forgets every decision that was not accepted (its commit failed). */
  readonly revert: () => void;
  /** Models and versions that are not quiet, accepted or not, in the order of (model, version). */
  readonly alerts: () => readonly Alert[];
};

const NOTHING: Decision = merge([]);

/** Makes a decider from the stored states. Throws what `readState` throws. */
export function createDecider(options: DeciderOptions): Decider {
  type Held = { readonly model: string; readonly version: string; readonly state: DecideState };
  const working = new Map<string, Held>();
  const accepted = new Map<string, AlertStateRow>();
  for (const row of options.restored) {
    accepted.set(keyOf(row), row);
    working.set(keyOf(row), { model: row.model, version: row.version, state: readState(row.state, row.model, row.version) });
  }
  const open = createOpenRequests({
    restored: options.openRequests ?? [],
    timeoutMs: (model) => options.ruleOf(model)?.retrain?.inProgressTimeoutMs,
    undelivered: options.undelivered ?? (() => false),
  });

  function decideEnd(evaluations: readonly Evaluation[], rule: DecideRule, nowMs: number): Decision {
    const { model, version } = evaluations[0]!;
    const before = working.get(keyOf({ model, version }))?.state ?? emptyState;
    const { state: alert, changes, episode } = transition(before.alert, evaluations, rule.alert, options.hash);
    const verdicts = qualityVerdicts(evaluations, before.quality.tracks);
    const quality = transition(before.quality, verdicts, rule.alert, qualityHash(options.hash));
    const qualityChanges = quality.changes.map(qualityChange);
    const episodes: Episode[] = [];
    if (episode !== null && changes.some(isOfEpisode)) episodes.push(episode);
    if (quality.episode !== null && qualityChanges.some(isOfEpisode)) episodes.push(qualityEpisode(quality.episode));
    const over = changes.find(({ kind }) => kind === "resolved")?.episode.id;
    const gone = open.expired(model, nowMs);
    open.put(gone);
    const pointless = over === undefined ? undefined : supersede(before.retrain, over, nowMs);

    let retrain = over === undefined ? before.retrain : afterEpisode(before.retrain);
    let asked = NOTHING;
    if (rule.retrain !== undefined && alert.phase === "firing" && episode !== null) {
      const shown = evidenceIn(evaluations, alert.tracks, rule.retrain.severity ?? "critical");
      const input = { firing: episode, evidence: shown, state: retrain, ...othersOf(model, version) };
      const decision = decideRetrain(input, rule.retrain, nowMs);
      if (isNews(retrain, decision)) {
        const { id, severity } = episode;
        const name = decision.ordinal === undefined ? "" : `msg_${options.hash([id, decision.ordinal]).slice(0, 32)}`;
        const what = { model, version, reason: "drift", detail: undefined, episode: id, severity, dedupKey: null, shown } as const;
        asked = carryOut(decision, requestOf(name, decision.ordinal ?? 0, what, rule), rule.retrain, nowMs);
      }
      retrain = afterDecision(
        retrain,
        decision,
        nowMs,
        asked.outbox.map(({ id }) => id),
      );
    }
    const notices =
      rule.notify === undefined || (changes.length === 0 && qualityChanges.length === 0)
        ? undefined
        : noticesOf(
            { changes, quality: qualityChanges, evaluations, tracks: alert.tracks, failing: failingChecks(quality.state) },
            rule.notify,
            { links: rule.links ?? {}, hash: options.hash, nowMs },
          );

    return {
      alertState: keep(model, version, before, { alert, quality: quality.state, retrain }),
      episodes,
      outbox: [...asked.outbox, ...(notices?.outbox ?? [])],
      events: [
        ...gone.map((record) => movedEvent(record, nowMs)),
        ...changes.map((change) => changeEvent(change, nowMs)),
        ...qualityChanges.map((change) => qualityEvent(change, nowMs)),
        ...(pointless?.records.map((record) => movedEvent(record, nowMs)) ?? []),
        ...asked.events,
      ],
      requests: [...gone, ...(pointless?.records ?? []), ...asked.requests],
      cancel: pointless?.cancel ?? [],
      withdraw: notices?.withdraw ?? [],
      changes,
      quality: qualityChanges,
      retrain: asked.retrain,
    };
  }

  /** What the end of an episode makes pointless: requests that wait for approval, and messages that nobody has got yet. */
  function supersede(state: RetrainState, episode: string, nowMs: number) {
    const own = open.all().filter((record) => record.episode === episode && record.reason === "drift");
    const records = own
      .filter(({ status }) => status === "awaiting_approval")
      .map((record) => moved(record, "cancelled", nowMs, { detail: "the episode was over before it was approved" }));
    open.put(records);
    const sent = own.filter(({ status }) => status === "requested").flatMap(messageIds);
    return { records, cancel: [...new Set([...state.messages, ...sent])] };
  }

  function requestOf(
    id: string,
    ordinal: number,
    what: Omit<RequestOf, "id" | "ordinal" | "links" | "referenceRecords">,
    rule: DecideRule,
  ): RequestOf {
    const callback = rule.callbacks === undefined ? {} : { callback: `${rule.callbacks}/${encodeURIComponent(id)}/status` };
    const referenceRecords = options.referenceRecords(what.model, what.version);
    return { ...what, id, ordinal, links: { ...rule.links, ...callback }, referenceRecords };
  }

  /** The rows of a decision about a request; the open requests know of it from here on. */
  function carryOut(decision: RetrainDecision, request: RequestOf, rule: RetrainRule, nowMs: number): Decision {
    if (decision.action === "send") {
      const { record, outbox, event, note } = makeRequest(request, rule, decision.reason, nowMs);
      open.put([record]);
      return { ...NOTHING, outbox, events: [event], requests: [record], retrain: [note] };
    }
    const body = decision.ordinal === undefined || request.shown === undefined ? undefined : bodyOf(request, true, nowMs);
    const { event, note } = holdRequest(request, decision.reason, body, nowMs);
    return { ...NOTHING, events: [event], retrain: [note] };
  }

  /** Remembers a state; its row, if it says anything new. */
  function keep(model: string, version: string, before: DecideState, state: DecideState): AlertStateRow[] {
    if (state.alert === before.alert && state.quality === before.quality && state.retrain === before.retrain) return [];
    working.set(keyOf({ model, version }), { model, version, state });
    if (options.keepsStates === false) return [];
    const text = writeState(state);
    return text === writeState(before) ? [] : [{ model, version, state: text }];
  }

  /** What other requests, of this model and of others, mean for the guards. */
  function othersOf(model: string, version: string) {
    const otherVersionsMs: number[] = [];
    for (const held of working.values()) {
      if (held.model === model && held.version !== version) otherVersionsMs.push(...held.state.retrain.recentMs);
    }
    return { otherVersionsMs, open: open.facts() };
  }

  function put(records: readonly RetrainRecord[], nowMs: number): Decision {
    const before = new Map(open.all().map(({ id, status }) => [id, status]));
    // That a pipeline still runs is no event.
    const events = records.filter(({ id, status }) => before.get(id) !== status).map((record) => movedEvent(record, nowMs));
    open.put(records);
    return { ...NOTHING, requests: records, events };
  }

  function latestShown(evaluations: readonly Evaluation[]): Shown | undefined {
    const endMs = Math.max(...evaluations.map((evaluation) => evaluation.endMs));
    return newestEvidence(evaluations.filter((evaluation) => evaluation.endMs === endMs));
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
    ask: ({ model, version, reason, detail, dedupKey, idParts }, evaluations, nowMs) => {
      const rule = options.ruleOf(model);
      if (rule?.retrain === undefined) return undefined;
      const before = working.get(keyOf({ model, version }))?.state ?? emptyState;
      const firing = before.alert.phase === "firing" ? before.alert.episode : null;
      const shown = latestShown(evaluations);
      const gone = open.expired(model, nowMs);
      const expiry = put(gone, nowMs);
      const input = { model, reason, firing, evidence: shown, state: before.retrain, ...othersOf(model, version) };
      const decision = decideAsked(input, rule.retrain, nowMs);
      const ordinal = decision.ordinal ?? 0;
      const id = `msg_${options.hash(["asked", model, version, reason, ...idParts]).slice(0, 32)}`;
      const what = { model, version, reason, detail, episode: firing?.id ?? null, severity: firing?.severity ?? null, dedupKey, shown };
      const made = carryOut(decision, requestOf(id, ordinal, what, rule), rule.retrain, nowMs);
      // What is held back is not remembered: the episode's own suppressions are another matter.
      const messages = made.outbox.map((message) => message.id);
      const retrain =
        decision.action === "send" ? afterDecision(before.retrain, decision, nowMs, reason === "alert" ? messages : []) : before.retrain;
      const alertState = keep(model, version, before, { ...before, retrain });
      return { ...merge([expiry, { ...made, alertState }]), note: made.retrain[0]! };
    },
    approve: (record, nowMs) => {
      const guard = heldAtApproval(record, options.ruleOf(record.model)?.retrain, open.facts(), nowMs);
      if (guard !== undefined) return { guard };
      const { record: approved, outbox, event } = approveRequest(record, nowMs);
      open.put([approved]);
      return { ...NOTHING, requests: [approved], outbox, events: [event] };
    },
    move: put,
    overdue: (nowMs) => open.expired(undefined, nowMs).length > 0,
    expire: (nowMs) => put(open.expired(undefined, nowMs), nowMs),
    openRequests: open.all,
    accept: ({ alertState, requests }) => {
      for (const row of alertState) accepted.set(keyOf(row), row);
      open.accept(requests);
    },
    revert: () => {
      working.clear();
      for (const [key, row] of accepted) {
        working.set(key, { model: row.model, version: row.version, state: readState(row.state, row.model, row.version) });
      }
      open.revert();
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
  };
}

/** A pending episode is none yet. */
function isOfEpisode({ kind }: Change): boolean {
  return kind !== "pending" && kind !== "lapsed";
}

function isQuiet({ phase, tracks }: AlertState): boolean {
  return phase === "inactive" && tracks.length === 0;
}
