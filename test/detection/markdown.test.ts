/** Rates with their intervals and delays as the report writes them. */

import { describe, expect, it } from "vitest";
import { delay, percent, rate, rateOf, table } from "./markdown.ts";

describe("rateOf", () => {
  it("is Garwood's exact interval where runs scatter as Poisson counts do", () => {
    const runs = [4, 6, 5, 5, 5, 5, 4, 6, 5, 5].map((events) => ({ months: 5, events }));
    // 50 events: 37.11 to 65.92.
    const { mean, low, high } = rateOf(runs);
    expect(mean).toBe(1);
    expect(low).toBeCloseTo(37.11 / 50, 3);
    expect(high).toBeCloseTo(65.92 / 50, 3);
  });

  it("has an upper end of 3.69 over the months when nothing was seen", () => {
    expect(rate([{ months: 100, events: 0 }])).toBe("0 (0–.04)");
    expect(rateOf([{ months: 100, events: 0 }]).high).toBeCloseTo(0.03689, 5);
  });

  it("is wider where one run has all events", () => {
    const even = rateOf(Array.from({ length: 10 }, () => ({ months: 1, events: 2 })));
    const uneven = rateOf(Array.from({ length: 10 }, (_, i) => ({ months: 1, events: i === 0 ? 20 : 0 })));
    expect(uneven.mean).toBe(even.mean);
    expect(uneven.low).toBeLessThan(even.low / 2);
    expect(uneven.high).toBeGreaterThan(even.high * 2);
  });
});

it.each([
  [[45, 30, 60], "45 min"],
  [[300, 330], "5.3 h"],
  [[30, Number.POSITIVE_INFINITY, 40], "40 min (2 of 3)"],
  [[30, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], "– (1 of 3)"],
  [[Number.POSITIVE_INFINITY], "never"],
  [[7200], "5.0 d"],
] as const)("delays of %j minutes are written %s", (minutes, text) => {
  expect(delay(minutes)).toBe(text);
});

it.each([
  [0, "0"],
  [0.0001, "< .1 %"],
  [0.003, ".3 %"],
  [0.41, "41 %"],
] as const)("the share %d is written %s", (share, text) => {
  expect(percent(share)).toBe(text);
});

it("tables have columns of one width", () => {
  expect(table(["a", "figure"], [["stream", "1"]])).toBe("| a      | figure |\n|--------|-------:|\n| stream |      1 |");
});
