/**
 * Turns evaluations and decisions into metrics and log lines: one place, so that the two cannot disagree. It is told after the commit, never
 * decides, and gathers during catch-up: of each window only the newest evaluation's per-feature series are written.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Alert, Decision } from "../decide/decision.ts";
import { featureEvaluation } from "../evaluate/evaluate.ts";
import type { Evaluation, VerdictReason } from "../evaluate/evaluation.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import type { SkipReason } from "./catalog.ts";
import { createFeatureSeries } from "./feature-series.ts";
import { createLiveVersions } from "./live-versions.ts";
import { logQuality, type UnseenOf } from "./quality-log.ts";
import { createQualitySeries } from "./quality-series.ts";
import type { MetricsRegistry } from "./registry.ts";

const VERDICTS = ["drift", "no_drift", "insufficient_data"] as const;
const SEVERITIES = ["warning", "critical"] as const;
/** The writing of per-feature series gives way after this long: a feature's detail takes 30 µs, twenty times as much when its code is new. */
const TURN_MS = 3;

/** Why an evaluation gave no verdict → the reason's name in `driftd_evaluations_skipped_total`. */
const SKIPPED: Readonly<Partial<Record<VerdictReason, SkipReason>>> = {
  no_reference: "no_reference",
  too_few_values: "insufficient_samples",
  thin_window: "insufficient_samples",
  low_coverage: "low_coverage",
  empty_reference: "empty_reference",
  reference_changed: "reference_changed",
  source_stalled: "source_stalled",
  overflow: "overflow",
};

export type ObserverOptions = {
  readonly metrics: Pick<MetricsRegistry, "inc" | "set" | "remove" | "observe" | "removeVersion" | "removeFeatures">;
  readonly clock: Clock;
  readonly log: Log;
  readonly alerts: () => readonly Alert[];
  readonly unseen?: UnseenOf;
};

export type Observer = {
  /** After the commit of a decision. */
  readonly decided: (evaluations: readonly Evaluation[], decision: Decision) => void;
  /** Writes the per-feature series of what was decided since the last call. */
  readonly flush: () => Promise<void>;
  /** A reference judges this version from now on. */
  readonly judged: (model: string, version: string, path: string, snapshot: Snapshot) => void;
  /** The newest evaluation of each (model, version, window). */
  readonly latest: () => readonly Evaluation[];
  /** Restores what `latest` says after a start. */
  readonly restore: (evaluations: readonly Evaluation[]) => void;
  /** The model was removed from the configuration, or has another reference: what is known of it holds no longer. */
  readonly forget: (model: string) => void;
  /** Nothing could be evaluated for longer than the stall timeout: no verdict holds until one is made again. */
  readonly stalled: () => void;
};

/** Makes the observer. */
export function createObserver(options: ObserverOptions): Observer {
  const { metrics, clock, log } = options;
  const latest = new Map<string, Evaluation>();
  const fresh = new Map<string, Evaluation>();
  let drifted = new Map<string, { model: string; version: string; feature: string; severity: string }>();
  const quality = createQualitySeries(metrics);
  let alertsChanged = true;
  /** The window in which the number of records was last judged. */
  const judgedVolume = new Map<string, string>();
  const features = createFeatureSeries(metrics);
  /** Evaluations made again after a start or a change of the reference: when they were made first is not known. */
  const again = new WeakSet<Evaluation>();
  const versions = createLiveVersions();

  function countEvaluation(evaluation: Evaluation): void {
    const { model, verdict, reason } = evaluation;
    metrics.inc("driftd_evaluations_total", { model });
    const skipped = verdict === "insufficient_data" ? SKIPPED[reason] : undefined;
    if (skipped !== undefined) metrics.inc("driftd_evaluations_skipped_total", { model, reason: skipped });
    const key = JSON.stringify([model, evaluation.version, evaluation.window]);
    latest.set(key, evaluation);
    fresh.set(key, evaluation);
  }

  function countDecision(decision: Decision): void {
    for (const { kind, reason, episode, endMs } of decision.changes) {
      alertsChanged = true;
      const fields = {
        model: episode.model,
        version: episode.version,
        episode: episode.id,
        severity: episode.severity,
        features: episode.features.slice(0, 20),
        reason,
        window_end: new Date(endMs).toISOString(),
      };
      if (kind === "firing" || kind === "escalated" || kind === "resolved") log.info(fields, `drift ${kind}`);
      else log.debug(fields, `drift ${kind}`);
    }
    if (decision.quality.length > 0) alertsChanged = true;
    for (const change of decision.quality) logQuality(change, log, options.unseen);
    if (decision.alertState.length > 0) alertsChanged = true;
    for (const note of decision.retrain) {
      const labels = { model: note.model, action: "retrain" };
      const fields = { model: note.model, version: note.version, episode: note.episode, request: note.request, reason: note.reason };
      if (note.action === "send" && note.status === "awaiting_approval") log.info(fields, "retraining waits for approval");
      else if (note.action === "send") {
        metrics.inc("driftd_actions_triggered_total", labels);
        metrics.set("driftd_last_action_timestamp_seconds", labels, clock.nowMs() / 1000);
        log.info(fields, "retraining requested");
      } else {
        metrics.inc("driftd_actions_suppressed_total", { ...labels, reason: note.reason });
        log.info(fields, "retraining held back");
      }
    }
  }

  function writeWindow(evaluation: Evaluation): void {
    const { model, version, window } = evaluation;
    const labels = { model, version, window };
    metrics.set("driftd_window_samples", labels, evaluation.records);
    writeRecords(evaluation);
    metrics.set("driftd_window_end_timestamp_seconds", labels, evaluation.endMs / 1000);
    for (const verdict of VERDICTS) metrics.set("driftd_model_verdict", { ...labels, verdict }, evaluation.verdict === verdict ? 1 : 0);
    // In real time the end of the window is close to when it was evaluated; the moment of a restart would hide that nothing has been since.
    const evaluatedMs = again.has(evaluation) ? Math.min(evaluation.endMs, clock.nowMs()) : clock.nowMs();
    metrics.set("driftd_last_evaluation_timestamp_seconds", labels, evaluatedMs / 1000);
    if (evaluation.verdict !== "insufficient_data") {
      metrics.set("driftd_last_evaluation_success_timestamp_seconds", labels, evaluatedMs / 1000);
    }
  }

  /** What is usual is known of the shortest window only, and of the version that speaks for its model. */
  function writeRecords({ model, version, window, volume, ids }: Evaluation): void {
    const labels = { model, version, window };
    if (volume?.expected === undefined) metrics.remove("driftd_window_expected_records", labels);
    else metrics.set("driftd_window_expected_records", labels, volume.expected);
    if (volume?.z !== undefined) {
      metrics.set("driftd_volume_z", { model, version }, volume.z);
      judgedVolume.set(JSON.stringify([model, version]), window);
    } else if (judgedVolume.get(JSON.stringify([model, version])) === window) metrics.remove("driftd_volume_z", { model, version });
    if (ids === undefined) metrics.remove("driftd_window_repeated_ids_ratio", labels);
    else metrics.set("driftd_window_repeated_ids_ratio", labels, ids.repeated / ids.checked);
  }

  function writeAlerts(): void {
    const now = new Map<string, { model: string; version: string; feature: string; severity: string }>();
    const counts = new Map<string, { model: string; version: string; severity: string; features: Set<string> }>();
    const shown = [...latest.values()].filter(({ model, version }) => !versions.isRetired(model, version));
    for (const { model, version } of shown) {
      for (const severity of SEVERITIES)
        counts.set(JSON.stringify([model, version, severity]), { model, version, severity, features: new Set() });
    }
    const known = new Set(shown.map(({ model }) => model));
    for (const alert of options.alerts()) {
      // A model that was removed keeps its state in the store, for when it comes back.
      if (alert.phase !== "firing" || !known.has(alert.model)) continue;
      for (const { feature, severity } of alert.features) {
        const series = { model: alert.model, version: alert.version, feature, severity };
        now.set(JSON.stringify(series), series);
        counts.get(JSON.stringify([alert.model, alert.version, severity]))?.features.add(feature);
      }
    }
    for (const [key, series] of now) if (!drifted.has(key)) metrics.set("driftd_feature_drifted", series, 1);
    for (const [key, series] of drifted) if (!now.has(key)) metrics.set("driftd_feature_drifted", series, 0);
    drifted = now;
    for (const { features, ...labels } of counts.values()) metrics.set("driftd_model_drifted_features", labels, features.size);
    quality.alerts(options.alerts(), shown);
    alertsChanged = false;
  }

  function writeReference(model: string, version: string, path: string, snapshot: Snapshot): void {
    const labels = { model, version };
    metrics.set("driftd_reference_info", { ...labels, reference: path, digest: snapshot.digest }, 1);
    metrics.set("driftd_reference_created_timestamp_seconds", labels, Date.parse(snapshot.provenance.created_at) / 1000);
    metrics.set("driftd_reference_samples", labels, snapshot.records);
    metrics.set("driftd_model_features", labels, snapshot.features.length);
    for (const { feature, role, kind } of snapshot.features) {
      metrics.set("driftd_feature_info", { model, feature, role, kind }, 1);
      for (const severity of SEVERITIES) {
        // After a reload it is said anew, maybe in mid-episode: what drifts goes on drifting.
        const series = { model, version, feature, severity };
        metrics.set("driftd_feature_drifted", series, drifted.has(JSON.stringify(series)) ? 1 : 0);
      }
    }
  }

  /** A version that was replaced has no series, until a record of it comes again. */
  function followVersions(): void {
    const { retired, returned } = versions.look(latest.values(), options.alerts());
    for (const { model, version } of retired) {
      metrics.removeVersion(model, version);
      metrics.removeFeatures(model, versions.ownFeatures(model, version));
      forgetSeries(model, version);
      log.info({ model, version }, "no records of this version any more, its series are removed");
    }
    for (const { model, version } of returned) {
      const reference = versions.reference(model, version);
      if (reference !== undefined) writeReference(model, version, reference.path, reference.snapshot);
      for (const evaluation of latest.values())
        if (evaluation.model === model && evaluation.version === version)
          fresh.set(JSON.stringify([model, version, evaluation.window]), evaluation);
    }
    if (retired.length + returned.length > 0) alertsChanged = true;
  }

  /** What is remembered of series that are gone. */
  function forgetSeries(model: string, version?: string): void {
    for (const [key, series] of drifted) {
      if (series.model === model && (version === undefined || series.version === version)) drifted.delete(key);
    }
    features.forget(model, version);
    quality.forget(model, version);
  }

  return {
    decided: (evaluations, decision) => {
      for (const evaluation of evaluations) countEvaluation(evaluation);
      countDecision(decision);
    },
    flush: async () => {
      followVersions();
      const due = [...fresh.values()].filter(({ model, version }) => !versions.isRetired(model, version));
      fresh.clear();
      // Alerts first: with `metrics.features: drifted` they say which features have series at all.
      if (alertsChanged) writeAlerts();
      let turnBeganMs = clock.monotonicMs();
      for (const evaluation of due) {
        writeWindow(evaluation);
        const shares = quality.shares(evaluation);
        // One feature's detail at a time: all of them at once would hold the event loop.
        for (let i = 0; i < (evaluation.outcomes?.features.length ?? 0); i++) {
          const judged = featureEvaluation(evaluation, i);
          if (judged !== undefined) {
            features.write(evaluation, judged);
            shares.feature(judged);
          }
          if (clock.monotonicMs() - turnBeganMs < TURN_MS) continue;
          await nextTurn();
          turnBeganMs = clock.monotonicMs();
        }
        shares.end();
      }
    },
    judged: (model, version, path, snapshot) => {
      versions.judged(model, version, { path, snapshot });
      if (!versions.isRetired(model, version)) writeReference(model, version, path, snapshot);
    },
    latest: () => [...latest.values()],
    restore: (evaluations) => {
      for (const evaluation of evaluations) {
        const key = JSON.stringify([evaluation.model, evaluation.version, evaluation.window]);
        latest.set(key, evaluation);
        fresh.set(key, evaluation);
        again.add(evaluation);
      }
      alertsChanged = true;
    },
    forget: (model) => {
      for (const [key, evaluation] of latest) if (evaluation.model === model) latest.delete(key);
      for (const [key, evaluation] of fresh) if (evaluation.model === model) fresh.delete(key);
      forgetSeries(model);
      versions.forget(model);
      alertsChanged = true;
    },
    stalled: () => {
      for (const { model, version, window } of latest.values()) {
        if (versions.isRetired(model, version)) continue;
        const labels = { model, version, window };
        for (const verdict of VERDICTS)
          metrics.set("driftd_model_verdict", { ...labels, verdict }, verdict === "insufficient_data" ? 1 : 0);
        metrics.inc("driftd_evaluations_skipped_total", { model, reason: "source_stalled" });
      }
    },
  };
}
