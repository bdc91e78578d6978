/**
 * The baseline of the benches over Kafka, as a child process: kafkajs as it is published, `eachBatch` and `JSON.parse`, nothing else. Must not
 * import `src/sources/kafka/kafkajs.ts`, which mends kafkajs for its whole process. Arguments: brokers, topic, group, and either a number of
 * records or `idle` and a number of seconds, or `join`.
 */

import { performance } from "node:perf_hooks";
import { Kafka, logLevel } from "kafkajs";
import { cpuSeconds } from "./figure.ts";
import { type LoopReport, watchLoop } from "./loop-watch.ts";

export type StockRun = { readonly seconds: number; readonly cpuSeconds: number; readonly parsed: number; readonly loop: LoopReport };

const [brokers, topic, group, what, count] = process.argv.slice(2) as [string, string, string, string, string];
const records = what === "idle" || what === "join" ? Number.POSITIVE_INFINITY : Number(what);
const client = new Kafka({ clientId: "stock", brokers: brokers.split(","), logLevel: logLevel.NOTHING });
// The same size of an answer as driftd asks for: faster than kafkajs's own 1 MiB, too.
const consumer = client.consumer({ groupId: group, maxBytesPerPartition: 256 * 1024 });
let parsed = 0;
let withModel = 0;
let beganMs = 0;
let cpu = 0;
let watch: ReturnType<typeof watchLoop> | undefined;
const done = Promise.withResolvers<StockRun>();
const joined = new Promise<void>((resolve) => {
  consumer.on(consumer.events.GROUP_JOIN, () => resolve());
});

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: true,
  autoCommitInterval: 5_000,
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    if (parsed === 0) {
      beganMs = performance.now();
      cpu = cpuSeconds();
      // Watched as the daemon is: it costs both the same.
      if (records < Number.POSITIVE_INFINITY) watch = watchLoop();
    }
    for (const { value, offset } of batch.messages) {
      if (value !== null && (JSON.parse(value.toString()) as { model?: string }).model !== undefined) withModel++;
      parsed++;
      resolveOffset(offset);
    }
    await heartbeat();
    if (parsed >= records) {
      done.resolve({
        seconds: (performance.now() - beganMs) / 1000,
        cpuSeconds: cpuSeconds() - cpu,
        parsed: withModel,
        loop: watch!.stop(),
      });
    }
  },
});

if (what === "join") {
  await joined;
  process.send!({ seconds: performance.now() / 1000 });
} else if (what === "idle") {
  await joined;
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  cpu = cpuSeconds();
  await new Promise((resolve) => setTimeout(resolve, Number(count) * 1000));
  process.send!({ cpuSeconds: cpuSeconds() - cpu });
} else process.send!(await done.promise);
await consumer.disconnect();
process.disconnect();
