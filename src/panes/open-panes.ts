/**
 * The open panes of one partition: found for a record, opened, given up when they close. Which records belong here and when a pane closes is
 * decided in `partition.ts`.
 */

import type { CompiledLayout } from "../reference/layout.ts";
import { type IdSet, readIds } from "./id-set.ts";
import { newMoments } from "./moments.ts";
import type { Pane, SeenIds } from "./pane.ts";

/** Where the records of one model and version are counted. The same object stands for the same route until the next reload. */
export type Route = {
  readonly model: string;
  readonly version: string;
  readonly layout: CompiledLayout;
  /** True: repeated ids are counted. */
  readonly ids?: boolean;
  /** Records with a higher outlier score are told; undefined: nobody asks. */
  readonly outlierLimit?: number | undefined;
};

/** The open panes of one model, version, layout and pane length. */
export type Lane = {
  readonly model: string;
  readonly version: string;
  readonly layout: string;
  readonly paneMs: number;
  panes: OpenPane[];
};

export type OpenPane = {
  readonly lane: Lane;
  readonly startMs: number;
  readonly endMs: number;
  readonly counts: Uint32Array;
  readonly moments: Float64Array;
  records: number;
  late: number;
  lost: number;
  incomplete: boolean;
  offsetFrom: number;
  offsetTo: number;
  /** Made with the first id. */
  ids: IdSet | undefined;
  /** What the store knew of the ids when the pane came back from it: the set itself was lost. */
  readonly idsBefore: SeenIds | undefined;
  /** Changed since it was last taken for a commit. */
  dirty: boolean;
};

export type OpenPanes = {
  readonly laneOf: (route: Route) => Lane;
  /** The pane of the lane that holds the time. */
  readonly find: (lane: Lane, eventTimeMs: number) => OpenPane | undefined;
  /** Opens the pane of the lane that holds the time. */
  readonly open: (lane: Lane, route: Route, eventTimeMs: number) => OpenPane;
  /** Takes out the panes that end at or before a time (Infinity: all), for their last put. */
  readonly takeThrough: (throughMs: number) => OpenPane[];
  /** A pane of the store goes on being counted. */
  readonly restore: (pane: Pane) => void;
  readonly all: () => Iterable<OpenPane>;
  /** A late record of the lane is told by its earliest open pane; without one only the metric tells it. */
  readonly tellLate: (lane: Lane) => void;
  /** Records were lost: all open panes are incomplete, and one tells the number, so that sums over panes are right. */
  readonly tellLoss: (lost: number) => void;
  /** After a reload: the same model and version may have another layout. */
  readonly forgetRoutes: () => void;
};

/** No panes; `paneMs` is the length of those that will be opened. */
export function createOpenPanes(paneMs: number): OpenPanes {
  const lanes = new Map<string, Lane>();
  let laneOfRoute = new Map<Route, Lane>();
  /** Lost records that no open pane could tell: the next one that opens does. */
  let untoldLoss = 0;

  function lane(model: string, version: string, layout: string, laneMs: number): Lane {
    const key = JSON.stringify([model, version, layout, laneMs]);
    let found = lanes.get(key);
    if (found === undefined) {
      found = { model, version, layout, paneMs: laneMs, panes: [] };
      lanes.set(key, found);
    }
    return found;
  }

  function* all(): Iterable<OpenPane> {
    for (const { panes } of lanes.values()) yield* panes;
  }

  return {
    laneOf: (route) => {
      let found = laneOfRoute.get(route);
      if (found === undefined) {
        found = lane(route.model, route.version, route.layout.row.hash, paneMs);
        laneOfRoute.set(route, found);
      }
      return found;
    },
    find: ({ panes }, eventTimeMs) => {
      for (let i = 0; i < panes.length; i++) {
        const pane = panes[i]!;
        if (eventTimeMs >= pane.startMs && eventTimeMs < pane.endMs) return pane;
      }
      return undefined;
    },
    open: (in_, { layout }, eventTimeMs) => {
      const startMs = Math.floor(eventTimeMs / paneMs) * paneMs;
      const pane: OpenPane = {
        ...{ lane: in_, startMs, endMs: startMs + paneMs },
        ...{ counts: new Uint32Array(layout.row.slots), moments: newMoments(layout.row.numeric) },
        ...{ records: 0, late: 0, lost: untoldLoss, incomplete: untoldLoss > 0, offsetFrom: 0, offsetTo: 0, dirty: true },
        ...{ ids: undefined, idsBefore: undefined },
      };
      untoldLoss = 0;
      in_.panes.push(pane);
      return pane;
    },
    takeThrough: (throughMs) => {
      const taken: OpenPane[] = [];
      for (const each of lanes.values()) {
        if (!each.panes.some((pane) => pane.endMs <= throughMs)) continue;
        taken.push(...each.panes.filter((pane) => pane.endMs <= throughMs));
        each.panes = each.panes.filter((pane) => pane.endMs > throughMs);
      }
      return taken;
    },
    restore: ({ key, counts, moments, records, late, lost, incomplete, offsetFrom, offsetTo, ids: idsBefore }) => {
      const of = lane(key.model, key.version, key.layout, key.paneMs);
      of.panes.push({
        ...{ lane: of, startMs: key.startMs, endMs: key.startMs + key.paneMs, counts, moments },
        ...{ records, late, lost, incomplete, offsetFrom, offsetTo, dirty: false, ids: undefined, idsBefore },
      });
    },
    all,
    tellLate: ({ panes }) => {
      let earliest: OpenPane | undefined;
      for (const pane of panes) if (earliest === undefined || pane.startMs < earliest.startMs) earliest = pane;
      if (earliest === undefined) return;
      earliest.late++;
      earliest.dirty = true;
    },
    tellLoss: (lost) => {
      let latest: OpenPane | undefined;
      for (const pane of all()) {
        pane.incomplete = true;
        pane.dirty = true;
        if (latest === undefined || pane.startMs > latest.startMs) latest = pane;
      }
      if (latest === undefined) untoldLoss += lost;
      else latest.lost += lost;
    },
    forgetRoutes: () => {
      laneOfRoute = new Map();
      for (const [key, { panes }] of lanes) if (panes.length === 0) lanes.delete(key);
    },
  };
}

/** What an open pane knows of its ids; undefined when none was looked at. */
export function idsOf({ ids, idsBefore }: OpenPane): SeenIds | undefined {
  if (ids === undefined) return idsBefore;
  const { checked, repeated } = readIds(ids);
  return { checked: checked + (idsBefore?.checked ?? 0), repeated: repeated + (idsBefore?.repeated ?? 0) };
}
