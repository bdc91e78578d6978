/**
 * What the rules mean, in words: said at start and by `check-config`, because a threshold without its sample size means nothing, and a rule that
 * cannot see a shift should say so before anybody waits for it.
 */

import type { Snapshot } from "../reference/snapshot.ts";
import type { PreparedReference } from "./calibrate.ts";
import { calibrationState } from "./calibration-state.ts";
import { ownWindowsAbove } from "./own-psi.ts";
import type { Policy, PolicyWindow } from "./policy.ts";
import { createPower } from "./power.ts";
import { healthyShareAbove } from "./thresholds.ts";

/** Features that are measured for the sentence on power, spread evenly over the reference's. */
const MEASURED_FEATURES = 6;

/**
 * The sentences for one reference under its policy, at the traffic that the reference itself shows: what fixed thresholds do on healthy windows,
 * what cannot be calibrated and why, and the smallest shift that the shortest and the longest window find. In turns of the event loop; about
 * half a second of work.
 */
export async function explainRules(reference: PreparedReference): Promise<readonly string[]> {
  const { policy, snapshot } = reference;
  const perMinute = trafficOf(snapshot);
  for (const window of policy.windows.keys()) await reference.readyFor(window);
  return [
    ...explainThresholds(policy, snapshot),
    ...explainDegraded(reference),
    ...(perMinute === undefined ? [] : await powerOf(reference, perMinute)),
  ];
}

/**
 * One line for each PSI threshold and window, e.g. `PSI > 0.1 on about 120 records (1h) fires in 40 % of healthy windows`. Where
 * the reference's own days fire more often than chance (they have a rhythm), the feature that does so most is named. The traffic is taken
 * to flow as in the reference; without its time range, or with `thresholds: auto`, there is nothing to say.
 */
export function explainThresholds(policy: Policy, snapshot: Snapshot): readonly string[] {
  const { thresholds, windows } = policy;
  const perMinute = trafficOf(snapshot);
  if (thresholds === "auto" || thresholds.psi === undefined || perMinute === undefined) return [];
  const limits = [thresholds.psi.warning, thresholds.psi.critical].filter((limit) => limit !== undefined);
  const bins = Math.max(2, ...snapshot.features.map(({ coarse }) => Math.max(-1, ...coarse) + 1));
  return windows.flatMap(({ name, lengthMs }) => {
    const n = Math.max(1, Math.round(perMinute * (lengthMs / 60_000)));
    return limits.map((limit) => {
      const share = healthyShareAbove(limit, { n, m: snapshot.records, bins });
      const own = ownWindowsAbove(snapshot, lengthMs, limit);
      const days =
        own === undefined || own.share <= share ? "" : ` by chance, and in ${percent(own.share)} of the reference's own for ${own.feature}`;
      return `PSI > ${limit} on about ${n} records (${name}) fires in ${percent(share)} of healthy windows${days}`;
    });
  });
}

/** What is judged without calibration on the reference's own days, and why: one line for each reason and window, naming some of the features. */
export function explainDegraded(reference: PreparedReference): readonly string[] {
  const windowsOf = new Map<string, string[]>();
  for (const [window, { name }] of reference.policy.windows.entries()) {
    const byReason = Map.groupBy(reference.names, (_, feature) => calibrationState(reference, feature, window).degraded);
    for (const [reason, features] of byReason) {
      if (reason === undefined) continue;
      const whom = features.length === reference.names.length ? "" : ` for ${listed(features)}`;
      windowsOf.set(`${reason}${whom}`, [...(windowsOf.get(`${reason}${whom}`) ?? []), name]);
    }
  }
  return [...windowsOf].map(([what, windows]) => `${what}: windows of ${windows.join(", ")} are held to a tolerated PSI instead`);
}

/** Records in a minute of the reference's time range; undefined without one. */
export function trafficOf({ time, records }: Snapshot): number | undefined {
  if (time === undefined) return undefined;
  const spanMs = Date.parse(time.to) - Date.parse(time.from);
  return spanMs > 0 ? records / (spanMs / 60_000) : undefined;
}

async function powerOf(reference: PreparedReference, perMinute: number): Promise<string[]> {
  const { windows } = reference.policy;
  const numeric = reference.features.flatMap(({ feature }, i) => (feature.kind === "numeric" ? [i] : []));
  const step = Math.max(1, numeric.length / MEASURED_FEATURES);
  const measured = [
    ...new Set(Array.from({ length: Math.min(numeric.length, MEASURED_FEATURES) }, (_, i) => numeric[Math.floor(i * step)]!)),
  ];
  const shown = [windows[0]!, ...(windows.length > 1 ? [windows.at(-1)!] : [])];
  const power = createPower(reference);
  const lines: string[] = [];
  for (const window of measured.length === 0 ? [] : shown) {
    const found: { readonly feature: string; readonly sd: number }[] = [];
    const unjudged: string[] = [];
    for (const feature of measured) {
      const { meanShiftSd, insufficient } = await power.inTurns(feature, windows.indexOf(window), perMinute, ["mean_shift"]);
      if (insufficient !== undefined) unjudged.push(reference.names[feature]!);
      else found.push({ feature: reference.names[feature]!, sd: meanShiftSd ?? Number.POSITIVE_INFINITY });
    }
    lines.push(...powerLine(window, perMinute, found, unjudged, numeric.length));
  }
  return lines;
}

function powerLine(
  { name }: PolicyWindow,
  perMinute: number,
  found: { readonly feature: string; readonly sd: number }[],
  unjudged: readonly string[],
  numeric: number,
): string[] {
  const traffic = `at the reference's traffic (${short(perMinute)} records/min)`;
  const lines: string[] = [];
  if (found.length > 0) {
    found.sort((a, b) => a.sd - b.sd);
    const middle = found[(found.length - 1) >> 1]!;
    const worst = found.at(-1)!;
    const of =
      found.length === 1
        ? ` of ${worst.feature}`
        : ` (the median of ${found.length}${found.length < numeric ? ` of ${numeric}` : ""} numeric features; the largest, ${worst.feature}: ${sd(worst.sd)})`;
    lines.push(`${traffic} the smallest shift of the mean found within ${name} is ${sd(middle.sd)}${of}`);
  }
  if (unjudged.length > 0) lines.push(`${traffic} windows of ${name} hold too few values of ${listed(unjudged)} for a verdict`);
  return lines;
}

function sd(value: number): string {
  return Number.isFinite(value) ? `${short(value)} sd` : "above 20 sd";
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function percent(share: number): string {
  if (share < 0.0001) return "less than 0.01 %";
  return `${Number((share * 100).toPrecision(2))} %`;
}

function listed(names: readonly string[]): string {
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
