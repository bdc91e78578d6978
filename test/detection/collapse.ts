/**
 * A reference with no more fine bins than its coarse ones need. Rule R reads coarse counts only where it is calibrated and thresholds are `auto`, so
 * every verdict is the same (`collapse.test.ts`), and a simulated month takes a third of the time. Not for what reads fine bins: KS, other
 * tools' rules.
 */

import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import type { NumericFeature } from "../../src/reference/snapshot.ts";
import { type BuiltReference, placesIn } from "./reference.ts";
import { createGrouping, type Grouping } from "./shapes.ts";

/** With more bins than this (a lattice with gaps between its values, many categories) a feature stays as it is. */
const MAX_BINS = 64;

/** The same reference in fewer fine bins. */
export function collapse({ snapshot, layout: _ }: BuiltReference): BuiltReference {
  const features = snapshot.features.map((feature) => (feature.kind === "numeric" ? collapsed(feature) : feature));
  const layout = rowLayoutOf(features);
  const groupings = new Map<string, Grouping>();
  return {
    snapshot: { ...snapshot, features },
    layout,
    placesOf: (process) =>
      placesIn(features, layout, process).map((place, j) => {
        const { feature, counts } = features[j]!;
        if (counts.length > MAX_BINS) return place;
        // Streams of one world have the same shapes, so its tables serve all of them.
        const grouping = groupings.get(feature) ?? createGrouping(place.map, counts.length + 1);
        groupings.set(feature, grouping);
        return { ...place, grouping };
      }),
  };
}

/** Neighbouring fine bins of one coarse bin become one. */
function collapsed(feature: NumericFeature): NumericFeature {
  const ends = feature.counts.flatMap((_, j) => (feature.coarse[j] === feature.coarse[j + 1] ? [] : [j]));
  if (ends.length > MAX_BINS) return feature;
  const counts = ends.map((end, i) => feature.counts.slice(i === 0 ? 0 : ends[i - 1]! + 1, end + 1).reduce((sum, count) => sum + count, 0));
  const edges = ends.slice(0, -1).map((end) => feature.edges[end]!);
  const { means: _, ...rest } = feature;
  const binned = { kind: "numeric" as const, edges, round: feature.round };
  return { ...rest, ...binned, layout: featureLayoutHash(binned), counts, coarse: ends.map((end) => feature.coarse[end]!) };
}
