/** The table of decoders: one line for each format of a message. */

import type { FieldPaths } from "./fields.ts";
import { createJsonDecoder } from "./json.ts";
import type { BytesDecoder } from "./record.ts";

export type DecoderOptions = { readonly paths: FieldPaths; readonly transportTime: boolean; readonly maxBytes: number };

/** Format name → decoder. */
export const decoders = {
  json: (options: DecoderOptions): BytesDecoder => createJsonDecoder(options),
} as const;
