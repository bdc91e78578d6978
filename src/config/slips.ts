/** The words of rules over several keys that more than one set of rules needs. Pure. */

import type { Slip } from "./issues.ts";
import type { ConfigPath } from "./problem.ts";

/** A slip at a value; `value`: it is shown. */
export function slip(path: ConfigPath, message: string, hint?: string, value = false): Slip {
  return { path, at: "value", value, message, hint };
}

/** Twins of a map with secrets: `x` and `x_file` exclude each other; those of `required` must be there in one of the two forms. */
export function checkSecrets(path: ConfigPath, map: object, keys: readonly string[], required: readonly string[]): Slip[] {
  const missing = required.filter((key) => !(key in map) && !(`${key}_file` in map));
  return [
    ...keys.flatMap((key) => checkTwins(path, map, key)),
    ...missing.map((key) => slip([...path, key], "is required", `set ${key} or ${key}_file`)),
  ];
}

export function checkTwins(path: ConfigPath, map: object, key: string): Slip[] {
  if (!(key in map) || !(`${key}_file` in map)) return [];
  return [{ ...slip([...path, `${key}_file`], `stands beside ${key}`, "keep one of the two"), at: "key" }];
}
