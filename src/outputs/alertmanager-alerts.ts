/**
 * What Alertmanager is told: the alerts of the moment, and for a while those that are over. Made from the state of the models alone, so that a
 * restart goes on where it was; what ended while driftd was down ends by its own `endsAt`. Pure but for the memory of what was told.
 */

import type { Alert } from "../decide/decision.ts";

/** As Prometheus: an alert is sent again while it fires … */
export const RESEND_MS = 60_000;
/** … is over when nobody repeats it for four times as long … */
export const VALID_MS = 4 * RESEND_MS;
/** … and its end is told for so long. */
export const RESOLVED_FOR_MS = 15 * 60_000;

/** Features named in an alert. */
const NAMED = 10;

export type SentAlert = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
};

export type AlertsOptions = {
  /** Put on every alert. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where people look at a model. */
  readonly linkOf: (model: string) => string;
};

type Firing = Omit<SentAlert, "endsAt">;

/** What fires now. Neither features nor windows are labels: an alert is an episode, and its features come and go. */
export function firingAlerts(alerts: readonly Alert[], { labels, linkOf }: AlertsOptions): readonly Firing[] {
  return alerts.flatMap((alert) => {
    const { model, version, episode, quality } = alert;
    const subject = version === "" ? model : `${model} ${version}`;
    const make = (alertname: string, severity: string, startsAtMs: number, summary: string, episodeId: string): Firing => ({
      // An empty label is none in Alertmanager.
      labels: { ...labels, alertname, model, ...(version === "" ? {} : { version }), severity },
      annotations: { summary, episode: episodeId },
      startsAt: new Date(startsAtMs).toISOString(),
      generatorURL: linkOf(model),
    });
    const firing: Firing[] = [];
    if (alert.phase === "firing" && episode !== null) {
      const what = namesOf(alert.features.map(({ feature }) => feature).concat(episode.features));
      firing.push(
        make("DriftdDrift", episode.severity, episode.firingAtMs ?? episode.pendingAtMs, `${subject} drifts: ${what}`, episode.id),
      );
    }
    if (quality.phase === "firing" && quality.episode !== null) {
      const { severity, firingAtMs, pendingAtMs, id, features } = quality.episode;
      const what = namesOf(
        quality.checks.map(({ feature, check }) => `${check} of ${feature}`).concat(quality.checks.length > 0 ? [] : features),
      );
      firing.push(make("DriftdQuality", severity, firingAtMs ?? pendingAtMs, `Data of ${subject} are bad: ${what}`, id));
    }
    return firing;
  });
}

export type AlertMemory = {
  /** The alerts to be sent at `nowMs`, those that are over among them. */
  readonly next: (firing: readonly Firing[], nowMs: number) => readonly SentAlert[];
};

/** A memory of what was told as firing, so that its end can be told. */
export function createAlertMemory(): AlertMemory {
  const told = new Map<string, { readonly alert: Firing; readonly endedAtMs: number | undefined }>();
  return {
    next: (firing, nowMs) => {
      const now = new Map(firing.map((alert) => [keyOf(alert), alert]));
      for (const [key, { alert, endedAtMs }] of told) {
        if (now.has(key)) continue;
        if (endedAtMs === undefined) told.set(key, { alert, endedAtMs: nowMs });
        else if (nowMs - endedAtMs > RESOLVED_FOR_MS) told.delete(key);
      }
      for (const [key, alert] of now) told.set(key, { alert, endedAtMs: undefined });
      return [...told.values()].map(({ alert, endedAtMs }) => ({
        ...alert,
        endsAt: new Date(endedAtMs ?? nowMs + VALID_MS).toISOString(),
      }));
    },
  };
}

/** Alertmanager tells alerts apart by their labels. */
export function keyOf({ labels }: Pick<SentAlert, "labels">): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function namesOf(names: readonly string[]): string {
  const all = [...new Set(names)];
  const named = all.slice(0, NAMED).join(", ");
  return all.length > NAMED ? `${named} and ${all.length - NAMED} more` : named;
}
