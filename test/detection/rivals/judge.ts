/**
 * Other tools' rules on a stream: a job at each full hour over the last hour and over the last 24 hours. Alarms are folded into episodes: one ends
 * when no look has alarmed for 24 hours.
 */

import type { Random } from "../random.ts";
import type { LevelCounts, LevelReference } from "./levels.ts";
import { RULES, STATISTICS } from "./rules.ts";
import { type FeatureStatistic, SPANS, type Span } from "./statistics.ts";

const DAY_HOURS = 24;

/** What one rule said at one look. */
export type Verdict = { readonly rule: number; readonly span: Span; readonly alarm: boolean; readonly faulty: boolean };

export type RivalJudge = {
  /** Learns one hour of the reference. */
  readonly learnHour: (hour: readonly LevelCounts[]) => void;
  /** Takes the counts of the next live hour; from the 24th on `visit` gets every rule's verdict. */
  readonly judgeHour: (hour: readonly LevelCounts[], visit?: (verdict: Verdict) => void) => void;
  /** Forgets the live hours. */
  readonly reset: () => void;
};

/** Prepares all rules for the features of a reference; `faulty` is the feature whose own alarm is told. */
export function createRivals(references: readonly LevelReference[], random: Random, faulty = 0): RivalJudge {
  const names = Object.keys(STATISTICS) as (keyof typeof STATISTICS)[];
  const statistics = new Map<string, FeatureStatistic[]>(
    names.map((name) => [name, references.map((reference) => STATISTICS[name](reference, random))]),
  );
  const hours: (readonly LevelCounts[])[] = [];
  const day = references.map(({ counts }) => new Uint32Array(counts.length));
  const values = new Map(names.map((name) => [name, new Float64Array(references.length)]));

  /** Keeps the running sums; true when the last 24 hours are full. */
  function take(hour: readonly LevelCounts[]): boolean {
    hours.push(hour);
    const gone = hours.length > DAY_HOURS ? hours.shift() : undefined;
    for (let j = 0; j < day.length; j++) {
      const sum = day[j]!;
      const come = hour[j]!;
      const go = gone?.[j];
      for (let k = 0; k < sum.length; k++) sum[k] = sum[k]! + come[k]! - (go?.[k] ?? 0);
    }
    return hours.length === DAY_HOURS;
  }

  function reset(): void {
    hours.length = 0;
    for (const sum of day) sum.fill(0);
  }

  return {
    reset,
    learnHour: (hour) => {
      const full = take(hour);
      for (const [span, counts] of [
        ["1 h", hour],
        ["24 h", day],
      ] as const) {
        if (span === "24 h" && !full) continue;
        const sizes = counts.map(countOf);
        for (const features of statistics.values()) {
          features.forEach(({ learn }, j) => {
            if (sizes[j]! > 0) learn?.(counts[j]!, sizes[j]!, span);
          });
        }
      }
      if (full) reset(); // chunks of the reference do not overlap
    },
    judgeHour: (hour, visit) => {
      if (!take(hour) || visit === undefined) return;
      for (const span of SPANS) {
        const counts = span === "1 h" ? hour : day;
        const sizes = counts.map(countOf);
        for (const name of names) {
          const out = values.get(name)!;
          statistics.get(name)!.forEach((statistic, j) => {
            out[j] = sizes[j]! > 0 ? statistic.of(counts[j]!, sizes[j]!, span) : Number.NaN;
          });
        }
        RULES.forEach(({ statistic, feature, model }, rule) => {
          const found = values.get(statistic)!;
          const of = (value: number): boolean => feature!(value, references.length);
          const alarm = model === undefined ? found.some(of) : model(found);
          visit({ rule, span, alarm, faulty: feature === undefined ? alarm : of(found[faulty]!) });
        });
      }
    },
  };
}

function countOf(counts: LevelCounts): number {
  let n = 0;
  for (let k = 0; k < counts.length; k++) n += counts[k]!;
  return n;
}

/** Looks, alarmed looks and episodes of one rule and span. */
export type Tally = { looks: number; alarmed: number; episodes: number; sinceAlarm: number };

export function emptyTally(): Tally {
  return { looks: 0, alarmed: 0, episodes: 0, sinceAlarm: Number.POSITIVE_INFINITY };
}

/** Counts one look: an alarm after 24 hours without one begins an episode. */
export function addLook(tally: Tally, alarm: boolean): void {
  tally.looks++;
  if (!alarm) {
    tally.sinceAlarm++;
    return;
  }
  tally.alarmed++;
  if (tally.sinceAlarm >= DAY_HOURS) tally.episodes++;
  tally.sinceAlarm = 0;
}
