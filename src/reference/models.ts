/**
 * Which snapshot judges which model and version, loaded and compiled: what routing and evaluation look up. Built whole before anything
 * live is touched, so a reload that fails changes nothing.
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DriftdError } from "../lib/errors.ts";
import { compileLayout } from "./compile.ts";
import type { CompiledLayout } from "./layout.ts";
import { loadSnapshot } from "./load.ts";
import type { Snapshot } from "./snapshot.ts";

/** A snapshot in use; `path` is its file or address, as it may be shown. */
export type LoadedReference = { readonly path: string; readonly snapshot: Snapshot; readonly compiled: CompiledLayout };

/** What the addresses of a model hold, by version; undefined: judges every version that has none of its own. */
export type FetchedReferences = ReadonlyMap<string | undefined, LoadedReference>;

/** Where a model's snapshots are: one file, a pattern with `{version}`, a list by version, or addresses. */
export type ReferencePlaces =
  | { readonly kind: "addresses" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "pattern"; readonly pattern: string }
  | { readonly kind: "by_version"; readonly paths: ReadonlyMap<string, string> };

export type ModelReferences = {
  /** The snapshot that judges this version, or undefined (`no_reference`). */
  readonly find: (model: string, version: string) => LoadedReference | undefined;
  readonly all: () => readonly { readonly model: string; readonly version: string | undefined; readonly reference: LoadedReference }[];
};

/**
 * Loads every snapshot of every model; `fetched` gives what is at addresses, which may be nothing yet. Throws the first `REFERENCE_*` error; `REFERENCE_VERSION_MISMATCH` when a file listed for one version
 * is of another, `REFERENCE_MODEL_MISMATCH` when it is of another model, `REFERENCE_WITHOUT_OUTLIER` when the model asks for outliers and it has no
 * outlier score.
 */
export async function loadModelReferences(
  models: readonly {
    readonly name: string;
    readonly reference: ReferencePlaces;
    /** Set: the model's references need an outlier score. */
    readonly outliers?: object | undefined;
  }[],
  fetched: (model: string) => FetchedReferences | Promise<FetchedReferences> = notFetched,
): Promise<ModelReferences> {
  const byModel = new Map<string, FetchedReferences>();
  for (const { name, reference, outliers } of models) {
    if (reference.kind === "addresses") {
      byModel.set(name, await fetched(name));
      continue;
    }
    const versions = new Map<string | undefined, LoadedReference>();
    for (const [version, path] of await places(name, reference)) {
      const snapshot = await loadSnapshot(path);
      checkReference(snapshot, path, { model: name, version, outliers: outliers !== undefined });
      versions.set(version ?? snapshot.version, { path, snapshot, compiled: compileLayout(snapshot) });
    }
    byModel.set(name, versions);
  }
  return {
    find: (model, version) => {
      const versions = byModel.get(model);
      return versions?.get(version) ?? versions?.get(undefined);
    },
    all: () => [...byModel].flatMap(([model, versions]) => [...versions].map(([version, reference]) => ({ model, version, reference }))),
  };
}

/** Throws unless the snapshot can judge this model, and the version that it is listed for: `REFERENCE_MODEL_MISMATCH` and those of `loadModelReferences`. */
export function checkReference(
  snapshot: Snapshot,
  path: string,
  { model, version, outliers }: { readonly model: string; readonly version: string | undefined; readonly outliers: boolean },
): void {
  if (snapshot.model !== model) {
    throw new DriftdError("REFERENCE_MODEL_MISMATCH", `model ${model}: ${path} was built for model ${JSON.stringify(snapshot.model)}`, {
      hint: `build it again with --model ${model}`,
    });
  }
  if (outliers && snapshot.derived?.outlier === undefined) {
    throw new DriftdError("REFERENCE_WITHOUT_OUTLIER", `model ${model}: outliers are asked for, but ${path} has no outlier score`, {
      hint: "build it again: driftd reference build --outliers on; or take `outliers` out of the configuration",
    });
  }
  const own = snapshot.version;
  if (version !== undefined && own !== undefined && own !== version) {
    throw new DriftdError(
      "REFERENCE_VERSION_MISMATCH",
      `model ${model}: ${path} is listed for version ${version} but was built for version ${own}`,
      { hint: `build it again with --version ${version}, or list it under "${own}"` },
    );
  }
}

function notFetched(model: string): never {
  throw new DriftdError("REFERENCE_BY_ADDRESS", `model ${model}: its reference is at an address, which is not asked here`, {
    hint: "name a file in its place",
  });
}

/** References of which some models have others: what their addresses hold now. */
export function withFetched(references: ModelReferences, fetched: ReadonlyMap<string, FetchedReferences>): ModelReferences {
  const others = references.all().filter(({ model }) => !fetched.has(model));
  return {
    find: (model, version) => {
      const versions = fetched.get(model);
      return versions === undefined ? references.find(model, version) : (versions.get(version) ?? versions.get(undefined));
    },
    all: () => [
      ...others,
      ...[...fetched].flatMap(([model, versions]) => [...versions].map(([version, reference]) => ({ model, version, reference }))),
    ],
  };
}

/** References of which some versions have another one than the configured one. */
export function withOthers(
  references: ModelReferences,
  others: readonly { readonly model: string; readonly version: string; readonly reference: LoadedReference }[],
): ModelReferences {
  if (others.length === 0) return references;
  const keyOf = (model: string, version: string) => JSON.stringify([model, version]);
  const byKey = new Map(others.map((other) => [keyOf(other.model, other.version), other]));
  const listed = references.all().filter(({ model, version }) => version === undefined || !byKey.has(keyOf(model, version)));
  return {
    find: (model, version) => byKey.get(keyOf(model, version))?.reference ?? references.find(model, version),
    all: () => [...listed, ...others],
  };
}

async function places(model: string, reference: Exclude<ReferencePlaces, { kind: "addresses" }>): Promise<[string | undefined, string][]> {
  if (reference.kind === "file") return [[undefined, reference.path]];
  if (reference.kind === "by_version") return [...reference.paths];
  const folder = dirname(reference.pattern);
  const [before, after] = basename(reference.pattern).split("{version}") as [string, string];
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DriftdError("REFERENCE_NOT_FOUND", `model ${model}: the folder ${folder} of ${reference.pattern} cannot be read`, {
      hint: "create it, or correct the path",
      cause,
    });
  });
  const found = names
    .filter((name) => name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after))
    .sort()
    .map((name): [string, string] => [name.slice(before.length, name.length - after.length), join(folder, name)]);
  if (found.length === 0) {
    throw new DriftdError("REFERENCE_NOT_FOUND", `model ${model}: no file matches ${reference.pattern}`, {
      hint: "build one with `driftd reference build --version …`",
    });
  }
  return found;
}
