/** The output `kafka` against a real broker: what consumers see, and what happens when the topic or the broker is not there. */

import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { freePort } from "../../src/demo/broker.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createKafkaTopic } from "../../src/outputs/kafka-topic.ts";
import type { OutboxMessage } from "../../src/outputs/output.ts";
import { run } from "../support/daemon.ts";
import { describeWithBroker } from "./broker/broker.ts";

const READ_TOPIC = fileURLToPath(new URL("../support/read-topic.ts", import.meta.url));
const never = new AbortController().signal;
const message = (id: string): OutboxMessage => ({
  ...{ id, output: "requests", type: "driftd.retrain.requested", model: "flights", version: "1", createdAtMs: 0 },
  body: `{"type":"driftd.retrain.requested","data":{"request_id":"${id}","n":1.10}}`,
});

function open(topic: string, brokers: readonly string[], timeoutMs = 20_000) {
  const access = { brokers, clientId: "driftd-test", ssl: undefined, sasl: undefined };
  const delivery = { name: "requests", timeoutMs, maxAttempts: 10, expiryMs: 60_000, concurrency: undefined };
  return createKafkaTopic({ type: "kafka", topic, access, ...delivery }, { clock: systemClock });
}

describeWithBroker("the output kafka", (broker) => {
  it("writes messages in order, keyed by model, with their ids in a header", async () => {
    const topic = await broker().createTopic({ partitions: 4 });
    const output = await open(topic, broker().brokers);
    for (const id of ["msg_1", "msg_2", "msg_3"]) expect(await output.send(message(id), never)).toMatchObject({ ok: true });
    await output.close();
    const { stdout } = await run([READ_TOPIC, broker().brokers.join(","), topic]);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // One key, one partition, in order.
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    expect(records).toMatchObject(
      ["msg_1", "msg_2", "msg_3"].map((id) => ({
        key: "flights",
        value: message(id).body,
        headers: { "webhook-id": id, "driftd-type": "driftd.retrain.requested" },
      })),
    );
  });

  it("says that a topic is not there, and that a broker is not", async () => {
    const output = await open("no-such-topic", broker().brokers, 8_000);
    expect(await output.send(message("msg_4"), never)).toMatchObject({ ok: false, retry: true });
    await output.close();
    const nobody = await open("requests", [`127.0.0.1:${await freePort()}`], 3_000);
    const beganMs = systemClock.monotonicMs();
    expect(await nobody.send(message("msg_5"), never)).toMatchObject({ ok: false, retry: true });
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(6_000);
    await nobody.close();
  });
});
