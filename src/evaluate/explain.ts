/** What fixed thresholds mean on healthy traffic, in words: said at start, because a threshold without its sample size means nothing. */

import type { Snapshot } from "../reference/snapshot.ts";
import type { Policy } from "./policy.ts";
import { healthyShareAbove } from "./thresholds.ts";

/**
 * One line for each PSI threshold and window, e.g. `PSI > 0.1 on about 120 records (1h) fires in 40 % of healthy windows`. The traffic is taken
 * to flow as in the reference; without its time range, or with `thresholds: auto`, there is nothing to say.
 */
export function explainThresholds(policy: Policy, snapshot: Snapshot): readonly string[] {
  const { thresholds, windows } = policy;
  if (thresholds === "auto" || thresholds.psi === undefined || snapshot.time === undefined) return [];
  const spanMs = Date.parse(snapshot.time.to) - Date.parse(snapshot.time.from);
  if (!(spanMs > 0)) return [];
  const limits = [thresholds.psi.warning, thresholds.psi.critical].filter((limit) => limit !== undefined);
  const bins = Math.max(2, ...snapshot.features.map(({ coarse }) => Math.max(-1, ...coarse) + 1));
  return windows.flatMap(({ name, lengthMs }) => {
    const n = Math.max(1, Math.round((snapshot.records * lengthMs) / spanMs));
    return limits.map((limit) => {
      const share = healthyShareAbove(limit, { n, m: snapshot.records, bins });
      return `PSI > ${limit} on about ${n} records (${name}) fires in ${percent(share)} of healthy windows`;
    });
  });
}

function percent(share: number): string {
  if (share < 0.0001) return "less than 0.01 %";
  return `${Number((share * 100).toPrecision(2))} %`;
}
