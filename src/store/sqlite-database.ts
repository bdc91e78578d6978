/**
 * The SQLite file of a store: the lock, opening, migrations, transactions. Synchronous; runs in the store's worker.
 *
 * One daemon writes; its lock is an exclusive lock on a second, empty database (`PATH-lock`) that the operating system drops with the process,
 * so that readers stay free beside it and a killed daemon leaves nothing to clean up.
 */

import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DriftdError } from "../lib/errors.ts";
import { APPLICATION_ID, migrations } from "./migrations.ts";
import { createSqliteDecisions, type SqliteDecisions } from "./sqlite-decisions.ts";
import { corrupt, isBusy, storeError } from "./sqlite-errors.ts";
import { createSqlitePanes, type SqlitePanes } from "./sqlite-panes.ts";

export type DatabaseOptions = {
  /** A file, or `:memory:`. */
  readonly path: string;
  /** `own`: the daemon, alone. `beside`: a short write beside a running daemon. `read`: nothing is written. */
  readonly access: "own" | "beside" | "read";
  /** driftd's version; the last one that opened the store for writing is written into it. */
  readonly driftd: string;
};

/** How long a writer waits for another one's transaction. */
const BUSY_TIMEOUT_MS = 5_000;

export type Database = {
  readonly panes: SqlitePanes;
  readonly decisions: SqliteDecisions;
  /** Runs `step` in one transaction; all of it or nothing. */
  readonly transaction: <T>(step: () => T) => T;
  /** Begins and ends a view of one moment, for readers. */
  readonly beginRead: () => void;
  readonly endRead: () => void;
  readonly sizeBytes: () => number;
  readonly close: () => void;
};

/**
 * Opens, and creates or migrates unless `access` is `read`. Throws `STORE_IN_USE`, `STORE_NOT_FOUND`, `STORE_UNREADABLE`, `STORE_CORRUPT`,
 * `STORE_FOREIGN`, `STORE_TOO_NEW`, `STORE_TOO_OLD`, `STORE_READ_ONLY`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { path, access } = options;
  if (access !== "own" && !existsSync(path)) {
    throw new DriftdError("STORE_NOT_FOUND", `store ${path} does not exist`, { hint: "check store.path; `driftd run` creates it" });
  }
  const lock = access === "own" && path !== ":memory:" ? takeLock(path) : undefined;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: access === "read", timeout: BUSY_TIMEOUT_MS });
    const opened = prepare(db, options);
    return {
      ...opened,
      close: () => {
        db?.close();
        lock?.close();
      },
    };
  } catch (thrown) {
    db?.close();
    lock?.close();
    throw storeError(thrown, path);
  }
}

function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(`${path}-lock`, { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (thrown) {
    lock?.close();
    if (!isBusy(thrown)) throw storeError(thrown, path);
    throw new DriftdError("STORE_IN_USE", `store ${path} is in use by another driftd`, {
      hint: "stop the other one, or give this one a store.path of its own",
      cause: thrown,
    });
  }
}

function prepare(db: DatabaseSync, { path, access, driftd }: DatabaseOptions): Omit<Database, "close"> {
  const version = readVersion(db, path);
  if (version > migrations.length) {
    throw new DriftdError(
      "STORE_TOO_NEW",
      `store ${path} has format ${version}; this driftd (${driftd}) knows formats up to ${migrations.length}`,
      {
        hint: "run the newer driftd again, or give this one a store.path of its own",
      },
    );
  }
  if (version < migrations.length && access !== "own") {
    throw new DriftdError(
      "STORE_TOO_OLD",
      `store ${path} has format ${version}; this driftd (${driftd}) reads format ${migrations.length}`,
      {
        hint: "start `driftd run` once: it brings the store forward",
      },
    );
  }
  if (access !== "read") {
    db.exec("PRAGMA journal_mode = WAL");
    // FULL: every commit is on the disk when it returns. An outbox row must survive a power cut before its first attempt, and there are only
    // a few commits a second. (A store in memory has no disk.)
    db.exec("PRAGMA synchronous = FULL");
  }
  const panes = createSqlitePanes(db);
  const decisions = createSqliteDecisions(db);

  function transaction<T>(step: () => T): T {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = step();
      db.exec("COMMIT");
      return result;
    } catch (thrown) {
      panes.forget();
      if (db.isTransaction) db.exec("ROLLBACK");
      throw thrown;
    }
  }

  if (access === "own") {
    for (let next = version; next < migrations.length; next++) {
      transaction(() => {
        db.exec(migrations[next] as string);
        db.exec(`PRAGMA user_version = ${next + 1}`);
        db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      });
    }
    decisions.setFact("driftd.version", driftd);
  }
  return {
    panes,
    decisions,
    transaction,
    beginRead: () => db.exec("BEGIN"),
    endRead: () => db.exec("COMMIT"),
    sizeBytes: () => pragma(db, "page_count") * pragma(db, "page_size"),
  };
}

/** The format of the file; 0 for an empty one. */
function readVersion(db: DatabaseSync, path: string): number {
  const version = pragma(db, "user_version");
  const application = pragma(db, "application_id");
  // The first read of a page of the schema: a damaged head shows here.
  const { tables } = db.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() as { tables: number };
  if (application !== APPLICATION_ID && (version !== 0 || tables > 0)) {
    throw new DriftdError("STORE_FOREIGN", `store ${path} is a SQLite database of another program`, {
      hint: "set store.path to a file of driftd's own",
    });
  }
  if (version > 0 && tables === 0) throw corrupt(path, new Error("its tables are gone"));
  return version;
}

function pragma(db: DatabaseSync, name: string): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0] as number;
}
