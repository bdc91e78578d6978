/**
 * The first record of a CSV file: its columns as they are written (equal names and all), and the delimiter. Read apart from the rest, because
 * a reader that guesses from a prefix may skip rows, take `#` for a comment or change a name.
 */

import { createReadStream } from "node:fs";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Compression } from "./files.ts";

/** A header longer than this is no header: 10,000 names of 100 bytes are 1 MB. */
const HEADER_BYTES_MAX = 4 * 1024 * 1024;
const DELIMITERS = [",", ";", "\t", "|"];

export type CsvHeader = { readonly names: readonly string[]; readonly delimiter: string };

/**
 * Reads the header of a file. Throws `TABLE_EMPTY` when there is none, `TABLE_ENCODING` when it is not UTF-8, `TABLE_UNREADABLE` when the
 * file cannot be read or decompressed.
 */
export async function readCsvHeader(file: string, compression: Compression, delimiter: string | undefined): Promise<CsvHeader> {
  const text = decode(file, await firstRecord(file, compression));
  if (text.trim() === "") {
    throw new DriftdError("TABLE_EMPTY", `${file}: is empty`, { hint: "A CSV file begins with a line of column names." });
  }
  const by = delimiter ?? mostFrequentDelimiter(text);
  return { names: splitRecord(text, by), delimiter: by };
}

async function firstRecord(file: string, compression: Compression): Promise<Buffer> {
  const raw = createReadStream(file, { highWaterMark: 64 * 1024 });
  const unpack = compression === "gzip" ? createGunzip() : compression === "zstd" ? createZstdDecompress() : undefined;
  if (unpack !== undefined) raw.on("error", (error) => unpack.destroy(error)); // `pipe` does not hand errors on
  const blocks: Buffer[] = [];
  let length = 0;
  let quoted = false;
  try {
    for await (const block of unpack === undefined ? raw : raw.pipe(unpack)) {
      const bytes = block as Buffer;
      for (let i = 0; i < bytes.length; i++) {
        if (bytes[i] === 0x22) quoted = !quoted;
        else if (!quoted && (bytes[i] === 0x0a || bytes[i] === 0x0d)) return Buffer.concat([...blocks, bytes.subarray(0, i)]);
      }
      blocks.push(bytes);
      length += bytes.length;
      if (length > HEADER_BYTES_MAX) break;
    }
  } catch (thrown) {
    throw new DriftdError("TABLE_UNREADABLE", `${file}: ${coerceError(thrown).message}`, {
      hint: "Is the file complete, and compressed as its extension says?",
      cause: thrown,
    });
  } finally {
    raw.destroy();
  }
  if (length > HEADER_BYTES_MAX) {
    throw new DriftdError("TABLE_UNREADABLE", `${file}: the first line is longer than ${HEADER_BYTES_MAX} bytes`, {
      hint: "A CSV file begins with a line of column names; is a quote left open?",
    });
  }
  return Buffer.concat(blocks);
}

function decode(file: string, bytes: Buffer): string {
  try {
    if (bytes[0] === 0xff || bytes[0] === 0xfe || bytes.includes(0)) throw new TypeError("not UTF-8");
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DriftdError("TABLE_ENCODING", `${file}: is not UTF-8 text`, {
      hint: "Convert it, for example: iconv -f latin1 -t utf-8 (or -f utf-16).",
      cause,
    });
  }
}

function mostFrequentDelimiter(record: string): string {
  const outside = record.replace(/"[^"]*"/g, "");
  const counts = DELIMITERS.map((delimiter) => outside.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

/** Splits one record by RFC 4180: quoted fields, doubled quotes. */
function splitRecord(record: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < record.length; i++) {
    const char = record[i]!;
    if (char === '"' && quoted && record[i + 1] === '"') field += record[++i];
    else if (char === '"') quoted = !quoted;
    else if (char === delimiter && !quoted) {
      fields.push(field);
      field = "";
    } else field += char;
  }
  return [...fields, field];
}
