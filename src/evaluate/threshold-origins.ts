/**
 * How the thresholds of a snapshot come about under the default policy, by feature and window: written into the snapshot when it is built, so that
 * whoever reads the file knows what it can be judged by. A configuration with other windows has its own: the API and the metrics say them.
 */

import { digestOf } from "../reference/canonical.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { prepareReference } from "./calibrate.ts";
import { calibrationState } from "./calibration-state.ts";
import { explainDegraded } from "./explain.ts";
import { DEFAULT_POLICY } from "./policy.ts";

/** The snapshot with `thresholds`, by feature and window, under a digest of its own. Calibrates every feature at every window: some milliseconds each. */
export function withThresholdOrigins(snapshot: Snapshot): Snapshot {
  const prepared = prepareReference(snapshot, DEFAULT_POLICY);
  const thresholds = Object.fromEntries(
    prepared.names.map((name, feature) => [
      name,
      Object.fromEntries(prepared.policy.windows.map((window, at) => [window.name, calibrationState(prepared, feature, at).origin])),
    ]),
  );
  const { schema, digest: _, ...rest } = snapshot;
  const content = { schema, ...rest, thresholds };
  return { schema, digest: digestOf(content), ...rest, thresholds };
}

/** The same for people: how often each origin occurs at each window, then what could not be had and why. */
export function describeOrigins(snapshot: Snapshot): string {
  const prepared = prepareReference(snapshot, DEFAULT_POLICY);
  const lines = prepared.policy.windows.map(({ name }, window) => {
    const byOrigin = Map.groupBy(prepared.names, (_, feature) => calibrationState(prepared, feature, window).origin);
    const parts = [...byOrigin].map(([origin, names]) => `${origin} ${byOrigin.size === 1 ? "for all" : `for ${listed(names)}`}`);
    return `  ${name.padEnd(4)} ${parts.join("; ")}`;
  });
  return ["thresholds at the default windows come from", ...lines, ...explainDegraded(prepared).map((line) => `  ${line}`), ""].join("\n");
}

function listed(names: readonly string[]): string {
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`;
}
