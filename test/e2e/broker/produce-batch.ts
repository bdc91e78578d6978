/**
 * Writes one record batch of any size with a Produce request of our own: kafkajs's producer copies its list for every message,
 * so that 400,000 of them would take an hour.
 */
import { createRequire } from "node:module";
import { connect } from "node:net";
import { zstdCompressSync } from "node:zlib";
import { crc32c } from "../../../src/sources/kafka/crc32c.ts";

const require = createRequire(import.meta.url);
type Encoder = {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeUInt32(value: number): Encoder;
  writeInt64(value: number): Encoder;
  writeVarInt(value: number): Encoder;
  writeString(value: string | null): Encoder;
  writeBytes(value: Buffer): Encoder;
  writeBuffer(value: Buffer): Encoder;
};
const Encoder = require("kafkajs/src/protocol/encoder.js") as new () => Encoder;
const PRODUCE_VERSION = 7;

/** A record batch of format 2, zstd, of `count` records with this value. */
export function zstdBatchOf(count: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  const records = new Encoder();
  for (let i = 0; i < count; i++) {
    // attributes, timestamp delta, offset delta, no key, value, no headers
    const record = new Encoder()
      .writeInt8(0)
      .writeVarInt(0)
      .writeVarInt(i)
      .writeVarInt(-1)
      .writeVarInt(bytes.length)
      .writeBuffer(bytes)
      .writeVarInt(0);
    records.writeVarInt(record.buffer.length).writeBuffer(record.buffer);
  }
  const nowMs = 1_700_000_000_000;
  const checked = new Encoder()
    .writeInt16(4)
    .writeInt32(count - 1)
    .writeInt64(nowMs)
    .writeInt64(nowMs)
    .writeInt64(-1)
    .writeInt16(-1)
    .writeInt32(-1);
  checked.writeInt32(count).writeBuffer(zstdCompressSync(records.buffer));
  const batch = new Encoder().writeInt32(-1).writeInt8(2).writeUInt32(crc32c(checked.buffer)).writeBuffer(checked.buffer);
  return new Encoder().writeInt64(0).writeBytes(batch.buffer).buffer;
}

/** Sends the batch to partition 0 of the topic; rejects with the broker's error code. */
export async function produceBatch(broker: string, topic: string, batch: Buffer): Promise<void> {
  const [host, port] = broker.split(":");
  const body = new Encoder().writeInt16(0).writeInt16(PRODUCE_VERSION).writeInt32(1).writeString("driftd-test");
  body.writeString(null).writeInt16(-1).writeInt32(30_000).writeInt32(1).writeString(topic).writeInt32(1).writeInt32(0).writeBytes(batch);
  const socket = connect(Number(port), host);
  try {
    socket.write(new Encoder().writeBytes(body.buffer).buffer);
    let answer = Buffer.alloc(0);
    for await (const part of socket) {
      answer = Buffer.concat([answer, part as Buffer]);
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) break;
    }
    // size, correlation id, one topic with its name, one partition, its number, its error
    const errorAt = 4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4;
    const error = answer.readInt16BE(errorAt);
    if (error !== 0) throw new Error(`the broker refuses the batch: error code ${error}`);
  } finally {
    socket.destroy();
  }
}
