/** Turns a snapshot into the layout that counting needs: offsets of every feature in a row, padded edges, a map of categories. */

import { DriftdError } from "../lib/errors.ts";
import { padEdges } from "./bins.ts";
import { layoutHash } from "./canonical.ts";
import { type CompiledFeature, type CompiledLayout, type FeatureLayout, type RowLayout, SPECIAL_SLOTS } from "./layout.ts";
import type { NumericFeature, SnapshotFeature } from "./snapshot.ts";

/** The feature's `layout`: equal for features whose panes add. */
export function featureLayoutHash(
  feature:
    | { readonly kind: "numeric"; readonly edges: readonly number[]; readonly round: NumericFeature["round"] }
    | {
        readonly kind: "categorical";
        readonly categories: readonly string[];
      },
): string {
  return feature.kind === "numeric"
    ? layoutHash(["numeric", feature.edges, feature.round])
    : layoutHash(["categorical", feature.categories]);
}

/** Where the features of a snapshot stand in one row, in their order. */
export function rowLayoutOf(features: readonly SnapshotFeature[]): RowLayout {
  const layouts: FeatureLayout[] = [];
  let offset = 0;
  let numeric = 0;
  for (const { feature, kind, layout, counts } of features) {
    const bins = counts.length;
    layouts.push({ feature, kind, layout, bins, offset, moments: kind === "numeric" ? numeric++ : -1 });
    offset += bins + SPECIAL_SLOTS.length;
  }
  return { hash: layoutHash(layouts.map(({ feature, layout }) => [feature, layout])), features: layouts, slots: offset, numeric };
}

/** Compiles a snapshot for the hot path. Throws `REFERENCE_UNKNOWN_ROLE` for a derived feature, which this version cannot compute. */
export function compileLayout(snapshot: { readonly features: readonly SnapshotFeature[] }): CompiledLayout {
  const row = rowLayoutOf(snapshot.features);
  return { row, features: snapshot.features.map((feature, i) => compileFeature(feature, row.features[i]!)) };
}

function compileFeature(feature: SnapshotFeature, layout: FeatureLayout): CompiledFeature {
  if (feature.role === "derived") {
    throw new DriftdError(
      "REFERENCE_UNKNOWN_ROLE",
      `reference: feature "${feature.feature}" is derived, which this driftd cannot compute`,
      {
        hint: "Use the version of driftd that built the reference, or build it again.",
      },
    );
  }
  const common = { ...layout, ...placeOf(feature) };
  return feature.kind === "numeric"
    ? {
        ...common,
        paddedEdges: padEdges(feature.edges),
        float32: feature.round === "float32",
        categories: undefined,
        longIntegers: false,
        unseen: undefined,
      }
    : {
        ...common,
        paddedEdges: new Float64Array(0),
        float32: false,
        categories: new Map(feature.categories.map((category, bin) => [category, bin])),
        longIntegers: feature.categories.some((category) => /^-?\d{16,}$/.test(category) && !Number.isSafeInteger(Number(category))),
        unseen: undefined,
      };
}

/** Where the values of a feature stand in a record. */
export function placeOf({ feature, role }: Pick<SnapshotFeature, "feature" | "role">): Pick<CompiledFeature, "from" | "key" | "shadowed"> {
  if (role === "prediction") return { from: "prediction", key: "prediction", shadowed: false };
  if (role === "signal") return { from: "signal", key: signalOf(feature), shadowed: false };
  const key = columnOf(feature);
  return { from: "features", key, shadowed: key in Object.prototype };
}

/** The name of a signal for its feature: `$latency` is the signal `latency`. */
export function signalOf(feature: string): string {
  return feature.slice(1);
}

/** The name of a feature in a snapshot for an input's name: names beginning with `$` are driftd's own, so `$x` is written `$$x`. */
export function featureOf(input: string): string {
  return input.startsWith("$") ? `$${input}` : input;
}

/** The input's name for a feature of a snapshot (`$$x` is the input `$x`). */
export function columnOf(feature: string): string {
  return feature.startsWith("$$") ? feature.slice(1) : feature;
}
