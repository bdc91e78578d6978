/**
 * A roll-up: the sum of the panes of one model and version over a stretch of event time, over all partitions, in the slots of one layout.
 * A cache, made again from the pane log at any time; it is never in the log.
 */

import type { RowLayout } from "../reference/layout.ts";
import { SPECIAL_SLOTS } from "../reference/layout.ts";
import { addRow, type PackedRow, packRow } from "./packed-row.ts";
import type { Pane, SeenIds } from "./pane.ts";

/** Half hours are the cells of the reference's day. */
export const BLOCK_MS = 30 * 60_000;

export type OffsetRange = {
  readonly source: string;
  readonly partition: number;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
};
/** Values judged in one half hour, by feature: regular bins, unseen and ±Infinity; not missing, NaN, wrong type or absent. */
export type Block = { readonly startMs: number; readonly values: Uint32Array };

export type RollUp = {
  /** Undefined: nothing was counted. */
  readonly row: PackedRow | undefined;
  readonly records: number;
  /** Panes (by their start) that hold a record. */
  readonly covered: number;
  readonly blocks: readonly Block[];
  /** Features whose records were counted under other bins, or not at all. */
  readonly changed: readonly string[];
  readonly incomplete: boolean;
  readonly lost: number;
  /** Records with an id, and those whose id had been seen in their pane. */
  readonly ids: SeenIds;
  readonly offsets: readonly OffsetRange[];
};

/** Where the slots of one layout stand in another: ranges of equal features, and the features that have none. */
export type LayoutMap = {
  readonly ranges: readonly { readonly from: number; readonly to: number; readonly length: number }[];
  readonly changed: readonly string[];
};

/** No panes at all. */
export const emptyRollUp: RollUp = {
  row: undefined,
  records: 0,
  covered: 0,
  blocks: [],
  changed: [],
  incomplete: false,
  lost: 0,
  ids: { checked: 0, repeated: 0 },
  offsets: [],
};

/** How rows of `from` are read as rows of `to`: a feature adds when its name and its own layout are the same. */
export function mapLayout(from: RowLayout, to: RowLayout): LayoutMap {
  if (from.hash === to.hash) return { ranges: [{ from: 0, to: 0, length: to.slots }], changed: [] };
  const old = new Map(from.features.map((feature) => [feature.feature, feature]));
  const ranges: { from: number; to: number; length: number }[] = [];
  const changed: string[] = [];
  for (const { feature, layout, bins, offset } of to.features) {
    const same = old.get(feature);
    if (same?.layout === layout) ranges.push({ from: same.offset, to: offset, length: bins + SPECIAL_SLOTS.length });
    else changed.push(feature);
  }
  return { ranges, changed };
}

/** The sum of panes that start within one pane's length. `mapOf` gives the map from a pane's layout to `layout`. */
export function rollUpPanes(panes: readonly Pane[], layout: RowLayout, mapOf: (hash: string) => LayoutMap): RollUp {
  if (panes.length === 0) return emptyRollUp;
  const sum = new Uint32Array(layout.slots);
  const changed = new Set<string>();
  let records = 0;
  let startMs = 0;
  for (const { key, counts, records: ofPane } of panes) {
    if (ofPane === 0) continue;
    startMs = key.startMs;
    records += ofPane;
    const map = mapOf(key.layout);
    for (const feature of map.changed) changed.add(feature);
    for (const { from, to, length } of map.ranges) for (let i = 0; i < length; i++) sum[to + i]! += counts[from + i]!;
  }
  return {
    row: records === 0 ? undefined : packRow(sum),
    records,
    covered: records === 0 ? 0 : 1,
    blocks: records === 0 ? [] : [{ startMs: Math.floor(startMs / BLOCK_MS) * BLOCK_MS, values: judgedValues(sum, layout) }],
    changed: [...changed],
    incomplete: panes.some((pane) => pane.incomplete),
    lost: panes.reduce((lost, pane) => lost + pane.lost, 0),
    ids: sumIds(panes),
    offsets: mergeOffsets(
      panes
        .filter((pane) => pane.records > 0)
        .map(({ key: { source, partition, epoch }, offsetFrom, offsetTo }) => ({
          source,
          partition,
          epoch,
          from: offsetFrom,
          to: offsetTo,
        })),
    ),
  };
}

/** The sum of roll-ups of one layout. */
export function rollUpRollUps(parts: readonly RollUp[], layout: RowLayout): RollUp {
  const filled = parts.filter((part) => part !== emptyRollUp);
  if (filled.length === 0) return emptyRollUp;
  const sum = new Uint32Array(layout.slots);
  for (const { row } of filled) if (row !== undefined) addRow(sum, row, 1);
  const records = filled.reduce((total, part) => total + part.records, 0);
  return {
    row: records === 0 ? undefined : packRow(sum),
    records,
    covered: filled.reduce((total, part) => total + part.covered, 0),
    blocks: mergeBlocks(filled),
    changed: [...new Set(filled.flatMap((part) => part.changed))],
    incomplete: filled.some((part) => part.incomplete),
    lost: filled.reduce((total, part) => total + part.lost, 0),
    ids: sumIds(filled),
    offsets: mergeOffsets(filled.flatMap((part) => part.offsets)),
  };
}

/** The sums of what was seen of ids. */
export function sumIds(parts: Iterable<{ readonly ids?: SeenIds }>): SeenIds {
  let checked = 0;
  let repeated = 0;
  for (const { ids } of parts) {
    if (ids === undefined) continue;
    checked += ids.checked;
    repeated += ids.repeated;
  }
  return { checked, repeated };
}

/** Half hours in ascending order; the values of those that several parts touch are added. Blocks of one part alone are not copied. */
export function mergeBlocks(parts: Iterable<Pick<RollUp, "blocks">>): Block[] {
  const merged = new Map<number, Block>();
  const own = new Set<number>();
  for (const { blocks } of parts) {
    for (const block of blocks) {
      const before = merged.get(block.startMs);
      if (before === undefined) {
        merged.set(block.startMs, block);
        continue;
      }
      let values = before.values;
      if (!own.has(block.startMs)) {
        values = values.slice();
        merged.set(block.startMs, { startMs: block.startMs, values });
        own.add(block.startMs);
      }
      for (let i = 0; i < values.length; i++) values[i]! += block.values[i]!;
    }
  }
  return [...merged.values()].sort((a, b) => a.startMs - b.startMs);
}

/** One range for each partition: the least and the greatest offset, of its newest epoch (offsets of an older one mean something else). */
export function mergeOffsets(ranges: Iterable<OffsetRange>): OffsetRange[] {
  const merged = new Map<string, Map<number, OffsetRange>>();
  for (const range of ranges) {
    let ofSource = merged.get(range.source);
    if (ofSource === undefined) {
      ofSource = new Map();
      merged.set(range.source, ofSource);
    }
    const before = ofSource.get(range.partition);
    if (before === undefined || before.epoch < range.epoch) ofSource.set(range.partition, range);
    else if (before.epoch === range.epoch && (range.from < before.from || range.to > before.to)) {
      ofSource.set(range.partition, { ...range, from: Math.min(range.from, before.from), to: Math.max(range.to, before.to) });
    }
  }
  return [...merged.values()]
    .flatMap((ofSource) => [...ofSource.values()])
    .sort((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : a.partition - b.partition));
}

const UNSEEN = SPECIAL_SLOTS.indexOf("unseen");
const POSITIVE_INFINITY = SPECIAL_SLOTS.indexOf("positive_infinity");
const NEGATIVE_INFINITY = SPECIAL_SLOTS.indexOf("negative_infinity");

function judgedValues(row: Uint32Array, { features }: RowLayout): Uint32Array {
  const values = new Uint32Array(features.length);
  for (let f = 0; f < features.length; f++) {
    const { offset, bins } = features[f]!;
    const special = offset + bins;
    let sum = row[special + UNSEEN]! + row[special + POSITIVE_INFINITY]! + row[special + NEGATIVE_INFINITY]!;
    for (let i = offset; i < special; i++) sum += row[i]!;
    values[f] = sum;
  }
  return values;
}
