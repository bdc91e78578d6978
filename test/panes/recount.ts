/**
 * The naive recount: design.md's rules for event time and panes, written down once more without a thought for speed, over all records of a
 * partition in their order. The pane log has to say the same, whatever the chunks, commits and crashes were.
 */

import { newRecord } from "../../src/decode/record.ts";
import { countRecord } from "../../src/panes/count.ts";
import { newMoments } from "../../src/panes/moments.ts";
import type { Timing } from "../../src/panes/watermark.ts";
import type { CompiledLayout } from "../../src/reference/layout.ts";

/** One message of a partition; its offset is its place unless `offset` says otherwise. */
export type Message = {
  readonly offset: number;
  /** Transport timestamp; NaN: none. */
  readonly transportMs: number;
  /** NaN: no readable event time. */
  readonly eventTimeMs: number;
  readonly model: string;
  readonly version: string;
  readonly features: Readonly<Record<string, unknown>>;
};

export type NaivePane = {
  model: string;
  version: string;
  startMs: number;
  final: boolean;
  records: number;
  late: number;
  offsetFrom: number;
  offsetTo: number;
  counts: number[];
  moments: number[];
  /** Position at which it closed; undefined while it is open. */
  upto: number | undefined;
};

export type Recount = {
  readonly panes: Map<string, NaivePane>;
  readonly dropped: Record<string, number>;
  readonly counted: number;
  readonly maxEventTimeMs: number | undefined;
  readonly closedThroughMs: number | undefined;
};

/** Recounts one partition; `layouts` are the known models, `finished` says that the source has ended. */
export function recount(
  messages: readonly Message[],
  layouts: Readonly<Record<string, CompiledLayout>>,
  timing: Timing,
  finished: boolean,
): Recount {
  const panes = new Map<string, NaivePane>();
  const dropped: Record<string, number> = {};
  let counted = 0;
  let max: number | undefined;
  let closedThrough: number | undefined;
  let ahead: number[] = [];
  const drop = (reason: string) => {
    dropped[reason] = (dropped[reason] ?? 0) + 1;
  };

  for (const { offset, transportMs, eventTimeMs, model, version, features } of messages) {
    if (Number.isNaN(eventTimeMs)) {
      drop("no_timestamp");
      continue;
    }
    if (!Number.isNaN(transportMs) && eventTimeMs > transportMs + timing.futureMs) {
      drop("future");
      continue;
    }
    if (max === undefined || eventTimeMs > max + timing.maxStepMs) {
      ahead.push(eventTimeMs);
      if (ahead.length === 10) {
        const smallest = [...ahead].sort((a, b) => a - b)[0] as number;
        if (max === undefined || smallest > max) max = smallest;
        const limit: number = max + timing.maxStepMs;
        ahead = ahead.filter((t) => t > limit);
      }
    } else if (eventTimeMs > max) max = eventTimeMs;
    if (max !== undefined) {
      const edge = Math.floor((max - timing.allowedLatenessMs) / timing.paneMs) * timing.paneMs;
      if (closedThrough === undefined || edge > closedThrough) closedThrough = edge;
      for (const pane of panes.values()) {
        if (!pane.final && pane.startMs + timing.paneMs <= max - timing.allowedLatenessMs) {
          pane.final = true;
          pane.upto = offset + 1;
        }
      }
    }
    const layout = layouts[model];
    if (layout === undefined) {
      drop("unknown_model");
      continue;
    }
    const startMs = Math.floor(eventTimeMs / timing.paneMs) * timing.paneMs;
    if (closedThrough !== undefined && startMs + timing.paneMs <= closedThrough) {
      drop("too_late");
      const open = [...panes.values()].filter((pane) => pane.model === model && pane.version === version && !pane.final);
      const earliest = open.sort((a, b) => a.startMs - b.startMs)[0];
      if (earliest !== undefined) earliest.late++;
      continue;
    }
    const key = `${model}|${version}|${startMs}`;
    let pane = panes.get(key);
    if (pane === undefined) {
      pane = {
        ...{ model, version, startMs, final: false, records: 0, late: 0, offsetFrom: offset, offsetTo: offset, upto: undefined },
        counts: new Array(layout.row.slots).fill(0),
        moments: [...newMoments(layout.row.numeric)],
      };
      panes.set(key, pane);
    }
    const counts = Uint32Array.from(pane.counts);
    const moments = Float64Array.from(pane.moments);
    countRecord(counts, moments, layout.features, { ...newRecord(), features });
    pane.counts = [...counts];
    pane.moments = [...moments];
    pane.records++;
    pane.offsetTo = offset + 1;
    counted++;
  }
  if (finished) {
    for (const pane of panes.values()) {
      if (!pane.final) pane.upto = (messages.at(-1)?.offset ?? -1) + 1;
      pane.final = true;
    }
  }
  return { panes, dropped, counted, maxEventTimeMs: max, closedThroughMs: closedThrough };
}
