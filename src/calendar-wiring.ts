/** Joins the calendar's digest with the running daemon: reads from the store and the view what `digest.ts` tells. */

import type { CalendarEntry, Config } from "./config/config.ts";
import { isOpen } from "./decide/record.ts";
import { digestBody } from "./digest.ts";
import type { ModelFacts } from "./http/view.ts";
import type { Clock } from "./lib/clock.ts";
import type { ReferenceWatch } from "./reference-watch.ts";
import type { OldReference } from "./reference-wiring.ts";
import type { Store } from "./store/store.ts";

/** Episodes and requests looked at; a digest names fewer. */
const LOOKED_AT = 500;
const DAY_MS = 24 * 3_600_000;

export type DigestParts = {
  readonly store: Pick<Store, "episodes" | "retrainRequests">;
  readonly config: () => Config;
  readonly models: () => readonly ModelFacts[] | Promise<readonly ModelFacts[]>;
  readonly references: Pick<ReferenceWatch, "facts">;
  readonly old: () => readonly OldReference[];
  readonly clock: Clock;
};

/** Makes the body of a digest of what is so now. Rejects with `STORE_*`. */
export function calendarDigest(parts: DigestParts): (entry: CalendarEntry, dueMs: number, sinceMs: number) => Promise<string> {
  const { store, clock } = parts;
  return async ({ name, models }, dueMs, sinceMs) => {
    const about = new Set(models);
    const [episodes, requests, facts] = await Promise.all([
      store.episodes({ limit: LOOKED_AT }),
      store.retrainRequests({ limit: LOOKED_AT }),
      parts.models(),
    ]);
    return digestBody({
      ...{ name, dueMs, sinceMs, nowMs: clock.nowMs() },
      models: facts.filter(({ model }) => about.has(model)),
      // An episode's times are event time, which is now but for what is read late.
      episodes: episodes.filter(
        ({ model, firingAtMs, resolvedAtMs }) =>
          about.has(model) && firingAtMs !== null && (resolvedAtMs === null || resolvedAtMs >= sinceMs),
      ),
      requests: requests.filter((request) => about.has(request.model) && (isOpen(request) || request.updatedAtMs >= sinceMs)),
      addresses: parts.references.facts(),
      old: parts
        .old()
        .filter(({ model }) => about.has(model))
        .map(
          ({ model, version, ageMs }) =>
            `${version === "" ? model : `${model} ${version}`}: its reference is ${Math.round(ageMs / DAY_MS)} days old`,
        ),
      link: parts.config().http.externalUrl,
    });
  };
}
