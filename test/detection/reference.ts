/**
 * The reference of a stream, simulated or recorded: its first days, as `driftd reference build` would have made it of the same rows. The days are gone through
 * twice with the same numbers: once to learn how often each level comes, from which the project's own functions make the bins, and once to count them by half
 * hour.
 */

import { createFineBins } from "../../src/reference/bins.ts";
import { CATEGORIES_MAX } from "../../src/reference/categorical.ts";
import { coarseOfCategorical, coarseOfNumeric, coarsePlan } from "../../src/reference/coarse.ts";
import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import { type RowLayout, SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import { DAY, type Levels, PANES_PER_SLOT, type Place, type Process, SLOT } from "./process.ts";

export type BuiltReference = {
  readonly snapshot: Snapshot;
  readonly layout: RowLayout;
  /** Where the levels of a process (of the same features) are counted in a row of the layout. */
  readonly placesOf: (process: Process) => readonly Place[];
};

/** Draws `days` days from the process, which goes on behind them, and builds their snapshot. */
export function buildReference(process: Process, days: number): BuiltReference {
  const fromMs = process.now();
  const again = process.fork();
  const levels = countLevels(process, days);
  const features = levels.map((counts, j) => featureOf(process.features[j]!.name, process.features[j]!.shape, counts));
  const calibration = {
    days,
    time_zone: "UTC" as const,
    slot_seconds: SLOT / 1000,
    from: new Date(fromMs).toISOString(),
    slots: slotsOf(again, days, features),
  };
  const layout = rowLayoutOf(features);
  return {
    snapshot: {
      schema: "driftd/reference/v1",
      digest: "sha256:simulated",
      model: "m",
      records: features[0]!.count,
      time: { field: "timestamp", from: new Date(fromMs).toISOString(), to: new Date(fromMs + days * DAY).toISOString() },
      provenance: { source: "simulation", driftd: "0", created_at: new Date(fromMs + days * DAY).toISOString(), quantiles: "exact" },
      features,
      calibration,
    },
    layout,
    placesOf: (from) => placesIn(features, layout, from),
  };
}

/** Where the levels of a process are counted in a row of the features' layout. */
export function placesIn(features: readonly SnapshotFeature[], layout: RowLayout, process: Process): Place[] {
  return features.map((feature, j) => {
    const { offset, bins } = layout.features[j]!;
    const special = (name: (typeof SPECIAL_SLOTS)[number]) => offset + bins + SPECIAL_SLOTS.indexOf(name);
    return { offset, map: binOfLevel(feature, process.features[j]!.shape), unseen: special("unseen"), missing: special("missing") };
  });
}

/** Rows of the next days by level, for each feature. */
function countLevels(process: Process, days: number): Uint32Array[] {
  const offsets: number[] = [];
  let size = 0;
  for (const { shape } of process.features) {
    offsets.push(size);
    size += shape.levels;
  }
  const counts = new Uint32Array(size + 1); // the last one is for what is no level
  const places = process.features.map(({ shape }, j) => ({
    offset: offsets[j]!,
    map: identity(shape.levels),
    unseen: size,
    missing: size,
  }));
  const rows = new Array<Uint32Array>(PANES_PER_SLOT).fill(counts);
  for (let slot = 0; slot < (days * DAY) / SLOT; slot++) process.slot(places, rows);
  return offsets.map((offset, j) => counts.subarray(offset, offset + process.features[j]!.shape.levels));
}

function slotsOf(process: Process, days: number, features: readonly SnapshotFeature[]): Record<string, number[][]> {
  const plans = features.map((feature) => coarsePlan(feature));
  const width = Math.max(...plans.map(({ size }) => size));
  const counts = new Uint32Array(features.length * width);
  const rows = new Array<Uint32Array>(PANES_PER_SLOT).fill(counts);
  const places = features.map((feature, j) => {
    const { shape } = process.features[j]!;
    // A category that is not named has the bin behind the last one, which is `other`.
    const map = binOfLevel(feature, shape).map((bin) => feature.coarse[bin] ?? plans[j]!.size - 1);
    return { offset: j * width, map, unseen: j * width, missing: j * width };
  });
  const slots: Record<string, number[][]> = Object.fromEntries(features.map(({ feature }) => [feature, []]));
  for (let slot = 0; slot < (days * DAY) / SLOT; slot++) {
    counts.fill(0);
    process.slot(places, rows);
    features.forEach(({ feature }, j) => {
      slots[feature]!.push(Array.from(counts.subarray(j * width, j * width + plans[j]!.size)));
    });
  }
  return slots;
}

function featureOf(name: string, shape: Levels, levels: Uint32Array): SnapshotFeature {
  const total = levels.reduce((sum, count) => sum + count, 0);
  const seen = [...levels.keys()].filter((level) => levels[level]! > 0);
  const common = { feature: name, role: "feature" as const, count: total, missing: 0, wrong_type: 0 };
  if (shape.kind === "numeric") {
    const builder = createFineBins(total);
    builder.add(
      seen.map((level) => shape.values[level]!),
      seen.map((level) => levels[level]!),
    );
    const { edges, counts, means, seenOnce } = builder.finish();
    const binned = { kind: "numeric" as const, edges, round: null };
    return {
      ...common,
      ...binned,
      layout: featureLayoutHash(binned),
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      counts,
      means,
      // Real values of a continuous feature hardly come twice: that there are levels here is only the simulation's way.
      coarse: coarseOfNumeric({ edges, counts, seenOnce: shape.continuous ? total : seenOnce }),
      moments: { count: total, mean: 0, m2: 0 },
    };
  }
  const named = seen.sort((a, b) => levels[b]! - levels[a]! || a - b).slice(0, CATEGORIES_MAX);
  const categories = named.map((level) => `c${level}`);
  const counts = named.map((level) => levels[level]!);
  const unnamed = total - counts.reduce((sum, count) => sum + count, 0);
  const binned = { kind: "categorical" as const, categories };
  return {
    ...common,
    ...binned,
    layout: featureLayoutHash(binned),
    counts,
    coarse: coarseOfCategorical(counts, total),
    seen_once: counts.filter((count) => count === 1).length,
    ...(unnamed > 0 ? { unnamed } : {}),
  };
}

/** The fine bin of each level; a category that the reference does not name has the place behind the last bin, which is `unseen`. */
function binOfLevel(feature: SnapshotFeature, shape: Levels): Uint16Array {
  const map = new Uint16Array(shape.levels);
  if (feature.kind === "numeric") {
    let bin = 0;
    for (let level = 0; level < shape.levels; level++) {
      while (bin < feature.edges.length && feature.edges[bin]! < shape.values[level]!) bin++;
      map[level] = bin;
    }
    return map;
  }
  const places = new Map(feature.categories.map((category, i) => [category, i]));
  for (let level = 0; level < shape.levels; level++) map[level] = places.get(`c${level}`) ?? feature.counts.length;
  return map;
}

function identity(levels: number): Uint16Array {
  return Uint16Array.from({ length: levels }, (_, level) => level);
}
