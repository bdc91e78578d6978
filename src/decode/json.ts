/** The JSON decoder: one UTF-8 JSON object per message, with configurable paths. The portable path and the oracle of any faster one. */

import { isUtf8 } from "node:buffer";
import { createFieldReader, type FieldPaths } from "./fields.ts";
import type { BytesDecoder } from "./record.ts";

export type JsonDecoderOptions = {
  readonly paths: FieldPaths;
  /** True: the transport's timestamp is the event time, for all records; the record's own is not looked at. */
  readonly transportTime: boolean;
  /** Longer messages are `too_large` and not parsed. */
  readonly maxBytes: number;
};

/**
 * Makes the decoder. A null message is a `tombstone`; text that is not UTF-8 or not JSON is a `decode_error`. Of a key that stands twice the
 * last one counts, as `JSON.parse` has it.
 */
export function createJsonDecoder(options: JsonDecoderOptions): BytesDecoder {
  const readFields = createFieldReader(options.paths);
  const { transportTime, maxBytes } = options;
  return (bytes, start, end, timestampMs, into) => {
    if (start < 0) return "tombstone";
    if (end - start > maxBytes) return "too_large";
    let from = start;
    if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) from = start + 3; // a byte order mark
    const text = bytes.toString("utf8", from, end);
    // U+FFFD is what a broken byte becomes; the search costs nothing on one-byte strings.
    if (text.includes("\ufffd") && !isUtf8(bytes.subarray(from, end))) return "decode_error";
    let root: unknown;
    try {
      root = JSON.parse(text);
    } catch {
      return "decode_error";
    }
    return readFields(root, transportTime ? timestampMs : undefined, into);
  };
}
