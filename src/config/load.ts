/** A configuration file from text to `Config`: everything that is wrong with it at once, or nothing. Whether its files exist is `files.ts`. */

import { readFile } from "node:fs/promises";
import { dirname, resolve as resolvePath } from "node:path";

import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Config } from "./config.ts";
import { parseDocument } from "./document.ts";
import { type Slip, valueAt } from "./issues.ts";
import { configDigest } from "./masked.ts";
import { type ConfigPath, configError, formatPath, formatValue, type Place, type Problem } from "./problem.ts";
import { resolveConfig } from "./resolve.ts";
import type { Effective } from "./schema.ts";
import { checkSections, withoutEchoes } from "./sections.ts";
import { checkSemantics } from "./semantics.ts";

type Env = Readonly<Record<string, string | undefined>>;

export type LoadOptions = {
  /** `required` (the default): `kafka` or `file` must be there. `optional` for commands that bring their own input or read none. */
  readonly source?: "required" | "optional";
  /** What a relative name of the configuration starts from, where it is not the process's folder. */
  readonly folder?: string;
  /** Changes the file's value before it is checked: what a command line sets in its place. */
  readonly edit?: (root: Record<string, unknown>) => void;
};

export type LoadedConfig = {
  readonly config: Config;
  /** `sha256:` + hex over the effective configuration without secrets. */
  readonly digest: string;
  /** Slips that stop nothing. */
  readonly warnings: readonly Problem[];
  /** Turns a slip that was found later (a file that is not there) into a problem with its place. */
  readonly problemAt: (path: ConfigPath, message: string, hint?: string, withValue?: boolean) => Problem;
  /** Whether a path stands in the file (an output may have come from the `retrain.webhook` shorthand). */
  readonly stands: (path: ConfigPath) => boolean;
};

/** Reads and checks a file. Throws CONFIG_UNREADABLE, or a `ConfigError` (code CONFIG_INVALID) with every problem. */
export async function loadConfig(file: string, env: Env, options: LoadOptions = {}): Promise<LoadedConfig> {
  const text = await readFile(resolvePath(options.folder ?? "", file), "utf8").catch((thrown: unknown) => {
    const cause = coerceError(thrown);
    const missing = "code" in cause && cause.code === "ENOENT";
    throw new DriftdError("CONFIG_UNREADABLE", missing ? `${file}: no such file` : `${file}: cannot be read: ${cause.message}`, {
      hint: missing ? "name the configuration file, e.g. driftd.yaml (driftd.example.yaml is a start)" : "check its permissions",
      cause,
    });
  });
  return parseConfig(text, file, env, options);
}

/** Checks text; `file` is its name for messages and what relative paths start from. Throws a `ConfigError` with every problem. */
export function parseConfig(text: string, file: string, env: Env, options: LoadOptions = {}): LoadedConfig {
  const document = parseDocument(text, env);
  const problem = (place: Place, path: ConfigPath, value: unknown, message: string, hint?: string): Problem => ({
    file,
    ...place,
    path: formatPath(path),
    value: formatValue(path, value),
    message,
    hint,
  });
  const ofSlip = (slip: Slip): Problem =>
    problem(
      document.place(slip.path, slip.at),
      slip.path,
      slip.value ? valueAt(document.value, slip.path) : undefined,
      slip.message,
      slip.hint,
    );

  const problems = document.problems.map((found) => problem(found, found.path ?? [], found.value, found.message, found.hint));
  if (document.value === undefined) throw configError(file, problems);
  if (typeof document.value !== "object" || document.value === null || Array.isArray(document.value)) {
    throw configError(file, [
      ...problems,
      problem({ line: 1, column: 1 }, [], undefined, "is not a map of sections", "begin with kafka: and models:"),
    ]);
  }
  const root = document.value as Record<string, unknown>;
  options.edit?.(root);
  const { parts, present, slips, omitted } = checkSections(root, document, options.source !== "optional");
  const found = withoutEchoes(slips, checkSemantics(parts, present), omitted).map(ofSlip);
  // A text whose variable is missing has one slip, whatever else it is not.
  const withoutVariable = new Set(document.problems.flatMap(({ path }) => (path === undefined ? [] : [formatPath(path)])));
  problems.push(...found.filter(({ path }) => !withoutVariable.has(path)));
  if (problems.length > 0) throw configError(file, problems);

  const path = resolvePath(options.folder ?? "", file);
  const config = resolveConfig(parts as Effective, path, dirname(path), env);
  return {
    config,
    digest: configDigest(config),
    warnings: [
      ...document.warnings.map((found) => problem(found, [], undefined, found.message, found.hint)),
      ...warningsOf(config, root).map(ofSlip),
    ],
    stands: (at) => valueAt(root, at) !== undefined,
    problemAt: (at, message, hint, withValue = false) =>
      problem(document.place(at, "value"), at, withValue ? valueAt(root, at) : undefined, message, hint),
  };
}

function warningsOf(config: Config, root: Record<string, unknown>): Slip[] {
  const slips: Slip[] = [];
  const warn = (path: ConfigPath, message: string, hint: string) => slips.push({ path, at: "key", value: false, message, hint });
  const ssl = valueAt(root, ["kafka", "ssl"]);
  if (typeof ssl === "object" && config.kafka?.ssl === undefined)
    warn(["kafka", "ssl"], "is empty: no TLS", "write true for TLS with the system's certificates");
  if (config.kafka?.ssl?.insecureSkipVerify === true)
    warn(["kafka", "ssl", "insecure_skip_verify"], "any certificate is accepted", "for tests only");
  if (
    config.kafka?.sasl !== undefined &&
    config.kafka.ssl === undefined &&
    config.kafka.sasl.mechanism !== "scram-sha-512" &&
    config.kafka.sasl.mechanism !== "scram-sha-256"
  ) {
    warn(["kafka", "sasl", "mechanism"], `${config.kafka.sasl.mechanism} without TLS sends the secret in clear`, "set kafka.ssl: true");
  }
  config.models.forEach((model, index) => {
    for (const name of model.retrain?.to ?? []) {
      const output = config.outputs.get(name);
      if (output?.type === "webhook" && output.secret === undefined) {
        const shorthand = valueAt(root, ["models", index, "retrain", "webhook"]) !== undefined;
        warn(
          shorthand ? ["models", index, "retrain", "webhook"] : ["outputs", name],
          "has no secret: requests are not signed",
          "set secret_file",
        );
      }
    }
  });
  return slips;
}
