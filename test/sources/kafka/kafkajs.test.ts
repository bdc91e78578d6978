import { createRequire } from "node:module";
import { describe, expect, it, vi } from "vitest";
import { kafkajs } from "../../../src/sources/kafka/kafkajs.ts";
import { encodeBatch } from "./batches.ts";

const require = createRequire(import.meta.url);

type Encoder = {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: number): Encoder;
  writeString(value: string): Encoder;
  writeBytes(value: Buffer): Encoder;
};

describe("kafkajs as it is loaded", () => {
  it("is exactly the version that the corrections were tested with", () => {
    const installed = require("kafkajs/package.json") as { version: string };
    const { dependencies } = require("../../../package.json") as { dependencies: Record<string, string> };
    expect(installed.version).toBe("2.2.4");
    expect(dependencies["kafkajs"]).toBe("2.2.4");
  });

  it("is one copy: who requires it later gets the corrected one", () => {
    expect(require("kafkajs")).toBe(kafkajs);
  });

  it("sets no timer for a connection on which nothing is pending", () => {
    const RequestQueue = require("kafkajs/src/network/requestQueue/index.js") as new (
      options: object,
    ) => {
      pending: unknown[];
      throttleCheckTimeoutId: NodeJS.Timeout | null;
      checkPendingRequests(): void;
      scheduleCheckPendingRequests(): void;
      destroy(): void;
    };
    const logger = { debug: () => {} };
    const queue = new RequestQueue({ maxInFlightRequests: null, requestTimeout: 1_000, clientId: "c", broker: "b", logger });
    queue.checkPendingRequests();
    expect(queue.throttleCheckTimeoutId).toBeNull();
    queue.pending.push({});
    queue.scheduleCheckPendingRequests();
    expect(queue.throttleCheckTimeoutId).not.toBeNull();
    queue.destroy();
  });

  it("times a request out within a second of its time", () => {
    vi.useFakeTimers();
    try {
      const RequestQueue = require("kafkajs/src/network/requestQueue/index.js") as new (
        options: object,
      ) => { inflight: Map<number, object>; scheduleRequestTimeoutCheck(): void; destroy(): void };
      const queue = new RequestQueue({ maxInFlightRequests: null, requestTimeout: 30_000, enforceRequestTimeout: true, logger: {} });
      const timedOut: number[] = [];
      for (const requestTimeout of [5_000, 30_000]) {
        queue.inflight.set(requestTimeout, { sentAt: Date.now(), requestTimeout, timeoutRequest: () => timedOut.push(requestTimeout) });
      }
      queue.scheduleRequestTimeoutCheck();
      vi.advanceTimersByTime(5_000);
      expect(timedOut).toEqual([]);
      vi.advanceTimersByTime(1_000);
      expect(timedOut).toEqual([5_000]);
      queue.destroy();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("decodes a fetch into whole record batches, also an empty answer, and shows each to eachBatch", async () => {
    const Encoder = require("kafkajs/src/protocol/encoder.js") as new () => Encoder;
    const { decode } = require("kafkajs/src/protocol/requests/fetch/v11/response.js") as {
      decode(bytes: Buffer): Promise<{ responses: { topicName: string; partitions: { partition: number; messages: object[] }[] }[] }>;
    };
    const records = Array.from({ length: 300 }, (_, i) => ({ offset: 40 + i, timestampMs: 1, value: Buffer.from("v") }));
    const answer = new Encoder().writeInt32(0).writeInt16(0).writeInt32(0).writeInt32(1).writeString("t").writeInt32(2);
    for (const [partition, set] of [await encodeBatch(records), Buffer.alloc(0)].entries()) {
      // partition, error, high watermark, last stable offset, log start, no aborted transactions, no preferred replica
      answer.writeInt32(partition).writeInt16(0).writeInt64(340).writeInt64(340).writeInt64(0).writeInt32(0).writeInt32(-1).writeBytes(set);
    }
    const { responses } = await decode(answer.buffer);
    const [full, empty] = responses[0]!.partitions;
    expect(full!.messages).toMatchObject([{ kind: "batch", baseOffset: 40, lastOffset: 339, count: 300 }]);
    expect(empty!.messages).toEqual([]);

    const Batch = require("kafkajs/src/consumer/batch.js") as new (
      topic: string,
      fetchedOffset: string,
      data: object,
    ) => Record<string, () => unknown>;
    const shown = new Batch("t", "340", empty!);
    expect(shown).toMatchObject({ topic: "t", partition: 1, fetchedOffset: "340", highWatermark: "340", items: [] });
    // What kafkajs's runner asks before it calls eachBatch.
    expect([shown["isEmpty"]!(), shown["isEmptyDueToFiltering"]!(), shown["lastOffset"]!()]).toEqual([false, false, "339"]);
  });
});
