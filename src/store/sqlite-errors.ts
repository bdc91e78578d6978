/** What SQLite's errors mean to the person who runs driftd. */

import { coerceError, DriftdError } from "../lib/errors.ts";

const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** The primary result code of an error of `node:sqlite`; undefined for any other error. */
function resultCode(error: Error): number | undefined {
  return "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

/** Whether another connection holds the lock. */
export function isBusy(thrown: unknown): boolean {
  return resultCode(coerceError(thrown)) === BUSY;
}

/** An error that says what is wrong with the store at `path`; errors that are not SQLite's come back as they are. */
export function storeError(thrown: unknown, path: string): Error {
  const error = coerceError(thrown);
  const wrap = (code: string, message: string, hint: string) => new DriftdError(code, message, { hint, cause: error });
  switch (resultCode(error)) {
    case CORRUPT:
    case NOTADB:
      return corrupt(path, error);
    case CANTOPEN:
      return wrap(
        "STORE_UNREADABLE",
        `store ${path} cannot be opened: ${error.message}`,
        "create its folder and let driftd write there, or set store.path",
      );
    case READONLY:
      return wrap(
        "STORE_READ_ONLY",
        `store ${path} cannot be written: ${error.message}`,
        "give driftd's user the right to write the file and its folder",
      );
    case FULL:
      return wrap("STORE_FULL", `store ${path} cannot grow: ${error.message}`, "free space on its disk, or shorten store.retention");
    case IOERR:
      return wrap("STORE_IO", `store ${path}: ${error.message}`, "check its disk; nothing was lost that had been committed");
    case BUSY:
      return wrap(
        "STORE_BUSY",
        `store ${path} is locked by another program for longer than driftd waits`,
        "close what holds the file open",
      );
    default:
      return error;
  }
}

/** The store is not what driftd wrote. */
export function corrupt(path: string, cause: Error): DriftdError {
  return new DriftdError("STORE_CORRUPT", `store ${path} is damaged or not a SQLite database: ${cause.message}`, {
    hint: "restore it from a copy, or move it away with its -wal and -shm files: driftd then starts a new one from kafka.start",
    cause,
  });
}
