/** The table of outputs: one more type is one more file and one more line. */

import type { OutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import type { Output } from "./output.ts";
import { createWebhook } from "./webhook.ts";

export type OutputDependencies = {
  readonly clock: Clock;
  /** driftd's version, for `user-agent`. */
  readonly version: string;
};

/** How each type is made. */
export const outputTypes: {
  readonly [T in OutputConfig["type"]]: (options: Extract<OutputConfig, { type: T }>, dependencies: OutputDependencies) => Promise<Output>;
} = {
  webhook: createWebhook,
};

/** Makes all configured outputs. Rejects with what the first bad one throws. */
export function createOutputs(configs: Iterable<OutputConfig>, dependencies: OutputDependencies): Promise<Output[]> {
  return Promise.all([...configs].map((config) => outputTypes[config.type](config, dependencies)));
}
