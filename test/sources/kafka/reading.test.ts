import { describe, expect, it } from "vitest";
import { createFetchAnswer, type FetchedPartition } from "../../../src/sources/kafka/fetch-answer.ts";
import { createTopicStates, partitionOf } from "../../../src/sources/kafka/partitions.ts";
import { createReading, type Flow } from "../../../src/sources/kafka/reading.ts";
import { splitRecordSet } from "../../../src/sources/kafka/record-batch.ts";
import type { Turn } from "../../../src/sources/kafka/turn.ts";
import type { SourceHandler } from "../../../src/sources/source.ts";
import { encodeBatch, encodeEnd } from "./batches.ts";

const batchOf = (from: number, to: number, fields = {}) =>
  encodeBatch(
    Array.from({ length: to - from }, (_, i) => ({ offset: from + i, timestampMs: 1_000 + i, value: Buffer.from(`v${from + i}`) })),
    fields,
  );

/** One partition that stands at `next`, and a record of everything that reading does. */
function setUp(
  next: number,
  {
    spent = () => false,
    wanted = () => true,
    monotonicMs = () => 1,
    firstRecords = 500,
  }: {
    readonly spent?: () => boolean;
    readonly wanted?: () => boolean;
    readonly monotonicMs?: () => number;
    readonly firstRecords?: number;
  } = {},
) {
  const topic = createTopicStates(["t"]).get("t")!;
  const state = partitionOf(topic, 0);
  state.next = next;
  const log: string[] = [];
  const visited: string[] = [];
  const handler: SourceHandler = {
    onAssign: () => "earliest",
    onPartitions: () => {},
    onChunk: (chunk) => {
      let records = 0;
      if (chunk.kind === "bytes") {
        chunk.forEach((offset, _timestampMs, bytes, start, end) => {
          records++;
          visited.push(`${offset}=${start < 0 ? null : bytes.toString("utf8", start, end)}`);
        });
      }
      log.push(`chunk ${chunk.asked}-${chunk.next} of ${chunk.end}, ${records} records`);
    },
    onEnd: (_partition, end) => log.push(`end ${end}`),
    onFinished: () => {},
    onRecreated: () => "earliest",
    onForeignMember: () => {},
    onFatal: () => {},
  };
  const turn: Turn = { spent, next: async () => void log.push("turn") };
  const read = createReading({
    handler,
    turn,
    monotonicMs,
    firstRecords,
    doubt: () => log.push("doubt"),
    rewound: () => log.push("rewound"),
    damaged: (_state, batch, error) => log.push(`damaged ${batch.baseOffset}-${batch.lastOffset + 1}: ${error.message}`),
  });
  const flow: Flow = { wanted, resolve: (to) => log.push(`resolve ${to}`), heartbeat: async () => void log.push("heartbeat") };
  const answer = (fetched: number, end: number, set: readonly Buffer[], more: Partial<FetchedPartition> = {}) =>
    read(
      topic,
      state,
      createFetchAnswer("t", String(fetched), {
        partition: 0,
        highWatermark: String(end),
        lastStableOffset: String(end),
        abortedTransactions: [],
        messages: splitRecordSet(Buffer.concat(set))!,
        ...more,
      }),
      flow,
    );
  return { topic, state, log, visited, answer };
}

describe("reading", () => {
  it("hands a batch over and says where the log ends", async () => {
    const { answer, log, visited, state, topic } = setUp(5);
    await answer(5, 8, [await batchOf(5, 8)]);
    expect(log).toEqual(["chunk 5-8 of 8, 3 records", "resolve 8", "end 8"]);
    expect(visited).toEqual(["5=v5", "6=v6", "7=v7"]);
    expect(state).toMatchObject({ next: 8, end: 8, timestampMs: 1_002 });
    expect(topic).toMatchObject({ records: 3, bytes: 6 });
  });

  it("tells the position with an empty chunk once when there is nothing to read, and the end each time", async () => {
    const { answer, log } = setUp(5);
    await answer(5, 5, []);
    await answer(5, 5, []);
    expect(log).toEqual(["chunk 5-5 of 5, 0 records", "resolve 5", "end 5", "end 5"]);
  });

  it("passes over the records of a batch that begins before the position", async () => {
    const { answer, visited } = setUp(7);
    await answer(7, 8, [await batchOf(5, 8)]);
    expect(visited).toEqual(["7=v7"]);
  });

  it("hands nothing over again when the client has gone back", async () => {
    const { answer, log, visited } = setUp(7);
    await answer(5, 8, [await batchOf(5, 8)]);
    expect(log).toEqual(["rewound"]);
    expect(visited).toEqual([]);
  });

  it.each([
    ["the log ends before the position", 7, 3, false],
    ["the client begins anew and the log ends before the position", 0, 3, false],
    ["the broker said out of range and the new log is already longer", 0, 20, true],
  ])("doubts the position when %s", async (_name, fetched, end, outOfRange) => {
    const { answer, log, state } = setUp(7);
    state.outOfRange = outOfRange;
    await answer(fetched, end, []);
    expect(log).toEqual(["doubt"]);
    expect(state.next).toBe(7);
  });

  it("shows a position beyond the expected one as what was asked for", async () => {
    const { answer, log, state } = setUp(7);
    state.outOfRange = true;
    await answer(20, 22, [await batchOf(20, 22)]);
    expect(log[0]).toBe("chunk 20-22 of 22, 2 records");
    expect(state.outOfRange).toBe(false);
  });

  it("shows it too when there is nothing to read there yet", async () => {
    const { answer, log, state } = setUp(7);
    state.announced = true;
    await answer(20, 20, []);
    expect(log).toEqual(["chunk 20-20 of 20, 0 records", "resolve 20", "end 20"]);
  });

  it("moves over a transaction's end and an aborted transaction without a loss", async () => {
    const { answer, log, visited } = setUp(5);
    const set = [
      await batchOf(5, 7),
      await batchOf(7, 9, { transactional: true, producerId: 3 }),
      await encodeEnd(9, 3, "abort"),
      await batchOf(10, 11),
    ];
    await answer(5, 12, [...set, await encodeEnd(11, 4, "commit")], { abortedTransactions: [{ producerId: "3", firstOffset: "7" }] });
    expect(visited).toEqual(["5=v5", "6=v6", "10=v10"]);
    expect(log.filter((line) => line.startsWith("chunk"))).toEqual([
      "chunk 5-7 of 12, 2 records",
      "chunk 7-11 of 12, 1 records",
      "chunk 11-12 of 12, 0 records",
    ]);
  });

  it("skips a damaged batch, which then shows as a jump, and reads its neighbours", async () => {
    const { answer, log, visited } = setUp(0);
    const broken = await batchOf(2, 4);
    broken[broken.length - 3]! ^= 1;
    await answer(0, 6, [await batchOf(0, 2), broken, await batchOf(4, 6)]);
    expect(log.filter((line) => !line.startsWith("resolve"))).toEqual([
      "chunk 0-2 of 6, 2 records",
      "damaged 2-4: its checksum is wrong",
      "chunk 4-6 of 6, 2 records",
      "end 6",
    ]);
    expect(visited).toEqual(["0=v0", "1=v1", "4=v4", "5=v5"]);
  });

  it("tells the jump over a damaged batch also when nothing follows it", async () => {
    const { answer, log } = setUp(2);
    const broken = await batchOf(2, 4);
    broken[broken.length - 3]! ^= 1;
    await answer(2, 4, [broken]);
    expect(log).toEqual(["damaged 2-4: its checksum is wrong", "chunk 4-4 of 4, 0 records", "resolve 4", "end 4"]);
  });

  it("does not believe a damaged header about where the batch ends", async () => {
    const { answer, log } = setUp(2);
    const broken = await batchOf(2, 4);
    broken.writeInt32BE(1_000_000, 23);
    await answer(2, 4, [broken]);
    expect(log).toContain("chunk 3-3 of 4, 0 records");
  });

  it("loses only the rest of a batch whose records stop making sense", async () => {
    const { answer, log, visited } = setUp(0);
    const [whole] = splitRecordSet(await batchOf(0, 700))!;
    // Fewer bytes than records, with a checksum that fits.
    const { crc32c } = await import("../../../src/sources/kafka/crc32c.ts");
    const cut = (await batchOf(0, 700)).subarray(0, 61 + Math.floor(whole!.body.length * 0.9));
    const bytes = Buffer.from(cut);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
    await answer(0, 700, [bytes]);
    expect(log.filter((line) => !line.startsWith("resolve"))).toEqual([
      "chunk 0-500 of 700, 500 records",
      expect.stringMatching(/^damaged 0-700: .* cannot be right$/),
      "chunk 700-700 of 700, 0 records",
      "end 700",
    ]);
    expect(visited).toHaveLength(500);
  });

  it("gives the loop back between slices and keeps the membership alive", async () => {
    const { answer, log } = setUp(0, { spent: () => true });
    await answer(0, 1_200, [await batchOf(0, 1_200)]);
    expect(log).toEqual([
      "chunk 0-500 of 1200, 500 records",
      "resolve 500",
      "turn",
      "heartbeat",
      "chunk 500-1000 of 1200, 500 records",
      "resolve 1000",
      "turn",
      "heartbeat",
      "chunk 1000-1200 of 1200, 200 records",
      "resolve 1200",
      "turn",
      "heartbeat",
      "end 1200",
    ]);
  });

  it("begins with short slices and keeps to what two milliseconds are enough for", async () => {
    let nowMs = 0;
    let sliceMs = 0;
    const { answer, log } = setUp(0, { firstRecords: 32, monotonicMs: () => (nowMs += sliceMs) });
    const sizes = () => log.splice(0).flatMap((line) => /, (\d+) records$/.exec(line)?.[1] ?? []);
    await answer(0, 1_200, [await batchOf(0, 1_200)]);
    expect(sizes()).toEqual(["32", "64", "128", "256", "500", "220"]);
    sliceMs = 4;
    await answer(1_200, 2_400, [await batchOf(1_200, 2_400)]);
    expect(sizes()).toEqual(["500", "250", "125", "62", "31", "15", "7", "3", "1", "1", ...new Array<string>(205).fill("1")]);
  });

  it("stops within a batch as soon as it is not wanted, at a position from which it can go on", async () => {
    let asked = 0;
    const { answer, log, state } = setUp(0, { wanted: () => ++asked < 2 });
    await answer(0, 1_200, [await batchOf(0, 1_200)]);
    expect(log).toEqual(["chunk 0-500 of 1200, 500 records", "resolve 500", "chunk 500-1000 of 1200, 500 records", "resolve 1000"]);
    expect(state.next).toBe(1_000);
  });

  it("reads messages of the formats before Kafka 0.11", async () => {
    const { answer, visited, log } = setUp(4);
    const messages = [
      { offset: "3", timestamp: "9", value: Buffer.from("old") },
      { offset: "4", timestamp: "10", value: Buffer.from("a") },
      { offset: "5", timestamp: "-1", value: null },
    ];
    await answer(4, 6, [], { messages });
    expect(visited).toEqual(["4=a", "5=null"]);
    expect(log.at(-1)).toBe("end 6");
  });

  it("passes on what the handler throws", async () => {
    const { answer, state } = setUp(0);
    Object.defineProperty(state, "announced", {
      set: () => {
        throw new Error("a bug");
      },
      get: () => false,
    });
    await expect(answer(0, 1, [await batchOf(0, 1)])).rejects.toThrow("a bug");
  });
});
