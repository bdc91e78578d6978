/** Which offsets a stretch of time is: for each partition the first one to be read and the one behind the last, fixed before reading begins. */

import { coerceError, DriftdError } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/suggest.ts";
import { EARLIEST, LATEST, type TopicReader } from "./cluster.ts";

/** Half-open: `[begin, end)`; equal where the partition has nothing in the range. */
export type PartitionRange = { readonly partition: number; readonly begin: number; readonly end: number };

/** Kafka timestamps, epoch ms; undefined: the beginning of the log, or the end that it has now. */
export type TimeRange = { readonly fromMs: number | undefined; readonly toMs: number | undefined };

/**
 * Asks the brokers: from the first offset at or after `fromMs` by their timestamp index (or the beginning of the log, where that is later) up to
 * the first one at or after `toMs`, and never beyond what is committed now. Rejects with `KAFKA_UNKNOWN_TOPIC` (did you mean), `KAFKA_RANGE_EMPTY`
 * when no partition has a record in it, or kafkajs's error.
 */
export async function findRange(reader: TopicReader, topic: string, { fromMs, toMs }: TimeRange): Promise<PartitionRange[]> {
  const partitions = await reader.refresh().catch(async (thrown: unknown) => {
    throw await unknownTopic(reader, topic, thrown);
  });
  const low = await reader.offsetsAt(partitions, EARLIEST);
  const high = await reader.offsetsAt(partitions, LATEST);
  const at = async (ms: number | undefined) => (ms === undefined ? undefined : reader.offsetsAt(partitions, Math.max(0, Math.floor(ms))));
  const from = await at(fromMs);
  const to = await at(toMs);
  const ranges = partitions.map((partition) => {
    const first = low.get(partition)?.offset ?? 0;
    const last = high.get(partition)?.offset ?? 0;
    // −1: no record has so late a time.
    const resolved = (found: typeof from, otherwise: number) => {
      const offset = found?.get(partition)?.offset;
      return offset === undefined ? otherwise : offset < 0 ? last : offset;
    };
    const begin = Math.min(last, Math.max(first, resolved(from, first)));
    return { partition, begin, end: Math.max(begin, Math.min(last, resolved(to, last))) };
  });
  if (ranges.some(({ begin, end }) => begin < end)) return ranges;
  throw await emptyRange(reader, topic, partitions, { fromMs, toMs });
}

async function unknownTopic(reader: TopicReader, topic: string, thrown: unknown): Promise<unknown> {
  const { type } = coerceError(thrown) as { type?: unknown };
  if (type !== "UNKNOWN_TOPIC_OR_PARTITION" && type !== "INVALID_TOPIC_EXCEPTION") return thrown;
  const known = await reader.topics().catch(() => []);
  const others = known.filter((name) => !name.startsWith("__"));
  const hint = others.length === 0 ? "the brokers show this user no topic at all" : didYouMean(topic, others.slice(0, 100));
  return new DriftdError("KAFKA_UNKNOWN_TOPIC", `topic ${topic} does not exist, or the user may not see it`, { hint, cause: thrown });
}

async function emptyRange(
  reader: TopicReader,
  topic: string,
  partitions: readonly number[],
  { fromMs, toMs }: TimeRange,
): Promise<DriftdError> {
  const firsts = [...(await reader.offsetsAt(partitions, 0)).values()].filter(({ offset }) => offset >= 0);
  if (firsts.length === 0) {
    return new DriftdError("KAFKA_RANGE_EMPTY", `topic ${topic} holds no record`, { hint: "is it the topic that the records go to?" });
  }
  const firstMs = Math.min(...firsts.map(({ timestampMs }) => timestampMs));
  const range = [fromMs === undefined ? "" : ` from ${iso(fromMs)}`, toMs === undefined ? "" : ` to ${iso(toMs)}`].join("");
  return new DriftdError(
    "KAFKA_RANGE_EMPTY",
    `topic ${topic} has no record${range} by its Kafka timestamps; the first record that is still there has ${iso(firstMs)}`,
    { hint: "the range is one of Kafka timestamps (when a record was written), not of event times: widen it, or leave --from or --to out" },
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
