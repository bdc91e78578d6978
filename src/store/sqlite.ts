/** The embedded store: `node:sqlite` in a worker thread, so that a large commit never blocks the event loop. This is the side that callers see. */

import { Worker } from "node:worker_threads";
import type { Evaluation } from "../evaluate/evaluation.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { DatabaseOptions } from "./sqlite-database.ts";
import type { Answer, ErrorMessage, Method, Methods } from "./sqlite-worker.ts";
import type { Store } from "./store.ts";

export type SqliteStoreOptions = {
  /** A file, or `:memory:` for a store that ends with the process (`replay`). */
  readonly path: string;
  /** Nothing is written; works beside a running daemon. */
  readonly readOnly?: boolean;
  /** Writes beside a running daemon, without its lock (`deliveries replay`). */
  readonly beside?: boolean;
  readonly log: Log;
  readonly driftdVersion: string;
};

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

/**
 * Opens the store; a missing file is created unless `readOnly` or `beside`. Rejects with `STORE_IN_USE` (another daemon has it), `STORE_NOT_FOUND`,
 * `STORE_UNREADABLE`, `STORE_CORRUPT`, `STORE_FOREIGN`, `STORE_TOO_NEW`, `STORE_TOO_OLD`; later calls with `STORE_FULL`, `STORE_IO`, or, for good,
 * `STORE_CLOSED` and `STORE_FAILED`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, readOnly = false, beside = false, log, driftdVersion } = options;
  const workerData: DatabaseOptions = { path, access: readOnly ? "read" : beside ? "beside" : "own", driftd: driftdVersion };
  // The same name with the extension of this file: sources run as they are, the package runs what was built.
  const worker = new Worker(new URL(`./sqlite-worker${import.meta.url.slice(-3)}`, import.meta.url), {
    workerData,
    execArgv: [], // flags of the process (--input-type, a debugger's) are not for this thread
  });
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  let ended: Error | undefined;
  let closing: Promise<void> | undefined;

  worker.on("message", ({ id, value, error }: Answer) => {
    const entry = waiting.get(id);
    waiting.delete(id);
    // An open store that nobody asks must not keep the process alive.
    if (waiting.size === 0) worker.unref();
    if (error === undefined) entry?.resolve(value);
    else entry?.reject(revive(error));
  });
  worker.on("error", (cause) => end(new DriftdError("STORE_FAILED", `store ${path}: its thread ended: ${cause.message}`, { cause })));
  worker.on("exit", () => end(new DriftdError("STORE_CLOSED", `store ${path} is closed`)));

  function end(error: Error): void {
    if (ended === undefined && closing === undefined) log.error({ err: error, path }, "store worker ended");
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  }

  function wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      waiting.set(id, { resolve, reject });
      worker.ref();
    });
  }

  function call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Promise<ReturnType<Methods[M]>> {
    const id = ++calls;
    const answer = wait(id);
    // What the arguments hold is copied here, before the call returns: the caller may go on counting into its rows.
    if (ended === undefined) worker.postMessage({ id, method, args });
    return answer as Promise<ReturnType<Methods[M]>>;
  }

  try {
    await wait(0);
  } catch (error) {
    closing = Promise.resolve();
    await worker.terminate();
    throw error;
  }

  return {
    commit: async ({ panes, layouts, cursors }) => call("commit", { panes: [...panes], layouts: [...layouts], cursors: [...cursors] }),
    cursors: () => call("cursors"),
    layouts: () => call("layouts"),
    panes: (query) => call("panes", query),
    eachPane: async (query, visit) => {
      if (readOnly) await call("beginRead");
      try {
        let next: Parameters<Methods["page"]>[1];
        do {
          const page = await call("page", query, next);
          if (page.panes.length > 0) await visit(page.panes);
          next = page.next;
        } while (next !== undefined);
      } finally {
        if (readOnly) await call("endRead");
      }
    },
    firstPane: (...args) => call("firstPane", ...args),
    recordCounts: (...args) => call("recordCounts", ...args),
    openPanes: () => call("openPanes"),
    versions: () => call("versions"),
    commitDecision: async (decision) =>
      call("commitDecision", {
        ...decision,
        evaluations: decision.evaluations.map((evaluation) => {
          const { model, version, window, endMs } = evaluation;
          return { model, version, window, endMs, json: JSON.stringify(evaluation) };
        }),
      }),
    evaluatedThrough: () => call("evaluatedThrough"),
    alertStates: () => call("alertStates"),
    episodes: (query) => call("episodes", query),
    lastEvaluations: async () => (await call("lastEvaluations")).map((json) => JSON.parse(json) as Evaluation),
    evaluations: async (query) => (await call("evaluations", query)).map((json) => JSON.parse(json) as Evaluation),
    retrainRequests: (query) => call("retrainRequests", query),
    events: (query) => call("events", query),
    deliveries: (query) => call("deliveries", query),
    due: (...args) => call("due", ...args),
    recordAttempt: (...args) => call("recordAttempt", ...args),
    attempts: (id) => call("attempts", id),
    setDelivery: (...args) => call("setDelivery", ...args),
    getFact: (name) => call("getFact", name),
    setFact: (...args) => call("setFact", ...args),
    prune: (...args) => call("prune", ...args),
    sizeBytes: () => call("sizeBytes"),
    close: () => {
      closing ??= (async () => {
        // Calls are answered in order: everything asked before is done first.
        if (ended === undefined) await call("close").catch((error: Error) => log.warn({ err: error, path }, "store did not close cleanly"));
        await worker.terminate();
      })();
      return closing;
    },
  };
}

function revive({ name, message, code, hint, stack }: ErrorMessage): Error {
  if (code !== undefined) return new DriftdError(code, message, hint === undefined ? {} : { hint });
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
