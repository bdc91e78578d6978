import { describe, expect, test } from "vitest";

import { systemClock } from "../../src/lib/clock.ts";
import { DriftdError } from "../../src/lib/errors.ts";
import { createKafkaTopic } from "../../src/outputs/kafka-topic.ts";
import type { OutboxMessage } from "../../src/outputs/output.ts";
import type { KafkaProducer } from "../../src/sources/kafka/producer.ts";

const message: OutboxMessage = Object.freeze({
  ...{ id: "msg_1", output: "topic", type: "driftd.drift.firing", model: "flights", version: "1", createdAtMs: 0 },
  body: '{"type":"driftd.drift.firing","data":{"n":1.10}}',
});
const never = new AbortController().signal;

function open(send: KafkaProducer["send"], opened = { count: 0, closed: 0 }) {
  const delivery = { name: "topic", timeoutMs: 50, maxAttempts: 10, expiryMs: 1000, concurrency: undefined };
  const access = { brokers: ["s3cr3t-host:9092"], clientId: "driftd", ssl: undefined, sasl: undefined };
  return createKafkaTopic(
    { type: "kafka", topic: "requests", access, ...delivery },
    {
      clock: systemClock,
      open: async () => {
        opened.count++;
        return { send, close: async () => void opened.closed++ };
      },
    },
  );
}

describe("the output kafka", () => {
  test("writes the body as it is, keyed by model, with the id in a header", async () => {
    const sent: unknown[] = [];
    const output = await open(async (topic, record) => void sent.push({ topic, ...record }));
    expect(await output.send(message, never)).toEqual({ ok: true, excerpt: "written to requests" });
    expect(sent).toEqual([
      {
        topic: "requests",
        key: "flights",
        value: message.body,
        headers: {
          "webhook-id": "msg_1",
          "driftd-type": "driftd.drift.firing",
          "driftd-model": "flights",
          "driftd-version": "1",
          "content-type": "application/json",
        },
      },
    ]);
  });

  const kafkaError = (type: string) => Object.assign(new Error("s3cr3t-host:9092"), { name: "KafkaJSProtocolError", type });
  test.each([
    [
      "a leader that moves",
      kafkaError("NOT_LEADER_FOR_PARTITION"),
      { failure: "connection", retry: true, excerpt: "NOT_LEADER_FOR_PARTITION" },
    ],
    ["a record that is too large", kafkaError("MESSAGE_TOO_LARGE"), { failure: "connection", retry: false, excerpt: "MESSAGE_TOO_LARGE" }],
    ["no right", kafkaError("TOPIC_AUTHORIZATION_FAILED"), { failure: "http_4xx", retry: true, excerpt: "TOPIC_AUTHORIZATION_FAILED" }],
    [
      "the root of an error",
      new Error("gave up", { cause: kafkaError("REQUEST_TIMED_OUT") }),
      { failure: "connection", retry: true, excerpt: "REQUEST_TIMED_OUT" },
    ],
    [
      "a secret that is gone",
      new DriftdError("SECRET_UNREADABLE", "/s3cr3t"),
      { failure: "secret", retry: true, excerpt: "SECRET_UNREADABLE" },
    ],
  ])("%s", async (_name, thrown, verdict) => {
    const output = await open(() => Promise.reject(thrown));
    const result = await output.send(message, never);
    expect(result).toEqual({ ok: false, ...verdict });
    expect(JSON.stringify(result)).not.toContain("s3cr3t");
  });

  test("gives up in time, and begins with a new producer after a failure", async () => {
    const opened = { count: 0, closed: 0 };
    let hang = true;
    const output = await open((_topic, _record, signal) => {
      if (!hang) return Promise.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    }, opened);
    expect(await output.send(message, never)).toMatchObject({ ok: false, failure: "timeout", retry: true });
    hang = false;
    expect(await output.send(message, never)).toMatchObject({ ok: true });
    await output.close();
    expect(opened).toEqual({ count: 2, closed: 2 });
  });
});
