/** A real broker with a filled topic, and a folder with the daemon's configuration: what the benches over Kafka share. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalBroker } from "../../src/demo/broker.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import { kafkajs } from "../../src/sources/kafka/kafkajs.ts";
import { MODEL, TRAFFIC_FROM_MS } from "./model.ts";
import { buildReference, createRecords } from "./records.ts";

const PARTITIONS = 4;
/** 76 records of 860 bytes are one batch of 64 kB. */
const BATCH_RECORDS = 76;

export type Stage = {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Records in the topic. */
  readonly records: number;
  /** Mean size of a record's value. */
  readonly bytes: number;
  /** Writes a configuration with a store of its own; gives its path. */
  readonly configure: () => Promise<string>;
};

/** Runs `act` with a broker (`KAFKA_BROKERS`, or one of our own) whose topic holds `records` records over `hours` hours of event time. */
export async function withTopic(records: number, hours: number, act: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-bench-"));
  const given = process.env["KAFKA_BROKERS"];
  const local = given === undefined ? await startLocalBroker({ say: (line) => process.stderr.write(`${line}\n`) }) : undefined;
  const brokers = local?.brokers ?? given!.split(",");
  const topic = `bench-${process.pid}`;
  const client = new kafkajs.Kafka({ clientId: "driftd-bench", brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING });
  try {
    await saveSnapshot(await buildReference(folder), join(folder, "fraud.reference.json"));
    const bytes = await fill(client, topic, records, hours);
    let stores = 0;
    await act({
      brokers,
      topic,
      records,
      bytes: bytes / Math.max(1, records),
      configure: async () => {
        const path = join(folder, `driftd-${++stores}.yaml`);
        await writeFile(path, configuration(brokers, topic, stores, await freePort()));
        return path;
      },
    });
  } finally {
    if (local === undefined) await deleteTopic(client, topic);
    await local?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function configuration(brokers: readonly string[], topic: string, run: number, port: number): string {
  return [
    `kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(", ")}], topics: [${topic}], group_id: ${topic}-${run}, start: earliest }`,
    `store: { path: driftd-${run}.db }`,
    `http: { listen: "127.0.0.1:${port}" }`,
    "log: { level: warn, format: json }",
    `models: [{ name: ${MODEL}, reference: fraud.reference.json }]`,
    "",
  ].join("\n");
}

/** Resolves to the bytes of all values. Records go round the partitions; their event times rise evenly. */
async function fill(client: InstanceType<typeof kafkajs.Kafka>, topic: string, records: number, hours: number): Promise<number> {
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }], waitForLeaders: true });
  await admin.disconnect();
  if (records === 0) return 0;
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const next = createRecords(1);
  const stepMs = (hours * 3_600_000) / records;
  let bytes = 0;
  for (let at = 0; at < records; ) {
    const messages = [];
    for (let i = 0; i < PARTITIONS * BATCH_RECORDS && at < records; i++, at++) {
      const value = next(TRAFFIC_FROM_MS + Math.floor(at * stepMs));
      bytes += Buffer.byteLength(value);
      messages.push({ value, partition: i % PARTITIONS });
    }
    await producer.send({ topic, messages, acks: 1 });
  }
  await producer.disconnect();
  return bytes;
}

async function deleteTopic(client: InstanceType<typeof kafkajs.Kafka>, topic: string): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
