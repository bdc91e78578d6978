/**
 * The record batches (format 2, KIP-98) in the bytes of a fetch: headers only, nothing is decompressed or copied here.
 * Which of them count (control batches, aborted transactions) is decided per batch as well.
 */

/** A record batch as it lies in the answer of a fetch; `body` and `checked` are borrowed from that answer. */
export type RecordBatch = {
  readonly kind: "batch";
  readonly baseOffset: number;
  /** The last offset that the batch covers; compaction may have removed the record itself. */
  readonly lastOffset: number;
  readonly count: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number;
  readonly logAppendTime: boolean;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly control: boolean;
  readonly transactional: boolean;
  readonly producerId: bigint;
  readonly crc: number;
  /** What the CRC-32C is over: from the attributes to the end. */
  readonly checked: Buffer;
  /** The records, compressed as `codec` says. */
  readonly body: Buffer;
};

export type AbortedTransaction = { readonly producerId: string; readonly firstOffset: string };

const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const HEADER_BYTES = 61;
/** `Length` counts from here. */
const AFTER_LENGTH = 12;

/**
 * Cuts the record set of one partition into its batches; a batch cut off at the end by the fetch's byte limit is left out.
 * Returns undefined for the message formats before Kafka 0.11 (magic 0 and 1).
 */
export function splitRecordSet(bytes: Buffer): RecordBatch[] | undefined {
  const batches: RecordBatch[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const magic = bytes.readInt8(at + MAGIC_AT);
    const length = bytes.readInt32BE(at + LENGTH_AT);
    const end = at + AFTER_LENGTH + length;
    if (magic < 2 && batches.length === 0) return undefined;
    // A length that cannot be right ends the walk: the next fetch begins at what was understood.
    if (magic !== 2 || length < HEADER_BYTES - AFTER_LENGTH || end > bytes.length) break;
    const attributes = bytes.readInt16BE(at + ATTRIBUTES_AT);
    const baseOffset = readInt64(bytes, at);
    batches.push({
      kind: "batch",
      baseOffset,
      lastOffset: baseOffset + bytes.readInt32BE(at + 23),
      count: bytes.readInt32BE(at + 57),
      codec: attributes & 0x07,
      logAppendTime: (attributes & 0x08) !== 0,
      transactional: (attributes & 0x10) !== 0,
      control: (attributes & 0x20) !== 0,
      baseTimestampMs: readInt64(bytes, at + 27),
      maxTimestampMs: readInt64(bytes, at + 35),
      producerId: bytes.readBigInt64BE(at + 43),
      crc: bytes.readUInt32BE(at + CRC_AT),
      checked: bytes.subarray(at + ATTRIBUTES_AT, end),
      body: bytes.subarray(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return batches;
}

/** How many bytes at the beginning of a record set are of the formats before Kafka 0.11; batches of format 2 may follow. */
export function legacyBytes(bytes: Buffer): number {
  let at = 0;
  while (at + MAGIC_AT < bytes.length && bytes.readInt8(at + MAGIC_AT) < 2)
    at += AFTER_LENGTH + Math.max(0, bytes.readInt32BE(at + LENGTH_AT));
  return Math.min(at, bytes.length);
}

/**
 * Says, batch after batch in the order of the log, whether a batch is to be read: not a control batch, not of an aborted transaction.
 * The broker names the aborted transactions that overlap the answer; their ends are the control batches in it (as Kafka's own client does).
 */
export function createTransactionFilter(aborted: readonly AbortedTransaction[]): (batch: RecordBatch) => boolean {
  const waiting = aborted
    .map((one) => ({ producerId: BigInt(one.producerId), from: Number(one.firstOffset) }))
    .sort((a, b) => a.from - b.from);
  const open = new Set<bigint>();
  return (batch) => {
    while (waiting.length > 0 && waiting[0]!.from <= batch.lastOffset) open.add(waiting.shift()!.producerId);
    if (batch.control) {
      if (isAbortMarker(batch)) open.delete(batch.producerId);
      return false;
    }
    return !(batch.transactional && open.has(batch.producerId));
  };
}

/** A control record's key is version (int16), type (int16): 0 aborts, 1 commits. Before it: length, attributes, two deltas, key length, one byte each. */
function isAbortMarker(batch: RecordBatch): boolean {
  return batch.body.length >= 9 && batch.body.readInt16BE(7) === 0;
}

/** A big-endian int64 as a number: exact below 2^53, which offsets and epoch milliseconds never leave. */
function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}
