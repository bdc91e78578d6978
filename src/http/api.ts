/** Shapes what the view returns into the public JSON: status, models, episodes, deliveries. Pure. One feature: `feature.ts`. */

import type { Episode } from "../decide/alert.ts";
import { placeOf } from "../decide/quality.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import type { Attempt, Delivery, EventRow } from "../store/store.ts";
import { requestDocument } from "./request-document.ts";
import { isoTime, isoTimeOrNull } from "./time.ts";
import type { ModelFacts, SourceFacts, StatusFacts, UnseenFacts, VersionFacts } from "./view.ts";

/** The document of `GET /api/v1/status`; `ready` is what `/-/ready` says, which need not hang on every check shown. */
export function statusDocument(facts: StatusFacts, ready: boolean) {
  return {
    version: facts.build.version,
    revision: facts.build.revision,
    nodejs_version: facts.build.nodejs,
    now: isoTime(facts.nowMs),
    started_at: isoTime(facts.startedAtMs),
    uptime_seconds: Math.max(0, (facts.nowMs - facts.startedAtMs) / 1000),
    config: { digest: facts.config.digest, loaded_at: isoTime(facts.config.loadedAtMs) },
    ready,
    checks: facts.checks,
    sources: facts.sources.map(sourceDocument),
    store: { type: facts.store.type, size_bytes: facts.store.sizeBytes },
    records: facts.records,
  };
}

function sourceDocument(source: SourceFacts) {
  const lags = source.partitions.map(({ next, end }) => (end === null ? null : Math.max(0, end - next)));
  const known = lags.filter((lag) => lag !== null);
  return {
    source: source.source,
    connected: source.connected,
    ...(source.problem === undefined ? {} : { problem: source.problem }),
    event_time: isoTimeOrNull(source.eventTimeMs),
    lag: known.length === 0 ? null : known.reduce((sum, lag) => sum + lag, 0),
    partitions: source.partitions.map(({ partition, next, end, assigned }, i) => ({
      partition,
      assigned,
      position: next,
      end,
      lag: lags[i]!,
    })),
  };
}

/** One model of `GET /api/v1/models`. */
export function modelDocument(facts: ModelFacts) {
  return {
    model: facts.model,
    windows: facts.windows,
    silence: silenceDocument(facts),
    retrain: retrainDocument(facts),
    versions: facts.versions.map(versionDocument),
  };
}

/** Whom the guards wait for; null: nobody is asked to retrain the model. */
function retrainDocument({ retrain }: ModelFacts) {
  if (retrain === undefined) return null;
  const { approval, dryRun, paused, pausedSinceMs, open } = retrain;
  return { approval, dry_run: dryRun, paused, paused_since: isoTimeOrNull(pausedSinceMs), open: open.map(requestDocument) };
}

/** Whether records of the model come at all; null: that is not watched. */
function silenceDocument({ silence }: ModelFacts) {
  if (silence === undefined) return null;
  const { silent, reason, version, sinceMs, lastRecordMs } = silence;
  return { silent, reason, version, since: isoTimeOrNull(sinceMs), last_record: isoTimeOrNull(lastRecordMs) };
}

/** One version: reference, alert, last verdict of each window. */
function versionDocument(facts: VersionFacts) {
  const { snapshot, alert } = facts;
  return {
    version: facts.version,
    reference:
      snapshot === undefined
        ? null
        : {
            digest: snapshot.digest,
            version: snapshot.version ?? null,
            records: snapshot.records,
            created_at: snapshot.provenance.created_at,
            source: snapshot.provenance.source,
            time: snapshot.time === undefined ? null : { from: snapshot.time.from, to: snapshot.time.to },
            calibration_days: snapshot.calibration?.days ?? null,
            renewal: lineageDocument(snapshot),
          },
    renewal: renewalDocument(facts),
    features: snapshot?.features.length ?? 0,
    alert:
      alert === undefined
        ? { phase: "inactive", episode: null, features: [] }
        : { phase: alert.phase, episode: alert.episode === null ? null : episodeDocument(alert.episode), features: alert.features },
    quality: qualityDocument(facts),
    volume: volumeDocument(facts.evaluations),
    duplicates: duplicatesDocument(facts.evaluations),
    windows: facts.evaluations.map(windowDocument),
  };
}

/** What is wrong with the data beside drift: the alert of its own, and keys of records that the reference does not have. */
function qualityDocument({ alert, appeared }: VersionFacts) {
  const { phase, episode, checks } = alert?.quality ?? { phase: "inactive" as const, episode: null, checks: [] };
  return {
    phase,
    episode: episode === null ? null : episodeDocument(episode),
    failing: checks,
    ...(appeared === undefined ? {} : { appeared: unseenDocument(appeared) }),
  };
}

/** The number of records of the shortest window against what is usual at its hour; null: this version does not speak for its model. */
function volumeDocument(evaluations: readonly Evaluation[]) {
  const evaluation = evaluations.find(({ volume }) => volume !== undefined);
  if (evaluation?.volume === undefined) return null;
  const { verdict, reason, severity, records, expected, low, high, rhythm, periods, days, z, limit, partition, fails } = evaluation.volume;
  return {
    window: evaluation.window,
    end: isoTime(evaluation.endMs),
    verdict,
    reason,
    ...(severity === undefined ? {} : { severity }),
    actual: records,
    ...(expected === undefined ? {} : { expected, usual: { from: low, to: high }, rhythm, periods, z, limit, fails }),
    ...(days === undefined ? {} : { days }),
    ...(partition === undefined ? {} : { partition }),
  };
}

/** Repeated ids in the shortest window that has ids; null: in none. */
function duplicatesDocument(evaluations: readonly Evaluation[]) {
  const lengthOf = ({ startMs, endMs }: Evaluation) => endMs - startMs;
  const [evaluation] = evaluations.filter(({ ids }) => ids !== undefined).sort((a, b) => lengthOf(a) - lengthOf(b));
  if (evaluation?.ids === undefined) return null;
  const { checked, repeated } = evaluation.ids;
  return { window: evaluation.window, end: isoTime(evaluation.endMs), checked, repeated, share: repeated / checked };
}

/** Values (or keys) that the reference does not have, since a moment; counts are at most by `over` too large. */
export function unseenDocument({ sinceMs, total, top }: UnseenFacts) {
  return { since: isoTime(sinceMs), total, values: top };
}

/** Where a renewed reference comes from; null for one that a person has built. */
function lineageDocument({ renewal }: Snapshot) {
  if (renewal === undefined) return null;
  const { ordinal, previous, first } = renewal;
  return { ordinal, previous, first: { digest: first.digest, created_at: first.created_at } };
}

/** When the reference is to be renewed, and why it was not the last time. */
function renewalDocument({ renewal }: VersionFacts) {
  if (renewal === undefined) return null;
  const { dueMs, nextTryMs, postponed } = renewal;
  return {
    due: isoTime(dueMs),
    next_try: isoTime(nextTryMs),
    postponed: postponed === undefined ? null : { due: isoTime(postponed.dueMs), reason: postponed.reason, detail: postponed.detail },
  };
}

/** The last verdict of one window. */
function windowDocument(evaluation: Evaluation) {
  const codes = evaluation.outcomes?.codes;
  const drifting =
    codes === undefined
      ? evaluation.features.filter(({ verdict }) => verdict === "drift").length
      : codes.reduce((sum, code) => sum + (code >= 2 ? 1 : 0), 0);
  return {
    window: evaluation.window,
    start: isoTime(evaluation.startMs),
    end: isoTime(evaluation.endMs),
    records: evaluation.records,
    verdict: evaluation.verdict,
    reason: evaluation.reason,
    ...(evaluation.severity === undefined ? {} : { severity: evaluation.severity }),
    drifting_features: drifting,
    failing_checks: evaluation.findings?.filter(({ verdict }) => verdict === "drift").length ?? 0,
    policy: evaluation.policy,
    reference: evaluation.referenceDigest,
  };
}

/** One item of `GET /api/v1/episodes`. */
export function episodeDocument(episode: Episode) {
  return {
    id: episode.id,
    kind: episode.kind ?? "drift",
    model: episode.model,
    version: episode.version,
    severity: episode.severity,
    features: episode.features,
    ...(episode.checks === undefined ? {} : { checks: episode.checks.map(placeOf) }),
    pending_at: isoTime(episode.pendingAtMs),
    firing_at: isoTimeOrNull(episode.firingAtMs),
    resolved_at: isoTimeOrNull(episode.resolvedAtMs),
  };
}

/** One item of `GET /api/v1/events`: what the event log's line says, with its number. */
export function eventDocument({ number, atMs, type, model, version, body }: EventRow & { readonly number: number }) {
  return { number, time: isoTime(atMs), type, model, version, details: JSON.parse(body) as unknown };
}

/** One item of `GET /api/v1/deliveries`. */
export function deliveryDocument(delivery: Delivery) {
  return {
    id: delivery.id,
    output: delivery.output,
    type: delivery.type,
    model: delivery.model,
    version: delivery.version,
    status: delivery.status,
    attempts: delivery.attempts,
    created_at: isoTime(delivery.createdAtMs),
    updated_at: isoTime(delivery.updatedAtMs),
    next_attempt_at: delivery.status === "pending" ? isoTime(delivery.nextAttemptAtMs) : null,
  };
}

/** The document of `GET /api/v1/deliveries/{id}`: with the body that is sent and the log of attempts. */
export function deliveryDetail(delivery: Delivery, attempts: readonly Attempt[]) {
  return {
    ...deliveryDocument(delivery),
    body: JSON.parse(delivery.body) as unknown,
    attempt_log: attempts.map((attempt) => ({
      at: isoTime(attempt.atMs),
      ok: attempt.ok,
      status: attempt.status,
      failure: attempt.failure,
      latency_seconds: attempt.latencyMs / 1000,
      excerpt: attempt.excerpt,
    })),
  };
}
