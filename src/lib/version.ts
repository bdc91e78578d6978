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

/** The least Node.js, as in the `engines` of package.json. */
const LEAST_NODE = "24.12.0";

let read: string | undefined;

/** Throws NODE_TOO_OLD when `version` (of Node.js, e.g. `v20.1.0`) is older than driftd needs: its built-in modules would be missed later, one by one. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST_NODE.split(".").map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new DriftdError("NODE_TOO_OLD", `driftd needs Node.js ${LEAST_NODE} or newer; this is ${version} (${process.execPath})`, {
    hint: 'install a newer one; in a clone, `npm ci` brings it: export PATH="$PWD/node_modules/.bin:$PATH"',
  });
}

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
