/**
 * A snapshot for people: what it holds, drawn with small bars, and where it is too thin to judge by. The only importer of simple-statistics,
 * which sums up the traffic of half hours and days.
 */

import { max, medianSorted, quantileSorted } from "simple-statistics";
import { coarseLabels, coarsePlan, referenceCoarse } from "./coarse.ts";
import { describeDerived } from "./inspect-derived.ts";
import type { Calibration, NumericFeature, Renewal, Snapshot, SnapshotFeature } from "./snapshot.ts";

const BAR_WIDTH = 30;
/** Coarse bins shown of one feature; the least frequent categories are pooled in a line of their own. */
const BARS_MAX = 22;
/** Rule R judges a window that holds ten values a coarse bin. */
const VALUES_PER_BIN = 10;
/** Calibration needs a week of days that can differ. */
const CALIBRATED_DAYS = 7;
/** Below this a reference's own noise hides a shift of PSI 0.1. */
const FEW_RECORDS = 1000;
/** The windows of a configuration that names none. */
const WINDOWS = [
  { name: "1h", hours: 1 },
  { name: "6h", hours: 6 },
  { name: "24h", hours: 24 },
] as const;

/** The whole description: head, features with bars, and warnings. Names are printed as they are: the caller makes them safe for a terminal. */
export function describeSnapshot(snapshot: Snapshot): string {
  const { provenance, time, calibration, features } = snapshot;
  const head: [string, string][] = [
    ["model", `${snapshot.model}${snapshot.version === undefined ? " (every version)" : ` version ${snapshot.version}`}`],
    ["records", snapshot.records.toLocaleString("en")],
    ...(time === undefined ? [] : ([["time", `${time.from} to ${time.to} (${time.field})`]] satisfies [string, string][])),
    ["source", `${provenance.source}, built ${provenance.created_at} by driftd ${provenance.driftd}`],
    ["digest", snapshot.digest],
    ...(snapshot.renewal === undefined ? [] : [renewalOf(snapshot.renewal)]),
    ["calibration", calibration === undefined ? "none: the data has no event time" : trafficOf(calibration)],
  ];
  const warnings = thinness(snapshot);
  return [
    ...head.map(([name, text]) => `${name.padEnd(12)} ${text}`),
    ...features.flatMap((feature) => ["", ...describeFeature(feature)]),
    ...describeDerived(snapshot),
    ...(warnings.length === 0 ? [] : ["", ...warnings.map((warning) => `warning: ${warning}`)]),
    "",
  ].join("\n");
}

function renewalOf({ ordinal, previous, first }: Renewal): [string, string] {
  return ["renewal", `number ${ordinal}, in place of ${previous}; the first reference is ${first.digest}, built ${first.created_at}`];
}

/**
 * Where the reference is too thin, in sentences: no event time or fewer than seven days (verdicts are then uncalibrated), few records, and
 * features whose mean window holds fewer than ten values a coarse bin (such windows are `too_few_values`).
 */
export function thinness({ records, features, calibration }: Snapshot): string[] {
  const warnings: string[] = [];
  if (calibration === undefined) {
    warnings.push(
      "there is no event time: thresholds cannot be calibrated on the reference's own days, and only the longest window may be critical",
    );
  } else if (calibration.days < CALIBRATED_DAYS) {
    warnings.push(
      `${calibration.days === 1 ? "1 calendar day is" : `${calibration.days} calendar days are`} fewer than ${CALIBRATED_DAYS}: thresholds cannot be calibrated on them, and only the longest window may be critical`,
    );
  }
  if (records < FEW_RECORDS) warnings.push(`${records} records are few: only large shifts can be told from the reference's own noise`);
  if (calibration === undefined) return warnings;
  for (const { name, hours } of WINDOWS) {
    const thin = features.flatMap((feature) => {
      const values = valuesPerWindow(calibration, feature, hours);
      const needed = VALUES_PER_BIN * coarsePlan(feature).size;
      return values < needed ? [`${feature.feature} (${Math.round(values)} of ${needed})`] : [];
    });
    if (thin.length > 0) warnings.push(`thin for windows of ${name}: the mean window holds too few values of ${listed(thin)}`);
  }
  return warnings;
}

function trafficOf({ days, from, slots, slot_seconds: slotSeconds }: Calibration): string {
  const longest = Object.values(slots).reduce<readonly (readonly number[])[]>(
    (best, list) => (list.length > best.length ? list : best),
    [],
  );
  if (longest.length === 0) return `${days} day${days === 1 ? "" : "s"} from ${from}`;
  const values = longest.map((slot) => slot.reduce((sum, count) => sum + count, 0)).sort((a, b) => a - b);
  const quarter = Math.round(quantileSorted(values, 0.25));
  return `${days} day${days === 1 ? "" : "s"} from ${from}; values per ${slotSeconds / 60} min: median ${Math.round(medianSorted(values))}, lower quartile ${quarter}, most ${max(values)}`;
}

function valuesPerWindow({ slots, slot_seconds: slotSeconds }: Calibration, { feature }: SnapshotFeature, hours: number): number {
  const list = slots[feature] ?? [];
  let values = 0;
  for (const slot of list) for (const count of slot) values += count;
  return list.length === 0 ? 0 : (values / (list.length * slotSeconds)) * hours * 3600;
}

function describeFeature(feature: SnapshotFeature): string[] {
  const facts = [
    `${feature.feature}: ${feature.kind}${feature.role === "feature" ? "" : ` (${feature.role})`}`,
    `${feature.count.toLocaleString("en")} values`,
    ...share("missing", feature.missing, feature),
    ...share("wrong type", feature.wrong_type, feature),
  ];
  return [[...facts, ...(feature.kind === "numeric" ? numericFacts(feature) : categoricalFacts(feature))].join(", "), ...bars(feature)];
}

function numericFacts(feature: NumericFeature): string[] {
  const { moments, round } = feature;
  const deviation = moments.count > 1 ? Math.sqrt(moments.m2 / (moments.count - 1)) : 0;
  return [
    ...share("NaN", feature.nan, feature),
    ...share("infinite", feature.positive_infinity + feature.negative_infinity, feature),
    ...(moments.count === 0
      ? ["no moments: their sums overflow"]
      : [
          `${short(moments.min!)} to ${short(moments.max!)}`,
          `median ${short(medianOf(feature))}`,
          `mean ${short(moments.mean)}`,
          `sd ${short(deviation)}`,
        ]),
    `${feature.counts.length} bins`,
    ...(round === null ? [] : [`rounded to ${round}`]),
  ];
}

function categoricalFacts(feature: Extract<SnapshotFeature, { kind: "categorical" }>): string[] {
  const unseen = (feature.seen_once + (feature.unnamed ?? 0)) / Math.max(1, feature.count);
  return [`${feature.categories.length} categories`, `unseen mass ${percent(unseen)}`];
}

/** The upper edge of the fine bin that holds the middle value: exact in rank to one bin. */
function medianOf({ counts, count, edges }: NumericFeature): number {
  let below = 0;
  const bin = counts.findIndex((inBin) => {
    below += inBin;
    return 2 * below >= count;
  });
  return edges[Math.min(bin, edges.length - 1)]!;
}

function bars(feature: SnapshotFeature): string[] {
  const labels = coarseLabels(feature);
  const counts = [...referenceCoarse(feature)];
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shown = labels.map((label, i) => ({ label, count: counts[i]! }));
  const lines = shown.length <= BARS_MAX ? shown : [...shown.slice(0, BARS_MAX - 1), pooled(shown.slice(BARS_MAX - 1))];
  const width = Math.max(...lines.map(({ label }) => label.length));
  const most = Math.max(1, ...lines.map(({ count }) => count));
  return lines.map(({ label, count }) => `  ${label.padEnd(width)} ${percent(count / total).padStart(7)} ${bar(count / most)}`.trimEnd());
}

function pooled(rest: readonly { readonly label: string; readonly count: number }[]): { label: string; count: number } {
  return { label: `${rest.length} more bins`, count: rest.reduce((sum, { count }) => sum + count, 0) };
}

/** A bar in eighths of a character. */
function bar(share: number): string {
  const eighths = Math.round(share * BAR_WIDTH * 8);
  return "█".repeat(Math.floor(eighths / 8)) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]!;
}

function share(name: string, count: number, feature: SnapshotFeature): string[] {
  if (count === 0) return [];
  const rows = feature.count + feature.missing + feature.wrong_type;
  return [`${percent(count / Math.max(rows, count))} ${name}`];
}

function percent(value: number): string {
  return `${(100 * value).toFixed(value > 0 && value < 0.001 ? 3 : 1)} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function listed(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}
