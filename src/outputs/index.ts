/** The table of outputs: what is made of a preset is one more line in `presets/index.ts`, anything else one more file and one more line here. */

import type { OutputConfig } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { createHttpTarget } from "./http-target.ts";
import { createKafkaTopic } from "./kafka-topic.ts";
import type { Output } from "./output.ts";
import { presets } from "./presets/index.ts";
import { createWebhook } from "./webhook.ts";

export type OutputDependencies = {
  readonly clock: Clock;
  /** driftd's version, for `user-agent`. */
  readonly version: string;
};

/** Makes all configured outputs of the outbox; Alertmanager is none. Rejects with what the first bad one throws. */
export function createOutputs(configs: Iterable<OutputConfig>, dependencies: OutputDependencies): Promise<Output[]> {
  return Promise.all([...configs].flatMap((config) => createOutput(config, dependencies) ?? []));
}

function createOutput(config: OutputConfig, dependencies: OutputDependencies): Promise<Output> | undefined {
  if (config.type === "alertmanager") return undefined;
  if (config.type === "webhook") return createWebhook(config, dependencies);
  if (config.type === "kafka") return createKafkaTopic(config, dependencies);
  return createHttpTarget(presets[config.type], config, dependencies);
}
