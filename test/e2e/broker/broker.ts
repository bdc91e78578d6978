/**
 * A Kafka broker for end-to-end tests: `KAFKA_BROKERS` if set, else one started here from Apache Kafka's own jars.
 * Without either the tests are skipped, loudly; in CI that is a failure.
 */
import { randomBytes } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { compressSync } from "snappy";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type LocalBrokerOptions, missingForBroker, startLocalBroker } from "../../../src/demo/broker.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { kafkajs } from "../../../src/sources/kafka/kafkajs.ts";

export type ProducedRecord = {
  readonly value: string | Buffer | null;
  readonly key?: string;
  readonly partition?: number;
  readonly timestamp?: number;
};
export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export type TestBroker = {
  readonly brokers: readonly string[];
  /** Undefined when the broker is somebody else's (`KAFKA_BROKERS`): tests that need it are to be skipped. */
  readonly process:
    | { readonly kill: () => Promise<void>; readonly start: () => Promise<void>; readonly pause: () => void; readonly resume: () => void }
    | undefined;
  /** A fresh topic; resolves to its name (the given one, or a random one) once it has leaders. */
  readonly createTopic: (options?: {
    readonly name?: string;
    readonly partitions?: number;
    readonly config?: Readonly<Record<string, string>>;
  }) => Promise<string>;
  /** Gives a user READ on a topic or a group. */
  readonly allow: (user: string, what: "topic" | "group", name: string) => Promise<void>;
  readonly deleteTopic: (name: string) => Promise<void>;
  readonly addPartitions: (name: string, count: number) => Promise<void>;
  /** Deletes the records below `offset`. */
  readonly deleteRecords: (name: string, partition: number, offset: number) => Promise<void>;
  /** Writes the records as one request: one batch per partition. */
  readonly produce: (topic: string, records: readonly ProducedRecord[], compression?: Compression) => Promise<void>;
  /** Writes the records in a transaction and ends it. */
  readonly produceTransaction: (topic: string, records: readonly ProducedRecord[], end: "commit" | "abort") => Promise<void>;
  /** The end of each partition's log. */
  readonly ends: (topic: string) => Promise<number[]>;
  readonly groupOffsets: (groupId: string, topic: string) => Promise<number[]>;
  /** A second consumer of the group that reads and forgets; resolves once it holds partitions. */
  readonly joinGroup: (groupId: string, topic: string) => Promise<{ readonly leave: () => Promise<void> }>;
  readonly stop: () => Promise<void>;
};

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  CompressionCodecs,
  CompressionTypes,
  Kafka,
  Partitioners,
  logLevel,
} = kafkajs;
const CODES: Record<Compression, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/** `describe`, with a broker that is there from before the first test until after the last. */
export function describeWithBroker(
  name: string,
  tests: (broker: () => TestBroker) => void,
  /** A broker of special making, which `KAFKA_BROKERS` cannot stand in for. */
  special?: () => Promise<TestBroker>,
): void {
  const missing = process.env["KAFKA_BROKERS"] && special === undefined ? undefined : missingForBroker();
  if (missing !== undefined) {
    if (process.env["CI"]) {
      describe(name, () => {
        it("has a Kafka broker in CI", () => {
          throw new Error(`no Kafka broker can be started: ${missing}`);
        });
      });
      return;
    }
    console.warn(`\nSKIPPED: "${name}" needs a Kafka broker: ${missing}. Set KAFKA_BROKERS, or install Java 17 and Maven.\n`);
    describe.skip(name, () => tests(() => undefined as never));
    return;
  }
  describe(name, () => {
    let broker: TestBroker | undefined;
    beforeAll(async () => {
      broker = await (special ?? startBroker)();
    });
    afterAll(async () => {
      await broker?.stop();
    });
    tests(() => broker!);
  });
}

/** A broker for tests; rejects with a DriftdError that says what is missing. */
export async function startBroker(options: Pick<LocalBrokerOptions, "prepare"> = {}): Promise<TestBroker> {
  const given = options.prepare === undefined ? process.env["KAFKA_BROKERS"] : undefined;
  const local = given ? undefined : await startLocalBroker({ ...options, say: (line) => console.warn(line) });
  const brokers = given ? given.split(",") : local!.brokers;
  registerCodecs();
  // Error lines of the client are expected here: tests kill the broker.
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: "driftd-test",
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, maxRetryTime: 1000 },
  });
  const admin = kafka.admin();
  // Idempotent, for a retry writes every partition again: a new topic's partitions are not ready all at once.
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await admin.connect();
  await producer.connect();
  const open = new Set<() => Promise<void>>();
  const messages = (records: readonly ProducedRecord[]) =>
    records.map(({ value, key, partition, timestamp }) => ({
      value,
      ...(key === undefined ? {} : { key }),
      ...(partition === undefined ? {} : { partition }),
      ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    }));

  const fetchEnds = async (topic: string) => {
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  };

  return {
    brokers,
    process: local,
    createTopic: async ({ name = `t-${randomBytes(4).toString("hex")}`, partitions = 1, config = {} } = {}) => {
      const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
      await admin.createTopics({
        topics: [{ topic: name, numPartitions: partitions, replicationFactor: 1, configEntries }],
        waitForLeaders: false,
      });
      // kafkajs's own wait gives up when the broker does not know the new topic yet.
      const hasLeaders = async () => {
        const metadata = await admin.fetchTopicMetadata({ topics: [name] }).catch(() => undefined);
        const found = metadata?.topics[0]?.partitions ?? [];
        return found.length === partitions && found.every(({ leader }) => leader >= 0);
      };
      while (!(await hasLeaders())) await systemClock.sleep(50);
      return name;
    },
    allow: async (user, what, resourceName) => {
      const resourceType = what === "topic" ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP;
      const acl = { principal: `User:${user}`, host: "*", operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW };
      await admin.createAcls({ acl: [{ resourceType, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL, ...acl }] });
    },
    deleteTopic: (name) => admin.deleteTopics({ topics: [name] }),
    addPartitions: async (topic, count) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    },
    deleteRecords: async (topic, partition, offset) => {
      // Without this look first the client does not know the partition's leader.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
    },
    produce: async (topic, records, compression = "none") => {
      await producer.send({ topic, messages: messages(records), acks: -1, compression: CODES[compression] });
    },
    produceTransaction: async (topic, records, end) => {
      const transactional = kafka.producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        transactionalId: randomBytes(4).toString("hex"),
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await transactional.connect();
      const transaction = await transactional.transaction();
      await transaction.send({ topic, messages: messages(records) });
      await transaction[end]();
      await transactional.disconnect();
    },
    ends: fetchEnds,
    groupOffsets: async (groupId, topic) => {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return offsets!.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
    },
    joinGroup: async (groupId, topic) => {
      const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic] });
      await new Promise<void>((resolve, reject) => {
        consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
          if ((payload.memberAssignment[topic] ?? []).length > 0) resolve();
        });
        consumer.run({ autoCommit: false, eachBatch: async () => {} }).catch(reject);
      });
      const leave = async () => {
        open.delete(leave);
        await consumer.disconnect();
      };
      open.add(leave);
      return { leave };
    },
    stop: async () => {
      await Promise.allSettled([...[...open].map((leave) => leave()), producer.disconnect(), admin.disconnect()]);
      await local?.stop();
    },
  };
}

/** kafkajs can write gzip only; the source decodes on its own and needs none of these. */
function registerCodecs(): void {
  const codec = (compress: (bytes: Buffer) => Buffer) => () => ({
    compress: async (encoder: { buffer: Buffer }) => compress(encoder.buffer),
    decompress: async () => {
      throw new Error("the source decompresses on its own");
    },
  });
  CompressionCodecs[CompressionTypes.Snappy] = codec((bytes) => compressSync(bytes));
  CompressionCodecs[CompressionTypes.LZ4] = codec((bytes) => compressFrameSync(bytes));
  CompressionCodecs[CompressionTypes.ZSTD] = codec((bytes) => zstdCompressSync(bytes));
}
