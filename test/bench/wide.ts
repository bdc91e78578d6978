/** Wide models made in memory, for the benches of evaluation and memory: hundreds of numeric features of 256 bins, and counts that fit them. */

import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { fineBinsOf } from "../../src/reference/bins.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { coarseOfNumeric, coarsePlan } from "../../src/reference/coarse.ts";
import { featureLayoutHash } from "../../src/reference/compile.ts";
import type { RowLayout } from "../../src/reference/layout.ts";
import type { Calibration, NumericFeature, Snapshot } from "../../src/reference/snapshot.ts";
import { createRandom, normal } from "./records.ts";

const REFERENCE_ROWS = 20_000;
const SLOT_SECONDS = 1800;
const SLOTS_A_DAY = 48;
const DAYS = 14;
/** Shapes that the features of a model take turns in. */
const SHAPES = 20;
export const REFERENCE_FROM_MS = Date.UTC(2026, 0, 5);
export const HOUR_MS = 3_600_000;

/** A snapshot of `features` numeric features; `calibrated`: with half hours of two weeks. */
export function wideSnapshot(model: string, features: number, calibrated: boolean): Snapshot {
  const random = createRandom(features);
  const shapes = Array.from({ length: Math.min(SHAPES, features) }, (_, shape) => {
    const values = Float64Array.from({ length: REFERENCE_ROWS }, () => Math.exp((shape / SHAPES) * normal(random)) + normal(random));
    const fine = fineBinsOf(values);
    return { fine, values, coarse: coarseOfNumeric(fine), layout: featureLayoutHash({ kind: "numeric", edges: fine.edges, round: null }) };
  });
  const list = Array.from({ length: features }, (_, i): NumericFeature => {
    const { fine, coarse, layout } = shapes[i % shapes.length]!;
    return {
      feature: `f${i}`,
      role: "feature",
      kind: "numeric",
      count: REFERENCE_ROWS,
      missing: 0,
      wrong_type: 0,
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      round: null,
      edges: fine.edges,
      counts: fine.counts,
      coarse,
      layout,
      moments: { count: REFERENCE_ROWS, mean: 0, m2: 0 },
      means: fine.means,
    };
  });
  // Features of one shape share their half hours: what is prepared of them is not shared.
  const slots = shapes.map((_, shape) => halfHours(list[shape]!, random));
  const calibration: Calibration = {
    days: DAYS,
    time_zone: "UTC",
    slot_seconds: SLOT_SECONDS,
    from: new Date(REFERENCE_FROM_MS).toISOString(),
    slots: Object.fromEntries(list.map(({ feature }, i) => [feature, slots[i % slots.length]!])),
  };
  const content = {
    schema: "driftd/reference/v1",
    model,
    records: REFERENCE_ROWS,
    provenance: { source: "bench", driftd: "bench", created_at: new Date(0).toISOString(), quantiles: "exact" },
    features: list,
    ...(calibrated ? { calibration } : {}),
  } as const;
  return { ...content, digest: digestOf({ ...content, features: [], calibration: undefined }) };
}

/** Half hours of 60 values each. */
function halfHours(feature: NumericFeature, random: () => number): number[][] {
  const { regular } = coarsePlan(feature);
  const slots: number[][] = [];
  for (let slot = 0; slot < DAYS * SLOTS_A_DAY; slot++) {
    const counts = new Array<number>(regular).fill(0);
    for (let i = 0; i < 60; i++) counts[Math.min(regular - 1, Math.floor(random() * regular))]!++;
    slots.push(counts);
  }
  return slots;
}

/** Adds `records` values to each feature's slots of a row, by the shares of the reference (bins of equal count, so any but the outer two). */
export function addValues(row: Uint32Array, layout: RowLayout, records: number, random: () => number): void {
  for (const { offset, bins } of layout.features) {
    for (let i = 0; i < records; i++) row[offset + 1 + Math.floor(random() * (bins - 2))]!++;
  }
}

/** A full window of one hour with `records` records. */
export function hourOf(model: string, layout: RowLayout, records: number, random: () => number): WindowCounts {
  const counts = new Uint32Array(layout.slots);
  addValues(counts, layout, records, random);
  const startMs = REFERENCE_FROM_MS + DAYS * 24 * HOUR_MS + 10 * HOUR_MS;
  const half = Uint32Array.from(layout.features, () => records / 2);
  return {
    model,
    version: "",
    window: { name: "1h", lengthMs: HOUR_MS },
    startMs,
    endMs: startMs + HOUR_MS,
    layout,
    counts,
    records,
    coverage: 1,
    blocks: [
      { startMs, values: half },
      { startMs: startMs + HOUR_MS / 2, values: half },
    ],
    changedFeatures: new Set(),
    incomplete: false,
    lost: 0,
    offsets: [],
  };
}
