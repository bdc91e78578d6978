/** A decision to ask made into what is stored and sent: the record, the messages, the event, the note. Pure; when to ask is `retrain.ts`. */

import type { OutboxMessage } from "../outputs/output.ts";
import type { EventRow } from "../store/store.ts";
import type { Severity } from "./alert.ts";
import type { RetrainNote } from "./decision.ts";
import { cut, iso } from "./events.ts";
import type { Shown } from "./evidence.ts";
import { messageIds, moved, type RequestReason, type RetrainRecord } from "./record.ts";
import { RETRAIN_REQUESTED, retrainBody } from "./request.ts";
import type { RetrainRule, SendReason, SuppressReason } from "./retrain.ts";

/** What the body of a request needs beside its evidence. */
export type RequestOf = {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly reason: RequestReason;
  readonly detail: string | undefined;
  readonly ordinal: number;
  readonly episode: string | null;
  readonly severity: Severity | null;
  readonly dedupKey: string | null;
  readonly shown: Shown | undefined;
  readonly referenceRecords: number | undefined;
  readonly links: Readonly<Record<string, string>>;
};

export type MadeRequest = {
  readonly record: RetrainRecord;
  /** Empty while it waits for approval. */
  readonly outbox: readonly OutboxMessage[];
  readonly event: EventRow;
  readonly note: RetrainNote;
};

/** The body as it would be sent at `nowMs`. */
export function bodyOf(request: RequestOf, dryRun: boolean, nowMs: number): string {
  const { shown, ...rest } = request;
  return retrainBody({ ...rest, dryRun, atMs: nowMs, evaluation: shown?.evaluation, features: shown?.ranked ?? [] });
}

/** A request that is made: sent at once, or, with manual approval, kept until somebody says so. */
export function makeRequest(request: RequestOf, rule: RetrainRule, reason: SendReason, nowMs: number): MadeRequest {
  const { id, model, version, episode, severity, dedupKey, detail } = request;
  const manual = rule.approval === "manual";
  const record: RetrainRecord = {
    ...{ id, model, version, reason: request.reason, severity, episode },
    status: manual ? "awaiting_approval" : "requested",
    ...{ createdAtMs: nowMs, updatedAtMs: nowMs, outputs: rule.to, newVersion: null, detail: detail ?? null, dedupKey },
    body: bodyOf(request, false, nowMs),
  };
  const note: RetrainNote = {
    ...commonOf(request, nowMs),
    action: "send",
    reason,
    request: id,
    status: manual ? "awaiting_approval" : "requested",
  };
  const type = manual ? "driftd.retrain.awaiting_approval" : RETRAIN_REQUESTED;
  return {
    record,
    outbox: manual ? [] : messagesOf(record, nowMs),
    event: eventOf(type, note, { request_id: id, request: parsed(record.body) }, nowMs),
    note,
  };
}

/** A request that a guard held back; `body`: with a dry run the one that was not sent. */
export function holdRequest(
  request: RequestOf,
  reason: SuppressReason,
  body: string | undefined,
  nowMs: number,
): { readonly event: EventRow; readonly note: RetrainNote } {
  const note: RetrainNote = {
    ...commonOf(request, nowMs),
    action: "suppress",
    reason,
    request: body === undefined ? undefined : request.id,
  };
  const unsent = body === undefined ? {} : { request_id: request.id, request: parsed(body) };
  return { event: eventOf("driftd.retrain.suppressed", note, unsent, nowMs), note };
}

/** A request that somebody approved: its messages go out under the ids that they would have had. */
export function approveRequest(record: RetrainRecord, nowMs: number): Omit<MadeRequest, "note"> {
  const approved = moved(record, "requested", nowMs);
  const body = {
    request_id: record.id,
    reason: "approved",
    episode: record.episode,
    severity: record.severity,
    request: parsed(record.body),
  };
  const event = { atMs: nowMs, type: RETRAIN_REQUESTED, model: record.model, version: record.version, body: JSON.stringify(body) };
  return { record: approved, outbox: messagesOf(approved, nowMs), event };
}

/** `driftd.retrain.running`, `.succeeded`, `.failed`, `.rejected`, `.cancelled`, `.timed_out`: a request came to a status. */
export function movedEvent(record: RetrainRecord, atMs: number): EventRow {
  const { id, model, version, status, reason, episode, newVersion, detail } = record;
  const body = { request_id: id, reason, episode, new_version: newVersion, detail };
  return { atMs, type: `driftd.retrain.${status}`, model, version, body: JSON.stringify(body) };
}

function messagesOf(record: RetrainRecord, nowMs: number): OutboxMessage[] {
  const { model, version, body, outputs } = record;
  const ids = messageIds(record);
  return outputs.map((output, i) => ({ id: ids[i]!, output, type: RETRAIN_REQUESTED, model, version, body, createdAtMs: nowMs }));
}

function commonOf({ model, version, episode, severity, shown }: RequestOf, nowMs: number) {
  const endMs = shown?.evaluation.endMs ?? nowMs;
  return { model, version, episode, severity, endMs, features: shown?.ranked.map(({ feature }) => feature) ?? [] };
}

function eventOf(type: string, note: RetrainNote, what: Readonly<Record<string, unknown>>, atMs: number): EventRow {
  const { episode, severity, endMs, features, reason, model, version } = note;
  const body = { episode, severity, window_end: iso(endMs), ...cut("features", features), reason, ...what };
  return { atMs, type, model, version, body: JSON.stringify(body) };
}

function parsed(body: string): unknown {
  return JSON.parse(body) as unknown;
}
