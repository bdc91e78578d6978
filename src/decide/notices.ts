/**
 * Notices about episodes for people: it fires, it became critical, it is over. Messages for the outbox, under ids that are hashes of the episode
 * and the kind, so that nothing is told twice. A pending episode, and one that lapsed, is told to nobody. Pure.
 */

import type { Evaluation } from "../evaluate/evaluation.ts";
import type { MessageType, OutboxMessage } from "../outputs/output.ts";
import type { Severity } from "./alert.ts";
import { episodeTimes, iso } from "./events.ts";
import { evidenceIn } from "./evidence.ts";
import { type FailingCheck, placeOf } from "./quality.ts";
import { evidenceOf, fill } from "./request.ts";
import type { Track } from "./track.ts";
import type { Change, Hash } from "./transition.ts";

export type NotifyRule = {
  /** Names of outputs. */
  readonly to: readonly string[];
  /** The least severity that is told. */
  readonly severity: Severity;
  /** Whether the quality of the data is told too. */
  readonly quality: boolean;
};

/** What is told no more once an episode is over, if nobody was told that it began: `earlier` and `last` then, else nothing. */
export type Withdrawal = { readonly earlier: readonly string[]; readonly last: string };

export type NoticesInput = {
  /** Of one window end of one model and version; `quality` as `qualityChange` makes them. */
  readonly changes: readonly Change[];
  readonly quality: readonly Change[];
  readonly evaluations: readonly Evaluation[];
  readonly tracks: readonly Track[];
  /** What fails now, sustained. */
  readonly failing: readonly FailingCheck[];
};

type Told = {
  readonly change: Change;
  readonly about: "drift" | "quality";
  readonly status: "firing" | "escalated" | "resolved";
  /** Names the message. An id is taken once, so what comes later in an episode has a name of its own, whatever it is told as. */
  readonly name: "firing" | "escalated" | "resolved";
};

/** The messages of one window end, and what the end of an episode makes pointless. */
export function noticesOf(
  input: NoticesInput,
  rule: NotifyRule,
  { links, hash, nowMs }: { readonly links: Readonly<Record<string, string>>; readonly hash: Hash; readonly nowMs: number },
): { readonly outbox: readonly OutboxMessage[]; readonly withdraw: readonly Withdrawal[] } {
  const told = [
    ...input.changes.flatMap((change) => toldOf(change, "drift", rule)),
    ...(rule.quality ? input.quality.flatMap((change) => toldOf(change, "quality", rule)) : []),
  ];
  const idOf = ({ change, about }: Told, name: string, output: string, place: number): string => {
    const id = `msg_${hash([change.episode.id, `${about}.${name}`]).slice(0, 32)}`;
    return place === 0 ? id : `${id}-${output}`;
  };
  const outbox: OutboxMessage[] = [];
  const withdraw: Withdrawal[] = [];
  for (const one of told) {
    const type = typeOf(one);
    const body = bodyOf(one, type, input, links, nowMs);
    const { model, version } = one.change.episode;
    for (const [place, output] of rule.to.entries()) {
      const id = idOf(one, one.name, output, place);
      outbox.push({ id, output, type, model, version, body, createdAtMs: nowMs });
      if (one.status !== "resolved") continue;
      withdraw.push({ earlier: ["firing", "escalated"].map((name) => idOf(one, name, output, place)), last: id });
    }
  }
  return { outbox, withdraw };
}

function toldOf(change: Change, about: Told["about"], { severity }: NotifyRule): Told[] {
  const { kind } = change;
  if (kind !== "firing" && kind !== "escalated" && kind !== "resolved") return [];
  // An episode that has not been critical was not told, so its end is not either.
  if (severity === "critical" && change.episode.severity !== "critical") return [];
  // Quality has no word for "became critical": it is told when it reaches what is told at all.
  if (about === "quality" && kind === "escalated") return severity === "critical" ? [{ change, about, status: "firing", name: kind }] : [];
  return [{ change, about, status: kind, name: kind }];
}

function typeOf({ about, status }: Told): MessageType {
  if (about === "quality") return status === "resolved" ? "driftd.quality.resolved" : "driftd.quality.firing";
  return `driftd.drift.${status}`;
}

function bodyOf(told: Told, type: MessageType, input: NoticesInput, links: Readonly<Record<string, string>>, nowMs: number): string {
  const { change, about, status } = told;
  const { episode } = change;
  const shown = about === "drift" && status !== "resolved" ? evidenceIn(input.evaluations, input.tracks, "warning") : undefined;
  const { window, startMs, endMs, records } = shown?.evaluation ?? input.evaluations[0]!;
  const items = about === "quality" ? checksOf(episode.checks ?? [], input.failing) : featuresOf(episode.features, shown?.ranked ?? []);
  const listed: unknown[] = [];
  const text = () =>
    JSON.stringify({
      type,
      timestamp: iso(nowMs),
      data: {
        ...{ model: episode.model, version: episode.version, episode: episode.id, kind: about, status },
        ...{ severity: episode.severity, reason: change.reason, ...episodeTimes(episode) },
        window: { name: window, start: iso(startMs), end: iso(endMs), records },
        ...{ features: listed, features_total: items.length, links },
      },
    });
  fill(listed, text, items, (item) => item);
  return text();
}

/** What drifts in the shown window, ranked, with its evidence; then what else belongs to the episode, by name. */
function featuresOf(names: readonly string[], ranked: NonNullable<ReturnType<typeof evidenceIn>>["ranked"]): readonly unknown[] {
  const shown = new Set(ranked.map(({ feature }) => feature));
  return [...ranked.map(evidenceOf), ...names.filter((feature) => !shown.has(feature)).map((feature) => ({ feature }))];
}

function checksOf(keys: readonly string[], failing: readonly FailingCheck[]): readonly unknown[] {
  return keys.map((key) => {
    const place = placeOf(key);
    const levels = failing
      .filter(({ feature, check }) => feature === place.feature && check === place.check)
      .map(({ severity }) => severity);
    return { ...place, ...(levels.length === 0 ? {} : { severity: levels.includes("critical") ? "critical" : "warning" }) };
  });
}
