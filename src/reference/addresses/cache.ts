/**
 * The last good snapshots of each address on disk, beside the store: with them a start does not depend on anybody. For each place there are an index
 * and the files that it names, as they were fetched; the index is replaced last and as a whole, so a crash leaves the old one or the new one.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { coerceError, DriftdError } from "../../lib/errors.ts";
import { writeWhole } from "../../lib/whole-file.ts";
import { compileLayout } from "../compile.ts";
import { readSnapshot } from "../load.ts";
import { checkReference } from "../models.ts";
import { MAX_SNAPSHOT_BYTES } from "./address.ts";
import type { ReadReference, Wanted } from "./read.ts";

/** Where an address is listed: what its copy is found by. */
export type CachePlace = Wanted & {
  /** As it is shown: a signature in its query may be another one each time. */
  readonly shown: string;
};

/** What is known of an address. */
export type Known = {
  readonly identity: string | undefined;
  readonly modelVersion: string | undefined;
  /** When it was fetched or found unchanged last, epoch ms. */
  readonly atMs: number;
  readonly found: readonly Omit<ReadReference, "bytes">[];
};

export type ReferenceCache = {
  /** Undefined: there is none. Rejects with `REFERENCE_*` when it cannot be used. */
  readonly load: (place: CachePlace) => Promise<Known | undefined>;
  /** Rejects with `REFERENCE_UNWRITABLE`. */
  readonly save: (place: CachePlace, known: Omit<Known, "found"> & { readonly found: readonly ReadReference[] }) => Promise<void>;
};

type Index = {
  readonly v: typeof FORMAT;
  readonly address: string;
  readonly identity?: string | undefined;
  readonly modelVersion?: string | undefined;
  readonly atMs: number;
  readonly files: readonly { readonly file: string; readonly version?: string | undefined }[];
};

const FORMAT = 1;

/** The copies in a folder, which is made when it is needed. */
export function createReferenceCache(folder: string): ReferenceCache {
  const keyOf = ({ model, version, shown }: CachePlace) =>
    createHash("sha256")
      .update(JSON.stringify([model, version ?? null, shown]))
      .digest("hex")
      .slice(0, 24);

  return {
    load: async (place) => {
      const key = keyOf(place);
      const text = await readFile(join(folder, `${key}.index`), "utf8").catch((thrown: unknown) => {
        if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw unusable(place, coerceError(thrown));
      });
      if (text === undefined) return undefined;
      const index = readIndex(text, place);
      const found = await Promise.all(
        index.files.map(async ({ file, version }) => {
          const bytes = await readFile(join(folder, file)).catch((thrown: unknown) => {
            throw unusable(place, coerceError(thrown));
          });
          const snapshot = await readSnapshot(bytes, place.shown, MAX_SNAPSHOT_BYTES);
          checkReference(snapshot, place.shown, place);
          return { version, reference: { path: place.shown, snapshot, compiled: compileLayout(snapshot) } };
        }),
      );
      return { identity: index.identity, modelVersion: index.modelVersion, atMs: index.atMs, found };
    },
    save: async (place, { identity, modelVersion, atMs, found }) => {
      const key = keyOf(place);
      try {
        await mkdir(folder, { recursive: true });
        const files = found.map(({ version, reference, bytes }) => ({
          version,
          bytes,
          file: `${key}-${reference.snapshot.digest.replace("sha256:", "").slice(0, 16)}.snapshot`,
        }));
        for (const { file, bytes } of files) await writeWhole(join(folder, file), bytes);
        const index: Index = {
          v: FORMAT,
          ...{ address: place.shown, identity, modelVersion, atMs },
          files: files.map(({ file, version }) => ({ file, version })),
        };
        await writeWhole(join(folder, `${key}.index`), Buffer.from(`${JSON.stringify(index)}\n`));
        const kept = new Set(files.map(({ file }) => file));
        const old = (await readdir(folder)).filter((name) => name.startsWith(`${key}-`) && !kept.has(name));
        await Promise.all(old.map((name) => rm(join(folder, name), { force: true })));
      } catch (thrown) {
        const cause = coerceError(thrown);
        throw new DriftdError("REFERENCE_UNWRITABLE", `${place.shown}: its copy in ${folder} cannot be written: ${cause.message}`, {
          hint: "it is in force all the same, but a start without the address would go on with the copy before it",
          cause,
        });
      }
    },
  };
}

function readIndex(text: string, place: CachePlace): Index {
  let index: Partial<Index> | null = null;
  try {
    index = JSON.parse(text) as Partial<Index> | null;
  } catch {
    // Said below.
  }
  if (typeof index !== "object" || index === null || index.v !== FORMAT || !Array.isArray(index.files) || typeof index.atMs !== "number")
    throw unusable(place, new Error("its index is not one that this driftd has written"));
  return index as Index;
}

function unusable({ shown }: CachePlace, cause: Error): DriftdError {
  return new DriftdError("REFERENCE_UNREADABLE", `${shown}: the copy of its last snapshot cannot be used: ${cause.message}`, { cause });
}
