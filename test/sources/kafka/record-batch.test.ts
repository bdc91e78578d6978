import { describe, expect, it } from "vitest";
import { createTransactionFilter, splitRecordSet } from "../../../src/sources/kafka/record-batch.ts";
import { encodeBatch, encodeEnd } from "./batches.ts";

const batch = (offset: number, producerId?: number) =>
  encodeBatch([{ offset, timestampMs: 5, value: Buffer.from("v") }], producerId === undefined ? {} : { transactional: true, producerId });

describe("record set", () => {
  it("is cut into its batches", async () => {
    const bytes = Buffer.concat([await batch(3), await batch(4), await batch(9)]);
    expect(splitRecordSet(bytes)!.map(({ baseOffset, lastOffset, count, codec }) => [baseOffset, lastOffset, count, codec])).toEqual([
      [3, 3, 1, 0],
      [4, 4, 1, 0],
      [9, 9, 1, 0],
    ]);
  });

  it("leaves out a batch that the fetch's byte limit has cut off", async () => {
    const bytes = Buffer.concat([await batch(3), await batch(4)]);
    for (let cut = 1; cut < bytes.length / 2; cut++) expect(splitRecordSet(bytes.subarray(0, bytes.length - cut))).toHaveLength(1);
  });

  it("is not taken for format 2 when it is older", () => {
    const old = Buffer.alloc(80);
    old.writeInt8(1, 16);
    expect(splitRecordSet(old)).toBeUndefined();
  });

  it("may be empty", () => {
    expect(splitRecordSet(Buffer.alloc(0))).toEqual([]);
  });
});

describe("transaction filter", () => {
  const kept = (parts: readonly Buffer[], aborted: readonly { producerId: string; firstOffset: string }[]) => {
    const counts = createTransactionFilter(aborted);
    return splitRecordSet(Buffer.concat(parts))!
      .filter(counts)
      .map(({ baseOffset }) => baseOffset);
  };

  it("drops aborted transactions and every end of one, and keeps the rest", async () => {
    const parts = [
      await batch(0),
      await batch(1, 7),
      await encodeEnd(2, 7, "abort"),
      await batch(3, 7),
      await encodeEnd(4, 7, "commit"),
      await batch(5),
    ];
    expect(kept(parts, [{ producerId: "7", firstOffset: "1" }])).toEqual([0, 3, 5]);
  });

  it("tells interleaved transactions apart, also when the answer begins within them", async () => {
    const parts = [
      await batch(15, 8),
      await batch(16, 7),
      await batch(17, 9),
      await encodeEnd(18, 8, "abort"),
      await batch(19, 8),
      await encodeEnd(20, 7, "abort"),
    ];
    const aborted = [
      { producerId: "8", firstOffset: "11" },
      { producerId: "7", firstOffset: "10" },
    ];
    expect(kept(parts, aborted)).toEqual([17, 19]);
  });
});
