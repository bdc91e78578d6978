/** The Kafka source against a real broker: every record once, whatever the broker and the group do. */
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/log.ts";
import type { Labels } from "../../src/metrics/metrics.ts";
import { checkBrokers } from "../../src/sources/kafka/admin.ts";
import type { KafkaOptions } from "../../src/sources/kafka/options.ts";
import { createKafkaSource } from "../../src/sources/kafka.ts";
import type { Source, Start } from "../../src/sources/source.ts";
import { type Compression, describeWithBroker, type ProducedRecord, type TestBroker } from "./broker/broker.ts";
import { produceBatch, zstdBatchOf } from "./broker/produce-batch.ts";

/** What the sources of the running test said, for the reader of a failure. */
const said: string[] = [];
const say = (fields: Readonly<Record<string, unknown>>, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: say, info: say, warn: say, error: say };

/** Polls until `condition` holds; fails with what it waited for. */
async function until(what: string, condition: () => boolean, timeoutMs = 40_000): Promise<void> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  while (!condition()) {
    if (systemClock.monotonicMs() > deadline) {
      const status = sources.flatMap((source) => source.status()).map((one) => JSON.stringify(one));
      throw new Error([`waited ${timeoutMs / 1000} s in vain: ${what}`, ...status, ...said.slice(-20)].join("\n"));
    }
    await systemClock.sleep(20);
  }
}

type Seen = {
  readonly partition: number;
  readonly epoch: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly value: string | null;
};

/** A handler that counts as driftd does: it keeps a cursor, skips what is below it and notes jumps. */
function createRecorder(source: () => TestBroker, first: Start = "earliest") {
  const next = new Map<number, number>();
  const epochs = new Map<number, number>();
  const seen: Seen[] = [];
  const gaps: { readonly partition: number; readonly from: number; readonly to: number }[] = [];
  const foreign: boolean[] = [];
  const ends = new Map<number, number>();
  const fatal: Error[] = [];
  const metrics = new Map<string, number>();
  let all: readonly number[] = [];
  let assigned: readonly number[] = [];
  let longestTurnMs = 0;
  let keepValues = true;
  let records = 0;

  const handler = {
    onAssign: ({ partition }: { partition: number }): Start => {
      const offset = next.get(partition);
      return offset === undefined ? first : { offset };
    },
    onPartitions: (_source: string, known: readonly number[], ours: readonly number[]) => {
      all = known;
      assigned = ours;
    },
    onChunk: (chunk: Parameters<Parameters<Source["start"]>[0]["onChunk"]>[0]) => {
      if (chunk.kind !== "bytes") throw new Error("rows from Kafka");
      const startedMs = performance.now();
      const expected = next.get(chunk.partition);
      if (expected !== undefined && chunk.asked > expected) gaps.push({ partition: chunk.partition, from: expected, to: chunk.asked });
      chunk.forEach((offset, timestampMs, bytes, start, end) => {
        if (expected !== undefined && offset < expected) return;
        records++;
        if (!keepValues) return;
        const value = start < 0 ? null : bytes.toString("utf8", start, end);
        seen.push({ partition: chunk.partition, epoch: epochs.get(chunk.partition) ?? 0, offset, timestampMs, value });
      });
      next.set(chunk.partition, chunk.next);
      longestTurnMs = Math.max(longestTurnMs, performance.now() - startedMs);
    },
    onEnd: ({ partition }: { partition: number }, end: number) => void ends.set(partition, end),
    onFinished: () => {
      throw new Error("a topic never ends");
    },
    onRecreated: ({ partition }: { partition: number }): Start => {
      epochs.set(partition, (epochs.get(partition) ?? 0) + 1);
      next.delete(partition);
      return "earliest";
    },
    onForeignMember: (_source: string, present: boolean) => void foreign.push(present),
    onFatal: (error: Error) => void fatal.push(error),
  };
  const add = (name: string, labels: Labels = {}, by = 1) => {
    const key = `${name}${JSON.stringify(labels)}`;
    metrics.set(key, (metrics.get(key) ?? 0) + by);
  };
  const open = (topic: string, options: Partial<KafkaOptions> = {}) => {
    const opened = createKafkaSource({
      brokers: source().brokers,
      topics: [topic],
      groupId: `g-${topic}`,
      clientId: "driftd-test",
      sessionTimeoutMs: 6_000,
      metadataIntervalMs: 2_000,
      recreatedRecheckMs: 300,
      maxWaitMs: 100,
      clock: systemClock,
      log,
      metrics: {
        inc: add,
        set: (name, labels, value) => void metrics.set(`${name}${JSON.stringify(labels)}`, value),
        remove: () => {},
        observe: () => {},
      },
      ...options,
    });
    sources.push(opened);
    return opened;
  };
  return {
    handler,
    open,
    seen,
    gaps,
    foreign,
    fatal,
    ends,
    next,
    metrics,
    all: () => all,
    assigned: () => assigned,
    records: () => records,
    longestTurnMs: () => longestTurnMs,
    keepNothing: () => {
      keepValues = false;
    },
    /** Every offset that was counted, in the order of partitions and offsets, each as often as it was counted. */
    offsets: () =>
      [...seen]
        .sort((a, b) => a.partition - b.partition || a.offset - b.offset)
        .map(({ partition, offset }) => `${partition}:${offset}`)
        .join(),
    /** The values of an epoch in the order of their partitions and offsets. */
    values: (epoch = 0) =>
      seen
        .filter((record) => record.epoch === epoch)
        .sort((a, b) => a.partition - b.partition || a.offset - b.offset)
        .map(({ value }) => value),
  };
}

const sources: Source[] = [];
afterEach(async () => {
  said.length = 0;
  await Promise.all(sources.splice(0).map((source) => source.stop()));
});

const numbered = (from: number, to: number, partitions = 1): ProducedRecord[] =>
  Array.from({ length: to - from }, (_, i) => ({ value: `v${from + i}`, partition: (from + i) % partitions }));
const sorted = (records: readonly ProducedRecord[]) => [...records].sort((a, b) => a.partition! - b.partition!).map(({ value }) => value);

describeWithBroker("kafka source", (broker) => {
  it("hands over every record once, in order, with offsets, timestamps and tombstones", async () => {
    const topic = await broker().createTopic({ partitions: 2 });
    await broker().produce(topic, [
      { value: "a", partition: 0, timestamp: 1_000 },
      { value: null, key: "k", partition: 0, timestamp: 3_000 },
      { value: "", partition: 0, timestamp: 2_000 },
      { value: "ü", partition: 1, timestamp: 4_000 },
    ]);
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("four records", () => recorder.records() === 4);
    expect(
      recorder.seen.filter(({ partition }) => partition === 0).map(({ offset, timestampMs, value }) => [offset, timestampMs, value]),
    ).toEqual([
      [0, 1_000, "a"],
      [1, 3_000, null],
      [2, 2_000, ""],
    ]);
    expect(recorder.values()).toEqual(["a", null, "", "ü"]);
    expect(recorder.gaps).toEqual([]);
  });

  it.each<Compression>(["none", "gzip", "snappy", "lz4", "zstd"])("reads batches compressed with %s", async (compression) => {
    const topic = await broker().createTopic();
    const records = numbered(0, 3_000).map((record) => ({ ...record, value: `${record.value} ${"x".repeat(100)}` }));
    await broker().produce(topic, records, compression);
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("3000 records", () => recorder.records() === 3_000);
    expect(recorder.values()).toEqual(records.map(({ value }) => value));
  });

  it("proves an empty partition's end, and that it has caught up", async () => {
    const topic = await broker().createTopic({ partitions: 2 });
    await broker().produce(topic, numbered(0, 7));
    const recorder = createRecorder(broker);
    const source = recorder.open(topic);
    await source.start(recorder.handler);
    await until("both ends", () => recorder.ends.get(0) === 7 && recorder.ends.get(1) === 0);
    expect(recorder.next).toEqual(new Map([[0, 7], [1, 0]])); // biome-ignore format: pairs
    expect(source.status()[0]).toMatchObject({ connected: true, partitions: [{ next: 7, end: 7, assigned: true }, { next: 0, end: 0 }] }); // biome-ignore format: one look
  });

  it.each<[string, Start, string[]]>([
    ["earliest", "earliest", ["v2", "v3", "v4"]],
    ["an offset", { offset: 3 }, ["v3", "v4"]],
    ["a time", { timestampMs: 4_000 }, ["v4"]],
    ["a time after the last record", { timestampMs: 9_000 }, []],
    ["latest", "latest", []],
  ])("begins at %s", async (_name, start, expected) => {
    const topic = await broker().createTopic();
    await broker().produce(topic, numbered(0, 5).map((record, i) => ({ ...record, timestamp: i * 1_000 }))); // biome-ignore format: short
    await broker().deleteRecords(topic, 0, 2);
    const recorder = createRecorder(broker, start);
    await recorder.open(topic).start(recorder.handler);
    await until("the end", () => recorder.next.get(0) === 5);
    await broker().produce(topic, numbered(5, 6));
    await until("one more", () => recorder.next.get(0) === 6);
    expect(recorder.values()).toEqual([...expected, "v5"]);
    expect(recorder.gaps).toEqual([]);
  });

  it("goes on where the cursor stands after a stop, not where the group has committed", async () => {
    const topic = await broker().createTopic({ partitions: 2 });
    await broker().produce(topic, numbered(0, 100, 2));
    const recorder = createRecorder(broker);
    const first = recorder.open(topic);
    await first.start(recorder.handler);
    await until("100 records", () => recorder.records() === 100);
    await first.commit([
      { source: `kafka:${topic}`, partition: 0, next: 50 },
      { source: `kafka:${topic}`, partition: 1, next: 10 },
    ]);
    expect(await broker().groupOffsets(`g-${topic}`, topic)).toEqual([50, 10]);
    const stopAt = systemClock.monotonicMs();
    await first.stop();
    expect(systemClock.monotonicMs() - stopAt).toBeLessThan(2_000);
    await broker().produce(topic, numbered(100, 200, 2));
    await recorder.open(topic).start(recorder.handler);
    await until("200 records", () => recorder.records() === 200);
    expect(recorder.values()).toEqual(sorted(numbered(0, 200, 2)));
  });

  it("hands nothing over while paused, and everything after", async () => {
    const topic = await broker().createTopic();
    const recorder = createRecorder(broker);
    const source = recorder.open(topic);
    await source.start(recorder.handler);
    await until("the first answer", () => recorder.ends.get(0) === 0);
    source.pause();
    await broker().produce(topic, numbered(0, 1_000));
    await systemClock.sleep(500);
    expect(recorder.records()).toBe(0);
    source.resume();
    await until("1000 records", () => recorder.records() === 1_000);
  });

  it("reads a batch of 400,000 tiny records without a long turn", async () => {
    const topic = await broker().createTopic();
    await produceBatch(broker().brokers[0]!, topic, zstdBatchOf(400_000, "1"));
    const recorder = createRecorder(broker);
    recorder.keepNothing();
    await recorder.open(topic).start(recorder.handler);
    await until("400000 records", () => recorder.records() === 400_000);
    expect(recorder.next.get(0)).toBe(400_000);
  });

  it("reads messages of 5 MB among small ones", async () => {
    const topic = await broker().createTopic({ config: { "max.message.bytes": "20000000" } });
    const big = "x".repeat(5_000_000);
    await broker().produce(topic, [{ value: "before" }]);
    await broker().produce(topic, [{ value: big }]);
    await broker().produce(topic, [{ value: "after" }]);
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("three records", () => recorder.records() === 3);
    expect(recorder.values().map((value) => value?.length)).toEqual([6, 5_000_000, 5]);
  });

  it("leaves aborted transactions out and passes over their ends", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, [{ value: "plain" }]);
    await broker().produceTransaction(topic, [{ value: "aborted" }], "abort");
    await broker().produceTransaction(topic, [{ value: "committed" }], "commit");
    await broker().produceTransaction(topic, [{ value: "aborted too" }], "abort");
    // Four records and the ends of three transactions.
    const end = 7;
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("the end", () => recorder.next.get(0) === end);
    expect(recorder.values()).toEqual(["plain", "committed"]);
    expect(recorder.gaps).toEqual([]);
  });

  it("shows records deleted before they were read as a jump, and reads what is left", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, numbered(0, 10));
    const recorder = createRecorder(broker);
    const first = recorder.open(topic);
    await first.start(recorder.handler);
    await until("10 records", () => recorder.records() === 10);
    await first.stop();
    await broker().produce(topic, numbered(10, 30));
    await broker().deleteRecords(topic, 0, 25);
    await recorder.open(topic).start(recorder.handler);
    await until("the end", () => recorder.next.get(0) === 30);
    expect(recorder.gaps).toEqual([{ partition: 0, from: 10, to: 25 }]);
    expect(recorder.values().slice(10)).toEqual(["v25", "v26", "v27", "v28", "v29"]);
  });

  it("tells when another member joins the group and when it is alone again; no record is missed or counted twice", async () => {
    const topic = await broker().createTopic({ partitions: 4 });
    await broker().produce(topic, numbered(0, 400, 4));
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("400 records", () => recorder.records() === 400);
    expect(recorder.foreign).toEqual([]);
    const other = await broker().joinGroup(`g-${topic}`, topic);
    await until("a foreign member", () => recorder.foreign.at(-1) === true);
    expect(recorder.assigned().length).toBeLessThan(4);
    await broker().produce(topic, numbered(400, 800, 4));
    await other.leave();
    await until("alone again", () => recorder.foreign.at(-1) === false);
    await until("800 records", () => recorder.records() === 800);
    expect(recorder.foreign).toEqual([true, false]);
    expect(recorder.values().join()).toBe(sorted(numbered(0, 800, 4)).join());
    expect(recorder.gaps).toEqual([]);
  });

  it("finds added partitions, reads them from their beginning and takes nobody for foreign", async () => {
    const topic = await broker().createTopic({ partitions: 4 });
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("four partitions", () => recorder.assigned().length === 4);
    await broker().addPartitions(topic, 6);
    await broker().produce(topic, numbered(0, 600, 6));
    await until("six partitions", () => recorder.assigned().length === 6 && recorder.all().length === 6);
    await until("600 records", () => recorder.records() === 600);
    expect(recorder.values().join()).toBe(sorted(numbered(0, 600, 6)).join());
    expect(recorder.foreign).toEqual([]);
  });

  it("notices a topic that was deleted and made again, and reads the new one from its beginning", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, numbered(0, 50));
    const recorder = createRecorder(broker);
    await recorder.open(topic).start(recorder.handler);
    await until("50 records", () => recorder.records() === 50);
    await broker().deleteTopic(topic);
    await broker().createTopic({ name: topic });
    await broker().produce(topic, numbered(100, 110));
    await until("the new topic's records", () => recorder.values(1).length === 10);
    expect(recorder.values(0)).toEqual(numbered(0, 50).map(({ value }) => value));
    expect(recorder.values(1)).toEqual(numbered(100, 110).map(({ value }) => value));
    expect(recorder.gaps).toEqual([]);
    expect(recorder.fatal).toEqual([]);
  });

  it("says in words that a topic does not exist", async () => {
    const recorder = createRecorder(broker);
    await expect(recorder.open("no-such-topic").start(recorder.handler)).rejects.toMatchObject({ code: "KAFKA_UNKNOWN_TOPIC" });
    const { brokers } = broker();
    await expect(checkBrokers({ brokers, clientId: "c", topics: ["no-such-topic"] })).rejects.toMatchObject({
      code: "KAFKA_UNKNOWN_TOPIC",
    });
    const topic = await broker().createTopic({ partitions: 3 });
    expect(await checkBrokers({ brokers, clientId: "c", topics: [topic] })).toEqual({ topics: [{ name: topic, partitions: 3 }] });
    await expect(checkBrokers({ brokers, clientId: "c", topics: [topic], ssl: true })).rejects.toMatchObject({ code: "KAFKA_TLS" });
  });

  it("waits for brokers that are away at the start, and stops while waiting", async () => {
    const recorder = createRecorder(broker);
    const source = recorder.open("t", { brokers: ["127.0.0.1:1"] });
    const started = source.start(recorder.handler);
    await until("a problem in words", () => /no broker can be reached/.test(source.status()[0]?.problem ?? ""));
    await source.stop();
    await started;
    expect(recorder.fatal).toEqual([]);
  });

  it("survives SIGKILL of the broker: every record once, nothing lost", async ({ skip }) => {
    const control = broker().process;
    if (control === undefined) return skip();
    const topic = await broker().createTopic({ partitions: 4 });
    await broker().produce(topic, numbered(0, 20_000, 4));
    const recorder = createRecorder(broker);
    const source = recorder.open(topic);
    await source.start(recorder.handler);
    await until("some records", () => recorder.records() > 0);
    await control.kill();
    await until("a problem", () => source.status()[0]?.connected === false, 20_000);
    await control.start();
    await broker().produce(topic, numbered(20_000, 24_000, 4));
    const ends = await broker().ends(topic);
    await until("the ends", () => ends.every((end, partition) => recorder.next.get(partition) === end));
    // The producer may have written a record twice while the broker died; each offset counts once, and no value is missing.
    expect(recorder.offsets()).toBe(
      ends.flatMap((end, partition) => Array.from({ length: end }, (_, offset) => `${partition}:${offset}`)).join(),
    );
    expect(new Set(recorder.values()).size).toBe(24_000);
    expect(recorder.gaps).toEqual([]);
    expect(recorder.fatal).toEqual([]);
    await until("no problem", () => source.status()[0]?.connected === true);
  });

  it("replaces a client that hears nothing, as often as it takes, and goes on where it was", async ({ skip }) => {
    const control = broker().process;
    if (control === undefined) return skip();
    const topic = await broker().createTopic({ partitions: 2 });
    await broker().produce(topic, numbered(0, 100, 2));
    const recorder = createRecorder(broker);
    const source = recorder.open(topic, { fetchSilenceMs: 1_500 });
    await source.start(recorder.handler);
    await until("100 records", () => recorder.records() === 100);
    await control.kill();
    await until("no client", () => /^no client/.test(source.status()[0]?.problem ?? ""));
    expect(recorder.assigned()).toEqual([]);
    await until("an attempt that failed", () => /no broker can be reached|ECONNREFUSED/.test(source.status()[0]?.problem ?? ""));
    await control.start();
    await broker().produce(topic, numbered(100, 200, 2));
    await until("200 records", () => recorder.records() >= 200);
    expect(recorder.values().join()).toBe(sorted(numbered(0, 200, 2)).join());
    expect(recorder.fatal).toEqual([]);
  });

  it("survives a broker that hangs for longer than the session, without a record counted twice", async ({ skip }) => {
    const control = broker().process;
    if (control === undefined) return skip();
    const topic = await broker().createTopic({ partitions: 2 });
    await broker().produce(topic, numbered(0, 1_000, 2));
    const recorder = createRecorder(broker);
    const source = recorder.open(topic);
    await source.start(recorder.handler);
    await until("1000 records", () => recorder.records() === 1_000);
    control.pause();
    await until("a problem", () => source.status()[0]?.connected === false, 20_000);
    control.resume();
    await broker().produce(topic, numbered(1_000, 2_000, 2));
    await until("2000 records", () => recorder.records() >= 2_000);
    expect(recorder.values().join()).toBe(sorted(numbered(0, 2_000, 2)).join());
  });
});
