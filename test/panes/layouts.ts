/** Small layouts for tests, compiled as the daemon compiles them. */

import { compileLayout, featureLayoutHash } from "../../src/reference/compile.ts";
import { type CompiledLayout, type FeatureLayout, SPECIAL_SLOTS, type SpecialSlot } from "../../src/reference/layout.ts";
import type { FeatureRole, SnapshotFeature } from "../../src/reference/snapshot.ts";

export type Sketch =
  | { readonly edges: readonly number[]; readonly round?: "float32"; readonly role?: FeatureRole }
  | { readonly categories: readonly string[]; readonly role?: FeatureRole };

/** Names and what each is binned by, compiled. */
export function layoutOf(sketches: Readonly<Record<string, Sketch>> | ReadonlyMap<string, Sketch>): CompiledLayout {
  const entries = sketches instanceof Map ? [...sketches] : Object.entries(sketches as Readonly<Record<string, Sketch>>);
  return compileLayout({ features: entries.map(([feature, sketch]) => featureOf(feature, sketch)) });
}

function featureOf(feature: string, sketch: Sketch): SnapshotFeature {
  const common = { feature, role: sketch.role ?? "feature", count: 0, missing: 0, wrong_type: 0, coarse: [] } as const;
  if ("categories" in sketch) {
    const shape = { kind: "categorical", categories: sketch.categories } as const;
    return { ...common, ...shape, layout: featureLayoutHash(shape), counts: sketch.categories.map(() => 0), seen_once: 0 };
  }
  const shape = { kind: "numeric", edges: sketch.edges, round: sketch.round ?? null } as const;
  return {
    ...common,
    ...shape,
    layout: featureLayoutHash(shape),
    nan: 0,
    positive_infinity: 0,
    negative_infinity: 0,
    counts: [0, ...sketch.edges.map(() => 0)],
    moments: { count: 0, mean: 0, m2: 0 },
  };
}

/** The count of a special slot. */
export function special(counts: ArrayLike<number>, feature: FeatureLayout, slot: SpecialSlot): number {
  return counts[feature.offset + feature.bins + SPECIAL_SLOTS.indexOf(slot)] as number;
}

/** The counts of the regular bins. */
export function binsOf(counts: Uint32Array, feature: FeatureLayout): number[] {
  return Array.from(counts.subarray(feature.offset, feature.offset + feature.bins));
}
