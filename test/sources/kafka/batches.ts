/** Record batches made by kafkajs's own encoder, for the tests of the walk that replaces its decoder. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
type Encoder = { readonly buffer: Buffer };
type Long = { toString(): string };
const Long = require("kafkajs/src/utils/long.js") as { fromValue(value: string | number): Long };
const Record = require("kafkajs/src/protocol/recordBatch/record/v0/index.js") as (fields: object) => Encoder;
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0/index.js") as { RecordBatch: (fields: object) => Promise<Encoder> };
const stockDecoder = require("kafkajs/src/protocol/recordBatch/v0/decoder.js") as (decoder: object) => Promise<{ records: StockRecord[] }>;
const Decoder = require("kafkajs/src/protocol/decoder.js") as new (bytes: Buffer) => object;

export type StockRecord = { readonly offset: string; readonly timestamp: string; readonly value: Buffer | null };
export type WrittenRecord = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key?: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
};
export type BatchFields = { readonly transactional?: boolean; readonly producerId?: number; readonly codec?: number };

/** The bytes of one batch with these records; offsets must ascend. */
export async function encodeBatch(records: readonly WrittenRecord[], fields: BatchFields = {}): Promise<Buffer> {
  const [first] = records;
  const firstOffset = first!.offset;
  const firstTimestamp = first!.timestampMs;
  const encoder = await RecordBatch({
    compression: fields.codec ?? 0,
    firstOffset: Long.fromValue(firstOffset),
    firstTimestamp,
    maxTimestamp: Math.max(...records.map(({ timestampMs }) => timestampMs)),
    lastOffsetDelta: records.at(-1)!.offset - firstOffset,
    transactional: fields.transactional ?? false,
    producerId: Long.fromValue(fields.producerId ?? -1),
    records: records.map(({ offset, timestampMs, key = null, value, headers = {} }) =>
      Record({ offsetDelta: offset - firstOffset, timestampDelta: timestampMs - firstTimestamp, key, value, headers }),
    ),
  });
  return encoder.buffer;
}

/** What kafkajs's own decoder makes of the bytes. */
export async function decodeStock(batch: Buffer): Promise<StockRecord[]> {
  return (await stockDecoder(new Decoder(batch))).records;
}

/** The batch as a control batch that ends a transaction: its one record's key says how. */
export async function encodeEnd(offset: number, producerId: number, end: "commit" | "abort"): Promise<Buffer> {
  const key = Buffer.from([0, 0, 0, end === "commit" ? 1 : 0]);
  const batch = await encodeBatch([{ offset, timestampMs: 0, key, value: Buffer.alloc(6) }], { transactional: true, producerId });
  return withAttributes(batch, 0x30);
}

/** The batch with other attribute bits and a checksum to match. */
export function withAttributes(batch: Buffer, attributes: number): Buffer {
  const crc32c = require("kafkajs/src/protocol/recordBatch/crc32C/index.js") as (bytes: Buffer) => number;
  const copy = Buffer.from(batch);
  copy.writeInt16BE(attributes, 21);
  copy.writeUInt32BE(crc32c(copy.subarray(21)), 17);
  return copy;
}
