/** The thread in which SQLite runs: takes one call after the other from `sqlite.ts` and answers each. A large commit blocks nobody but it. */

import { parentPort, workerData } from "node:worker_threads";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Cursor, Pane } from "../panes/pane.ts";
import type { RowLayout } from "../reference/layout.ts";
import { type Database, type DatabaseOptions, openDatabase } from "./sqlite-database.ts";
import type { DecisionBatch } from "./sqlite-decisions.ts";
import { corrupt, storeError } from "./sqlite-errors.ts";

/** An error as it crosses the thread. */
export type ErrorMessage = {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  readonly stack?: string;
};
export type Answer = { readonly id: number; readonly value?: unknown; readonly error?: ErrorMessage };
export type Call = { readonly id: number; readonly method: Method; readonly args: readonly unknown[] };

/** What can be asked of an open database: the store's methods, one by one. */
function methodsOf(db: Database) {
  const { panes, decisions, transaction } = db;
  return {
    commit: (batch: { panes: Pane[]; layouts: RowLayout[]; cursors: Cursor[] }) => transaction(() => panes.put(batch)),
    commitDecision: (decision: DecisionBatch) => transaction(() => decisions.put(decision)),
    recordAttempt: (...args: Parameters<typeof decisions.recordAttempt>) => transaction(() => decisions.recordAttempt(...args)),
    prune: (model: string, beforeMs: number) =>
      transaction(() => {
        decisions.prune(model, beforeMs);
        return panes.prune(model, beforeMs);
      }),
    cursors: panes.cursors,
    layouts: panes.layouts,
    panes: panes.panes,
    page: panes.page,
    firstPane: panes.firstPane,
    recordCounts: panes.recordCounts,
    openPanes: panes.openPanes,
    versions: panes.versions,
    evaluatedThrough: decisions.evaluatedThrough,
    alertStates: decisions.alertStates,
    episodes: decisions.episodes,
    lastEvaluations: decisions.lastEvaluations,
    evaluations: decisions.evaluations,
    retrainRequests: decisions.retrainRequests,
    events: decisions.events,
    deliveries: decisions.deliveries,
    due: decisions.due,
    attempts: decisions.attempts,
    setDelivery: decisions.setDelivery,
    getFact: decisions.getFact,
    setFact: decisions.setFact,
    beginRead: db.beginRead,
    endRead: db.endRead,
    sizeBytes: db.sizeBytes,
    close: db.close,
  };
}

export type Methods = ReturnType<typeof methodsOf>;
export type Method = keyof Methods;

function describe(thrown: unknown, path: string): ErrorMessage {
  // A row that does not fit its layout, or is no JSON, is damage too, found late.
  const error =
    thrown instanceof RangeError || thrown instanceof SyntaxError ? corrupt(path, thrown) : storeError(coerceError(thrown), path);
  return {
    name: error.name,
    message: error.message,
    ...(error instanceof DriftdError ? { code: error.code } : {}),
    ...(error instanceof DriftdError && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}

/** The memory of panes that were read for the caller only: moved across, not copied. */
function rowsOf(method: Method, value: unknown): ArrayBuffer[] {
  if (method !== "panes" && method !== "page" && method !== "openPanes") return [];
  const panes = method === "page" ? (value as ReturnType<Methods["page"]>).panes : (value as Pane[]);
  return panes.flatMap(({ counts, moments }) => [counts.buffer as ArrayBuffer, moments.buffer as ArrayBuffer]);
}

if (parentPort !== null) {
  const port = parentPort;
  const options = workerData as DatabaseOptions;
  const answer = (message: Answer) => port.postMessage(message);
  try {
    const methods = methodsOf(openDatabase(options)) as Record<Method, (...args: never) => unknown>;
    port.on("message", ({ id, method, args }: Call) => {
      try {
        const value = methods[method](...(args as never));
        port.postMessage({ id, value } satisfies Answer, rowsOf(method, value));
      } catch (thrown) {
        answer({ id, error: describe(thrown, options.path) });
      }
      if (method === "close") port.close();
    });
    answer({ id: 0 });
  } catch (thrown) {
    answer({ id: 0, error: describe(thrown, options.path) });
  }
}
