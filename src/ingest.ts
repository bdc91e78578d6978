/**
 * From a source to panes: joins decoding, routing and counting in one synchronous turn, and says what a commit has to hold and how far
 * windows may be evaluated. It awaits nothing, writes nothing and evaluates nothing: `app.ts` moves its batches to the store.
 */

import { type BytesDecoder, type DecodeProblem, newRecord, type RowDecoder } from "./decode/record.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { createGate, type Gate } from "./panes/gate.ts";
import type { Route } from "./panes/open-panes.ts";
import { createOutlierCollector, type FoundOutliers } from "./panes/outliers.ts";
import type { Cursor, Pane } from "./panes/pane.ts";
import { createPartition, type Held, type Partition, type PartitionBatch } from "./panes/partition.ts";
import { createTally, type IngestStats, type LastRecord } from "./panes/tally.ts";
import type { Timing } from "./panes/watermark.ts";
import type { RowLayout } from "./reference/layout.ts";
import type { BytesVisitor, RowVisitor, SourceHandler, SourcePartition, Start } from "./sources/source.ts";

/** Why a record is counted nowhere although it is one. */
export type RouteRefusal = "unknown_model" | "too_many_versions";
/**
 * Says where records of a model (undefined: the record names none) and version are counted. A route that it has given is remembered until
 * `setRoute`; for a refused pair it is asked again with every record.
 */
export type Router = (model: string | undefined, version: string) => Route | RouteRefusal;

export type IngestOptions = {
  readonly decoders: { readonly bytes: BytesDecoder; readonly row: RowDecoder };
  readonly route: Router;
  readonly timing: Timing;
  /** What the store holds: cursors, panes that are not final, layouts. */
  readonly cursors: readonly Cursor[];
  readonly openPanes: readonly Pane[];
  readonly layouts: readonly RowLayout[];
  /** Where to begin with a partition that has no cursor. */
  readonly start: (partition: SourcePartition) => Start;
  /** Sources that must have named their partitions before anything may be evaluated. */
  readonly sources?: readonly string[];
  /** driftd's version, written into every pane. */
  readonly driftd: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  /** A source that cannot go on, or a bug of ours: after the latter nothing is counted or committed. */
  readonly onFatal: (error: Error) => void;
  /** Records with a high outlier score, once they are stored. */
  readonly onOutliers?: ((found: FoundOutliers) => void) | undefined;
  /** Panes have closed, or a finite source has ended: a good moment for a commit. Called at the end of a chunk. */
  readonly onClosed?: () => void;
};

/** What one transaction has to hold. Ends with `done` or `undo`. */
export type Batch = {
  readonly panes: readonly Pane[];
  readonly layouts: readonly RowLayout[];
  readonly cursors: readonly Cursor[];
  /** How far windows may be evaluated once the batch is stored. */
  readonly gate: Gate;
  /** The batch is stored. */
  readonly done: () => void;
  /** It is not: the next batch holds it again. */
  readonly undo: () => void;
};

export type Ingest = {
  readonly handler: SourceHandler;
  /** What changed since the last batch; undefined when nothing did, while a batch is out, or after a fatal error. */
  readonly takeBatch: () => Batch | undefined;
  /** How far windows may be evaluated by what has been counted; for what has been stored: the gate of the last batch. */
  readonly gate: () => Gate;
  /** How long the gate has stood still while something holds it back; 0 when all partitions are idle or finished. */
  readonly stalledForMs: () => number;
  /** Stored positions, for lag tools. */
  readonly positions: () => readonly (SourcePartition & { readonly next: number })[];
  /** The largest event time reached over all partitions; undefined before the first. */
  readonly eventTimeMs: () => number | undefined;
  /** Routes by a new configuration; a model's layout may have changed. */
  readonly setRoute: (route: Router) => void;
  /** Panes that wait for a commit and their bytes (the measure for back-pressure), and open ones. */
  readonly held: () => Held;
  /** Sources whose group has a member that is not ours. */
  readonly foreignMembers: () => readonly string[];
  readonly stats: () => IngestStats;
  /** When a record of each model and version was last counted, by the wall clock. */
  readonly lastRecords: () => readonly LastRecord[];
};

/** Makes the handler that all sources share. */
export function createIngest(options: IngestOptions): Ingest {
  const { decoders, timing, clock, log } = options;
  const partitions = new Map<string, Partition>();
  const gate = createGate({ sources: options.sources ?? [], timing, clock, partitions: () => partitions.values() });
  const tally = createTally(options);
  const outliers = options.onOutliers === undefined ? undefined : createOutlierCollector();
  const storedLayouts = new Set(options.layouts.map(({ hash }) => hash));
  const layouts = new Map(options.layouts.map((layout) => [layout.hash, layout]));
  const storedNext = new Map<Partition, number>();
  let router = options.route;
  let routes = new Map<string | undefined, Map<string, Route>>();
  let failed = false;
  let batchOut = false;
  let news = false;

  const record = newRecord();
  /** The partition of the chunk in hand. */
  let current: Partition;

  for (const cursor of options.cursors) storedNext.set(partitionAt(cursor, cursor), cursor.processedThrough);

  function keyOf({ source, partition }: SourcePartition): string {
    return `${partition} ${source}`;
  }

  function partitionAt(at: SourcePartition, cursor?: Cursor): Partition {
    const { source, partition } = at;
    let state = partitions.get(keyOf(at));
    if (state === undefined) {
      const openPanes = options.openPanes.filter((pane) => pane.key.source === source && pane.key.partition === partition);
      state = createPartition({ source, partition, cursor, openPanes, timing, driftd: options.driftd, onClosed: paneClosed });
      partitions.set(keyOf(at), state);
    }
    return state;
  }

  function paneClosed(pane: Pane): void {
    news = true;
    tally.paneClosed(pane, layouts.get(pane.key.layout));
  }

  function routeOf(model: string | undefined, version: string): Route | RouteRefusal {
    const versions = routes.get(model);
    const known = versions?.get(version);
    if (known !== undefined) return known;
    const route = router(model, version);
    // Refusals are not remembered: names come from records and have no bound.
    if (typeof route === "string") return route;
    layouts.set(route.layout.row.hash, route.layout.row);
    if (versions === undefined) routes.set(model, new Map([[version, route]]));
    else versions.set(version, route);
    return route;
  }

  const visitBytes: BytesVisitor = (offset, transportMs, bytes, start, end) => {
    if (current.seen(offset)) return tally.repeated();
    add(offset, transportMs, start === -1 ? "tombstone" : decoders.bytes(bytes, start, end, transportMs, record));
  };
  const visitRow: RowVisitor = (offset, row) => {
    if (current.seen(offset)) return tally.repeated();
    add(offset, Number.NaN, decoders.row(row, record));
  };

  function add(offset: number, transportMs: number, problem: DecodeProblem | undefined): void {
    if (problem !== undefined) {
      current.pass(offset);
      tally.dropped(problem);
      return;
    }
    const route = routeOf(record.model, record.version);
    if (typeof route === "string") {
      const outcome = current.observe(offset, record.eventTimeMs, transportMs);
      tally.dropped(outcome === "future" || outcome === "no_timestamp" ? outcome : route);
      return;
    }
    const outcome = current.count(offset, transportMs, route, record);
    if (outcome === "counted") {
      tally.counted(route, record.eventTimeMs);
      if (route.outlierLimit !== undefined) outliers?.look(route, record.id, record.eventTimeMs);
    } else tally.dropped(outcome);
    if (outcome === "too_late") tally.late(route.model);
  }

  /** Runs a step of the handler. An exception is a bug of ours: all counting stops before anything wrong can be stored. */
  function guarded(step: () => void): void {
    if (failed) return;
    try {
      step();
    } catch (thrown) {
      failed = true;
      options.onFatal(coerceError(thrown));
      return;
    }
    if (news) {
      news = false;
      options.onClosed?.();
    }
  }

  const handler: SourceHandler = {
    onAssign: (at) => {
      const state = partitions.get(keyOf(at));
      if (state === undefined) return options.start(at);
      const next = state.next();
      // Only a topic that was recreated, and not read since, has a state without a position.
      return next === undefined ? "earliest" : { offset: next };
    },
    onPartitions: gate.setPartitions,
    onChunk: (chunk) =>
      guarded(() => {
        const { source, partition, asked, next } = chunk;
        const beganMs = clock.monotonicMs();
        current = partitionAt(chunk);
        const lost = current.begin(asked);
        if (lost > 0) {
          tally.lost(topicOf(source), lost);
          log.warn({ source, partition, lost, asked }, "records were gone before they were read");
        }
        if (chunk.kind === "bytes") chunk.forEach(visitBytes);
        else chunk.forEach(visitRow);
        current.end(next);
        const endedMs = clock.monotonicMs();
        const read = tally.flush(topicOf(source), chunk.kind === "bytes" ? "json" : "rows", endedMs - beganMs);
        if (read > 0) gate.sawRecords(chunk, endedMs);
        if (next === chunk.end) gate.sawEnd(chunk, endedMs);
      }),
    onEnd: (at, end) => {
      // Before the first chunk the position is unknown; but a log that never held anything is read to its end.
      const next = partitions.get(keyOf(at))?.next() ?? 0;
      if (next === end) gate.sawEnd(at, clock.monotonicMs());
    },
    onFinished: (at) =>
      guarded(() => {
        partitionAt(at).finish();
        news = true;
      }),
    onRecreated: (at) => {
      guarded(() => {
        const state = partitionAt(at);
        log.warn({ source: at.source, partition: at.partition, position: state.next() }, "topic was recreated or truncated");
        state.recreate();
      });
      return "earliest";
    },
    onForeignMember: gate.setForeignMember,
    onFatal: options.onFatal,
  };

  function takeBatch(): Batch | undefined {
    if (failed || batchOut) return undefined;
    const parts: { state: Partition; batch: PartitionBatch }[] = [];
    for (const state of partitions.values()) {
      const batch = state.take();
      if (batch !== undefined) parts.push({ state, batch });
    }
    if (parts.length === 0) return undefined;
    const panes = parts.flatMap(({ batch }) => batch.panes);
    const found = outliers?.take();
    const fresh = [...new Set(panes.map((pane) => pane.key.layout))].filter((hash) => !storedLayouts.has(hash));
    batchOut = true;
    return {
      panes,
      layouts: fresh.map((hash) => layouts.get(hash)).filter((layout) => layout !== undefined),
      cursors: parts.map(({ batch }) => batch.cursor).filter((cursor) => cursor !== undefined),
      gate: gate.now(),
      done: () => {
        batchOut = false;
        for (const hash of fresh) storedLayouts.add(hash);
        for (const { state, batch } of parts) if (batch.cursor !== undefined) storedNext.set(state, batch.cursor.processedThrough);
        if (found !== undefined) options.onOutliers?.(found);
      },
      undo: () => {
        batchOut = false;
        for (const { batch } of parts) batch.undo();
        if (found !== undefined) outliers?.putBack(found);
      },
    };
  }

  return {
    handler,
    takeBatch,
    gate: gate.now,
    stalledForMs: gate.stalledForMs,
    positions: () => [...storedNext].map(([{ source, partition }, next]) => ({ source, partition, next })),
    eventTimeMs: () => {
      let maxMs = Number.NEGATIVE_INFINITY;
      for (const state of partitions.values()) maxMs = Math.max(maxMs, state.maxEventTimeMs());
      return maxMs === Number.NEGATIVE_INFINITY ? undefined : maxMs;
    },
    setRoute: (route) => {
      router = route;
      routes = new Map();
      for (const state of partitions.values()) state.forgetRoutes();
    },
    held: () => {
      const sum = { closed: 0, closedBytes: 0, open: 0 };
      for (const state of partitions.values()) {
        const { closed, closedBytes, open } = state.held();
        sum.closed += closed;
        sum.closedBytes += closedBytes;
        sum.open += open;
      }
      return sum;
    },
    foreignMembers: gate.foreignMembers,
    stats: tally.stats,
    lastRecords: tally.lastRecords,
  };
}

/** The label `topic`: a topic's name, or the kind of any other source. */
function topicOf(source: string): string {
  return source.startsWith("kafka:") ? source.slice("kafka:".length) : source.slice(0, source.indexOf(":"));
}
