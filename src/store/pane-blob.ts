/**
 * A pane's row as bytes: most counts of a pane are 0, so counts are written as pairs of varints (zeros skipped, count), about 2 bytes for
 * each occupied slot. Moments are their float64 bits, little-endian, or nothing when no numeric value was counted.
 */

import { newMoments } from "../panes/moments.ts";
import { MOMENT_FIELDS, type RowLayout } from "../reference/layout.ts";

/** A varint of 32 bits has at most this many bytes. */
const MAX_VARINT = 5;

let scratch = new Uint8Array(64 * 1024);

/** The counts as bytes (a copy: nothing of it is reused). */
export function encodeCounts(counts: Uint32Array): Uint8Array {
  let at = 0;
  let zeros = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count === 0) {
      zeros++;
      continue;
    }
    if (at + 2 * MAX_VARINT > scratch.length) {
      const larger = new Uint8Array(scratch.length * 2);
      larger.set(scratch);
      scratch = larger;
    }
    at = writeVarint(scratch, at, zeros);
    at = writeVarint(scratch, at, count);
    zeros = 0;
  }
  return scratch.slice(0, at);
}

/** The counts of a row of `slots`. Throws RangeError when the bytes do not fit the row. */
export function decodeCounts(bytes: Uint8Array, slots: number): Uint32Array {
  const counts = new Uint32Array(slots);
  let at = 0;
  let slot = 0;
  function readVarint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("a pane's counts are cut off");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }
  while (at < bytes.length) {
    slot += readVarint();
    if (slot >= slots) throw new RangeError(`a pane's counts have more than ${slots} slots`);
    counts[slot++] = readVarint();
  }
  return counts;
}

/** The moments as bytes; none when all counts are 0. */
export function encodeMoments(moments: Float64Array): Uint8Array {
  let any = false;
  for (let at = 0; at < moments.length; at += MOMENT_FIELDS) any ||= moments[at] !== 0;
  if (!any) return new Uint8Array(0);
  const bytes = new Uint8Array(moments.length * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < moments.length; i++) view.setFloat64(i * 8, moments[i]!, true);
  return bytes;
}

/** The moments of a row. Throws RangeError when the bytes do not fit the row. */
export function decodeMoments(bytes: Uint8Array, { numeric }: RowLayout): Float64Array {
  const moments = newMoments(numeric);
  if (bytes.length === 0) return moments;
  if (bytes.length !== moments.length * 8) throw new RangeError(`a pane's moments have ${bytes.length} bytes, not ${moments.length * 8}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < moments.length; i++) moments[i] = view.getFloat64(i * 8, true);
  return moments;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}
