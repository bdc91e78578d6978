/** The table of sources: one line for each section of the configuration that can be one. What a source needs is loaded only when it is used. */

import type { Config, KafkaConfig } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { FileSourceOptions } from "./file.ts";
import type { Source } from "./source.ts";

export type SourceOptions = {
  readonly kafka: KafkaConfig | undefined;
  readonly file: (NonNullable<Config["file"]> & Pick<FileSourceOptions, "timestampColumn" | "kinds" | "eventTimeMs">) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
};

const sources = {
  kafka: async (kafka: KafkaConfig, { clock, log, metrics }: SourceOptions): Promise<Source> => {
    const [{ createKafkaSource }, { kafkaConnection }] = await Promise.all([import("./kafka.ts"), import("./kafka-connection.ts")]);
    return createKafkaSource({ ...(await kafkaConnection(kafka)), clock, log, metrics });
  },
  file: async (file: NonNullable<SourceOptions["file"]>, { clock, log }: SourceOptions): Promise<Source> => {
    const { openFileSource } = await import("./file.ts");
    return openFileSource({ ...file, clock, log });
  },
} as const;

/** Makes the configured source; nothing is read before its `start`. */
export async function openSource(options: SourceOptions): Promise<Source> {
  if (options.kafka !== undefined) return sources.kafka(options.kafka, options);
  if (options.file !== undefined) return sources.file(options.file, options);
  throw new DriftdError("CONFIG_NO_SOURCE", "neither kafka nor file is configured", { hint: "set one of them" });
}
