/** Turns a snapshot into the layout that counting needs: offsets of every feature in a row, padded edges, a map of categories. */

import { DriftdError } from "../lib/errors.ts";
import { padEdges } from "./bins.ts";
import { layoutHash } from "./canonical.ts";
import { compileDerived } from "./derived.ts";
import {
  type CompiledDerived,
  type CompiledFeature,
  type CompiledLayout,
  type DerivedSlots,
  type FeatureLayout,
  type RowLayout,
  SPECIAL_SLOTS,
} from "./layout.ts";
import type { Derived, NumericFeature, Snapshot, SnapshotFeature } from "./snapshot.ts";

/** The feature's `layout`: equal for features whose panes add. */
export function featureLayoutHash(
  feature:
    | {
        readonly kind: "numeric";
        readonly edges: readonly number[];
        readonly round: NumericFeature["round"];
        readonly definition?: string;
      }
    | {
        readonly kind: "categorical";
        readonly categories: readonly string[];
      },
): string {
  if (feature.kind === "categorical") return layoutHash(["categorical", feature.categories]);
  const { edges, round, definition } = feature;
  return layoutHash(["numeric", edges, round, ...(definition === undefined ? [] : [definition])]);
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

/** Compiles a snapshot for the hot path. Throws `REFERENCE_UNKNOWN_ROLE` for a derived feature that this version cannot compute. */
export function compileLayout({ features, derived }: Pick<Snapshot, "features" | "derived">): CompiledLayout {
  const row = rowLayoutOf(features);
  const first = features.findIndex(({ role }) => role === "derived");
  const base = first < 0 ? features : features.slice(0, first);
  return {
    row,
    features: base.map((feature, i) => compileFeature(feature, row.features[i]!)),
    ...(first < 0 ? {} : { derived: compileDerivedFeatures(features, first, derived ?? {}, row) }),
  };
}

function compileDerivedFeatures(features: readonly SnapshotFeature[], first: number, derived: Derived, row: RowLayout): CompiledDerived {
  const values = compileDerived(derived, features);
  const slots = features.slice(first).map((feature, i): DerivedSlots => {
    const at = values.names.indexOf(feature.feature);
    if (at < 0 || feature.role !== "derived" || feature.kind !== "numeric") {
      throw new DriftdError(
        "REFERENCE_UNKNOWN_ROLE",
        `reference: feature "${feature.feature}" is ${feature.role === "derived" ? "derived, and this driftd cannot compute it" : "behind a derived one"}`,
        { hint: "Use the version of driftd that built the reference, or build it again." },
      );
    }
    const { bins, offset, moments } = row.features[first + i]!;
    return { at, bins, offset, moments, paddedEdges: padEdges(feature.edges) };
  });
  return { values, slots };
}

function compileFeature(feature: SnapshotFeature, layout: FeatureLayout): CompiledFeature {
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
