/**
 * kafkajs's cluster without a consumer or an admin around it: the way to read a topic without joining a group, for which kafkajs offers
 * nothing. It is an inner part of kafkajs, so the types here are of exactly the version that `kafkajs.ts` insists on.
 */

import type { FetchedPartition } from "./fetch-answer.ts";
import { kafkajs } from "./kafkajs.ts";

/** Kafka's marks for the ends of a log, in place of a time. */
export const EARLIEST = -2;
export const LATEST = -1;

/** Records of transactions that are open or aborted are not seen. */
const READ_COMMITTED = 1;

type PartitionOffset = { readonly partition: number; readonly timestamp: string; readonly offset: string };
type RangeBroker = {
  readonly listOffsets: (request: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }) => Promise<{ readonly responses: readonly { readonly partitions: readonly PartitionOffset[] }[] }>;
  readonly fetch: (request: {
    readonly isolationLevel: number;
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[];
    }[];
  }) => Promise<{ readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[] }>;
};
type Cluster = {
  readonly connect: () => Promise<void>;
  readonly disconnect: () => Promise<void>;
  readonly addTargetTopic: (topic: string) => Promise<void>;
  readonly refreshMetadata: () => Promise<void>;
  readonly metadata: (query: {
    readonly topics: readonly string[];
  }) => Promise<{ readonly topicMetadata: readonly { readonly topic: string }[] }>;
  readonly findTopicPartitionMetadata: (topic: string) => readonly { readonly partitionId: number; readonly leader: number }[];
  readonly findBroker: (node: { readonly nodeId: string }) => Promise<RangeBroker>;
};

/** One topic of a cluster, read by positions. Every function rejects with kafkajs's error. */
export type TopicReader = {
  readonly connect: () => Promise<void>;
  /** Asks for the topic's leaders anew; resolves to its partitions in ascending order. */
  readonly refresh: () => Promise<readonly number[]>;
  /** Names of all topics that the user may see. */
  readonly topics: () => Promise<readonly string[]>;
  /** For each partition the first offset whose record has the timestamp or a later one (`EARLIEST`, `LATEST`: the ends), with its time; −1: none. */
  readonly offsetsAt: (
    partitions: readonly number[],
    timestampMs: number,
  ) => Promise<ReadonlyMap<number, { offset: number; timestampMs: number }>>;
  /** One fetch from each leader: what it answered for each partition, in no order. */
  readonly fetch: (positions: ReadonlyMap<number, number>, limits: FetchLimits) => Promise<readonly (readonly FetchedPartition[])[]>;
  readonly disconnect: () => Promise<void>;
};

export type FetchLimits = { readonly maxBytes: number; readonly maxBytesPerPartition: number; readonly maxWaitMs: number };

/** Makes the reader over the client's options; nothing is connected yet. */
export function createTopicReader(options: ConstructorParameters<typeof kafkajs.Kafka>[0], topic: string): TopicReader {
  const kafka = new kafkajs.Kafka(options);
  const create = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === "private:Kafka:createCluster");
  const make = create === undefined ? undefined : (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create];
  if (make === undefined) throw new TypeError("kafkajs has no createCluster");
  const cluster = make({ allowAutoTopicCreation: false, metadataMaxAge: 60_000, isolationLevel: READ_COMMITTED });

  /** The partitions by the broker that leads them. */
  async function byLeader<Result>(
    partitions: Iterable<number>,
    ask: (broker: RangeBroker, own: readonly number[]) => Promise<Result>,
  ): Promise<Result[]> {
    const leaders = new Map(cluster.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, leader]));
    const groups = Map.groupBy(partitions, (partition) => leaders.get(partition) ?? -1);
    return Promise.all([...groups].map(async ([leader, own]) => ask(await cluster.findBroker({ nodeId: String(leader) }), own)));
  }

  return {
    connect: () => cluster.connect(),
    refresh: async () => {
      await cluster.addTargetTopic(topic);
      await cluster.refreshMetadata();
      return cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => partitionId)
        .sort((a, b) => a - b);
    },
    topics: async () => (await cluster.metadata({ topics: [] })).topicMetadata.map((entry) => entry.topic),
    offsetsAt: async (partitions, timestampMs) => {
      const answers = await byLeader(partitions, (broker, own) =>
        broker.listOffsets({
          isolationLevel: READ_COMMITTED,
          topics: [{ topic, partitions: own.map((partition) => ({ partition, timestamp: timestampMs })) }],
        }),
      );
      const found = answers.flatMap(({ responses }) => responses.flatMap((response) => response.partitions));
      return new Map(
        found.map(({ partition, offset, timestamp }) => [partition, { offset: Number(offset), timestampMs: Number(timestamp) }]),
      );
    },
    fetch: async (positions, { maxBytes, maxBytesPerPartition, maxWaitMs }) => {
      const answers = await byLeader(positions.keys(), (broker, own) =>
        broker.fetch({
          isolationLevel: READ_COMMITTED,
          maxWaitTime: maxWaitMs,
          minBytes: 1,
          maxBytes,
          topics: [
            {
              topic,
              partitions: own.map((partition) => ({
                partition,
                fetchOffset: String(positions.get(partition)),
                maxBytes: maxBytesPerPartition,
              })),
            },
          ],
        }),
      );
      return answers.map(({ responses }) => responses.flatMap(({ partitions }) => partitions));
    },
    disconnect: () => cluster.disconnect(),
  };
}
