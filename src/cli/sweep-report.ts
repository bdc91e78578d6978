/** How often a setting would have fired, on what, and how soon after a stated moment: the summary of one setting, and the table of many. Pure. */

import type { Course, ModelReport, Report } from "./replay-report.ts";

const DAY_MS = 86_400_000;
/** Features named in a row of the table. */
const NAMED = 4;

type Alarm = { readonly at: string; readonly after_seconds: number };

type Onset = {
  readonly at: string;
  /** Episodes that fired up to that moment: false alarms, if it is when the change began. */
  readonly before: { readonly episodes: number; readonly critical: number };
  /** One of them was still firing at that moment, and may have hidden what came after. */
  readonly open: boolean;
  /** The first alarm of any severity after it, and the first critical one. */
  readonly first_warning: Alarm | null;
  readonly first_critical: Alarm | null;
};

export type Summary = {
  /** Days from the first window end to the last. */
  readonly days: number;
  readonly episodes: number;
  readonly critical: number;
  readonly requests: number;
  /** Share of the time, 0–1, in which an episode was firing: one that never ends is no good sign. */
  readonly firing: number;
  /** Null where less than an hour was judged. */
  readonly per_30_days: { readonly episodes: number; readonly critical: number; readonly requests: number } | null;
  /** How many episodes each feature had a part in, most first. */
  readonly features: readonly { readonly feature: string; readonly episodes: number }[];
  readonly onset?: Onset;
};

/** One setting of a sweep: what it sets, and what came of it. */
export type SweptSetting = { readonly set: Readonly<Record<string, unknown>>; readonly models: readonly ModelReport[] };

type Named = { readonly model: string; readonly version: string };

/** The reports of all models with their summaries. */
export function summarized(report: Report, subjects: readonly Named[], onsetMs: number | undefined): ModelReport[] {
  return report.models(subjects).map((model) => ({ ...model, summary: summarize(report.course(model), onsetMs) }));
}

/** Counts what happened; `onsetMs`, epoch ms: the moment that the alarms are held against. */
function summarize({ episodes, requests, alarms, firstEndMs, lastEndMs }: Course, onsetMs: number | undefined): Summary {
  const spanMs = Math.max(0, lastEndMs - firstEndMs);
  const critical = episodes.filter(({ severity }) => severity === "critical").length;
  const per30 = (count: number) => round((count * 30 * DAY_MS) / spanMs);
  const byFeature = new Map<string, number>();
  for (const { features } of episodes) for (const feature of features) byFeature.set(feature, (byFeature.get(feature) ?? 0) + 1);
  return {
    days: Number.isFinite(spanMs) ? round(spanMs / DAY_MS) : 0,
    episodes: episodes.length,
    critical,
    requests: requests.length,
    firing: firingShare(episodes, lastEndMs, spanMs),
    per_30_days:
      spanMs < DAY_MS / 24 || !Number.isFinite(spanMs)
        ? null
        : { episodes: per30(episodes.length), critical: per30(critical), requests: per30(requests.length) },
    features: [...byFeature]
      .map(([feature, count]) => ({ feature, episodes: count }))
      .sort((a, b) => b.episodes - a.episodes || (a.feature < b.feature ? -1 : 1)),
    ...(onsetMs === undefined ? {} : { onset: onsetOf(episodes, alarms, onsetMs) }),
  };
}

function firingShare(episodes: Course["episodes"], lastEndMs: number, spanMs: number): number {
  let firingMs = 0;
  for (const { firingAtMs, resolvedAtMs } of episodes) if (firingAtMs !== null) firingMs += (resolvedAtMs ?? lastEndMs) - firingAtMs;
  return spanMs > 0 && Number.isFinite(spanMs) ? Math.round((firingMs * 10_000) / spanMs) / 10_000 : 0;
}

function onsetOf(episodes: Course["episodes"], alarms: Course["alarms"], onsetMs: number): Onset {
  // A window that ends at the moment itself has seen nothing of what came after it.
  const before = episodes.filter(({ firingAtMs }) => firingAtMs !== null && firingAtMs <= onsetMs);
  const criticalBefore = alarms.filter(({ endMs, severity }) => endMs <= onsetMs && severity === "critical").length;
  const first = (counts: (alarm: Course["alarms"][number]) => boolean): Alarm | null => {
    const found = alarms.filter((alarm) => alarm.endMs > onsetMs && counts(alarm)).map(({ endMs }) => endMs);
    const endMs = Math.min(...found);
    return found.length === 0 ? null : { at: isoOf(endMs), after_seconds: (endMs - onsetMs) / 1000 };
  };
  return {
    at: isoOf(onsetMs),
    before: { episodes: before.length, critical: criticalBefore },
    open: before.some(({ resolvedAtMs }) => resolvedAtMs === null || resolvedAtMs > onsetMs),
    first_warning: first(() => true),
    first_critical: first(({ severity }) => severity === "critical"),
  };
}

/** The table for people, one block for each model and version; the first row is the configuration as it is. */
export function sweepLines({
  models,
  sweep,
}: {
  readonly models: readonly ModelReport[];
  readonly sweep?: readonly SweptSetting[];
}): string[] {
  return models.flatMap(({ model, version, summary }) => {
    if (summary === undefined) return [];
    const rows = [row("as configured", summary)];
    for (const setting of sweep ?? []) {
      const own = setting.models.find((one) => one.model === model && one.version === version)?.summary;
      if (own !== undefined) rows.push(row(labelOf(setting.set), own));
    }
    const { onset } = summary;
    const title = `${model}${version === "" ? "" : ` version ${version}`} over ${summary.days} days${onset === undefined ? "" : `, onset ${onset.at}`}`;
    return ["", title, ...table([headings(onset !== undefined), ...rows])];
  });
}

function headings(onset: boolean): string[] {
  return [
    "setting",
    "episodes",
    "critical",
    "requests",
    "per 30 days",
    "firing",
    ...(onset ? ["before onset", "first warning", "first critical"] : []),
    "features",
  ];
}

function row(label: string, { episodes, critical, requests, firing, per_30_days: rate, features, onset }: Summary): string[] {
  const named = features.slice(0, NAMED).map(({ feature, episodes: count }) => `${feature} ${count}`);
  const more = features.length > NAMED ? `, ${features.length - NAMED} more` : "";
  return [
    label,
    String(episodes),
    String(critical),
    String(requests),
    rate === null ? "-" : String(rate.episodes),
    `${Math.round(firing * 1000) / 10} %`,
    ...(onset === undefined
      ? []
      : [`${onset.before.episodes}${onset.open ? ", one open" : ""}`, after(onset.first_warning), after(onset.first_critical)]),
    `${named.join(", ")}${more}`,
  ];
}

/** `psi.threshold=0.1 windows=1h,24h`. */
function labelOf(set: Readonly<Record<string, unknown>>): string {
  return Object.entries(set)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(",") : String(value)}`)
    .join(" ");
}

function after(alarm: Alarm | null): string {
  if (alarm === null) return "never";
  const minutes = Math.round(alarm.after_seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${round(minutes / 60)} h` : `${round(minutes / 1440)} d`;
}

/** Columns of text; the first and the last begin at the left, the others end at the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const last = widths.length - 1;
  return rows.map((cells) =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : i === last ? cell : cell.padStart(widths[i]!))).join("  ")}`.trimEnd(),
  );
}

/** To one hundredth: more would be false precision. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
