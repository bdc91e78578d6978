/** The demonstration's topic: a real broker on this machine, and the inference log written into four partitions. */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { kafkajs } from "../sources/kafka/kafkajs.ts";
import { startLocalBroker } from "./broker.ts";

const TOPIC = "inference-log";
const PARTITIONS = 4;
const BATCH = 2_000;

export type DemoTopic = { readonly brokers: readonly string[]; readonly stop: () => Promise<void> };

/** Starts a broker and produces the file's lines, one message each, dealt out over the partitions in order. */
export async function startTopic(path: string, say: (text: string) => void): Promise<DemoTopic> {
  const broker = await startLocalBroker({ say });
  try {
    const client = new kafkajs.Kafka({
      clientId: "driftd-demo",
      brokers: [...broker.brokers],
      logLevel: kafkajs.logLevel.NOTHING, // what fails for good is thrown
      retry: { retries: 8 },
    });
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }] });
    await admin.disconnect();
    // Idempotent: a retry after a lost answer must not write a record twice.
    const producer = client.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    let messages: { value: string; partition: number }[] = [];
    let count = 0;
    const send = async () => {
      if (messages.length > 0) await producer.send({ topic: TOPIC, messages });
      messages = [];
    };
    for await (const line of createInterface({ input: createReadStream(path) })) {
      messages.push({ value: line, partition: count++ % PARTITIONS });
      if (messages.length >= BATCH) await send();
    }
    await send();
    await producer.disconnect();
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return { brokers: broker.brokers, stop: broker.stop };
}
