/** The tracks of a model after the evaluations of one window end. Pure. */

import { advance, byText, isQuiet, type Mark, type Track } from "./track.ts";
import { marks, type WindowVerdict } from "./verdicts.ts";

export type Moved = {
  readonly tracks: readonly Track[];
  /** Something drifts in one of these evaluations. */
  readonly drifting: boolean;
};

/** Adds a mark to every track whose window was evaluated; quiet tracks and those of windows that are no longer configured are dropped. */
export function moveTracks(tracks: readonly Track[], evaluations: readonly WindowVerdict[], windows: readonly string[]): Moved {
  // By window, then feature: names come from users, so they are keys of maps and never of objects.
  const old = new Map<string, Map<string, Track>>();
  for (const track of tracks) {
    if (!windows.includes(track.window)) continue;
    const ofWindow = old.get(track.window);
    if (ofWindow === undefined) old.set(track.window, new Map([[track.feature, track]]));
    else ofWindow.set(track.feature, track);
  }
  const kept: Track[] = [];
  let drifting = false;
  for (const evaluation of evaluations) {
    const ofWindow = old.get(evaluation.window);
    old.delete(evaluation.window);
    if (!windows.includes(evaluation.window)) continue;
    let listed = 0;
    marks(evaluation, (feature, mark) => {
      listed++;
      const before = ofWindow?.get(feature);
      const drifts = mark === "c" || mark === "w";
      if (before === undefined && !drifts) return;
      drifting ||= drifts;
      ofWindow?.delete(feature);
      keep(kept, advance(before ?? { feature, window: evaluation.window, ring: "", level: null }, mark));
    });
    if (ofWindow === undefined) continue;
    // A feature that is not listed did not drift, unless the window as a whole could not be judged.
    const mark: Mark = listed === 0 && evaluation.verdict === "insufficient_data" ? "u" : "n";
    for (const track of ofWindow.values()) keep(kept, advance(track, mark));
  }
  for (const ofWindow of old.values()) kept.push(...ofWindow.values());
  kept.sort((a, b) => byText(a.feature, b.feature) || byText(a.window, b.window));
  return { tracks: kept, drifting };
}

function keep(kept: Track[], track: Track): void {
  if (!isQuiet(track)) kept.push(track);
}
