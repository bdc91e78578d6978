import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitRecordSet } from "../../../src/sources/kafka/record-batch.ts";
import { createRecordWalk, newRecordSlice, SLICE_RECORDS } from "../../../src/sources/kafka/record-walk.ts";
import { decodeStock, encodeBatch, type WrittenRecord, withAttributes } from "./batches.ts";

type Walked = { readonly offset: number; readonly timestampMs: number; readonly value: string | null };

/** All records of a batch as the walk gives them, and the sizes of its slices. */
function walkAll(bytes: Buffer, from = 0): { readonly records: Walked[]; readonly slices: number[] } {
  const [batch] = splitRecordSet(bytes)!;
  const slice = newRecordSlice();
  const walk = createRecordWalk(batch!, batch!.body, from);
  const records: Walked[] = [];
  const slices: number[] = [];
  for (let more = true; more; ) {
    more = walk.fill(slice);
    slices.push(slice.records);
    for (let i = 0; i < slice.records; i++) {
      const start = slice.starts[i]!;
      const value = start < 0 ? null : batch!.body.toString("hex", start, slice.ends[i]);
      records.push({ offset: slice.offsets[i]!, timestampMs: slice.timestamps[i]!, value });
    }
  }
  return { records, slices };
}

const text = (offset: number, value: string): WrittenRecord => ({
  offset,
  timestampMs: 1_700_000_000_000 + offset,
  value: Buffer.from(value),
});

describe("record walk", () => {
  it("gives offsets, timestamps and values of a batch with keys, headers, an empty value and a tombstone", async () => {
    const bytes = await encodeBatch([
      { offset: 7, timestampMs: 1_000, key: Buffer.from("key"), value: Buffer.from("value"), headers: { a: "b", c: "d" } },
      { offset: 9, timestampMs: 500, value: Buffer.alloc(0) },
      { offset: 300, timestampMs: 2_000_000, key: Buffer.alloc(0), value: null },
    ]);
    expect(walkAll(bytes).records).toEqual([
      { offset: 7, timestampMs: 1_000, value: Buffer.from("value").toString("hex") },
      { offset: 9, timestampMs: 500, value: "" },
      { offset: 300, timestampMs: 2_000_000, value: null },
    ]);
  });

  it("passes over the records below the position that was asked for", async () => {
    const bytes = await encodeBatch([text(10, "a"), text(11, "b"), text(12, "c")]);
    expect(walkAll(bytes, 11).records.map(({ offset }) => offset)).toEqual([11, 12]);
  });

  it("gives the broker's time for a topic with LogAppendTime", async () => {
    const bytes = withAttributes(await encodeBatch([text(0, "a"), text(5, "b")]), 0x08);
    expect(walkAll(bytes).records.map(({ timestampMs }) => timestampMs)).toEqual([1_700_000_000_005, 1_700_000_000_005]);
  });

  it("gives no time when the producer gave none", async () => {
    const bytes = await encodeBatch([{ offset: 0, timestampMs: -1, value: Buffer.from("a") }]);
    expect(walkAll(bytes).records).toEqual([{ offset: 0, timestampMs: Number.NaN, value: "61" }]);
  });

  it("keeps offsets and times above 2^32 exact", async () => {
    const far = 2 ** 45 + 3;
    const bytes = await encodeBatch([
      { offset: far, timestampMs: 4_102_444_800_123, value: null },
      { offset: far + 1, timestampMs: 4_102_444_800_123 - 3e12, value: null },
    ]);
    expect(walkAll(bytes).records.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [far, 4_102_444_800_123],
      [far + 1, 1_102_444_800_123],
    ]);
  });

  it("gives at most 500 records at a time", async () => {
    const bytes = await encodeBatch(Array.from({ length: 1_203 }, (_, i) => text(i, "x")));
    expect(walkAll(bytes).slices).toEqual([SLICE_RECORDS, SLICE_RECORDS, 203]);
  });

  it("gives large records in slices of about half a megabyte", async () => {
    const bytes = await encodeBatch(Array.from({ length: 10 }, (_, i) => text(i, "x".repeat(200_000))));
    expect(walkAll(bytes).slices).toEqual([3, 3, 3, 1]);
  });

  it("agrees with kafkajs's own decoder on any batch", async () => {
    const anyRecord = fc.record({
      step: fc.integer({ min: 1, max: 1_000_000 }),
      timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      key: fc.option(fc.uint8Array({ maxLength: 200 })),
      value: fc.option(fc.uint8Array({ maxLength: 400 })),
      headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), fc.string({ maxLength: 100 }), { maxKeys: 3 }),
    });
    const anyBatch = fc.tuple(fc.integer({ min: 0, max: 2 ** 40 }), fc.array(anyRecord, { minLength: 1, maxLength: 40 }));
    await fc.assert(
      fc.asyncProperty(anyBatch, async ([base, steps]) => {
        let offset = base;
        const written = steps.map(({ step, timestampMs, key, value, headers }, i): WrittenRecord => {
          offset += i === 0 ? 0 : step;
          return { offset, timestampMs, key: key && Buffer.from(key), value: value && Buffer.from(value), headers: { ...headers } };
        });
        const bytes = await encodeBatch(written);
        const stock = await decodeStock(bytes);
        expect(walkAll(bytes, base).records).toEqual(
          stock.map((record) => ({
            offset: Number(record.offset),
            timestampMs: Number(record.timestamp),
            value: record.value === null ? null : record.value.toString("hex"),
          })),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("never leaves the batch's bytes, whatever is damaged in them", async () => {
    const bytes = await encodeBatch(Array.from({ length: 20 }, (_, i) => text(i, `value ${i}`)));
    const anyDamage = fc.array(fc.tuple(fc.integer({ min: 57, max: bytes.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(anyDamage, (damage) => {
        const damaged = Buffer.from(bytes);
        for (const [at, byte] of damage) damaged[at] = byte;
        const [batch] = splitRecordSet(damaged)!;
        const slice = newRecordSlice();
        const walk = createRecordWalk(batch!, batch!.body, 0);
        try {
          for (let more = true; more; ) {
            more = walk.fill(slice);
            for (let i = 0; i < slice.records; i++) {
              if (slice.starts[i]! >= 0) expect(slice.ends[i]!).toBeGreaterThanOrEqual(slice.starts[i]!);
              expect(slice.ends[i]!).toBeLessThanOrEqual(batch!.body.length);
              expect(slice.offsets[i]!).toBeLessThanOrEqual(batch!.lastOffset);
            }
          }
        } catch (thrown) {
          expect(String(thrown)).toMatch(/that cannot be right/);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
