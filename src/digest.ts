/**
 * The digest: what driftd would say if somebody asked how the models are. For every model the verdicts of now, what cannot be judged and why, the
 * episodes and the requests since the last digest; as JSON, and as text for people. Pure; it stays under the size of any message.
 */

import type { Episode } from "./decide/alert.ts";
import { iso } from "./decide/events.ts";
import type { RetrainRecord } from "./decide/record.ts";
import { fill, MAX_BODY_BYTES } from "./decide/request.ts";
import type { ModelFacts, VersionFacts } from "./http/view.ts";
import type { AddressFacts } from "./reference-watch.ts";

/** Bytes of the text; the lists have the rest. */
const MAX_TEXT_BYTES = 7_000;
/** Features named in a line. */
const NAMED = 5;

export type DigestInput = {
  /** Name in the calendar. */
  readonly name: string;
  readonly dueMs: number;
  readonly sinceMs: number;
  readonly nowMs: number;
  /** Only those that it is about. */
  readonly models: readonly ModelFacts[];
  /** That began, went on or ended since `sinceMs`, newest first; those that never fired left out. */
  readonly episodes: readonly Episode[];
  /** Made or moved since then, or still open, newest first. */
  readonly requests: readonly RetrainRecord[];
  readonly addresses: readonly AddressFacts[];
  /** In words: references that are older than they should be. */
  readonly old: readonly string[];
  readonly link: string;
};

type Line = {
  readonly model: string;
  readonly version: string;
  readonly state: "drift" | "quality" | "fine" | "cannot_tell";
  readonly severity?: string;
  readonly windows: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
  /** Why it cannot be told. */
  readonly because?: readonly string[];
};

/** The body of the message `driftd.digest`. */
export function digestBody(input: DigestInput): string {
  const { name, dueMs, sinceMs, nowMs } = input;
  const lines = input.models.flatMap((model) => linesOf(model, input.addresses));
  const counts = {
    models: input.models.length,
    drift: modelsIn(lines, "drift"),
    quality: modelsIn(lines, "quality"),
    cannot_tell: modelsIn(lines, "cannot_tell"),
  };
  const text = textOf(input, lines, counts);
  const [models, episodes, requests]: unknown[][] = [[], [], []];
  const body = () =>
    JSON.stringify({
      type: "driftd.digest",
      timestamp: iso(nowMs),
      data: {
        ...{ calendar: name, due: iso(dueMs), since: iso(sinceMs), text, counts },
        ...{ models, models_total: lines.length },
        ...{ episodes, episodes_total: input.episodes.length },
        ...{ requests, requests_total: input.requests.length },
        ...{ references: input.old.slice(0, NAMED), links: { driftd: input.link } },
      },
    });
  fill(
    models!,
    body,
    lines.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)),
    (line) => line,
  );
  fill(episodes!, body, input.episodes, episodeOf);
  fill(requests!, body, input.requests, requestOf);
  return body();
}

/** Worst first: what is cut is what is fine. */
const ORDER: readonly Line["state"][] = ["drift", "quality", "cannot_tell", "fine"];

function modelsIn(lines: readonly Line[], state: Line["state"]): number {
  return new Set(lines.filter((line) => line.state === state).map(({ model }) => model)).size;
}

function linesOf(facts: ModelFacts, addresses: readonly AddressFacts[]): readonly Line[] {
  const { model, silence, versions } = facts;
  const asked = addresses.filter((address) => address.model === model);
  const troubles = asked.flatMap(({ waiting, fromCache, problem }) =>
    problem === undefined ? [] : [waiting ? `no reference: ${problem}` : fromCache ? `reference of an earlier run: ${problem}` : problem],
  );
  const silent = silence?.silent === true ? [`no records${silence.sinceMs === undefined ? "" : ` since ${iso(silence.sinceMs)}`}`] : [];
  if (versions.length === 0)
    return [
      {
        model,
        version: "",
        state: "cannot_tell",
        windows: {},
        because: [...troubles, ...silent, ...(silent.length === 0 ? ["no records yet"] : [])],
      },
    ];
  return versions.map((version) => lineOf(model, version, [...troubles, ...silent]));
}

function lineOf(model: string, { version, evaluations, alert }: VersionFacts, more: readonly string[]): Line {
  const windows = Object.fromEntries(
    evaluations.map((one) => [one.window, one.verdict === "insufficient_data" ? one.reason : one.verdict]),
  );
  const base = { model, version, windows };
  if (alert?.phase === "firing" && alert.episode !== null)
    return {
      ...base,
      state: "drift",
      severity: alert.episode.severity,
      features: alert.episode.features.slice(0, NAMED),
      ...because(more),
    };
  if (alert?.quality.phase === "firing" && alert.quality.episode !== null) {
    const features = [...new Set(alert.quality.checks.map(({ feature, check }) => `${feature} (${check})`))].slice(0, NAMED);
    return { ...base, state: "quality", severity: alert.quality.episode.severity, features, ...because(more) };
  }
  const judged = evaluations.some(({ verdict }) => verdict !== "insufficient_data");
  const reasons = [
    ...new Set(evaluations.filter(({ verdict }) => verdict === "insufficient_data").map(({ window, reason }) => `${window}: ${reason}`)),
  ];
  if (judged) return { ...base, state: "fine", ...because([...more, ...reasons]) };
  return {
    ...base,
    state: "cannot_tell",
    ...because([...more, ...(reasons.length === 0 ? ["no window has been evaluated yet"] : reasons)]),
  };
}

function because(reasons: readonly string[]): { readonly because?: readonly string[] } {
  return reasons.length === 0 ? {} : { because: reasons };
}

function episodeOf({
  id,
  kind = "drift",
  model,
  version,
  severity,
  features,
  checks,
  pendingAtMs,
  firingAtMs,
  resolvedAtMs,
}: Episode): unknown {
  return {
    ...{ episode: id, kind, model, version, severity },
    ...(kind === "quality"
      ? { checks: (checks ?? []).slice(0, NAMED) }
      : { features: features.slice(0, NAMED), features_total: features.length }),
    pending_at: iso(pendingAtMs),
    firing_at: firingAtMs === null ? null : iso(firingAtMs),
    resolved_at: resolvedAtMs === null ? null : iso(resolvedAtMs),
  };
}

function requestOf({ id, model, version, reason, status, createdAtMs, newVersion, detail }: RetrainRecord): unknown {
  return { request_id: id, model, version, reason, status, created_at: iso(createdAtMs), new_version: newVersion, detail };
}

/** The first line says it all: it is what becomes a title. */
function textOf(
  { sinceMs, episodes, requests, old, link }: DigestInput,
  lines: readonly Line[],
  counts: Readonly<Record<"models" | "drift" | "quality" | "cannot_tell", number>>,
): string {
  const troubles = [
    counts.drift === 0 ? "nothing drifts" : `${counts.drift} drift`,
    ...(counts.quality === 0 ? [] : [`${counts.quality} with bad data`]),
    ...(counts.cannot_tell === 0 ? [] : [`${counts.cannot_tell} cannot be judged`]),
  ];
  const all = [
    `driftd: ${counts.models === 1 ? "1 model" : `${counts.models} models`}, ${troubles.join(", ")}`,
    "",
    ...lines.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)).map(textLine),
    "",
    `Since ${iso(sinceMs)}: ${episodes.length === 0 ? "no episode" : count(episodes.length, "episode")}, ${requests.length === 0 ? "no request for retraining" : count(requests.length, "request")}`,
    ...episodes.map(
      (one) =>
        `- ${subject(one)}: ${one.kind === "quality" ? "bad data" : "drift"} (${one.severity}) from ${iso(one.pendingAtMs)} ${one.resolvedAtMs === null ? "on" : `to ${iso(one.resolvedAtMs)}`}`,
    ),
    ...requests.map(
      (one) =>
        `- ${subject(one)}: retraining for ${one.reason} ${one.status}${one.newVersion === null ? "" : `, version ${one.newVersion}`}`,
    ),
    ...(old.length === 0 ? [] : ["", ...old.map((words) => `- ${words}`)]),
    "",
    link,
  ];
  return cutLines(all);
}

function textLine({ model, version, state, severity, features = [], because: reasons = [], windows }: Line): string {
  const why = reasons.length === 0 ? "" : ` (${reasons.join("; ")})`;
  const named = features.length === 0 ? "" : `: ${features.join(", ")}`;
  const words = {
    drift: `drift, ${severity}${named}`,
    quality: `bad data, ${severity}${named}`,
    cannot_tell: "cannot be judged",
    fine: `no drift in ${judgedWindows(windows)}`,
  };
  return `- ${subject({ model, version })}: ${words[state]}${why}`;
}

function judgedWindows(windows: Readonly<Record<string, string>>): string {
  return Object.entries(windows)
    .flatMap(([window, said]) => (said === "no_drift" || said === "drift" ? [window] : []))
    .join(", ");
}

function subject({ model, version }: { readonly model: string; readonly version: string }): string {
  return version === "" ? model : `${model} ${version}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function cutLines(lines: readonly string[]): string {
  const most = Math.min(MAX_TEXT_BYTES, MAX_BODY_BYTES);
  const kept: string[] = [];
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > most) return [...kept, `… and ${lines.length - index} more lines`].join("\n");
    kept.push(line);
  }
  return kept.join("\n");
}
