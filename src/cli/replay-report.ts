/** The document of `driftd replay` (`driftd/replay/v1`) and its text: what was evaluated, which episodes, which requests. Pure. What a sweep adds is `sweep-report.ts`. */

import type { Episode, Severity } from "../decide/alert.ts";
import type { Decision } from "../decide/decision.ts";
import { placeOf } from "../decide/quality.ts";
import { byText } from "../decide/track.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { Ingest } from "../ingest.ts";
import { type RenewalReport, renewalLine } from "./replay-renewals.ts";
import { type Summary, type SweptSetting, sweepLines } from "./sweep-report.ts";

type RetrainRequest = {
  /** Absent for a suppressed request that was given no id. */
  readonly id?: string;
  readonly at: string;
  readonly reason: "drift";
  readonly status: "would_send" | "suppressed";
  /** Which guard held it back, or why it is sent. */
  readonly guard: string;
  readonly features: readonly string[];
};

type EpisodeReport = {
  readonly id: string;
  readonly severity: string;
  readonly features: readonly string[];
  readonly pending_at: string;
  readonly firing_at: string | null;
  readonly resolved_at: string | null;
};

export type ModelReport = {
  readonly model: string;
  readonly version: string;
  readonly evaluations: number;
  readonly evaluations_drift: number;
  readonly insufficient: number;
  /** Of those, how many for each reason. */
  readonly insufficient_reasons: Readonly<Record<string, number>>;
  readonly episodes: readonly EpisodeReport[];
  /** Of the quality of the data, which asks for no retraining: apart from drift. */
  readonly quality_episodes: readonly (EpisodeReport & {
    readonly checks: readonly { readonly feature: string; readonly check: string }[];
  })[];
  readonly retrain_requests: readonly RetrainRequest[];
  /** Requests that a guard held back. */
  readonly suppressed: readonly RetrainRequest[];
  /** Where references were renewed, or should have been. */
  readonly renewals?: readonly RenewalReport[];
  /** With `--sweep` or `--onset`. */
  readonly summary?: Summary;
};

export type ReplayDocument = {
  readonly schema: "driftd/replay/v1";
  readonly records: {
    readonly read: number;
    readonly counted: number;
    readonly late: number;
    readonly future: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  readonly time: { readonly from: string; readonly to: string } | null;
  readonly models: readonly ModelReport[];
  /** With `--sweep`. */
  readonly sweep?: readonly SweptSetting[];
};

type Tally = {
  evaluations: number;
  drift: number;
  insufficient: number;
  readonly reasons: Map<string, number>;
  readonly episodes: Map<string, Episode>;
  readonly quality: Map<string, Episode>;
  readonly requests: RetrainRequest[];
  readonly suppressed: RetrainRequest[];
  /** Moments at which an episode reached a severity. */
  readonly alarms: { readonly endMs: number; readonly severity: Severity }[];
  firstEndMs: number;
  lastEndMs: number;
};

/** How a model and version went through time: what a summary is made of. */
export type Course = Pick<Tally, "requests" | "alarms" | "firstEndMs" | "lastEndMs"> & { readonly episodes: readonly Episode[] };

type Named = { readonly model: string; readonly version: string };

/** Collects decisions. */
export type Report = {
  readonly add: (evaluations: readonly Evaluation[], decision: Decision) => void;
  readonly models: (subjects: readonly Named[]) => ModelReport[];
  readonly course: (subject: Named) => Course;
};

/** An empty report. */
export function createReport(): Report {
  const tallies = new Map<string, Tally>();
  const tallyOf = (model: string, version: string): Tally => {
    const key = JSON.stringify([model, version]);
    let tally = tallies.get(key);
    if (tally === undefined) {
      tally = {
        ...{
          evaluations: 0,
          drift: 0,
          insufficient: 0,
          reasons: new Map(),
          episodes: new Map(),
          quality: new Map(),
          requests: [],
          suppressed: [],
          alarms: [],
        },
        ...{ firstEndMs: Number.POSITIVE_INFINITY, lastEndMs: Number.NEGATIVE_INFINITY },
      };
      tallies.set(key, tally);
    }
    return tally;
  };
  return {
    add: (evaluations, decision) => {
      for (const { model, version, verdict, reason, endMs } of evaluations) {
        const tally = tallyOf(model, version);
        tally.firstEndMs = Math.min(tally.firstEndMs, endMs);
        tally.lastEndMs = Math.max(tally.lastEndMs, endMs);
        tally.evaluations++;
        if (verdict === "drift") tally.drift++;
        if (verdict === "insufficient_data") {
          tally.insufficient++;
          tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
        }
      }
      for (const episode of decision.episodes) {
        const { episodes, quality } = tallyOf(episode.model, episode.version);
        (episode.kind === "quality" ? quality : episodes).set(episode.id, episode);
      }
      for (const { kind, episode, endMs } of decision.changes) {
        if (kind === "firing" || kind === "escalated")
          tallyOf(episode.model, episode.version).alarms.push({ endMs, severity: episode.severity });
      }
      for (const note of decision.retrain) {
        const tally = tallyOf(note.model, note.version);
        const line = { ...(note.request === undefined ? {} : { id: note.request }), at: iso(note.endMs), reason: "drift" as const };
        const rest = { guard: note.reason, features: note.features };
        if (note.action === "send") tally.requests.push({ ...line, status: "would_send", ...rest });
        else tally.suppressed.push({ ...line, status: "suppressed", ...rest });
      }
    },
    models: (subjects) =>
      subjects.map(({ model, version }) => {
        const tally = tallyOf(model, version);
        return {
          model,
          version,
          evaluations: tally.evaluations,
          evaluations_drift: tally.drift,
          insufficient: tally.insufficient,
          insufficient_reasons: Object.fromEntries([...tally.reasons].sort(([a], [b]) => byText(a, b))),
          episodes: [...tally.episodes.values()].map(episodeReport),
          quality_episodes: [...tally.quality.values()].map((episode) => ({
            ...episodeReport(episode),
            checks: (episode.checks ?? []).map(placeOf),
          })),
          retrain_requests: tally.requests,
          suppressed: tally.suppressed,
        };
      }),
    course: ({ model, version }) => {
      const { requests, alarms, firstEndMs, lastEndMs, episodes } = tallyOf(model, version);
      return { requests, alarms, firstEndMs, lastEndMs, episodes: [...episodes.values()] };
    },
  };
}

/** What was read, for the document. */
export function recordsOf(stats: ReturnType<Ingest["stats"]>): Pick<ReplayDocument, "records" | "time"> {
  return {
    records: { read: stats.read, counted: stats.counted, late: stats.late, future: stats.future, dropped: stats.dropped },
    time: stats.fromMs === undefined || stats.toMs === undefined ? null : { from: iso(stats.fromMs), to: iso(stats.toMs) },
  };
}

/** The document for people. */
export function formatReport(document: ReplayDocument): string {
  const { records, time, models } = document;
  const dropped = Object.entries(records.dropped).filter(([, count]) => count > 0);
  const lines = [
    `${records.read} records read, ${records.counted} counted, ${records.late} late, ${records.future} in the future${dropped.map(([reason, count]) => `, ${count} ${reason}`).join("")}`,
    time === null ? "no event time was seen" : `event time ${time.from} to ${time.to}`,
  ];
  const { schema_error: noRecord = 0, no_timestamp: timeless = 0, unknown_model: strangers = 0 } = records.dropped;
  if (records.counted === 0 && noRecord > 0)
    lines.push("no features were found: record.features says where they stand ('.' for the record's own keys)");
  if (records.counted === 0 && timeless > 0) lines.push("no event time was found: event_time.from says where it stands");
  if (records.counted === 0 && strangers > 0)
    lines.push("no record is of a configured model: models[].name and record.model say which they are");
  lines.push(...modelLines(models), ...sweepLines(document));
  return `${lines.join("\n")}\n`;
}

/** Each model and version with its episodes and requests. */
export function modelLines(models: readonly ModelReport[]): string[] {
  return models.flatMap((model) => [
    "",
    `${model.model}${model.version === "" ? "" : ` version ${model.version}`}: ${model.evaluations} evaluations, ${model.evaluations_drift} with drift, ${model.insufficient} could not tell${reasonsOf(model)}`,
    ...(model.episodes.length === 0 ? ["  no episode"] : []),
    ...model.episodes.flatMap((episode) => [
      `  ${episode.severity} episode ${episode.id}`,
      `    ${episode.features.join(", ")}`,
      timesOf(episode),
    ]),
    ...model.quality_episodes.flatMap((episode) => [
      `  ${episode.severity} quality episode ${episode.id}`,
      `    ${episode.checks.map(({ feature, check }) => `${feature}: ${check}`).join(", ")}`,
      timesOf(episode),
    ]),
    ...model.retrain_requests.map(
      (request) => `  would ask for retraining at ${request.at}: ${request.features.join(", ")} (${request.guard})`,
    ),
    ...model.suppressed.map((request) => `  a request at ${request.at} was held back: ${request.guard}`),
    ...(model.renewals ?? []).map((renewal) => `  ${renewalLine(renewal)}`),
  ]);
}

function timesOf({ pending_at, firing_at, resolved_at }: EpisodeReport): string {
  return `    pending ${pending_at}, firing ${firing_at ?? "never"}, ${resolved_at === null ? "not resolved" : `resolved ${resolved_at}`}`;
}

function episodeReport(episode: Episode): EpisodeReport {
  return {
    id: episode.id,
    severity: episode.severity,
    features: episode.features,
    pending_at: iso(episode.pendingAtMs),
    firing_at: isoOrNull(episode.firingAtMs),
    resolved_at: isoOrNull(episode.resolvedAtMs),
  };
}

/** ISO 8601 UTC; milliseconds only when there are some. */
export function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

function reasonsOf({ insufficient_reasons: reasons }: ModelReport): string {
  const parts = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
