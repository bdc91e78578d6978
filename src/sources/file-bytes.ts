/** The bytes of files on the disk, unpacked: what the file source cuts into lines. Damage is an error that names the file. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { TableFiles } from "../tables/files.ts";

const BLOCK_BYTES = 256 * 1024;

/**
 * The bytes of one file, block by block; a block is borrowed until the next is asked for. Files that were appended to hold several gzip
 * members or zstd frames: all of them are read. Throws `SOURCE_UNREADABLE`.
 */
export async function* fileBytes(path: string, compression: TableFiles["compression"]): AsyncGenerator<Buffer> {
  try {
    if (compression === "none") yield* createReadStream(path, { highWaterMark: BLOCK_BYTES });
    else if (compression === "gzip") yield* unpacked(path, 0, createGunzip());
    else {
      // Node ends at the end of the first frame: the next one begins where it stopped.
      const { size } = await stat(path);
      for (let from = 0; from < size; ) {
        const unpack = createZstdDecompress();
        yield* unpacked(path, from, unpack);
        from += unpack.bytesWritten;
      }
    }
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

/** The error of a file that cannot be read to its end. */
export function unreadable(path: string, thrown: unknown): DriftdError {
  return new DriftdError("SOURCE_UNREADABLE", `input ${path} cannot be read: ${coerceError(thrown).message}`, {
    hint: "check the path, its permissions, and whether the file is complete",
    cause: thrown,
  });
}

async function* unpacked(path: string, from: number, unpack: ReturnType<typeof createGunzip | typeof createZstdDecompress>) {
  const raw: Readable = createReadStream(path, { start: from, highWaterMark: BLOCK_BYTES });
  raw.on("error", (error) => unpack.destroy(error)); // `pipe` does not hand errors on
  try {
    for await (const block of raw.pipe(unpack)) yield block as Buffer;
  } finally {
    raw.destroy();
  }
}
