/** Counts the derived features of a whole table, in one scan more: what the daemon counts record by record (`panes/derived.ts`), in the same row. */

import type { Table } from "../tables/table.ts";
import { binsOf } from "./bins.ts";
import { NO_STEP, STEPS } from "./derived.ts";
import { columnsOf, createDerivedBlocks, type DerivedSource, deriveBlock } from "./derived-block.ts";
import { type CompiledDerived, type CompiledFeature, MOMENT_FIELDS, SPECIAL_SLOTS } from "./layout.ts";
import { addToMoments } from "./moments.ts";

const MISSING = SPECIAL_SLOTS.indexOf("missing");
/** Rows of a chunk at most. */
const ROWS = 4096;

/** Adds the rows of the table. `readable`: whether the table has the feature's column, and as numbers or text. */
export async function countDerivedRows(
  table: Table,
  features: readonly CompiledFeature[],
  { values, slots }: CompiledDerived,
  readable: (feature: CompiledFeature) => boolean,
  counts: Uint32Array,
  moments: Float64Array,
): Promise<void> {
  const { pca, outlier, names } = values;
  const sources = features.flatMap((feature, i) => (readable(feature) ? sourceOf(feature, i, { pca, outlier }) : []));
  const fill = createDerivedBlocks(sources, { inputs: pca?.places.length ?? 0, rarities: outlier?.places.length ?? 0 });
  const block = new Float64Array(ROWS);
  const bins = new Int32Array(ROWS);
  await table.scan(columnsOf(sources), (chunk) => {
    const steps = deriveBlock(fill(chunk), pca?.projector, outlier);
    for (const { at, offset, bins: size, moments: place, paddedEdges } of slots) {
      let n = 0;
      for (let i = at; i < steps.length; i += names.length) if (steps[i] !== NO_STEP) block[n++] = steps[i]! / STEPS;
      counts[offset + size + MISSING]! += chunk.rows - n;
      binsOf(paddedEdges, block, n, bins);
      for (let i = 0; i < n; i++) counts[offset + bins[i]!]! += 1;
      addToMoments(moments, place * MOMENT_FIELDS, block, undefined, n);
    }
  });
}

/** What of a feature is needed; none when it takes no part. */
function sourceOf(
  feature: CompiledFeature,
  i: number,
  { pca, outlier }: Pick<CompiledDerived["values"], "pca" | "outlier">,
): DerivedSource[] {
  const place = pca?.places.indexOf(i) ?? -1;
  const rare = outlier?.places.indexOf(i) ?? -1;
  if (place < 0 && rare < 0) return [];
  return [
    {
      column: feature.key,
      categories: feature.categories && [...feature.categories.keys()],
      edges: feature.paddedEdges,
      bins: feature.bins,
      float32: feature.float32,
      input: place < 0 ? undefined : { place, center: pca!.projector.center[place]!, perUnit: pca!.projector.perUnit[place]! },
      rare,
    },
  ];
}
