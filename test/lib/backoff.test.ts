import fc from "fast-check";
import { expect, test } from "vitest";

import { fullJitter } from "../../src/lib/backoff.ts";

const peerBackoff = { baseMs: 500, capMs: 30_000 };

const almostOne = 1 - 2 ** -53;

test("the upper end doubles with each failure until the cap", () => {
  const ends = [0, 1, 2, 3, 4, 5, 6, 7].map((attempt) => fullJitter(attempt, peerBackoff, () => almostOne));
  expect(ends).toEqual([499, 999, 1999, 3999, 7999, 15_999, 29_999, 29_999]);
});

test("the lower end is no wait at all", () => {
  expect(fullJitter(9, peerBackoff, () => 0)).toBe(0);
});

test("any attempt and any draw give a whole number of ms within the cap", () => {
  const draw = fc.double({ min: 0, max: almostOne, noNaN: true });
  fc.assert(
    fc.property(fc.nat(), draw, fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e9 }), (attempt, random, baseMs, capMs) => {
      const wait = fullJitter(attempt, { baseMs, capMs }, () => random);
      return Number.isSafeInteger(wait) && wait >= 0 && wait < capMs;
    }),
  );
});
