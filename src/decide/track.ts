/**
 * One feature in one window: its last four evaluations and the severity that they sustain. Pure; the model's alert state is `transition.ts`.
 *
 * A ring is a text of at most four marks, oldest first: `c` critical drift, `w` warning drift, `n` no drift, `u` cannot tell. A severity is
 * sustained once three of the four marks reach it. A mark `u` adds no drift, so it never starts anything; and it clears nothing: a level that
 * was reached is kept for as long as three of four marks *could* reach it if every `u` were drift. "Cannot tell" is never "no drift": it takes
 * two evaluations that say no drift to bring a level down.
 */

import type { Severity } from "./alert.ts";

/** Evaluations remembered, and how many of them must drift (`statistics.md` 3.6, step 7: "3 of the last 4"). */
export const RING_LENGTH = 4;
export const SUSTAINED = 3;

export type Mark = "c" | "w" | "n" | "u";

/** A feature in a window that is not quiet. */
export type Track = {
  readonly feature: string;
  readonly window: string;
  /** Marks, oldest first; what is missing at the front counts as `n`. */
  readonly ring: string;
  /** The severity that is sustained, or null. */
  readonly level: Severity | null;
};

/** The track after one more evaluation. */
export function advance(track: Track, mark: Mark): Track {
  const ring = (track.ring + mark).slice(-RING_LENGTH);
  return { feature: track.feature, window: track.window, ring, level: sustainedLevel(ring, track.level) };
}

/** The severity that a ring sustains, given the level before its newest mark. */
export function sustainedLevel(ring: string, before: Severity | null): Severity | null {
  const unknown = count(ring, "u");
  const critical = count(ring, "c");
  const any = critical + count(ring, "w");
  if (critical >= SUSTAINED || (before === "critical" && critical + unknown >= SUSTAINED)) return "critical";
  if (any >= SUSTAINED || (before !== null && any + unknown >= SUSTAINED)) return "warning";
  return null;
}

/** The severity that the marks sustain by themselves: what could not be judged proves nothing. */
export function provenLevel(track: Track): Severity | null {
  return sustainedLevel(track.ring, null);
}

/** True when nothing of the track can matter any more: no level, and no drift among its marks. */
export function isQuiet(track: Track): boolean {
  return track.level === null && !hasDrift(track);
}

/** True when one of the remembered evaluations drifted. */
export function hasDrift(track: Track): boolean {
  return track.ring.includes("c") || track.ring.includes("w");
}

/** The worse of two severities. */
export function worse(a: Severity | null, b: Severity | null): Severity | null {
  if (a === "critical" || b === "critical") return "critical";
  return a ?? b;
}

/** Ascending by UTF-16 code units: the same on every machine, unlike a locale's order. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function count(ring: string, mark: Mark): number {
  let found = 0;
  for (const each of ring) if (each === mark) found++;
  return found;
}
