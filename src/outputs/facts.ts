/** What messages say, read from their bodies for people: the words of Slack, PagerDuty, Teams and notes. Pure; a missing fact is left out. */

import type { Message } from "./preset.ts";

/** Features named in a line. */
const NAMED = 5;

export type Facts = {
  readonly model: string;
  /** `flights 1`, or `flights` without a version. */
  readonly subject: string;
  readonly severity: "warning" | "critical" | undefined;
  readonly reason: string | undefined;
  readonly episode: string | undefined;
  readonly window: string | undefined;
  readonly records: number | undefined;
  /** Features with the statistic that tells most, e.g. `PSI 0.31 (limit 0.1)`. */
  readonly features: readonly { readonly feature: string; readonly severity: string | undefined; readonly evidence: string }[];
  readonly featuresTotal: number;
  /** Where people look: driftd's page of the model. */
  readonly link: string | undefined;
  /** The runbook, where there is one. */
  readonly runbook: string | undefined;
  /** Text that the message brings itself (a digest). */
  readonly text: string | undefined;
};

/** Reads the facts of a message. */
export function factsOf({ model, version, data }: Message): Facts {
  const name = textAt(data, "model") ?? model;
  const at = textAt(data, "version") ?? version;
  const severity = textAt(data, "severity");
  const window = mapAt(data, "window");
  const links = mapAt(data, "links");
  const features = (Array.isArray(data["features"]) ? (data["features"] as unknown[]) : []).flatMap(featureOf);
  const total = data["features_total"];
  return {
    model: name,
    subject: at === "" ? name : `${name} ${at}`,
    severity: severity === "warning" || severity === "critical" ? severity : undefined,
    reason: textAt(data, "reason"),
    episode: textAt(data, "episode"),
    window:
      window === undefined ? undefined : [textAt(window, "name"), textAt(window, "end")].filter((part) => part !== undefined).join(" to "),
    records: typeof window?.["records"] === "number" ? window["records"] : undefined,
    features,
    featuresTotal: typeof total === "number" ? total : features.length,
    link: links === undefined ? undefined : textAt(links, "driftd"),
    runbook: links === undefined ? undefined : textAt(links, "runbook"),
    text: textAt(data, "text"),
  };
}

/** One line that says what happened; without line ends, at most 500 characters. */
export function headline(message: Message): string {
  const facts = factsOf(message);
  const severity = facts.severity === undefined ? "" : ` (${facts.severity})`;
  const named = namedFeatures(facts);
  const about = named === "" ? "" : `: ${named}`;
  return lineOf(message.type, facts, severity, about).replace(/\s+/g, " ").trim().slice(0, 500);
}

/** The first features by name, and how many there are beside. */
export function namedFeatures({ features, featuresTotal }: Facts): string {
  const named = features.slice(0, NAMED).map(({ feature }) => feature);
  const more = featuresTotal - named.length;
  return named.length === 0 ? "" : `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function lineOf(type: string, facts: Facts, severity: string, about: string): string {
  switch (type) {
    case "driftd.retrain.requested":
      return `Retraining of ${facts.subject} is requested${facts.reason === undefined ? "" : `, for ${facts.reason}`}${severity}${about}`;
    case "driftd.drift.firing":
      return `${facts.subject} drifts${severity}${about}`;
    case "driftd.drift.escalated":
      return `Drift of ${facts.subject} is now ${facts.severity ?? "worse"}${about}`;
    case "driftd.drift.resolved":
      return `Drift of ${facts.subject} is over`;
    case "driftd.quality.firing":
      return `Data of ${facts.subject} are bad${severity}${about}`;
    case "driftd.quality.resolved":
      return `Data of ${facts.subject} are good again`;
    case "driftd.digest":
      return facts.text === undefined ? "driftd digest" : firstLine(facts.text);
    case "driftd.test":
      return "A test of driftd: do nothing";
    default:
      return `${type} ${facts.subject}`;
  }
}

function firstLine(text: string): string {
  return text.split("\n").find((line) => line.trim() !== "") ?? "driftd digest";
}

function featureOf(item: unknown): readonly Facts["features"][number][] {
  // A list of names is a list of features too.
  if (typeof item === "string") return [{ feature: item, severity: undefined, evidence: "" }];
  if (!isMap(item)) return [];
  const feature = textAt(item, "feature");
  if (feature === undefined) return [];
  return [{ feature, severity: textAt(item, "severity"), evidence: textAt(item, "check") ?? evidenceOf(mapAt(item, "statistics") ?? {}) }];
}

function evidenceOf(statistics: Readonly<Record<string, unknown>>): string {
  for (const [name, shown] of [
    ["psi", "PSI"],
    ["ks", "KS"],
    ["g", "G"],
  ] as const) {
    const statistic = mapAt(statistics, name);
    const value = statistic?.["value"];
    if (typeof value !== "number") continue;
    const threshold = statistic?.["threshold"];
    return `${shown} ${round(value)}${typeof threshold === "number" ? ` (limit ${round(threshold)})` : ""}`;
  }
  return "";
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function textAt(map: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = map[key];
  return typeof value === "string" ? value : undefined;
}

function mapAt(map: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> | undefined {
  const value = map[key];
  return isMap(value) ? value : undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
