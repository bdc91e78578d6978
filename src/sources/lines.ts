/**
 * A byte stream cut into lines, handed over as borrowed byte ranges: the NDJSON half of the file source. It decodes nothing.
 *
 * A line is ended by `\n`; a `\r` before it is left to the decoder (JSON takes it as white space). Blank lines are no records and have no position.
 */

/** A line that grows beyond this without an end is cut: its rest is dropped, and the decoder sees a record that is too large. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Lines of one block: `starts[i]` to `ends[i]` (exclusive) of `bytes`, `count` of them. Borrowed until the next block. */
export type LineBlock = { bytes: Buffer; starts: number[]; ends: number[]; count: number };

/** Cuts blocks of bytes into lines; a line that crosses blocks is carried over. `finish` gives the last line when it has no newline. */
export function createLineCutter(maxLineBytes = MAX_LINE_BYTES) {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let cutting = false; // inside a line that was already cut

  function carry(rest: Buffer): void {
    const room = maxLineBytes - carriedBytes;
    if (room <= 0) {
      cutting = true;
      return;
    }
    carried.push(Buffer.from(rest.subarray(0, room))); // a copy: the stream may reuse its buffer
    carriedBytes += Math.min(rest.length, room);
  }

  function takeCarried(): Buffer {
    const line = carried.length === 1 ? (carried[0] as Buffer) : Buffer.concat(carried);
    carried = [];
    carriedBytes = 0;
    cutting = false;
    return line;
  }

  return {
    *push(block: Buffer): Generator<LineBlock> {
      let from = 0;
      const first = block.indexOf(NEWLINE);
      if (carriedBytes > 0 || cutting) {
        if (first < 0) {
          carry(block);
          return;
        }
        carry(block.subarray(0, first));
        const line = takeCarried();
        if (!isBlank(line, 0, line.length)) yield { bytes: line, starts: [0], ends: [line.length], count: 1 };
        from = first + 1;
      }
      const lines: LineBlock = { bytes: block, starts: [], ends: [], count: 0 };
      for (let end = block.indexOf(NEWLINE, from); end >= 0; end = block.indexOf(NEWLINE, from)) {
        if (!isBlank(block, from, end)) {
          lines.starts.push(from);
          lines.ends.push(end);
          lines.count++;
        }
        from = end + 1;
      }
      if (lines.count > 0) yield lines;
      if (from < block.length) carry(block.subarray(from));
    },
    finish(): LineBlock | undefined {
      if (carriedBytes === 0) return undefined;
      const line = takeCarried();
      return isBlank(line, 0, line.length) ? undefined : { bytes: line, starts: [0], ends: [line.length], count: 1 };
    },
  };
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
