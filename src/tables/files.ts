/** Which files a path names, and how they are written: globs, formats by extension, compression. Reading them is elsewhere. */

import { constants } from "node:fs";
import { access, glob, stat } from "node:fs/promises";
import { DriftdError } from "../lib/errors.ts";

export type TableFormat = "csv" | "json" | "parquet";
export type Compression = "none" | "gzip" | "zstd";

/** Files of one table, in the order in which their rows stand. */
export type TableFiles = {
  /** What the user wrote, for messages. */
  readonly path: string;
  readonly files: readonly string[];
  readonly format: TableFormat;
  /** The delimiter that the extension promises (`.tsv`); undefined: to be found in the header. */
  readonly delimiter: string | undefined;
  readonly compression: Compression;
};

const FORMATS: Readonly<Record<string, TableFormat>> = {
  csv: "csv",
  tsv: "csv",
  tab: "csv",
  txt: "csv",
  ndjson: "json",
  jsonl: "json",
  json: "json",
  parquet: "parquet",
  pq: "parquet",
};
const COMPRESSIONS: Readonly<Record<string, Compression>> = { gz: "gzip", gzip: "gzip", zst: "zstd", zstd: "zstd" };
const GLOB = /[*?[\]{}]/;

/**
 * Finds the files behind a path or glob (matches are sorted by name). Throws `TABLE_NOT_FOUND` when there is none, `TABLE_UNREADABLE` when one
 * may not be read or is a folder, `TABLE_FORMAT_UNKNOWN` for an extension that says nothing, `TABLE_FORMATS_DIFFER` for a mixed glob.
 */
export async function findTableFiles(path: string): Promise<TableFiles> {
  const files = await expand(path);
  const kinds = files.map((file) => formatOf(file));
  const first = kinds[0]!;
  const other = kinds.findIndex((kind) => kind.format !== first.format || kind.compression !== first.compression);
  if (other > 0) {
    throw new DriftdError("TABLE_FORMATS_DIFFER", `${path}: ${files[0]} and ${files[other]} are of different formats`, {
      hint: "Name files of one format and compression.",
    });
  }
  return { path, files, ...first };
}

async function expand(path: string): Promise<string[]> {
  if (await readable(path)) return [path];
  if (!GLOB.test(path)) {
    throw new DriftdError("TABLE_NOT_FOUND", `${path}: there is no such file`, {
      hint: "Check the path; it is relative to the working folder.",
    });
  }
  const files: string[] = [];
  for await (const file of glob(path)) if (await readable(file).catch(() => false)) files.push(file);
  if (files.length === 0) {
    throw new DriftdError("TABLE_NOT_FOUND", `${path}: no file matches`, {
      hint: "Check the pattern; quote it, so that the shell leaves it alone.",
    });
  }
  return files.sort();
}

/** False when there is nothing at the path; throws when there is something that is no readable file. */
async function readable(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isDirectory()) {
    throw new DriftdError("TABLE_UNREADABLE", `${path}: is a folder`, {
      hint: `Name its files with a pattern, such as '${path}/*.parquet'.`,
    });
  }
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw new DriftdError("TABLE_UNREADABLE", `${path}: may not be read`, { hint: "Check the file's permissions.", cause });
  });
  return true;
}

function formatOf(file: string): Omit<TableFiles, "path" | "files"> {
  const parts = file.toLowerCase().split("/").at(-1)!.split(".");
  const compression = COMPRESSIONS[parts.at(-1)!] ?? "none";
  const extension = parts.at(compression === "none" ? -1 : -2)!;
  const format = parts.length > (compression === "none" ? 1 : 2) ? FORMATS[extension] : undefined;
  if (format === undefined) {
    throw new DriftdError("TABLE_FORMAT_UNKNOWN", `${file}: the extension does not say what the file is`, {
      hint: "Known: .csv .tsv .ndjson .jsonl .json .parquet; text also with .gz or .zst behind it.",
    });
  }
  return { format, compression, delimiter: extension === "tsv" || extension === "tab" ? "\t" : undefined };
}
