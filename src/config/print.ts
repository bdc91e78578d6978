/** A configuration as YAML text. (Importer of `yaml` for writing.) */

import { stringify } from "yaml";

import type { Config } from "./config.ts";
import { maskedConfig } from "./masked.ts";

/** The effective configuration as YAML: defaults filled, secrets as `<secret>`. Read back, it means the same but for inline secrets. */
export function printConfig(config: Config): string {
  return stringify(maskedConfig(config), { lineWidth: 0 });
}
