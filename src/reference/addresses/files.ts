/**
 * Files on this machine's disks: one file, or a directory of which every `.json` and `.json.gz` that does not begin with a dot may be meant. What is
 * known of a file is its size, time and number, through links: a link that is turned (as Kubernetes does with ConfigMaps and Secrets) is a change.
 */

import { readdir, readFile, stat } from "node:fs/promises";

import { coerceError } from "../../lib/errors.ts";
import { type AddressKind, type Candidate, type FetchError, fetchError, MAX_SNAPSHOT_BYTES } from "./address.ts";

export const file: AddressKind = (path) => async (previous) => {
  const identity = await identityOf(path);
  if (identity === previous) return { kind: "unchanged" };
  return { kind: "changed", identity, candidates: [candidate(path)] };
};

export const directory: AddressKind = (folder) => async (previous) => {
  const names = await readdir(folder).catch((thrown: unknown) => {
    throw failureOf(folder, thrown);
  });
  const paths = names
    .filter((name) => /^[^.].*\.json(\.gz)?$/i.test(name))
    .sort()
    .map((name) => `${folder}${name}`);
  if (paths.length === 0) throw fetchError("not_found", `${folder}: holds no .json or .json.gz`, { hint: "put a snapshot into it" });
  const identity = JSON.stringify(await Promise.all(paths.map(async (path) => [path, await identityOf(path).catch(() => "")])));
  if (identity === previous) return { kind: "unchanged" };
  return { kind: "changed", identity, candidates: paths.map(candidate) };
};

async function identityOf(path: string): Promise<string> {
  const { size, mtimeNs, ino } = await stat(path, { bigint: true }).catch((thrown: unknown) => {
    throw failureOf(path, thrown);
  });
  return [size, mtimeNs, ino].join(" ");
}

function candidate(path: string): Candidate {
  return {
    name: path,
    read: async () => {
      try {
        if ((await stat(path)).size > MAX_SNAPSHOT_BYTES)
          throw fetchError("too_large", `${path}: is larger than ${MAX_SNAPSHOT_BYTES / 1024 / 1024} MiB`);
        return await readFile(path);
      } catch (thrown) {
        throw failureOf(path, thrown);
      }
    },
  };
}

function failureOf(path: string, thrown: unknown): FetchError {
  const error = coerceError(thrown);
  if ("reason" in error) return error as FetchError;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR")
    return fetchError("not_found", `${path}: is not there`, { hint: "check the path", cause: error });
  if (code === "EACCES" || code === "EPERM")
    return fetchError("unauthorized", `${path}: may not be read`, { hint: "check its permissions", cause: error });
  return fetchError("unreadable", `${path}: cannot be read: ${error.message}`, { cause: error });
}
