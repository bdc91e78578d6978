/**
 * Decompresses the body of a record batch, synchronously. gzip and zstd come with Node; snappy and lz4 are optional packages,
 * loaded when the first batch asks for them.
 */
import { createRequire } from "node:module";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { coerceError, DriftdError } from "../../lib/errors.ts";

const require = createRequire(import.meta.url);
/** A batch may not unfold to more (a 1 MB batch of zeros could): the bound of memory for one batch. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** Java's snappy output is framed: this magic, two int32 versions, then blocks of (int32 length, raw snappy). librdkafka writes it raw. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

type Decompress = (body: Buffer) => Buffer;

/** Index = the codec bits of a batch's attributes. */
const CODECS: readonly { readonly name: string; readonly open: () => Decompress }[] = [
  { name: "none", open: () => (body) => body },
  { name: "gzip", open: () => (body) => gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES }) },
  { name: "snappy", open: () => openSnappy(optional<{ uncompressSync: (body: Buffer) => Buffer }>("snappy", "snappy").uncompressSync) },
  { name: "lz4", open: () => optional<{ decompressFrameSync: Decompress }>("lz4-napi", "lz4").decompressFrameSync },
  { name: "zstd", open: () => (body) => zstdDecompressSync(body, { maxOutputLength: MAX_BODY_BYTES }) },
];
const opened: (Decompress | undefined)[] = [];

/**
 * The records' bytes of a batch body.
 * @throws DriftdError KAFKA_CODEC_MISSING when the codec's optional package is not installed (fatal: every such batch would be lost);
 *   any other error means that this body is damaged.
 */
export function decompress(codec: number, body: Buffer): Buffer {
  let open = opened[codec];
  if (open === undefined) {
    const known = CODECS[codec];
    if (known === undefined) throw new Error(`unknown codec ${codec}`);
    open = opened[codec] = known.open();
  }
  return open(body);
}

/** Unwraps xerial framing where there is any; `uncompress` is the plain codec. */
export function openSnappy(uncompress: (body: Buffer) => Buffer): Decompress {
  const block: Decompress = (raw) => {
    if (snappyLength(raw) > MAX_BODY_BYTES) throw new Error("a snappy block of more than 256 MiB");
    return uncompress(raw);
  };
  return (body) => {
    if (body.length < XERIAL_HEADER_BYTES || !body.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return block(body);
    const blocks: Buffer[] = [];
    for (let at = XERIAL_HEADER_BYTES; at < body.length; ) {
      const length = body.readInt32BE(at);
      if (length < 0 || at + 4 + length > body.length) throw new Error("a snappy block that ends outside its batch");
      blocks.push(block(body.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
  };
}

/** Raw snappy begins with its uncompressed length as a varint. */
function snappyLength(raw: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5 && i < raw.length; i++) {
    length += (raw[i]! & 0x7f) * 2 ** (7 * i);
    if (raw[i]! < 0x80) return length;
  }
  throw new Error("no snappy data");
}

function optional<Module>(packageName: string, codec: string): Module {
  try {
    return require(packageName) as Module;
  } catch (thrown) {
    throw new DriftdError(
      "KAFKA_CODEC_MISSING",
      `the topic holds ${codec}-compressed batches and the optional package ${packageName} cannot be loaded`,
      {
        hint: `install it beside driftd: npm install ${packageName}`,
        cause: coerceError(thrown),
      },
    );
  }
}
