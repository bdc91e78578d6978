import { expect, test } from "vitest";

import { parseSize } from "../../src/lib/size.ts";

test.each([
  ["0B", 0],
  ["256KiB", 262_144],
  ["10MiB", 10_485_760],
  ["4MB", 4_000_000],
  ["1kB", 1000],
  ["2GiB", 2_147_483_648],
])("%s is %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "5", "5K", "5M", "1.5MiB", "-1B", "5 MiB", "5mib", "99999999999GiB"])("%j is no size", (text) => {
  expect(parseSize(text)).toBeUndefined();
});
