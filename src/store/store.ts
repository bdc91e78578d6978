/**
 * The one asynchronous store: pane log, cursors, alert state, outbox. Every commit is atomic and durable when its promise resolves.
 * All implementations run one contract suite (`test/store/store.suite.ts`).
 */

import type { Episode, EpisodeKind } from "../decide/alert.ts";
import type { RequestStatus, RetrainRecord } from "../decide/record.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { OutboxMessage } from "../outputs/output.ts";
import type { Cursor, Pane } from "../panes/pane.ts";
import type { RowLayout } from "../reference/layout.ts";

export type PaneQuery = {
  readonly model?: string;
  readonly version?: string;
  /** Half-open range of pane starts, epoch ms. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Leave open panes out. */
  readonly finalOnly?: boolean;
};

/** Records of one version and source partition in the panes of one start. */
export type RecordCount = {
  readonly startMs: number;
  readonly version: string;
  readonly source: string;
  readonly partition: number;
  readonly records: number;
};

/** How far (model, version, window) has been evaluated: an evaluated window is never evaluated again. */
export type EvaluatedThrough = { readonly model: string; readonly version: string; readonly window: string; readonly throughMs: number };

/** The alert state of one model and version as JSON text: the store keeps it, `decide` reads it. */
export type AlertStateRow = { readonly model: string; readonly version: string; readonly state: string };

/** A line of the event log that belongs to a decision. */
export type EventRow = {
  readonly atMs: number;
  readonly type: string;
  readonly model: string;
  readonly version: string;
  readonly body: string;
};

export type DeliveryStatus = "pending" | "delivered" | "dead" | "cancelled";

/** An outbox row with its delivery state. */
export type Delivery = OutboxMessage & {
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
  readonly updatedAtMs: number;
};

export type Attempt = {
  readonly id: string;
  readonly atMs: number;
  readonly ok: boolean;
  readonly status: number | null;
  readonly failure: string | null;
  readonly latencyMs: number;
  readonly excerpt: string;
};

export type Store = {
  /** Puts panes (put replaces; the greatest (epoch, upto) of a key holds) and cursors in one transaction. Layouts that the store has not seen are stored first. */
  readonly commit: (batch: {
    readonly panes: readonly Pane[];
    readonly layouts: readonly RowLayout[];
    readonly cursors: readonly Cursor[];
  }) => Promise<void>;
  readonly cursors: () => Promise<Cursor[]>;
  readonly layouts: () => Promise<RowLayout[]>;
  /** Panes of a query in canonical order (start, source, partition, epoch, layout). */
  readonly panes: (query: PaneQuery) => Promise<Pane[]>;
  /** The panes of a query page by page, in no order that means anything; of a read-only store all pages are of one moment. Memory is one page. */
  readonly eachPane: (query: PaneQuery, visit: (panes: readonly Pane[]) => void | Promise<void>) => Promise<void>;
  /** The earliest pane start of a model and version (at or after `fromMs`), or undefined. */
  readonly firstPane: (model: string, version: string, fromMs?: number) => Promise<number | undefined>;
  /**
   * Records of a model by pane start, version, source and partition, of panes (open ones too) that start in `[fromMs, toMs)` and hold a record;
   * in this order. It reads no counts: four weeks of a model are a question of some 100 ms.
   */
  readonly recordCounts: (model: string, fromMs: number, toMs: number) => Promise<RecordCount[]>;
  /** Panes that are not final: what the ingest loads after a start. */
  readonly openPanes: () => Promise<Pane[]>;
  /** Distinct (model, version) of the pane log. */
  readonly versions: () => Promise<{ model: string; version: string }[]>;

  /** What one evaluation led to, in one transaction: progress, the evaluation, the alert state, the outbox, the event log, and facts. */
  readonly commitDecision: (decision: {
    readonly evaluatedThrough: readonly EvaluatedThrough[];
    readonly evaluations: readonly Evaluation[];
    readonly alertState: readonly AlertStateRow[];
    readonly episodes: readonly Episode[];
    readonly outbox: readonly OutboxMessage[];
    readonly events: readonly EventRow[];
    /** Requests for retraining, put under their id. Rejects with STORE_REQUEST_KEY_TAKEN when another one has the dedup key. */
    readonly requests?: readonly RetrainRecord[];
    /** As `setFact`, with the rest or not at all. */
    readonly facts?: readonly { readonly name: string; readonly value: string }[];
  }) => Promise<void>;
  readonly evaluatedThrough: () => Promise<EvaluatedThrough[]>;
  readonly alertStates: () => Promise<AlertStateRow[]>;
  /** Newest first; of both kinds unless one is named. */
  readonly episodes: (query: { readonly model?: string; readonly kind?: EpisodeKind; readonly limit?: number }) => Promise<Episode[]>;
  /** The newest stored evaluation of each (model, version, window). */
  readonly lastEvaluations: () => Promise<Evaluation[]>;
  /** Newest first. */
  readonly evaluations: (query: {
    readonly model: string;
    readonly version?: string;
    readonly window?: string;
    readonly limit?: number;
  }) => Promise<Evaluation[]>;

  /** Requests for retraining, newest first; `open`: only those that something can still come of. */
  readonly retrainRequests: (query: {
    readonly id?: string;
    readonly model?: string;
    readonly status?: RequestStatus;
    readonly open?: boolean;
    readonly dedupKey?: string;
    readonly limit?: number;
  }) => Promise<RetrainRecord[]>;

  /** Events after the number `after` (0: from the first), oldest first. */
  readonly events: (query: { readonly after: number; readonly limit: number }) => Promise<(EventRow & { readonly number: number })[]>;

  /** Deliveries, newest first. */
  readonly deliveries: (query: {
    readonly id?: string;
    readonly status?: DeliveryStatus;
    readonly output?: string;
    readonly limit?: number;
  }) => Promise<Delivery[]>;
  /** Pending rows of an output that are due, oldest first. */
  readonly due: (output: string, nowMs: number, limit: number) => Promise<Delivery[]>;
  /** Logs an attempt and moves the row, in one transaction. */
  readonly recordAttempt: (attempt: Attempt, next: { readonly status: DeliveryStatus; readonly nextAttemptAtMs: number }) => Promise<void>;
  readonly attempts: (id: string) => Promise<Attempt[]>;
  /** Sets a row's status by hand (replay: pending, due now). Returns false when there is no such row. */
  readonly setDelivery: (id: string, status: DeliveryStatus, nextAttemptAtMs: number, nowMs: number) => Promise<boolean>;
  /** Small named facts that must survive a restart (outputs disabled by a 410, the pause of a model). */
  readonly getFact: (name: string) => Promise<string | undefined>;
  readonly setFact: (name: string, value: string | undefined) => Promise<void>;

  /** Removes panes before the time, of one model; and evaluations, finished deliveries with their attempts and requests that are not open before it. */
  readonly prune: (model: string, beforeMs: number) => Promise<number>;
  readonly sizeBytes: () => Promise<number>;
  readonly close: () => Promise<void>;
};
