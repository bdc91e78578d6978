/**
 * When a reference is renewed and from which days: the calendar of renewal, in event time, so that a replay comes to the same days as the
 * daemon did. Pure: the panes are summed by `from-panes.ts`, the steps of a renewal are in `src/renewal.ts`.
 */

import { psiExcess } from "../../detectors/index.ts";
import { referenceCoarse } from "./coarse.ts";
import { DAY_MS, type VanishedDays } from "./from-panes.ts";
import type { Snapshot } from "./snapshot.ts";

/** A reference of fewer days cannot be calibrated on them. */
export const LEAST_DAYS = 7;

/** Four of each weekday: fewer that all went wrong may be chance. */
const SEASON_DAYS = 28;
/** Two weekends: more are not waited for. */
const ENOUGH_DAYS = 14;

/**
 * Days that a renewal of `days` days has to have, of a reference calibrated on `before` days: half as many, but from a week to two. Where closed panes
 * have fewer, the newest days of the reference before fill them up (`carried.ts`).
 */
export function leastDays(days: number, before: number): number {
  return Math.min(days, Math.max(LEAST_DAYS, Math.min(ENOUGH_DAYS, Math.ceil(before / 2))));
}

/** The days that a renewal may take: `[fromMs, toMs)`, whole calendar days (UTC), less those that are left out. */
export type RenewalDays = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly leftOut: ReadonlySet<number>;
  /** Days on which a feature had vanished from the records: nothing is learnt of it there. */
  readonly vanished?: VanishedDays;
};

/** What is read of an episode. */
export type EpisodeSpan = { readonly pendingAtMs: number; readonly resolvedAtMs: number | null };

/** What is read of an episode to tell whether its days are lost. */
type JudgedEpisode = {
  readonly kind?: "drift" | "quality";
  readonly severity: "warning" | "critical";
  /** Of quality: as `check feature`. */
  readonly checks?: readonly string[];
};

/** The first due time of what was first judged at `firstMs`: the calendar day that begins at or after `everyMs` later. */
export function firstDue(firstMs: number, everyMs: number): number {
  return ceilDay(firstMs + everyMs);
}

/** The due time after one that was kept at `doneMs`. */
export function nextDue(doneMs: number, everyMs: number): number {
  return ceilDay(doneMs + everyMs);
}

/** A postponed renewal is tried again on the next calendar day. */
export function nextTry(triedMs: number): number {
  return ceilDay(triedMs + 1);
}

/**
 * Whether an episode's days are nothing to learn from: of drift always, of the data's quality where it is critical. A new key that stays, or a little
 * more nulls, is no reason never to renew; nor is a column that was removed for good, of which those days say nothing (`vanishedDays`), but all about
 * the others.
 */
export function spoilsDays(episode: JudgedEpisode): boolean {
  if (episode.kind !== "quality") return true;
  const vanished = vanishedIn(episode);
  return episode.severity === "critical" && !(episode.checks ?? [""]).every((check) => vanished.has(featureOf(check)));
}

/** Days of the range on which features had vanished, by feature. */
export function vanishedDays(
  range: { readonly fromMs: number; readonly toMs: number },
  episodes: readonly (JudgedEpisode & EpisodeSpan)[],
  reach: EpisodeReach,
): VanishedDays {
  const found = new Map<string, Set<number>>();
  for (const episode of episodes) {
    for (const feature of vanishedIn(episode)) {
      const days = found.get(feature) ?? new Set();
      for (const day of episodeDays(range, [episode], reach)) days.add(day);
      found.set(feature, days);
    }
  }
  return found;
}

const VANISHED = "vanished ";

function vanishedIn({ kind, checks = [] }: JudgedEpisode): ReadonlySet<string> {
  return new Set(kind === "quality" ? checks.filter((check) => check.startsWith(VANISHED)).map(featureOf) : []);
}

/** The feature of `check feature`. */
function featureOf(check: string): string {
  return check.slice(check.indexOf(" ") + 1);
}

/** What says which records an episode rests on. */
export type EpisodeReach = {
  /** It began at most so long before it became pending: the longest window. */
  readonly longestWindowMs: number;
  /** It was clear for so long before it was resolved (`keep_firing_for`): those records are healthy. */
  readonly clearMs: number;
};

/**
 * The last `days` calendar days before `dueMs`, without each day that an episode touches: from the longest window before it became pending (the
 * records that it rests on) to its last evidence. An open episode touches all days to come.
 */
export function renewalDays(dueMs: number, days: number, episodes: readonly EpisodeSpan[], reach: EpisodeReach): RenewalDays {
  const range = { fromMs: dueMs - days * DAY_MS, toMs: dueMs };
  return { ...range, leftOut: withoutSeasons(range, episodeDays(range, episodes, reach)) };
}

/**
 * What recurs on the same day of every week is a season and not a drift: where all days of a weekday would be left out, they are taken, or each
 * Saturday would be an alarm for ever. Only of four weeks or more, most of which are healthy: a drift that lasted all the time stays left out.
 */
function withoutSeasons(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  leftOut: ReadonlySet<number>,
): ReadonlySet<number> {
  const [first, end] = [dayOf(fromMs), dayOf(toMs)];
  if (end - first < SEASON_DAYS || 2 * leftOut.size > end - first) return leftOut;
  const healthy = new Set<number>();
  for (let day = first; day < end; day++) if (!leftOut.has(day)) healthy.add(day % 7);
  return new Set([...leftOut].filter((day) => healthy.has(day % 7)));
}

/**
 * Calendar days of the range, counted from the epoch, that an episode touches. The clear time at its end is not left out: on NYC's flights of 2013
 * leaving it out too left so few days after a storm that the reference outlived its season (1.4 instead of 1.0 critical episodes in 30 days).
 */
export function episodeDays(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  episodes: readonly EpisodeSpan[],
  { longestWindowMs, clearMs }: EpisodeReach,
): ReadonlySet<number> {
  const days = new Set<number>();
  for (const { pendingAtMs, resolvedAtMs } of episodes) {
    const first = Math.max(dayOf(fromMs), dayOf(pendingAtMs - longestWindowMs));
    // The evidence ends before this moment; a day that begins there is not touched.
    const last = Math.min(dayOf(toMs - 1), resolvedAtMs === null ? Number.POSITIVE_INFINITY : dayOf(resolvedAtMs - clearMs - 1));
    for (let day = first; day <= last; day++) days.add(day);
  }
  return days;
}

/** How far a feature has moved between two references: PSI less its noise, over coarse bins that are the same in both. */
export type Distance = { readonly feature: string; readonly psi_excess: number };

/** The distance of every feature that both have in the same bins, the largest first. */
export function distancesBetween(before: Snapshot, after: Snapshot): Distance[] {
  const old = new Map(before.features.map((feature) => [feature.feature, feature]));
  return after.features
    .flatMap((feature): Distance[] => {
      const was = old.get(feature.feature);
      if (was === undefined || was.layout !== feature.layout) return [];
      const excess = psiExcess(referenceCoarse(was), referenceCoarse(feature));
      return excess === undefined ? [] : [{ feature: feature.feature, psi_excess: excess }];
    })
    .sort(byDistance);
}

/** The distance of every feature of a renewed reference to the first one, the largest first. */
export function distancesFromFirst(snapshot: Snapshot): Distance[] {
  const first = snapshot.renewal?.first.features ?? {};
  return snapshot.features
    .flatMap((feature): Distance[] => {
      const was = Object.hasOwn(first, feature.feature) ? first[feature.feature]! : undefined;
      const now = referenceCoarse(feature);
      const excess = was?.counts.length === now.length ? psiExcess(was.counts, now) : undefined;
      return excess === undefined ? [] : [{ feature: feature.feature, psi_excess: excess }];
    })
    .sort(byDistance);
}

/**
 * How the provenance names panes: `store:2024-01-01/2024-01-29 without 2024-01-05`, from the first day that is there. Whole days; a time where it
 * is none. Days of the reference before that fill them up follow: `, with 3 days from 2023-12-10 on of the reference before`.
 */
export function storeSource(fromMs: number, toMs: number, leftOut: readonly string[], carried: readonly string[] = []): string {
  const name = (ms: number) =>
    new Date(ms)
      .toISOString()
      .replace(/T00:00:00.000Z$/, "")
      .replace(".000Z", "Z");
  const without = leftOut.filter((day) => Date.parse(day) > fromMs);
  const oldest = carried.toSorted()[0];
  const days = carried.length === 1 ? "1 day" : `${carried.length} days`;
  const filled = oldest === undefined ? "" : `, with ${days} from ${oldest} on of the reference before`;
  return `store:${name(fromMs)}/${name(toMs)}${without.length === 0 ? "" : ` without ${without.join(", ")}`}${filled}`;
}

/** A calendar day as `2024-01-05`. */
export function dayName(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function byDistance(a: Distance, b: Distance): number {
  return b.psi_excess - a.psi_excess || (a.feature < b.feature ? -1 : 1);
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function ceilDay(ms: number): number {
  return Math.ceil(ms / DAY_MS) * DAY_MS;
}
