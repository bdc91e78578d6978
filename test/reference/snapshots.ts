/** Small snapshots for tests, made by the same functions as real ones. */

import { fineBinsOf } from "../../src/reference/bins.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { coarseOfCategorical, coarseOfNumeric } from "../../src/reference/coarse.ts";
import { featureLayoutHash } from "../../src/reference/compile.ts";
import type { CategoricalFeature, NumericFeature, Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";

/** A numeric feature of these finite values. */
export function numericFeature(feature: string, values: readonly number[], bins = 256): NumericFeature {
  const fine = fineBinsOf(values, bins);
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return {
    feature,
    kind: "numeric",
    role: "feature",
    count: values.length,
    missing: 0,
    nan: 0,
    positive_infinity: 0,
    negative_infinity: 0,
    wrong_type: 0,
    round: null,
    layout: featureLayoutHash({ kind: "numeric", edges: fine.edges, round: null }),
    edges: fine.edges,
    counts: fine.counts,
    coarse: coarseOfNumeric(fine),
    moments: {
      count: values.length,
      mean,
      m2: values.reduce((sum, x) => sum + (x - mean) ** 2, 0),
      min: Math.min(...values),
      max: Math.max(...values),
    },
    means: fine.means,
  };
}

/** A categorical feature with these counts, in their order. */
export function categoricalFeature(feature: string, counts: Readonly<Record<string, number>>): CategoricalFeature {
  const categories = Object.keys(counts);
  const list = Object.values(counts);
  const count = list.reduce((sum, one) => sum + one, 0);
  return {
    feature,
    kind: "categorical",
    role: "feature",
    count,
    missing: 0,
    wrong_type: 0,
    layout: featureLayoutHash({ kind: "categorical", categories }),
    categories,
    counts: list,
    coarse: coarseOfCategorical(list, count),
    seen_once: list.filter((one) => one === 1).length,
  };
}

/** A snapshot of the features, with a right digest. */
export function snapshotOf(features: readonly SnapshotFeature[], more: Partial<Snapshot> = {}): Snapshot {
  const content = {
    schema: "driftd/reference/v1" as const,
    model: "m",
    records: 100,
    provenance: { source: "a.csv", driftd: "0.1.0", created_at: "2026-01-01T00:00:00Z", quantiles: "exact" },
    features,
    ...more,
  };
  return { ...content, digest: digestOf(content) };
}
