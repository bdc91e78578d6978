/** Fixed thresholds: the numbers that a user gives instead of rule R's steps 2–6, and what they mean on healthy traffic. */

import { chi2Sf } from "../../detectors/index.ts";
import type { Gate, Statistics } from "./evaluation.ts";
import { CRITICAL, conclude, type Look, NO_DRIFT, WARNING } from "./look.ts";
import type { FixedThresholds, ThresholdStatistic } from "./policy.ts";
import { statisticsOf } from "./statistics.ts";

/** Judges a look that has passed the gate by fixed thresholds: a statistic at or above a limit has that severity. */
export function applyThresholds(look: Look, thresholds: FixedThresholds, gates?: Gate[]): Look {
  const names = Object.keys(thresholds) as ThresholdStatistic[];
  const statistics: Statistics = statisticsOf(look, new Set(names));
  let code = NO_DRIFT;
  for (const name of names) {
    const value = statistics[name]?.value;
    const { warning, critical } = thresholds[name] ?? {};
    if (value === undefined) continue;
    for (const [severity, limit] of [
      [WARNING, warning],
      [CRITICAL, critical],
    ] as const) {
      if (limit === undefined) continue;
      const passed = value >= limit;
      gates?.push({ gate: `${name}_${severity === WARNING ? "warning" : "critical"}`, passed, value, limit });
      if (passed && severity > code) code = severity;
    }
  }
  return conclude(look, code, code === NO_DRIFT ? "within_noise" : "threshold");
}

/**
 * The share, 0–1, of healthy windows of `n` independent values in which PSI reaches `psi`, against `m` reference values in `bins` bins: what a
 * fixed threshold means. From the chi-square law of PSI · nm/(n + m); real traffic, which is not independent, fires more often.
 */
export function healthyShareAbove(psi: number, sizes: { readonly n: number; readonly m: number; readonly bins: number }): number {
  const { n, m, bins } = sizes;
  if (!(n > 0 && m > 0 && bins > 1)) return 0;
  return chi2Sf((psi * n * m) / (n + m), bins - 1);
}
