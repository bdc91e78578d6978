/** `--input kafka://topic` with `--from` and `--to`: what it names, checked, and the source that reads it. */

import type { Config, KafkaConfig } from "../config/config.ts";
import { splitAddress } from "../config/scalars.ts";
import type { Clock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { KafkaRange } from "../sources/kafka-range.ts";
import type { CommandSpec, Io, ParsedArgs } from "./args.ts";

const SCHEME = "kafka://";
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

/** Flags of a command that reads a topic. */
export const topicFlags = {
  brokers: { value: "HOST:PORT,…", description: "Brokers of a kafka:// input, in place of the configuration's." },
  from: { value: "TIME", description: "Of a kafka:// input: from the first record written at this time or later (ISO 8601, or earliest)." },
  to: {
    value: "TIME",
    description: "Of a kafka:// input: up to the first record written at this time or later (or latest: all there is now).",
  },
} satisfies CommandSpec["flags"];

/** A stretch of a topic, as the command line names it. */
export type TopicInput = {
  readonly topic: string;
  /** Undefined: the configuration's. */
  readonly brokers: readonly string[] | undefined;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
};

/**
 * What `--input`, `--brokers`, `--from` and `--to` name; undefined for an input that is no topic. Throws `USAGE` for a topic or an address that is
 * none, for times that are none or stand the wrong way round, and for `--brokers` beside a file.
 */
export function topicInput(parsed: ParsedArgs): TopicInput | undefined {
  const input = parsed.text("input") ?? "";
  if (!input.startsWith(SCHEME)) {
    if (parsed.text("brokers") === undefined) return undefined;
    throw new DriftdError("USAGE", "--brokers stands beside an input that is no topic", { hint: "write --input kafka://TOPIC" });
  }
  const rest = input.slice(SCHEME.length).replace(/\/$/, "");
  const slash = rest.lastIndexOf("/");
  const topic = rest.slice(slash + 1);
  if (!TOPIC.test(topic)) {
    const address = slash === -1 && splitAddress(rest) !== undefined;
    throw new DriftdError("USAGE", `--input ${input}: ${address ? "names a broker and no topic" : "names no topic"}`, {
      hint: "write kafka://TOPIC, or kafka://HOST:PORT/TOPIC",
    });
  }
  const named = parsed.text("brokers") ?? (slash === -1 ? undefined : rest.slice(0, slash));
  const brokers = named?.split(",").map((broker) => broker.trim());
  for (const broker of brokers ?? []) {
    if (splitAddress(broker)?.host) continue;
    throw new DriftdError("USAGE", `${JSON.stringify(broker)} is no address of a broker`, { hint: "write HOST:PORT, e.g. localhost:9092" });
  }
  return { topic, brokers, ...timeRange(parsed) };
}

/** `--from` and `--to` as epoch ms; undefined: the beginning, the end. Throws `USAGE`. */
export function timeRange(parsed: ParsedArgs): { readonly fromMs: number | undefined; readonly toMs: number | undefined } {
  const from = parsed.text("from");
  const to = parsed.text("to");
  const fromMs = from === undefined || from === "earliest" ? undefined : timeOf("from", from);
  const toMs = to === undefined || to === "latest" ? undefined : timeOf("to", to);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    throw new DriftdError("USAGE", `--from ${from} is not before --to ${to}`, {
      hint: "the range is from --from up to --to; swap the two",
    });
  }
  return { fromMs, toMs };
}

/** A time of the command line as epoch ms; without a zone it is UTC, as in records. Throws `USAGE`. */
export function timeOf(flag: string, text: string): number {
  const ms = Date.parse(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(ms)) return ms;
  throw new DriftdError("USAGE", `--${flag} ${text}: is no time`, { hint: "write it as 2001-01-15T00:00:00Z or 2001-01-15" });
}

const NO_KAFKA: Omit<KafkaConfig, "brokers" | "topics"> = {
  groupId: "driftd",
  clientId: "driftd",
  start: "earliest",
  ssl: undefined,
  sasl: undefined,
  maxBytesPerPartition: 256 * 1024,
  maxWaitMs: 500,
  sessionTimeoutMs: 45_000,
  maxMessageBytes: 4 * 1024 * 1024,
};

/**
 * The configuration as if its `kafka` section named this topic: TLS and login stay the section's own. Throws `USAGE` when nothing names a broker.
 */
export function configOfTopic(
  config: Config,
  { topic, brokers = config.kafka?.brokers }: TopicInput,
): Config & { readonly kafka: KafkaConfig } {
  if (brokers === undefined) {
    throw new DriftdError("USAGE", `--input kafka://${topic}: no broker is named`, {
      hint: "set kafka.brokers in the configuration, or write --brokers HOST:PORT",
    });
  }
  return { ...config, file: undefined, kafka: { ...NO_KAFKA, ...config.kafka, brokers, topics: [topic] } };
}

/** Opens the topic's stretch. Rejects with the `KAFKA_*` errors of `openKafkaRange`. */
export async function openTopic(
  { kafka }: { readonly kafka: KafkaConfig },
  { topic, fromMs, toMs }: TopicInput,
  { io, clock, log }: { readonly io: Pick<Io, "signal">; readonly clock: Clock; readonly log: Log },
): Promise<KafkaRange> {
  const [{ openKafkaRange }, { kafkaConnection }] = await Promise.all([
    import("../sources/kafka-range.ts"),
    import("../sources/kafka-connection.ts"),
  ]);
  const { brokers, clientId, ssl, sasl } = await kafkaConnection(kafka);
  const login = { ...(ssl === undefined ? {} : { ssl }), ...(sasl === undefined ? {} : { sasl }) };
  return openKafkaRange({ brokers, clientId, ...login, topic, fromMs, toMs, signal: io.signal, clock, log });
}
