import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineCutter } from "../../src/sources/lines.ts";

/** All lines of a stream that comes in these blocks. */
function cut(blocks: readonly Buffer[], maxLineBytes?: number): string[] {
  const cutter = createLineCutter(maxLineBytes);
  const lines: string[] = [];
  const take = ({ bytes, starts, ends, count }: { bytes: Buffer; starts: number[]; ends: number[]; count: number }) => {
    for (let i = 0; i < count; i++) lines.push(bytes.toString("latin1", starts[i], ends[i]));
  };
  for (const block of blocks) {
    const lent = Buffer.from(block);
    for (const part of cutter.push(lent)) take(part);
    lent.fill(0x58); // a stream may reuse its buffer: nothing of it may be kept
  }
  const rest = cutter.finish();
  if (rest !== undefined) take(rest);
  return lines;
}

/** The same, naively: lines that hold more than blanks. */
const naive = (text: string): string[] => text.split("\n").filter((line) => !/^[ \t\r]*$/.test(line));

const bytes = fc.string({ unit: fc.constantFrom("a", "{", "\n", "\n", "\r", " ", "\t", "\0", "\xff"), maxLength: 60 });

test("wherever the stream is cut into blocks, the lines are those of the whole", () => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(60), { maxLength: 8 }), (text, cuts) => {
      const whole = Buffer.from(text, "latin1");
      const at = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
      const blocks = at.slice(1).map((end, i) => whole.subarray(at[i], end));
      expect(cut(blocks)).toEqual(naive(text));
    }),
    { numRuns: 500 },
  );
});

test("the last line needs no line end", () => {
  expect(cut([Buffer.from("a\nb")])).toEqual(["a", "b"]);
});

test("a line that never ends is cut once, and the next line is whole", () => {
  const blocks = ["x".repeat(40), "x".repeat(40), "x".repeat(40), "\nafter\n"].map((text) => Buffer.from(text));
  expect(cut(blocks, 64)).toEqual(["x".repeat(64), "after"]);
});

test("a line that is cut exactly at its end is one line", () => {
  expect(cut([Buffer.from("x".repeat(64)), Buffer.from("\n"), Buffer.from("y\n")], 64)).toEqual(["x".repeat(64), "y"]);
});
