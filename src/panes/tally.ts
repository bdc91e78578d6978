/**
 * What became of the records: totals for `replay`, and the same as metrics. On the hot path plain numbers only; metrics once a chunk.
 */

import type { Clock } from "../lib/clock.ts";
import type { DropReason } from "../metrics/catalog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { isExpectation } from "../reference/expectations.ts";
import { type RowLayout, SPECIAL_SLOTS, type SpecialSlot } from "../reference/layout.ts";
import type { Route } from "./open-panes.ts";
import type { Pane } from "./pane.ts";

export type IngestStats = {
  /** Records handed over for the first time. */
  readonly read: number;
  readonly counted: number;
  readonly late: number;
  readonly future: number;
  /** By reason, without `too_late` and `future`. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly lateByModel: Readonly<Record<string, number>>;
  /** Offsets passed over by the source. */
  readonly lost: number;
  /** Records delivered again and passed over. */
  readonly repeated: number;
  /** Event times of the counted records; absent when there are none. */
  readonly fromMs?: number;
  readonly toMs?: number;
};

export type Tally = {
  readonly counted: (route: Route, eventTimeMs: number) => void;
  readonly dropped: (reason: DropReason) => void;
  readonly late: (model: string) => void;
  readonly repeated: () => void;
  readonly lost: (topic: string, offsets: number) => void;
  /** The end of a chunk: gives its numbers to the metrics; returns how many records were read. */
  readonly flush: (topic: string, format: string, tookMs: number) => number;
  readonly paneClosed: (pane: Pane, layout: RowLayout | undefined) => void;
  readonly stats: () => IngestStats;
  readonly lastRecords: () => readonly LastRecord[];
};

/** When a record of a model and version was last counted, by the wall clock. */
export type LastRecord = { readonly model: string; readonly version: string; readonly atMs: number };

const slot = (name: SpecialSlot) => SPECIAL_SLOTS.indexOf(name);
/** The reasons of `driftd_feature_invalid_values_total` and the slots that they sum. */
const INVALID = [
  ["missing", [slot("absent"), slot("missing")]],
  ["wrong_type", [slot("wrong_type")]],
  ["non_finite", [slot("nan"), slot("positive_infinity"), slot("negative_infinity")]],
  ["unseen_category", [slot("unseen")]],
] as const;

/** Totals from zero. */
export function createTally({ metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock }): Tally {
  const totals = new Map<DropReason, number>();
  const lateByModel = new Map<string, number>();
  let read = 0;
  let counted = 0;
  let repeated = 0;
  let lost = 0;
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;

  // The chunk in hand.
  const chunkDropped = new Map<DropReason, number>();
  const chunkCounted = new Map<Route, { records: number; newestMs: number }>();
  const lastRecords = new Map<string, LastRecord>();
  let lastRoute: Route | undefined;
  let last = { records: 0, newestMs: Number.NEGATIVE_INFINITY };

  return {
    counted: (route, eventTimeMs) => {
      if (route !== lastRoute) {
        lastRoute = route;
        last = chunkCounted.get(route) ?? { records: 0, newestMs: Number.NEGATIVE_INFINITY };
        chunkCounted.set(route, last);
      }
      last.records++;
      if (eventTimeMs > last.newestMs) last.newestMs = eventTimeMs;
      if (eventTimeMs < fromMs) fromMs = eventTimeMs;
    },
    dropped: (reason) => {
      chunkDropped.set(reason, (chunkDropped.get(reason) ?? 0) + 1);
    },
    late: (model) => {
      lateByModel.set(model, (lateByModel.get(model) ?? 0) + 1);
    },
    repeated: () => {
      repeated++;
    },
    lost: (topic, offsets) => {
      lost += offsets;
      metrics.inc("driftd_messages_lost_total", { topic }, offsets);
    },
    flush: (topic, format, tookMs) => {
      let chunkRead = 0;
      for (const [{ model, version }, { records, newestMs }] of chunkCounted) {
        chunkRead += records;
        if (newestMs > toMs) toMs = newestMs;
        metrics.inc("driftd_records_total", { model, version }, records);
        const atMs = clock.nowMs();
        lastRecords.set(JSON.stringify([model, version]), { model, version, atMs });
        metrics.set("driftd_model_last_record_timestamp_seconds", { model, version }, atMs / 1000);
        metrics.observe("driftd_record_delay_seconds", { model }, Math.max(0, (clock.nowMs() - newestMs) / 1000));
      }
      counted += chunkRead;
      for (const [reason, by] of chunkDropped) {
        chunkRead += by;
        totals.set(reason, (totals.get(reason) ?? 0) + by);
        metrics.inc("driftd_messages_dropped_total", { topic, reason }, by);
      }
      if (chunkRead > 0) metrics.observe("driftd_decode_duration_seconds", { format }, tookMs / 1000 / chunkRead);
      read += chunkRead;
      chunkCounted.clear();
      chunkDropped.clear();
      lastRoute = undefined;
      return chunkRead;
    },
    paneClosed: (pane, layout) => {
      metrics.inc("driftd_panes_closed_total", { model: pane.key.model });
      for (const feature of layout?.features ?? []) {
        // Its values are those of the feature that it is about.
        if (isExpectation(feature.feature)) continue;
        const special = feature.offset + feature.bins;
        for (const [reason, slots] of INVALID) {
          let by = 0;
          for (const at of slots) by += pane.counts[special + at]!;
          if (by > 0) metrics.inc("driftd_feature_invalid_values_total", { model: pane.key.model, feature: feature.feature, reason }, by);
        }
      }
    },
    lastRecords: () => [...lastRecords.values()],
    stats: () => {
      const { too_late: late = 0, future = 0, ...dropped } = Object.fromEntries(totals) as Partial<Record<DropReason, number>>;
      return {
        read,
        counted,
        late,
        future,
        dropped,
        lateByModel: Object.fromEntries(lateByModel),
        lost,
        repeated,
        ...(counted === 0 ? {} : { fromMs, toMs }),
      };
    },
  };
}
