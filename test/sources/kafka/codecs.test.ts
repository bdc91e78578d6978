import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { compressSync } from "snappy";
import { describe, expect, it } from "vitest";
import { decompress, openSnappy } from "../../../src/sources/kafka/codecs.ts";
import { crc32c } from "../../../src/sources/kafka/crc32c.ts";

const body = Buffer.from("some records, some records, some records ".repeat(1_000));

/** Java's framing: magic, two version numbers, then blocks with their lengths. */
function xerial(blocks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = blocks.flatMap((block) => {
    const raw = compressSync(block);
    const length = Buffer.alloc(4);
    length.writeInt32BE(raw.length);
    return [length, raw];
  });
  return Buffer.concat([header, ...framed]);
}

describe("codecs", () => {
  it.each([
    ["none", 0, body],
    ["gzip", 1, gzipSync(body)],
    ["raw snappy, as librdkafka writes it", 2, compressSync(body)],
    ["framed snappy, as Java writes it", 2, xerial([body])],
    ["framed snappy of several blocks", 2, xerial([body.subarray(0, 10_000), body.subarray(10_000, 10_001), body.subarray(10_001)])],
    ["lz4", 3, compressFrameSync(body)],
    ["zstd", 4, zstdCompressSync(body)],
  ])("unpack %s", (_name, codec, compressed) => {
    expect(decompress(codec, compressed).equals(body)).toBe(true);
  });

  it.each([
    ["gzip", 1],
    ["snappy", 2],
    ["lz4", 3],
    ["zstd", 4],
    ["a codec that does not exist", 5],
  ])("throw on damaged %s", (_name, codec) => {
    expect(() => decompress(codec, Buffer.from("no such thing at all, no such thing at all"))).toThrow();
  });

  it("throw on a framed block that ends outside its batch", () => {
    const framed = xerial([body]);
    expect(() => decompress(2, framed.subarray(0, framed.length - 1))).toThrow("a snappy block that ends outside its batch");
  });

  it("refuse a block that unfolds to more than 256 MiB before unfolding it", () => {
    let unfolded = 0;
    const unpack = openSnappy((raw) => {
      unfolded++;
      return raw;
    });
    expect(() => unpack(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]))).toThrow("more than 256 MiB");
    expect(unfolded).toBe(0);
  });
});

describe("crc32c", () => {
  const require = createRequire(import.meta.url);
  const reference = require("kafkajs/src/protocol/recordBatch/crc32C/index.js") as (bytes: Buffer) => number;

  it("gives the check value of the polynomial", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("agrees with a byte-by-byte table at every length and alignment", () => {
    for (let from = 0; from < 5; from++) {
      for (let length = 0; length < 70; length++) {
        const part = body.subarray(from, from + length);
        expect(crc32c(part)).toBe(reference(part));
      }
    }
  });
});
