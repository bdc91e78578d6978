/** The log lines about the quality of the data: what began or ceased to fail, and what the records bring that the reference does not have. */

import { placeOf } from "../decide/quality.ts";
import type { Change } from "../decide/transition.ts";
import type { Log } from "../lib/log.ts";

/** The most frequent values of a feature (`$schema`: keys) that a version's reference does not have; undefined: none are noted. */
export type UnseenOf = (model: string, version: string, feature: string) => readonly string[] | undefined;

/** Features whose unseen values, and checks that one line tells. */
const UNSEEN_FEATURES = 5;
const CHECKS = 20;

/** Writes one change; `debug` unless something begins to fail, worsens or ends. */
export function logQuality(change: Change, log: Log, unseen: UnseenOf | undefined): void {
  const { kind, reason, episode, endMs } = change;
  const { model, version, checks = [] } = episode;
  const begun = kind === "features_changed" ? change.added : kind === "resolved" ? [] : checks;
  const fields = {
    ...{ model, version, episode: episode.id, severity: episode.severity, checks: checks.slice(0, CHECKS), reason },
    ...(kind === "features_changed" ? { added: change.added.slice(0, CHECKS), removed: change.removed.slice(0, CHECKS) } : {}),
    ...(unseen === undefined ? {} : evidence(model, version, begun, unseen)),
    window_end: new Date(endMs).toISOString(),
  };
  const news = kind === "features_changed" ? begun.length > 0 : kind !== "pending" && kind !== "lapsed";
  if (news) log.info(fields, `quality ${kind}`);
  else log.debug(fields, `quality ${kind}`);
}

function evidence(model: string, version: string, checks: readonly string[], unseen: UnseenOf): { readonly unseen?: unknown } {
  const found: [string, readonly string[]][] = [];
  for (const { check, feature } of checks.map(placeOf)) {
    if ((check !== "unseen" && check !== "appeared") || found.length === UNSEEN_FEATURES) continue;
    const values = unseen(model, version, feature);
    if (values !== undefined && values.length > 0) found.push([feature, values]);
  }
  return found.length === 0 ? {} : { unseen: Object.fromEntries(found) };
}
