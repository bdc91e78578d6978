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

export type CsvHeader = {
  readonly names: readonly string[];
  readonly delimiter: string;
  /** What ends the header and so every record; undefined when the file ends with the header. */
  readonly newLine: "\n" | "\r" | "\r\n" | undefined;
};

/**
 * Reads the header of a file. Throws `TABLE_EMPTY` when there is none, `TABLE_ENCODING` when it is not UTF-8, `TABLE_UNREADABLE` when the
 * file cannot be read or decompressed.
 */
export async function readCsvHeader(file: string, compression: Compression, delimiter: string | undefined): Promise<CsvHeader> {
  const { record, newLine } = await firstRecord(file, compression);
  const text = decode(file, record);
  if (text.trim() === "") {
    throw new DriftdError("TABLE_EMPTY", `${file}: is empty`, { hint: "A CSV file begins with a line of column names." });
  }
  const by = delimiter ?? mostFrequentDelimiter(text);
  return { names: splitRecord(text, by), delimiter: by, newLine };
}

async function firstRecord(file: string, compression: Compression): Promise<{ record: Buffer; newLine: CsvHeader["newLine"] }> {
  const raw = createReadStream(file, { highWaterMark: 64 * 1024 });
  const unpack = compression === "gzip" ? createGunzip() : compression === "zstd" ? createZstdDecompress() : undefined;
  if (unpack !== undefined) raw.on("error", (error) => unpack.destroy(error)); // `pipe` does not hand errors on
  let read = Buffer.alloc(0);
  let at = 0;
  let quoted = false;
  try {
    for await (const block of unpack === undefined ? raw : raw.pipe(unpack)) {
      read = Buffer.concat([read, block as Buffer]);
      for (; at < read.length; at++) {
        if (read[at] === 0x22) quoted = !quoted;
        else if (!quoted && read[at] === 0x0a) return { record: read.subarray(0, at), newLine: "\n" };
        else if (!quoted && read[at] === 0x0d) {
          if (at + 1 === read.length) break; // whether a line feed follows is in the next block
          return { record: read.subarray(0, at), newLine: read[at + 1] === 0x0a ? "\r\n" : "\r" };
        }
      }
      if (read.length > HEADER_BYTES_MAX) break;
    }
  } catch (thrown) {
    throw new DriftdError("TABLE_UNREADABLE", `${file}: ${coerceError(thrown).message}`, {
      hint: "Is the file complete, and compressed as its extension says?",
      cause: thrown,
    });
  } finally {
    raw.destroy();
  }
  if (read.length > HEADER_BYTES_MAX) {
    throw new DriftdError("TABLE_UNREADABLE", `${file}: the first line is longer than ${HEADER_BYTES_MAX} bytes`, {
      hint: "A CSV file begins with a line of column names; is a quote left open?",
    });
  }
  return { record: read.subarray(0, at), newLine: at < read.length ? "\r" : undefined };
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
