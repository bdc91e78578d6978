/** The JSON decoder: one UTF-8 JSON object per message, with configurable paths. The portable path and the oracle of any faster one. */

import { isUtf8 } from "node:buffer";
import { createFieldReader, type FieldPaths } from "./fields.ts";
import { type BytesDecoder, newRecord } from "./record.ts";

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
  let text = "";

  // The last message once more, its long integers as text. Made for the first that is asked for, and kept for the others of the message.
  const reread = newRecord();
  let rereadText: string | undefined;
  function longInteger(from: "features" | "prediction", key: string): string | undefined {
    if (rereadText !== text) {
      readFields(JSON.parse(text, keepLongInteger as (key: string, value: unknown) => unknown), 0, reread);
      rereadText = text;
    }
    const value = from === "prediction" ? reread.prediction : Object.hasOwn(reread.features, key) ? reread.features[key] : undefined;
    return typeof value === "string" ? value : undefined;
  }

  return (bytes, start, end, timestampMs, into) => {
    if (start < 0) return "tombstone";
    if (end - start > maxBytes) return "too_large";
    let from = start;
    if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) from = start + 3; // a byte order mark
    text = bytes.toString("utf8", from, end);
    // U+FFFD is what a broken byte becomes; the search costs nothing on one-byte strings.
    if (text.includes("\ufffd") && !isUtf8(bytes.subarray(from, end))) return "decode_error";
    let root: unknown;
    try {
      root = JSON.parse(text);
    } catch {
      return "decode_error";
    }
    into.longInteger = longInteger;
    return readFields(root, transportTime ? timestampMs : undefined, into);
  };
}

/** A reviver that leaves a whole number beyond 2^53 as it is written. */
function keepLongInteger(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const long = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return long && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}
