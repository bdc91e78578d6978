/** A pane as a line of `driftd store export`: a public contract. */

import { readMoments } from "../panes/moments.ts";
import type { Pane } from "../panes/pane.ts";
import { type FeatureLayout, type RowLayout, SPECIAL_SLOTS, type SpecialSlot } from "../reference/layout.ts";

/** The special counters that each kind has, in the order of the contract. */
const NUMERIC: readonly SpecialSlot[] = ["absent", "missing", "nan", "positive_infinity", "negative_infinity", "wrong_type"];
const CATEGORICAL: readonly SpecialSlot[] = ["unseen", "absent", "missing", "wrong_type"];

/** One JSON object and a line break. `layouts` holds the pane's layout. */
export function paneLine(pane: Pane, layouts: ReadonlyMap<string, RowLayout>): string {
  const { key } = pane;
  const layout = layouts.get(key.layout);
  if (layout === undefined) throw new RangeError(`layout ${key.layout} of a pane is unknown`);
  const head = JSON.stringify({
    model: key.model,
    version: key.version,
    segment: key.segment,
    source: key.source,
    partition: key.partition,
    epoch: key.epoch,
    pane_start: isoTime(key.startMs),
    pane_seconds: key.paneMs / 1000,
    final: pane.final,
    incomplete: pane.incomplete,
    upto: pane.upto,
    offsets: { from: pane.offsetFrom, to: pane.offsetTo },
    records: pane.records,
    late: pane.late,
    lost: pane.lost,
    ids_checked: pane.ids?.checked ?? 0,
    ids_repeated: pane.ids?.repeated ?? 0,
  });
  // Written by hand: an object would put names like "1" first and lose "__proto__".
  const features = layout.features.map((feature) => `${JSON.stringify(feature.feature)}:${JSON.stringify(featureCounts(pane, feature))}`);
  return `${head.slice(0, -1)},"features":{${features.join(",")}}}\n`;
}

function featureCounts(pane: Pane, { kind, layout, bins, offset, moments }: FeatureLayout): Record<string, unknown> {
  const specials = (kind === "numeric" ? NUMERIC : CATEGORICAL).map((name) => [
    name,
    pane.counts[offset + bins + SPECIAL_SLOTS.indexOf(name)],
  ]);
  return {
    layout,
    counts: Array.from(pane.counts.subarray(offset, offset + bins)),
    ...Object.fromEntries(specials),
    ...(kind === "numeric" ? { moments: readMoments(pane.moments, moments) } : {}),
  };
}

/** ISO 8601 UTC; milliseconds only when there are some. */
function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
