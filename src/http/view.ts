/**
 * What the HTTP server may see of the daemon: functions that return plain data, wired in `app.ts`. The server shapes it into the public JSON
 * (`api.ts`, `feature.ts`) and never reaches further. Every function may throw a DriftdError; it becomes a problem document.
 */

import type { Episode, EpisodeKind } from "../decide/alert.ts";
import type { Alert } from "../decide/decision.ts";
import type { RequestStatus, RetrainRecord } from "../decide/record.ts";
import type { Evaluation, WindowCounts } from "../evaluate/evaluation.ts";
import type { Version } from "../lib/version.ts";
import type { TriggerOutcome } from "../metrics/catalog.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import type { RetrainFacts, Retraining } from "../retraining.ts";
import type { Silence } from "../silence.ts";
import type { SourceStatus } from "../sources/source.ts";
import type { Attempt, Delivery, DeliveryStatus, EventRow } from "../store/store.ts";
import type { Access } from "./access.ts";
import type { MlflowInbound } from "./mlflow-trigger.ts";

/** One of the conditions of being ready. `detail` says what is wrong, or what is so. */
export type Check = { readonly check: string; readonly ok: boolean; readonly detail?: string };

/** A source with what only the counting stage knows. */
export type SourceFacts = SourceStatus & {
  /** Largest accepted event time of its partitions, epoch ms; undefined before the first record. */
  readonly eventTimeMs?: number | undefined;
};

export type StatusFacts = {
  readonly build: Version;
  readonly nowMs: number;
  readonly startedAtMs: number;
  /** `sha256:…` of the effective configuration, and when it came into force. */
  readonly config: { readonly digest: string; readonly loadedAtMs: number };
  readonly checks: readonly Check[];
  readonly sources: readonly SourceFacts[];
  readonly store: { readonly type: string; readonly sizeBytes: number };
  /** Since the start of the process: records counted into panes, and messages dropped by reason. */
  readonly records: { readonly counted: number; readonly dropped: Readonly<Record<string, number>> };
};

export type RenewalFacts = {
  readonly dueMs: number;
  /** Later than the due time once the renewal was postponed. */
  readonly nextTryMs: number;
  /** The last postponement; undefined: the last one that was due came about. */
  readonly postponed: { readonly dueMs: number; readonly reason: string; readonly detail: string } | undefined;
};

export type VersionFacts = {
  /** `""` when the records carry none. */
  readonly version: string;
  /** The reference that judges it; undefined: none (`no_reference`). */
  readonly snapshot: Snapshot | undefined;
  /** When its reference is to be renewed; undefined: it is not, or nothing was judged yet. */
  readonly renewal?: RenewalFacts | undefined;
  /** The newest evaluation of each window, shortest window first. */
  readonly evaluations: readonly Evaluation[];
  /** Undefined: quiet. */
  readonly alert: Alert | undefined;
  /** Keys of records that the reference does not have; undefined: not looked for. */
  readonly appeared?: UnseenFacts | undefined;
};

/** The most frequent of what a reference does not have, most frequent first, as noted in memory since a moment. */
export type UnseenFacts = {
  readonly sinceMs: number;
  readonly total: number;
  readonly top: readonly { readonly value: string; readonly count: number; readonly over: number }[];
};

export type ModelFacts = {
  readonly model: string;
  /** Names of the configured windows, shortest first. */
  readonly windows: readonly string[];
  /** Whether records of it come at all, by the wall clock; undefined: not watched. */
  readonly silence?: Silence | undefined;
  /** Undefined: nobody is asked to retrain it. */
  readonly retrain?: RetrainFacts | undefined;
  readonly versions: readonly VersionFacts[];
};

/** What may be asked of retrainings, and told about them. Each rejects with `RETRAIN_*`, `STORE_*` or `STOPPING`. */
export type RetrainView = Pick<Retraining, "request" | "report" | "approve" | "reject" | "pause" | "modelVersion"> & {
  /** Newest first. */
  readonly list: (query: {
    readonly id?: string;
    readonly model?: string;
    readonly status?: RequestStatus;
    readonly open?: boolean;
    readonly limit: number;
  }) => Promise<readonly RetrainRecord[]>;
  /** Counts what became of alerts. */
  readonly count: (outcome: TriggerOutcome, alerts: number) => void;
  /** Whether MLflow may tell of model versions, and which are meant; undefined: it is not configured. */
  readonly mlflow: () => MlflowInbound | undefined;
  /** Epoch ms, for the age of a signature. */
  readonly nowMs: () => number;
};

/** One line of `driftd store export`: the same function makes both. */
export type PaneDocument = Readonly<Record<string, unknown>> & {
  readonly version: string;
  readonly source: string;
  readonly partition: number;
  readonly epoch: number;
  readonly pane_start: string;
};

export type ReloadResult = { readonly ok: true } | { readonly ok: false; readonly errors: readonly string[] };

export type ApiView = {
  /** Who may change something, as the configuration in force says. */
  readonly access: () => Access;
  readonly retraining: RetrainView;
  /** Empty, or every check that holds readiness back. */
  readonly ready: () => readonly Check[];
  readonly status: () => StatusFacts | Promise<StatusFacts>;
  /** All configured models, in the order of the configuration. Must be cheap: no features are read. */
  readonly models: () => readonly ModelFacts[] | Promise<readonly ModelFacts[]>;
  readonly model: (name: string) => ModelFacts | undefined | Promise<ModelFacts | undefined>;
  /** The counts of the last evaluated window, or undefined when there are none (any more). */
  readonly windowCounts: (model: string, version: string, window: string) => Promise<WindowCounts | undefined>;
  /** Values of a feature that its reference does not have; undefined: none are noted (numeric, sensitive). */
  readonly unseen: (model: string, version: string, feature: string) => UnseenFacts | undefined;
  /** Panes with a start in `[fromMs, toMs)` in canonical order, open ones included. The server asks for an hour at a time. */
  readonly panes: (query: {
    readonly model: string;
    readonly version?: string;
    readonly fromMs: number;
    readonly toMs: number;
  }) => Promise<readonly PaneDocument[]>;
  /** Newest first, as the store gives them; of both kinds unless one is named. */
  readonly episodes: (query: {
    readonly model?: string;
    readonly kind?: EpisodeKind;
    readonly limit: number;
  }) => Promise<readonly Episode[]>;
  /** Lines of the event log behind number `after`, oldest first: every decision with its reason. */
  readonly events: (query: {
    readonly after: number;
    readonly limit: number;
  }) => Promise<readonly (EventRow & { readonly number: number })[]>;
  /** Newest first. */
  readonly deliveries: (query: {
    readonly id?: string;
    readonly status?: DeliveryStatus;
    readonly output?: string;
    readonly limit: number;
  }) => Promise<readonly Delivery[]>;
  /** Attempts of a delivery, oldest first. */
  readonly attempts: (id: string) => Promise<readonly Attempt[]>;
  /** Makes a delivery pending and due now; false when there is none. */
  readonly replay: (id: string) => Promise<boolean>;
  /** The effective configuration in the file's spelling, secrets masked. */
  readonly config: () => Readonly<Record<string, unknown>>;
  /** Loads the configuration again; on failure the old graph stays. Undefined: `http.reload` is off. */
  readonly reload: (() => Promise<ReloadResult>) | undefined;
};
