/** The hash that names episodes and requests: `decide` is pure and gets it as an argument. */

import { createHash } from "node:crypto";

/** SHA-256 over the JSON array of the parts, as 64 hex digits: the same parts give the same text on every machine and after every restart. */
export function hashParts(parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
