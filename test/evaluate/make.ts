/** Snapshots, windows and seeded samples for the tests of evaluation. */

import type { PreparedReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { FeatureEvaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { binOf, fineBinsOf, padEdges } from "../../src/reference/bins.ts";
import { coarseOfCategorical, coarseOfNumeric, coarsePlan } from "../../src/reference/coarse.ts";
import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import { SPECIAL_SLOTS, type SpecialSlot } from "../../src/reference/layout.ts";
import type { CategoricalFeature, NumericFeature, Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** A Monday. */
export const START = Date.parse("2001-01-01T00:00:00Z");

/** Uniform numbers in (0, 1), the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** Standard normal numbers. */
export function createNormal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

export type Special = Partial<Record<SpecialSlot, number>>;

export function numericFeature(name: string, values: ArrayLike<number>, special: Special = {}): NumericFeature {
  const fine = values.length > 0 ? fineBinsOf(values) : { edges: [0, 1], counts: [0, 0, 0], means: [null, null, null], seenOnce: 0 };
  const shape = { kind: "numeric" as const, edges: fine.edges, round: null };
  return {
    feature: name,
    role: "feature",
    ...shape,
    layout: featureLayoutHash(shape),
    count: values.length,
    missing: special.missing ?? 0,
    nan: special.nan ?? 0,
    positive_infinity: special.positive_infinity ?? 0,
    negative_infinity: special.negative_infinity ?? 0,
    wrong_type: special.wrong_type ?? 0,
    counts: fine.counts,
    means: fine.means,
    coarse: coarseOfNumeric(fine),
    moments: { count: values.length, mean: 0, m2: 0 },
  };
}

export function categoricalFeature(name: string, counts: Readonly<Record<string, number>>, special: Special = {}): CategoricalFeature {
  const categories = Object.keys(counts);
  const list = Object.values(counts);
  const total = list.reduce((sum, count) => sum + count, 0);
  const shape = { kind: "categorical" as const, categories };
  return {
    feature: name,
    role: "feature",
    ...shape,
    layout: featureLayoutHash(shape),
    count: total,
    missing: special.missing ?? 0,
    wrong_type: special.wrong_type ?? 0,
    counts: list,
    coarse: coarseOfCategorical(list, total),
    seen_once: list.filter((count) => count === 1).length,
  };
}

export function snapshotOf(features: readonly SnapshotFeature[], calibration?: Snapshot["calibration"]): Snapshot {
  return {
    schema: "driftd/reference/v1",
    digest: "sha256:test",
    model: "m",
    records: Math.max(...features.map(({ count }) => count)),
    provenance: { source: "test", driftd: "0", created_at: "2001-01-15T00:00:00Z", quantiles: "exact" },
    features,
    ...(calibration === undefined ? {} : { calibration }),
  };
}

/** Half hours of a numeric feature from START on, each with the values of `valuesAt(slot)`. */
export function calibrationOf(
  feature: NumericFeature,
  days: number,
  valuesAt: (slot: number) => ArrayLike<number>,
): Snapshot["calibration"] {
  const edges = padEdges(feature.edges);
  const slots = Array.from({ length: days * 48 }, (_, slot) => {
    const counts = new Array<number>(coarsePlan(feature).size).fill(0);
    for (const value of Array.from(valuesAt(slot))) counts[feature.coarse[binOf(edges, value)]!]! += 1;
    return counts;
  });
  return { days, time_zone: "UTC", slot_seconds: 1800, from: new Date(START).toISOString(), slots: { [feature.feature]: slots } };
}

/** What a window holds of one feature: values (numbers, or names of categories) and special counters. */
export type Held = { readonly values?: ArrayLike<number | string>; readonly special?: Special };

/** The window of the given name (of the default policy, or `all`) that ends at `endMs`, with its values spread evenly over its half hours. */
export function windowOf(
  snapshot: Snapshot,
  held: Readonly<Record<string, Held>>,
  options: { readonly window?: string; readonly endMs?: number; readonly coverage?: number } = {},
): WindowCounts {
  const layout = rowLayoutOf(snapshot.features);
  const counts = new Uint32Array(layout.slots);
  const totals = snapshot.features.map((feature, i) => {
    const { offset, bins } = layout.features[i]!;
    const { values = [], special = {} } = held[feature.feature] ?? {};
    const edges = feature.kind === "numeric" ? padEdges(feature.edges) : undefined;
    for (const value of Array.from(values)) {
      const bin = feature.kind === "numeric" ? binOf(edges!, Number(value)) : feature.categories.indexOf(String(value));
      counts[bin < 0 ? offset + bins : offset + bin]! += 1;
    }
    for (const [name, count] of Object.entries(special)) counts[offset + bins + SPECIAL_SLOTS.indexOf(name as SpecialSlot)]! += count;
    return values.length;
  });
  const window = DEFAULT_POLICY.windows.find(({ name }) => name === options.window) ?? { name: options.window ?? "1h", lengthMs: HOUR };
  const endMs = options.endMs ?? START + 30 * DAY + 12 * HOUR;
  const startMs = endMs - window.lengthMs;
  const blocks = Array.from(
    { length: Math.round((2 * window.lengthMs) / HOUR) },
    (_, b, length = Math.round((2 * window.lengthMs) / HOUR)) => ({
      startMs: startMs + (b * HOUR) / 2,
      values: Uint32Array.from(totals, (total) => Math.floor((total * (b + 1)) / length) - Math.floor((total * b) / length)),
    }),
  );
  return {
    model: "m",
    version: "",
    window,
    startMs,
    endMs,
    layout,
    counts,
    records: Math.max(0, ...totals),
    coverage: options.coverage ?? 1,
    blocks,
    changedFeatures: new Set(),
    incomplete: false,
    lost: 0,
    offsets: [],
  };
}

/** The detail of the only feature, or of the one named. */
export function judge(window: WindowCounts, reference: PreparedReference, feature?: string): FeatureEvaluation {
  const { features } = evaluateWindow(window, reference);
  const found = features.find((one) => feature === undefined || one.feature === feature);
  if (found === undefined) throw new Error(`no feature ${feature}`);
  return found;
}

/** Evenly spread values: quantiles of the uniform distribution on (0, 1), so that a sample has exactly the shares it is meant to have. */
export function uniform(count: number, from = 0, to = 1): number[] {
  return Array.from({ length: count }, (_, i) => from + ((i + 0.5) / count) * (to - from));
}
