/** Reads and writes snapshot files (`.json`, `.json.gz`): whole or not at all, checked before use. */

import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { createGunzip, gunzip, gzip } from "node:zlib";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { writeWhole } from "../lib/whole-file.ts";
import { digestOf, jsonInTurns } from "./canonical.ts";
import type { Snapshot } from "./snapshot.ts";
import { validateSnapshot } from "./validate.ts";

const BUILD_AGAIN = "Build it again: driftd reference build.";

/**
 * Loads a snapshot. Throws `REFERENCE_NOT_FOUND`, `REFERENCE_UNREADABLE` (no JSON, broken gzip), `REFERENCE_INVALID` (a field is wrong),
 * `REFERENCE_VERSION_UNKNOWN`, `REFERENCE_DIGEST_MISMATCH` (changed or damaged after it was built).
 */
export async function loadSnapshot(path: string): Promise<Snapshot> {
  return snapshotIn(path, await read(path));
}

/** The snapshot in the bytes of a file, unpacked where they are gzip, to at most `maxBytes`; `name` is for messages. Throws as `loadSnapshot`. */
export async function readSnapshot(bytes: Buffer, name: string, maxBytes: number): Promise<Snapshot> {
  return snapshotIn(name, bytes[0] === 0x1f && bytes[1] === 0x8b ? await unpack(bytes, name, maxBytes) : bytes);
}

function snapshotIn(path: string, bytes: Buffer): Snapshot {
  const snapshot = validateSnapshot(parse(path, bytes), path);
  const digest = digestOf(snapshot);
  if (digest !== snapshot.digest) {
    throw new DriftdError("REFERENCE_DIGEST_MISMATCH", `${path}: the content has the digest ${digest}, the file says ${snapshot.digest}`, {
      hint: `The file was changed or damaged after it was built. ${BUILD_AGAIN}`,
    });
  }
  return snapshot;
}

/** Writes a snapshot beside its place and renames it there, so that a reader sees the old file or the new one. A name in `.gz` is compressed. */
export async function saveSnapshot(snapshot: Snapshot, path: string): Promise<void> {
  const json = Buffer.concat([await jsonInTurns(snapshot), Buffer.from("\n")]);
  const bytes = path.endsWith(".gz") ? await promisify(gzip)(json) : json;
  try {
    await writeWhole(path, bytes);
  } catch (cause) {
    throw new DriftdError("REFERENCE_UNWRITABLE", `${path}: cannot be written: ${coerceError(cause).message}`, {
      hint: "Check that the folder exists and may be written to.",
      cause,
    });
  }
}

/** Whether a file is a snapshot rather than a table of data: its beginning says so. False when it cannot be read. */
export async function isSnapshotFile(path: string): Promise<boolean> {
  if (!/\.json(\.gz)?$/i.test(path)) return false;
  const raw = createReadStream(path, { highWaterMark: 4096 });
  const unpack = path.toLowerCase().endsWith(".gz") ? createGunzip() : undefined;
  if (unpack !== undefined) raw.on("error", (error) => unpack.destroy(error)); // `pipe` does not hand errors on
  try {
    for await (const block of unpack === undefined ? raw : raw.pipe(unpack))
      return /^\s*\{[^{[]*"schema"\s*:\s*"driftd\/reference\//.test((block as Buffer).toString("utf8"));
    return false;
  } catch {
    return false;
  } finally {
    raw.destroy();
  }
}

async function read(path: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new DriftdError("REFERENCE_NOT_FOUND", `${path}: there is no such reference`, {
        hint: "Build it: driftd reference build --input DATA --output FILE --model NAME.",
        cause,
      });
    }
    throw new DriftdError("REFERENCE_UNREADABLE", `${path}: ${coerceError(cause).message}`, {
      hint: "Check the path and its permissions.",
      cause,
    });
  }
  return path.toLowerCase().endsWith(".gz") ? unpack(bytes, path) : bytes;
}

async function unpack(bytes: Buffer, path: string, maxBytes?: number): Promise<Buffer> {
  try {
    return await promisify(gunzip)(bytes, maxBytes === undefined ? {} : { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new DriftdError("REFERENCE_UNREADABLE", `${path}: is more than ${maxBytes} bytes when it is unpacked`, {
        hint: BUILD_AGAIN,
        cause,
      });
    }
    throw new DriftdError("REFERENCE_UNREADABLE", `${path}: is no gzip file, or a broken one`, { hint: BUILD_AGAIN, cause });
  }
}

function parse(path: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new DriftdError("REFERENCE_UNREADABLE", `${path}: is no JSON (${coerceError(cause).message})`, {
      hint: `Is it a reference snapshot, and complete? ${BUILD_AGAIN}`,
      cause,
    });
  }
}
