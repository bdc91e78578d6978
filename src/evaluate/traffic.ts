/**
 * How many records are usual at an hour: the same hours of other weeks (or days) of known traffic, and how far healthy traffic strays from them.
 * Pure arithmetic on counts; what is made of a window's count is `volume.ts`.
 *
 * Counts are compared on Anscombe's scale, `z = 2·(√(x + 3/8) − √(µ + 3/8))` (Biometrika 35, 1948), on which a Poisson count has the variance 1
 * whatever its mean. Real traffic varies more: by a factor of its own, `Var(x) = µ + c²·µ²`, so `Var(z) ≈ 1 + c²·µ`. c is taken from the
 * median of what past windows stray. A second factor φ ≥ 1 is for traffic that comes in batches: of every 24 windows the 90 % quantile, of
 * these the median. So an incident of days in four weeks widens neither, but what strays on most days does.
 */

import { DAY_MS, HOUR_MS } from "./cells.ts";

const WEEK_MS = 7 * DAY_MS;

/** Counts of a stretch of time. */
export type Traffic = {
  /** What is known: `[fromMs, toMs)`. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Records in `[startMs, endMs)` of it. */
  readonly sum: (startMs: number, endMs: number) => number;
};

/** Which hours are compared: the same hour of the week, or of the day. */
export type Rhythm = "hour_of_week" | "hour_of_day";

const PERIOD_MS: Readonly<Record<Rhythm, number>> = { hour_of_week: WEEK_MS, hour_of_day: DAY_MS };
/** Weeks and days that are needed. */
export const LEAST_PERIODS: Readonly<Record<Rhythm, number>> = { hour_of_week: 2, hour_of_day: 3 };

/** What is usual for one window. */
export type Usual = {
  readonly rhythm: Rhythm;
  /** Weeks or days compared. */
  readonly periods: number;
  /** Median of the same hours. */
  readonly expected: number;
  /**
   * The least and the greatest that is usual: medians an hour earlier and later count too, so that neither a steep morning nor the change to
   * summer time is an incident. By hour of the day it is the least and the greatest of all days: a Saturday is no collapse of a Friday.
   */
  readonly low: number;
  readonly high: number;
};

/** Why nothing is usual yet. */
export type UsualLack = { readonly lack: "short_history" | "no_weekend_yet"; readonly days: number };

/** What is usual for the window `[endMs − lengthMs, endMs)`; the window itself is no part of the traffic. */
export function usualAt(traffic: Traffic, endMs: number, lengthMs: number): Usual | UsualLack {
  const weeks = valuesAt(traffic, endMs, lengthMs, WEEK_MS);
  if (weeks.length >= LEAST_PERIODS.hour_of_week) {
    const medians = [-HOUR_MS, 0, HOUR_MS]
      .map((shift) => valuesAt(traffic, endMs + shift, lengthMs, WEEK_MS))
      .filter(({ length }) => length > 0);
    const near = medians.map(medianOf);
    return { rhythm: "hour_of_week", periods: weeks.length, expected: medianOf(weeks), low: Math.min(...near), high: Math.max(...near) };
  }
  const days = valuesAt(traffic, endMs, lengthMs, DAY_MS);
  const known = { days: Math.max(0, Math.floor((traffic.toMs - traffic.fromMs) / DAY_MS)) };
  if (days.length < LEAST_PERIODS.hour_of_day) return { lack: "short_history", ...known };
  const middleMs = endMs - lengthMs / 2;
  if (isWeekend(middleMs) && !endsIn(traffic, endMs, lengthMs, DAY_MS).some((at) => isWeekend(at - lengthMs / 2)))
    return { lack: "no_weekend_yet", ...known };
  const near = [-HOUR_MS, 0, HOUR_MS].flatMap((shift) => valuesAt(traffic, endMs + shift, lengthMs, DAY_MS));
  return { rhythm: "hour_of_day", periods: days.length, expected: medianOf(days), low: Math.min(...near), high: Math.max(...near) };
}

/** How far healthy windows stray beyond counting: see the head of this file. */
export type Spread = { readonly c2: number; readonly phi: number; readonly windows: number };

/** A count below which a window says little about `c`. */
const LEAST_COUNT = 3;
const LEAST_WINDOWS = 24;
/** The median of |z| of a standard normal z. */
const NORMAL_MEDIAN = 0.6745;
/** Of 24 values of |z| in ascending order the 22nd, and where that is expected: the quantile (22 − 3/8) / (24 + 1/4) (Blom 1958). */
const UPPER = 21;
const NORMAL_UPPER = 1.61;

type Stray = { readonly endMs: number; readonly z: number; readonly mean: number; readonly noise: number };

/** The spread of windows of `lengthMs` in the traffic, each against the median of the others of its hour. Undefined: fewer than 24 windows. */
export function spreadOf(traffic: Traffic, lengthMs: number, rhythm: Rhythm): Spread | undefined {
  const periodMs = PERIOD_MS[rhythm];
  const stepMs = Math.max(lengthMs, HOUR_MS);
  const strays: Stray[] = [];
  const lastMs = traffic.fromMs + Math.ceil((traffic.toMs - traffic.fromMs) / periodMs) * periodMs;
  for (let phase = 0; phase < periodMs; phase += stepMs) {
    const ends = endsIn(traffic, lastMs + lengthMs + phase, lengthMs, periodMs);
    if (ends.length < 2) continue;
    const values = ends.map((at) => traffic.sum(at - lengthMs, at));
    for (const [i, endMs] of ends.entries()) {
      const mean = medianOf(values.toSpliced(i, 1));
      strays.push({ endMs, z: Math.abs(anscombe(values[i]!, mean)), mean, noise: 1 + medianNoise(values.length - 1) });
    }
  }
  if (strays.length < LEAST_WINDOWS) return undefined;
  strays.sort((a, b) => a.endMs - b.endMs);
  const telling = strays.filter(({ mean }) => mean >= LEAST_COUNT);
  const c2 = telling.length < LEAST_WINDOWS ? 0 : solveC2(telling);
  const quantiles: number[] = [];
  for (let from = 0; from + LEAST_WINDOWS <= strays.length; from += LEAST_WINDOWS) {
    const some = strays.slice(from, from + LEAST_WINDOWS);
    quantiles.push(Float64Array.from(some, ({ z, mean, noise }) => z / Math.sqrt(noise * (1 + c2 * mean))).sort()[UPPER]!);
  }
  return { c2, phi: Math.max(1, medianOf(quantiles) / NORMAL_UPPER), windows: strays.length };
}

/** The c² at which the median of |z| is that of a normal variable; 0 when counting alone explains it. */
function solveC2(strays: readonly { readonly z: number; readonly mean: number; readonly noise: number }[]): number {
  const scaled = new Float64Array(strays.length);
  const excess = (c2: number): number => {
    for (const [i, { z, mean, noise }] of strays.entries()) scaled[i] = z / Math.sqrt(noise * (1 + c2 * mean));
    return medianOf(scaled) - NORMAL_MEDIAN;
  };
  if (excess(0) <= 0) return 0;
  // Between 10⁻¹⁰ and 100 by halving on a scale of logarithms: to a hundredth of itself.
  let low = -10;
  let high = 2;
  for (let step = 0; step < 12; step++) {
    const middle = (low + high) / 2;
    if (excess(10 ** middle) > 0) low = middle;
    else high = middle;
  }
  return 10 ** ((low + high) / 2);
}

/** Anscombe's distance of a count from its expectation, in standard deviations of a Poisson count. */
export function anscombe(count: number, expected: number): number {
  return 2 * (Math.sqrt(count + 3 / 8) - Math.sqrt(expected + 3 / 8));
}

/** The standard deviation of `anscombe` in healthy traffic, the noise of the expectation (a median of `periods` values) included. */
export function deviationOf({ c2, phi }: Spread, expected: number, periods: number): number {
  return phi * Math.sqrt((1 + medianNoise(periods)) * (1 + c2 * expected));
}

/** Variance of the median of n normal values, as a part of theirs: exact for the first, then π/2n (Laplace). */
function medianNoise(n: number): number {
  return [1, 1, 0.5, 0.449, 0.298, 0.287, 0.215][n] ?? Math.PI / 2 / n;
}

/** Counts of the windows that end one period or more from `endMs` and lie in the traffic, latest first. */
function valuesAt(traffic: Traffic, endMs: number, lengthMs: number, periodMs: number): number[] {
  return endsIn(traffic, endMs, lengthMs, periodMs).map((at) => traffic.sum(at - lengthMs, at));
}

function endsIn({ fromMs, toMs }: Traffic, endMs: number, lengthMs: number, periodMs: number): number[] {
  const ends: number[] = [];
  for (let at = endMs + Math.floor((toMs - endMs) / periodMs) * periodMs; at - lengthMs >= fromMs; at -= periodMs) {
    // The window's own day says nothing: an hour ago the incident may have begun.
    if (at !== endMs) ends.push(at);
  }
  return ends;
}

function isWeekend(ms: number): boolean {
  // 1 January 1970 was a Thursday.
  const day = (Math.floor(ms / DAY_MS) + 4) % 7;
  return day === 0 || day === 6;
}

function medianOf(values: readonly number[] | Float64Array): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
