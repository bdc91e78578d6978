/** What may be shown of a configuration, what a change of it needs, and its digest. */

import { createHash } from "node:crypto";

import { shownAddress } from "../reference/addresses/form.ts";
import type { Config } from "./config.ts";
import { type ConfigPath, isSecretPath } from "./problem.ts";
import { secretText } from "./secret.ts";

/** Keys that a reload cannot change: the process must be started again. */
export const restartKeys: readonly (readonly string[])[] = [
  ["kafka", "brokers"],
  ["kafka", "topics"],
  ["kafka", "group_id"],
  ["kafka", "client_id"],
  ["kafka", "ssl"],
  ["kafka", "sasl"],
  ["kafka", "max_bytes_per_partition"],
  ["kafka", "max_wait"],
  ["kafka", "session_timeout"],
  ["kafka", "max_message_bytes"],
  ["file"],
  ["record"],
  ["store", "type"],
  ["store", "path"],
  ["store", "retention"],
  ["http", "listen"],
  ["event_time", "from"],
  ["event_time", "pane"],
  ["event_time", "allowed_lateness"],
  ["event_time", "idle_timeout"],
  ["event_time", "stall_timeout"],
  ["event_time", "max_step"],
  ["event_log"],
  ["metrics"],
  ["log", "format"],
];

/** The effective configuration in the file's own spelling, defaults filled, secrets masked: for `GET /api/v1/config` and `check-config --print`. */
export function maskedConfig(config: Config): Readonly<Record<string, unknown>> {
  return config.effective;
}

/** Restart keys in which two configurations differ, e.g. `["http.listen"]`. A changed inline secret is not seen; one in a file needs no reload. */
export function restartKeysChanged(before: Config, after: Config): string[] {
  return restartKeys.filter((path) => at(before, path) !== at(after, path)).map((path) => path.join("."));
}

/** `sha256:` + hex over the masked effective configuration: equal wherever the same settings hold, whatever file and secrets they come from. */
export function configDigest(config: Config): string {
  return `sha256:${createHash("sha256")
    .update(JSON.stringify(sorted(config.effective)))
    .digest("hex")}`;
}

/** A copy of plain JSON with every secret as `<secret>`; keys that are undefined are left out. */
export function maskSecrets(value: unknown, path: ConfigPath = []): unknown {
  if (typeof value === "string" && isSecretPath(path)) return secretText;
  // The query of an address may be a signature.
  if (typeof value === "string" && path[0] === "models" && String(path[2]).startsWith("reference")) return shownAddress(value);
  if (Array.isArray(value)) return value.map((item, index) => maskSecrets(item, [...path, index]));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, maskSecrets(item, [...path, key])]));
}

function at(config: Config, path: readonly string[]): string {
  let value: unknown = config.effective;
  for (const key of path) value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return JSON.stringify(sorted(value)) ?? "";
}

/** The same with keys in order, so that the order of a file's lines is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
