/** Whether the files that a configuration names are there and can be used: every one that is not, at once, with its place in the configuration. */

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { coerceError, DriftdError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { ModelConfig, ReferenceConfig } from "./config.ts";
import type { LoadedConfig } from "./load.ts";
import { type OutputConfig, secretFilesOf } from "./outputs.ts";
import type { ConfigPath, Problem } from "./problem.ts";
import { accessFiles } from "./resolve-references.ts";

/** Features that a hint lists where none is near. */
const HINTED_FEATURES = 20;

export type FileChecks = {
  /**
   * Loads a model's snapshots and resolves to the names of their features, or to undefined when they are not looked at; rejects when one is not
   * there, is corrupt or is another model's.
   */
  readonly references: (model: ModelConfig) => Promise<ReadonlySet<string> | undefined>;
  /** Makes an output and closes it: its secrets' files are read. Rejects with what is wrong. */
  readonly output: (output: OutputConfig) => Promise<void>;
};

/** Checks references, outputs with their secrets, certificates, and the folders that will be written to; resolves to what is wrong. */
export async function checkFiles({ config, problemAt, stands }: LoadedConfig, checks: FileChecks): Promise<Problem[]> {
  const problems: Problem[] = [];
  const attempt = async <T>(path: ConfigPath, check: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await check();
    } catch (thrown) {
      const error = coerceError(thrown);
      problems.push(problemAt(path, error.message, error instanceof DriftdError ? error.hint : undefined));
      return undefined;
    }
  };

  for (const [index, model] of config.models.entries()) {
    const features = new Set<string>();
    let loaded = true;
    for (const { path, reference } of eachReference(model)) {
      const found = await attempt(["models", index, ...path], () => checks.references({ ...model, reference }));
      if (found === undefined) loaded = false;
      for (const feature of found ?? []) features.add(feature);
    }
    for (const feature of loaded ? model.expectations.keys() : []) {
      if (features.has(feature)) continue;
      const hint = didYouMean(feature, [...features].slice(0, HINTED_FEATURES));
      problems.push(problemAt(["models", index, "expectations", feature], "is not a feature of the reference", hint));
    }
    const outliers = model.outliers?.path;
    if (outliers !== undefined) await attempt(["models", index, "outliers", "path"], () => writable(outliers));
    for (const list of loaded ? (["include", "exclude", "sensitive"] as const) : []) {
      for (const [position, feature] of (model.features[list] ?? []).entries()) {
        if (features.has(feature)) continue;
        const hint = didYouMean(feature, [...features].slice(0, HINTED_FEATURES));
        problems.push(problemAt(["models", index, "features", list, position], "is not a feature of the reference", hint, true));
      }
    }
  }
  for (const output of config.outputs.values()) {
    const model = config.models.findIndex(({ name }) => output.name === `retrain-${name}`);
    const at = stands(["outputs", output.name]) ? ["outputs", output.name] : ["models", model, "retrain", "webhook"];
    const before = problems.length;
    for (const [key, secret] of secretFilesOf(output)) {
      // A default that is not in the file has its place at the output itself.
      const twin = [...at, `${key}_file`];
      await attempt(stands(twin) ? twin : at, secret.reveal);
    }
    // What the output itself finds wrong (a key that is no key) is said only when its files can be read at all.
    if (problems.length === before) await attempt(at, () => checks.output(output));
  }
  for (const [path, file] of accessFiles(config)) {
    await attempt<unknown>(path, () => (typeof file === "string" ? readable(file) : file.reveal()));
  }
  const token = config.http.token;
  if (token?.file !== undefined) await attempt(["http", "token_file"], token.reveal);
  const sasl = config.kafka?.sasl;
  if (sasl?.mechanism === "oauthbearer") await attempt(["kafka", "sasl", "token_file"], sasl.token.reveal);
  else if (sasl !== undefined) await attempt(["kafka", "sasl", "password_file"], sasl.password.reveal);
  const ssl = config.kafka?.ssl;
  for (const [key, file] of [
    ["ca_file", ssl?.caFile],
    ["cert_file", ssl?.certFile],
    ["key_file", ssl?.keyFile],
  ] as const) {
    if (file !== undefined) await attempt(["kafka", "ssl", key], () => readable(file));
  }
  const input = config.file?.path;
  // A glob is matched when it is read; a name that exists is no glob.
  if (input !== undefined && input !== "-" && !/[*?[{]/.test(input)) await attempt(["file", "path"], () => readable(input));
  await attempt(["store", "path"], () => writable(config.store.path));
  const eventLog = config.eventLog.path;
  if (eventLog !== undefined) await attempt(["event_log", "path"], () => writable(eventLog));
  return problems;
}

/** A file or an address at a time, so that one slip hides no other. */
function eachReference({ reference }: ModelConfig): { path: ConfigPath; reference: ReferenceConfig }[] {
  if (reference.kind === "addresses") {
    return reference.places.map((place) => ({
      path: place.version === undefined ? ["reference"] : ["references", place.version],
      reference: { ...reference, places: [place] },
    }));
  }
  if (reference.kind !== "by_version") return [{ path: ["reference"], reference }];
  return [...reference.paths].map(([version, path]) => ({
    path: ["references", version],
    reference: { kind: "by_version", paths: new Map([[version, path]]) },
  }));
}

async function readable(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined)
    throw new DriftdError("FILE_NOT_FOUND", `${file} is not there`, { hint: "correct the path, or create the file" });
  if (found.isDirectory()) throw new DriftdError("FILE_IS_FOLDER", `${file} is a folder`, { hint: "name a file" });
  await access(file, constants.R_OK).catch((cause: unknown) => {
    throw new DriftdError("FILE_UNREADABLE", `${file} cannot be read`, { hint: "check its permissions", cause });
  });
}

async function writable(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw new DriftdError("FILE_IS_FOLDER", `${file} is a folder`, { hint: "name a file in it" });
  const target = found === undefined ? dirname(file) : file;
  await access(target, constants.W_OK).catch((cause: unknown) => {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DriftdError("FILE_NOT_WRITABLE", missing ? `the folder ${target} is not there` : `${target} cannot be written`, {
      hint: missing ? "create it, or correct the path" : "check its permissions",
      cause,
    });
  });
}
