/**
 * A reference made of closed panes: new counts in the frozen bins of another snapshot, without any raw data. Edges, categories, rounding and
 * the coarse bins stay as they are, so that panes of before and after add and a window goes on without a gap. Pure arithmetic: who reads the
 * panes, which days are left out and where the file goes is the caller's.
 *
 * The coarse bins could be chosen anew from the new counts. They are not: how many values were seen once is not in panes, so that thin lattices would
 * turn into gaps; the distance to the first reference needs the same bins; and on NYC's flights of 2013 it changed nothing (0.93 and 0.96 critical
 * episodes in 30 days).
 *
 * What panes do not know stays or is absent: the mean of a bin's values is the old one, a category beyond the named ones is only counted.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { digestInTurns } from "./canonical.ts";
import { carriedDays } from "./carried.ts";
import { coarseCounts, coarsePlan } from "./coarse.ts";
import { MOMENT_FIELDS, type RowLayout, SPECIAL_SLOTS, type SpecialSlot } from "./layout.ts";
import { emptyMoments, mergeMoments } from "./moments.ts";
import type { Calibration, Moments, Renewal, Snapshot, SnapshotFeature } from "./snapshot.ts";
import { isoOf } from "./times.ts";

const SLOT_SECONDS = 1800;
const SLOT_MS = SLOT_SECONDS * 1000;
export const DAY_MS = 86_400_000;
/** As many days calibrate a reference that is built from data. */
const CALIBRATION_DAYS = 92;

/** Days, counted from the epoch, on which a feature had vanished from the records: by feature. */
export type VanishedDays = ReadonlyMap<string, ReadonlySet<number>>;

/** What is read of a pane. */
export type ClosedPane = {
  readonly key: { readonly startMs: number; readonly paneMs: number };
  readonly records: number;
  readonly counts: Uint32Array;
  readonly moments: Float64Array;
};

/** One feature's row: its bins, then its special counters; and its coarse counts by half hour. */
type Sum = {
  readonly feature: SnapshotFeature;
  readonly row: Float64Array;
  readonly moments: Float64Array;
  readonly slots: Map<number, Uint32Array>;
  readonly coarse: Uint32Array;
};

export type FromPanesOptions = {
  /** Where the panes came from, for the provenance: `store:…`. */
  readonly source: string;
  /** Epoch ms; part of the digest. */
  readonly createdAtMs: number;
  readonly driftd: string;
  /** The version that it judges; undefined: every version. */
  readonly version: string | undefined;
  /** What becomes of a feature without a value: it stays with its old counts, uncalibrated, or it is left out. */
  readonly empty: "keep" | "leave_out";
  /** Days in between were left out: then how many records are usual is not known, since a day without them was not silent. */
  readonly gaps?: boolean;
  readonly renewal?: Renewal;
};

/** What was summed. */
export type PaneSums = {
  /**
   * Adds a closed pane. Moments depend on the order in their last bits, so panes come in canonical order (`Store.panes`). Features whose own
   * layout is another one are passed over, and those of `vanished` that had vanished on that day. O(slots of the pane).
   */
  readonly add: (pane: ClosedPane, layout: RowLayout, vanished?: VanishedDays) => void;
  /** Adds days of the base itself, as far as its half hours know them (`carried.ts`); of these days there is no pane. In short turns. */
  readonly carry: (days: readonly number[]) => Promise<void>;
  readonly records: () => number;
  /** Calendar days, counted from the epoch, of which there is a record. Ascending. */
  readonly days: () => readonly number[];
  /** Features that have no value in these panes: counted in other bins, or never there. */
  readonly without: () => readonly string[];
  /**
   * The snapshot of the sum, made in short turns of the event loop. Fields of the base that this file does not know are kept: they belong to the
   * bins.
   */
  readonly snapshot: (options: FromPanesOptions) => Promise<Snapshot>;
};

/** Begins a sum in the bins of `base`. */
export function sumPanes(base: Snapshot): PaneSums {
  const sums = base.features.map((feature): Sum => {
    const { size } = coarsePlan(feature);
    return {
      feature,
      row: new Float64Array(feature.counts.length + SPECIAL_SLOTS.length),
      moments: emptyMoments(1),
      slots: new Map(),
      coarse: new Uint32Array(size),
    };
  });
  const places = new WeakMap<RowLayout, readonly { readonly sum: Sum; readonly offset: number; readonly moments: number }[]>();
  const days = new Set<number>();
  /** Records by half hour, counted from the epoch. */
  const slotRecords = new Map<number, number>();
  let records = 0;
  let firstMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;

  function placesIn(layout: RowLayout) {
    let found = places.get(layout);
    if (found === undefined) {
      const byName = new Map(layout.features.map((feature) => [feature.feature, feature]));
      found = sums.flatMap((sum) => {
        const at = byName.get(sum.feature.feature);
        return at?.layout === sum.feature.layout ? [{ sum, offset: at.offset, moments: at.moments }] : [];
      });
      places.set(layout, found);
    }
    return found;
  }

  function sortedDays(): readonly number[] {
    return [...days].sort((a, b) => a - b);
  }

  return {
    add: (pane, layout, vanished) => {
      if (pane.records === 0) return;
      const { startMs, paneMs } = pane.key;
      records += pane.records;
      firstMs = Math.min(firstMs, startMs);
      endMs = Math.max(endMs, startMs + paneMs);
      const day = Math.floor(startMs / DAY_MS);
      days.add(day);
      const slot = Math.floor(startMs / SLOT_MS);
      slotRecords.set(slot, (slotRecords.get(slot) ?? 0) + pane.records);
      for (const { sum, offset, moments } of placesIn(layout)) {
        const { row, feature } = sum;
        if (vanished?.get(feature.feature)?.has(day) === true) continue;
        for (let i = 0; i < row.length; i++) row[i] = row[i]! + pane.counts[offset + i]!;
        if (moments >= 0) mergeMoments(sum.moments, 0, pane.moments, moments * MOMENT_FIELDS);
        const coarse = coarseCounts(feature, pane.counts, offset, sum.coarse);
        let ofSlot = sum.slots.get(slot);
        if (ofSlot === undefined) {
          if (coarse.every((count) => count === 0)) continue;
          ofSlot = new Uint32Array(coarse.length);
          sum.slots.set(slot, ofSlot);
        }
        for (let k = 0; k < coarse.length; k++) ofSlot[k] = ofSlot[k]! + coarse[k]!;
      }
    },
    carry: async (carried) => {
      const { features, records: ofSlots } = await carriedDays(base, new Set(carried));
      for (const [slot, count] of ofSlots) {
        records += count;
        slotRecords.set(slot, (slotRecords.get(slot) ?? 0) + count);
        days.add(Math.floor((slot * SLOT_MS) / DAY_MS));
        firstMs = Math.min(firstMs, slot * SLOT_MS);
        endMs = Math.max(endMs, (slot + 1) * SLOT_MS);
      }
      for (const sum of sums) {
        const found = features.get(sum.feature.feature);
        if (found === undefined) continue;
        for (let i = 0; i < sum.row.length; i++) sum.row[i] = sum.row[i]! + found.row[i]!;
        mergeMoments(sum.moments, 0, found.moments, 0);
        for (const [slot, counts] of found.slots) sum.slots.set(slot, Uint32Array.from(counts));
      }
    },
    records: () => records,
    days: sortedDays,
    without: () => sums.filter((sum) => judged(sum) === 0).map(({ feature }) => feature.feature),
    snapshot: (options) => snapshotOf(base, { sums, records, slotRecords, days: sortedDays(), firstMs, endMs }, options),
  };
}

type Summed = {
  readonly sums: readonly Sum[];
  readonly records: number;
  readonly slotRecords: ReadonlyMap<number, number>;
  readonly days: readonly number[];
  readonly firstMs: number;
  readonly endMs: number;
};

async function snapshotOf(
  base: Snapshot,
  { sums, records, slotRecords, days, firstMs, endMs }: Summed,
  options: FromPanesOptions,
): Promise<Snapshot> {
  // How thresholds came about was said of the base's own days.
  const { schema, digest: binsOf, version: _, time, calibration: __, renewal: ___, thresholds: ____, ...kept } = base;
  const taken = sums.filter((sum) => judged(sum) > 0);
  const content: Omit<Snapshot, "digest"> = {
    schema,
    ...kept,
    ...(options.version === undefined ? {} : { version: options.version }),
    records,
    ...(records === 0 ? {} : { time: { field: time?.field ?? "timestamp", from: isoOf(firstMs), to: isoOf(endMs) } }),
    provenance: {
      source: options.source,
      driftd: options.driftd,
      created_at: isoOf(options.createdAtMs),
      quantiles: base.provenance.quantiles,
      bins_of: binsOf,
    },
    features: (options.empty === "keep" ? sums : taken).map((sum) => (judged(sum) > 0 ? featureOf(sum) : sum.feature)),
    ...(taken.length === 0 ? {} : { calibration: await calibrationOf(taken, slotRecords, days, options.gaps === true) }),
    ...(options.renewal === undefined ? {} : { renewal: options.renewal }),
  };
  const { schema: first, ...others } = content;
  return { schema: first, digest: await digestInTurns(content), ...others };
}

/** Values judged: those in bins, and as the coarse bins have it unseen ones and infinities. */
function judged({ feature, row }: Sum): number {
  let count = special(feature, row, "unseen") + special(feature, row, "positive_infinity") + special(feature, row, "negative_infinity");
  for (let j = 0; j < feature.counts.length; j++) count += row[j]!;
  return count;
}

function special(feature: SnapshotFeature, row: Float64Array, name: SpecialSlot): number {
  return row[feature.counts.length + SPECIAL_SLOTS.indexOf(name)]!;
}

function featureOf({ feature, row, moments }: Sum): SnapshotFeature {
  const counts = Array.from(row.subarray(0, feature.counts.length));
  const inBins = counts.reduce((sum, count) => sum + count, 0);
  const common = {
    missing: special(feature, row, "absent") + special(feature, row, "missing"),
    wrong_type: special(feature, row, "wrong_type"),
    counts,
  };
  if (feature.kind === "categorical") {
    const { unnamed: _, ...frozen } = feature;
    const unnamed = special(feature, row, "unseen");
    return {
      ...frozen,
      ...common,
      count: inBins + unnamed,
      seen_once: counts.reduce((once, count) => once + (count === 1 ? 1 : 0), 0),
      ...(unnamed > 0 ? { unnamed } : {}),
    };
  }
  const { means, ...frozen } = feature;
  return {
    ...frozen,
    ...common,
    count: inBins,
    nan: special(feature, row, "nan"),
    positive_infinity: special(feature, row, "positive_infinity"),
    negative_infinity: special(feature, row, "negative_infinity"),
    moments: momentsOf(moments),
    // A bin that had no value has no mean to keep: its middle stands for it then.
    ...(means === undefined ? {} : { means: means.map((mean, j) => (counts[j]! > 0 ? mean : null)) }),
  };
}

/** Sums beyond 1e308 have no moments, and their count says so: as in a reference that is built from data. */
function momentsOf(moments: Float64Array): Moments {
  const [count, mean, m2, min, max] = moments as unknown as [number, number, number, number, number];
  if (count === 0) return { count: 0, mean: 0, m2: 0 };
  return Number.isFinite(mean) && Number.isFinite(m2) ? { count, mean, m2, min, max } : { count: 0, mean: 0, m2: 0, min, max };
}

async function calibrationOf(
  sums: readonly Sum[],
  records: ReadonlyMap<number, number>,
  days: readonly number[],
  gaps: boolean,
): Promise<Calibration> {
  const slotsPerDay = DAY_MS / SLOT_MS;
  const earliest = (days[days.length - 1]! - CALIBRATION_DAYS + 1) * slotsPerDay;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const slot of records.keys()) {
    if (slot >= earliest && slot < from) from = slot;
    if (slot > to) to = slot;
  }
  const slots: [string, readonly (readonly number[])[]][] = [];
  for (const { feature, slots: counted } of sums) {
    slots.push([feature.feature, bySlot((slot) => Array.from(counted.get(slot) ?? []))]);
    await nextTurn();
  }
  return {
    days: days.filter((day) => day * slotsPerDay >= earliest).length,
    time_zone: "UTC",
    slot_seconds: SLOT_SECONDS,
    from: isoOf(from * SLOT_MS),
    ...(gaps ? {} : { records: bySlot((slot) => records.get(slot) ?? 0) }),
    slots: Object.fromEntries(slots),
  };

  function bySlot<T>(read: (slot: number) => T): T[] {
    return Array.from({ length: to - from + 1 }, (_, i) => read(from + i));
  }
}
