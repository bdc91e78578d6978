/** Which driftd this is: the version of its package.json, wherever it runs from, and the revision it was built from. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { DriftdError } from "./errors.ts";

export type Version = {
  readonly version: string;
  /** `DRIFTD_REVISION` of the environment (images set it), or `unknown`. */
  readonly revision: string;
  readonly nodejs: string;
};

let read: string | undefined;

/** Reads the version once. Throws VERSION_UNKNOWN when no package.json of driftd stands in any parent folder. */
export function readVersion(env: Readonly<Record<string, string | undefined>> = process.env): Version {
  read ??= packageVersion(import.meta.dirname);
  return { version: read, revision: env["DRIFTD_REVISION"] ?? "unknown", nodejs: process.version };
}

// Source and build lie at different depths (src/lib, dist/src/lib), so the nearest package.json named driftd is looked for.
function packageVersion(folder: string): string {
  const file = join(folder, "package.json");
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as { name?: unknown; version?: unknown };
    if (name === "driftd" && typeof version === "string") return version;
  }
  const parent = dirname(folder);
  if (parent === folder) throw new DriftdError("VERSION_UNKNOWN", "no package.json of driftd was found", { hint: "install driftd again" });
  return packageVersion(parent);
}
