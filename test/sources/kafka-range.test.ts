/** The finite source over a reader that does what brokers seldom do: holes of compaction, leaders that change, answers that do not come. */

import { afterEach, describe, expect, test } from "vitest";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { TopicReader } from "../../src/sources/kafka/cluster.ts";
import type { FetchedPartition } from "../../src/sources/kafka/fetch-answer.ts";
import { findRange } from "../../src/sources/kafka/range.ts";
import { splitRecordSet } from "../../src/sources/kafka/record-batch.ts";
import { createKafkaRange } from "../../src/sources/kafka-range.ts";
import type { Source } from "../../src/sources/source.ts";
import { encodeBatch } from "./kafka/batches.ts";

/** Sleeping is free, and takes the time that it would. */
function quickClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
    every: () => () => {},
  };
}

const batch = (offsets: readonly number[]) =>
  encodeBatch(offsets.map((offset) => ({ offset, timestampMs: offset, value: Buffer.from(`v${offset}`) })));

type Log = { readonly batches: readonly Buffer[]; readonly high: number };
type Step = (positions: ReadonlyMap<number, number>) => Error | undefined;

/** Answers from logs by partition, after what `step` says of the request. */
async function readerOf(logs: Readonly<Record<number, Log>>, step: Step = () => undefined, low: Readonly<Record<number, number>> = {}) {
  const asked: string[] = [];
  const reader: TopicReader = {
    connect: async () => {},
    disconnect: async () => {},
    refresh: async () => Object.keys(logs).map(Number),
    topics: async () => [],
    offsetsAt: async (partitions, ms) =>
      new Map(
        partitions.map((partition) => [partition, { offset: ms === -2 ? (low[partition] ?? 0) : logs[partition]!.high, timestampMs: 0 }]),
      ),
    fetch: async (positions) => {
      asked.push([...positions].map(([partition, at]) => `${partition}@${at}`).join(" "));
      const failure = step(positions);
      if (failure !== undefined) throw failure;
      return [
        [...positions].map(([partition, at]): FetchedPartition => {
          const { batches, high } = logs[partition]!;
          const messages = splitRecordSet(Buffer.concat(batches))!.filter(({ lastOffset }) => lastOffset >= at);
          return {
            partition,
            highWatermark: String(high),
            lastStableOffset: String(high),
            abortedTransactions: [],
            messages: messages.slice(0, 1),
          };
        }),
      ];
    },
  };
  return { reader, asked };
}

const sources: Source[] = [];
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
});

async function read(reader: TopicReader, ends: Readonly<Record<number, readonly [number, number]>>) {
  const ranges = Object.entries(ends).map(([partition, [begin, end]]) => ({ partition: Number(partition), begin, end }));
  const source = createKafkaRange({
    topic: "t",
    brokers: ["b:1"],
    clock: quickClock(),
    log: silentLog,
    reader,
    ranges,
    close: async () => {},
  });
  sources.push(source);
  const values: string[] = [];
  const chunks: string[] = [];
  const finished: number[] = [];
  const done = Promise.withResolvers<void>();
  await source.start({
    onAssign: () => "earliest",
    onPartitions: () => {},
    onChunk: (chunk) => {
      chunks.push(`${chunk.partition}: ${chunk.asked}-${chunk.next} of ${chunk.end}`);
      if (chunk.kind === "bytes") chunk.forEach((_o, _t, bytes, start, end) => void values.push(bytes.toString("utf8", start, end)));
    },
    onEnd: () => {},
    onFinished: ({ partition }) => {
      finished.push(partition);
      if (finished.length === ranges.length) done.resolve();
    },
    onRecreated: () => "earliest",
    onForeignMember: () => {},
    onFatal: done.reject,
  });
  await done.promise;
  return { values, chunks, finished, source };
}

describe("a range of a topic", () => {
  test("ends behind a hole that compaction left at its end, and within one in the middle", async () => {
    const { reader } = await readerOf({ 0: { batches: [await batch([0, 3]), await batch([7])], high: 20 }, 1: { batches: [], high: 4 } });
    const { values, finished, source } = await read(reader, { 0: [0, 20], 1: [1, 4] });
    expect([values, finished]).toEqual([
      ["v0", "v3", "v7"],
      [0, 1],
    ]);
    expect(source.status()[0]!.partitions).toMatchObject([
      { next: 20, end: 20 },
      { next: 4, end: 4 },
    ]);
  });

  test("does not take an empty answer for a hole while another partition fills the answers", async () => {
    const batches = await Promise.all(Array.from({ length: 12 }, (_, i) => batch([i])));
    const { reader } = await readerOf({ 0: { batches, high: 12 }, 1: { batches: [await batch([0])], high: 1 } });
    const hungry: TopicReader = {
      ...reader,
      // The limits leave partition 1 out for ten answers.
      fetch: async (positions, limits) => {
        const [own] = await reader.fetch(positions, limits);
        return [own!.map((data) => (data.partition === 1 && (positions.get(0) ?? 12) < 10 ? { ...data, messages: [] } : data))];
      },
    };
    const { values } = await read(hungry, { 0: [0, 12], 1: [0, 1] });
    expect(values.toSorted()).toEqual([...batches.map((_, i) => `v${i}`), "v0"].toSorted());
  });

  test("hands nothing over behind its end, and begins inside a batch", async () => {
    const { reader } = await readerOf({ 0: { batches: [await batch([0, 1, 2, 3, 4, 5])], high: 9 } });
    const { values, chunks } = await read(reader, { 0: [2, 4] });
    expect([values, chunks]).toEqual([
      ["v2", "v3"],
      ["0: 2-2 of 4", "0: 2-4 of 4"],
    ]);
  });

  test("goes on after an outage, and gives up after a minute of it", async () => {
    let failures = 5;
    const away = Object.assign(new Error("connect ECONNREFUSED"), { name: "KafkaJSConnectionError", retriable: true });
    const flaky = await readerOf({ 0: { batches: [await batch([0])], high: 1 } }, () => (failures-- > 0 ? away : undefined));
    expect((await read(flaky.reader, { 0: [0, 1] })).values).toEqual(["v0"]);
    expect(flaky.asked).toHaveLength(6);
    const gone = await readerOf({ 0: { batches: [], high: 1 } }, () => away);
    await expect(read(gone.reader, { 0: [0, 1] })).rejects.toMatchObject({ code: "KAFKA_UNREACHABLE" });
    expect(gone.asked.length).toBeGreaterThan(100);
  });

  test("gives up at once when it may not read", async () => {
    const refused = Object.assign(new Error("not authorized"), { name: "KafkaJSProtocolError", type: "TOPIC_AUTHORIZATION_FAILED" });
    const { reader, asked } = await readerOf({ 0: { batches: [], high: 1 } }, () => refused);
    await expect(read(reader, { 0: [0, 1] })).rejects.toMatchObject({ code: "KAFKA_NOT_AUTHORIZED" });
    expect(asked).toHaveLength(1);
  });

  test("is over when the topic is recreated under it", async () => {
    const { reader } = await readerOf({ 0: { batches: [], high: 3 } });
    await expect(read(reader, { 0: [5, 9] })).rejects.toMatchObject({
      code: "KAFKA_TOPIC_CHANGED",
      message: expect.stringContaining("partition 0"),
    });
    const outside = Object.assign(new Error("out of range"), { name: "KafkaJSOffsetOutOfRange" });
    const truncated = await readerOf({ 0: { batches: [], high: 9 } }, () => outside);
    await expect(read(truncated.reader, { 0: [5, 9] })).rejects.toMatchObject({ code: "KAFKA_TOPIC_CHANGED" });
  });

  test("shows what was deleted under it as a jump, and ends when all of it is gone", async () => {
    const outside = Object.assign(new Error("out of range"), { name: "KafkaJSOffsetOutOfRange" });
    const { reader } = await readerOf(
      { 0: { batches: [await batch([6])], high: 8 }, 1: { batches: [], high: 50 } },
      (positions) => ((positions.get(0) ?? 9) < 6 || positions.get(1) === 2 ? outside : undefined),
      { 0: 6, 1: 50 },
    );
    const { values, chunks } = await read(reader, { 0: [1, 8], 1: [2, 9] });
    expect(values).toEqual(["v6"]);
    expect(chunks).toContain("0: 6-6 of 8");
    expect(chunks).toContain("1: 9-9 of 9");
  });

  test("hands nothing over while it is paused, and nothing after a stop", async () => {
    const batches = await Promise.all(Array.from({ length: 40 }, (_, i) => batch([i])));
    const { reader, asked } = await readerOf({ 0: { batches, high: 40 } });
    const source = createKafkaRange({
      ...{ topic: "t", brokers: ["b:1"], clock: quickClock(), log: silentLog, reader },
      ...{ ranges: [{ partition: 0, begin: 0, end: 40 }], close: async () => {} },
    });
    let seen = 0;
    const handler = {
      ...{ onAssign: () => "earliest" as const, onPartitions: () => {}, onEnd: () => {}, onFinished: () => {}, onForeignMember: () => {} },
      ...{ onRecreated: () => "earliest" as const, onFatal: () => {} },
      onChunk: () => {
        if (++seen === 10) source.pause();
      },
    };
    await source.start(handler);
    const turns = async (n: number) => {
      for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await turns(50);
    const asking = asked.length;
    await turns(50);
    expect([seen, asked.length]).toEqual([10, asking]);
    source.resume();
    await turns(5);
    expect(seen).toBeGreaterThan(10);
    await source.stop();
    const after = seen;
    await turns(50);
    expect(seen).toBe(after);
  });
});

test("times are turned into offsets within the log: a beginning that was deleted, a time behind the last record", async () => {
  const { reader } = await readerOf({ 0: { batches: [], high: 30 }, 1: { batches: [], high: 10 } });
  const found = (offsets: readonly number[]) => new Map(offsets.map((offset, partition) => [partition, { offset, timestampMs: 0 }]));
  const at = (byTime: Readonly<Record<number, readonly number[]>>): TopicReader => ({
    ...reader,
    offsetsAt: async (_, ms) => found(byTime[ms]!),
  });
  const logs = { [-2]: [10, 0], [-1]: [30, 10] };
  const range = (more: Readonly<Record<number, readonly number[]>>, fromMs?: number, toMs?: number) =>
    findRange(at({ ...logs, ...more }), "t", { fromMs, toMs }).then((ranges) => ranges.map(({ begin, end }) => [begin, end]));
  expect(await range({})).toEqual([[10, 30], [0, 10]]); // biome-ignore format: pairs
  expect(await range({ 500: [4, -1], 900: [25, 7] }, 500, 900)).toEqual([[10, 25], [10, 10]]); // biome-ignore format: pairs
  expect(await range({ 0: [10, 0] }, -5)).toEqual([[10, 30], [0, 10]]); // biome-ignore format: pairs
  await expect(range({ 800: [-1, -1], 0: [10, 0] }, 800)).rejects.toMatchObject({ code: "KAFKA_RANGE_EMPTY" });
});
