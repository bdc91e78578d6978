/**
 * Prints every message of a topic as NDJSON `{partition, offset, timestampMs, value, key, headers}`, by stock kafkajs: a process of its own, because the
 * source mends kafkajs inside the process that it runs in. Usage: node read-topic.ts BROKERS TOPIC
 */

import { Kafka, logLevel } from "kafkajs";

const [brokers, topic] = process.argv.slice(2) as [string, string];
const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING, retry: { retries: 20 } });
const admin = kafka.admin();
await admin.connect();
const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
await admin.disconnect();
const consumer = kafka.consumer({ groupId: `read-topic-${process.pid}`, maxWaitTimeInMs: 100 });
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
const open = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
await new Promise<void>((resolve, reject) => {
  if (open.size === 0) resolve();
  const read = consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch: { partition, messages } }) => {
      for (const { offset, timestamp, value, key, headers = {} } of messages) {
        const texts = { value: value?.toString() ?? null, key: key?.toString() ?? null };
        const named = Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, String(header)]));
        const record = { partition, offset: Number(offset), timestampMs: Number(timestamp), ...texts, headers: named };
        process.stdout.write(`${JSON.stringify(record)}\n`);
        if (Number(offset) === (ends.get(partition) as number) - 1) open.delete(partition);
      }
      if (open.size === 0) resolve();
    },
  });
  read.catch(reject);
});
await consumer.disconnect();
