import fc from "fast-check";
import { expect, test } from "vitest";

import { formatDuration, parseDuration } from "../../src/lib/duration.ts";

test.each([
  ["250ms", 250],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["35d", 3_024_000_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["0s", 0],
  ["90m", 5_400_000],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "5", "m", "5 m", "1.5h", "-5m", "5m1h", "5m5m", "1w", "5M", "٥m", "99999999999999999999d", "5m\n"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test("what is formatted is parsed back", () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 42 }), (ms) => parseDuration(formatDuration(ms)) === ms));
});
