import { describe, expect, it, test } from "vitest";
import {
  dayName,
  distancesBetween,
  distancesFromFirst,
  episodeDays,
  firstDue,
  leastDays,
  nextDue,
  nextTry,
  renewalDays,
  spoilsDays,
  storeSource,
  vanishedDays,
} from "../../src/reference/renewal.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const T0 = Date.parse("2024-01-15T00:00:00Z");
const at = (days: number) => T0 + days * DAY;

describe("the calendar of renewal, in event time", () => {
  it.each([
    ["begins a day at or after the interval", firstDue(at(0), 7 * DAY), at(7)],
    ["in the middle of a day waits for the next one", firstDue(at(0.5), 7 * DAY), at(8)],
    ["goes on from the due time", nextDue(at(7), 7 * DAY), at(14)],
    ["of an odd interval stays on days", nextDue(at(7), 36 * HOUR), at(9)],
    ["tries again on the next day", nextTry(at(7)), at(8)],
    ["from the middle of a day tries at its end", nextTry(at(7.5)), at(8)],
  ])("%s", (_, found, expected) => {
    expect(found).toBe(expected);
  });
});

it.each([
  ["of a reference without days: a week", 28, 0, 7],
  ["of one of two weeks: a week", 28, 14, 7],
  ["of one of three weeks: half of it", 28, 21, 11],
  ["of one of four weeks: two", 28, 28, 14],
  ["of one of a quarter: no more than two weeks", 92, 92, 14],
  ["never more than are asked for", 10, 28, 10],
])("a renewal needs, %s", (_, days, before, expected) => {
  expect(leastDays(days, before)).toBe(expected);
});

describe("the days that an episode touches", () => {
  const reach = { longestWindowMs: DAY, clearMs: DAY };
  const range = { fromMs: at(0), toMs: at(28) };
  const days = (pending: number, resolved: number | null, of = range) =>
    [...episodeDays(of, [{ pendingAtMs: at(pending), resolvedAtMs: resolved === null ? null : at(resolved) }], reach)].map(
      (day) => day - T0 / DAY,
    );

  it.each<[string, number, number | null, number[]]>([
    ["begin a window before it was pending, and end with its last evidence", 5.5, 8.25, [4, 5, 6, 7]],
    ["are not the day that begins when it was clear", 5.5, 8, [4, 5, 6]],
    ["are all to come while it is open", 25.5, null, [24, 25, 26, 27]],
    ["before the range are none", -9, -5, []],
    ["that reach into the range are those inside", -2, 1.5, [0]],
  ])("%s", (_, pending, resolved, expected) => {
    expect(days(pending, resolved)).toEqual(expected);
  });

  // T0 is a Monday: days 5, 12, 19 and 26 are Saturdays.
  const saturdays = [5, 12, 19, 26].map((n) => ({ pendingAtMs: at(n + 0.9), resolvedAtMs: at(n + 1.9) }));
  const daysOf = (due: number, length: number, episodes: readonly { pendingAtMs: number; resolvedAtMs: number | null }[]) =>
    [...renewalDays(at(due), length, episodes, { longestWindowMs: DAY / 2, clearMs: DAY }).leftOut].map((n) => n - T0 / DAY);
  test("of every Saturday of four weeks are a season, and are taken", () => {
    expect(daysOf(28, 28, saturdays)).toEqual([]);
    expect(daysOf(28, 28, saturdays.slice(1))).toEqual([12, 19, 26]);
    // Three weeks do not prove it.
    expect(daysOf(28, 21, saturdays)).toEqual([12, 19, 26]);
  });
  test("of a drift that lasted for most of the time are no season", () => {
    expect(daysOf(28, 28, [{ pendingAtMs: at(0.5), resolvedAtMs: at(29) }])).toHaveLength(28);
    expect(daysOf(28, 28, [{ pendingAtMs: at(10), resolvedAtMs: at(26) }, ...saturdays])).toContain(19);
  });

  test("are left out of the last days before a due time", () => {
    const found = renewalDays(at(28), 14, [{ pendingAtMs: at(20.5), resolvedAtMs: at(22.5) }], reach);
    expect(found).toMatchObject({ fromMs: at(14), toMs: at(28) });
    expect([...found.leftOut].map(dayName)).toEqual(["2024-02-03", "2024-02-04", "2024-02-05"]);
  });
});

it.each([
  [undefined, "warning", true],
  ["drift", "critical", true],
  ["quality", "critical", true],
  ["quality", "warning", false],
] as const)("an episode of kind %s and severity %s spoils its days: %s", (kind, severity, expected) => {
  expect(spoilsDays({ ...(kind === undefined ? {} : { kind }), severity })).toBe(expected);
});

describe("an episode of a column that is gone", () => {
  const quality = { kind: "quality", severity: "critical" } as const;

  it.each([
    ["spoils no days", ["vanished x"], false],
    ["spoils none by its other checks either", ["missing x", "vanished x", "vanished two words"], false],
    ["spoils them where another column is broken too", ["vanished x", "missing y"], true],
    ["that only lacks values spoils them", ["missing x"], true],
  ])("%s", (_, checks, expected) => {
    expect(spoilsDays({ ...quality, checks })).toBe(expected);
  });

  it("says nothing of that column on its days", () => {
    const reach = { longestWindowMs: DAY, clearMs: DAY };
    const range = { fromMs: at(0), toMs: at(28) };
    const open = { ...quality, checks: ["vanished x", "missing y"], pendingAtMs: at(25.5), resolvedAtMs: null };
    const past = { ...quality, severity: "warning" as const, checks: ["vanished x"], pendingAtMs: at(3.5), resolvedAtMs: at(5) };
    const found = vanishedDays(range, [open, past, { ...open, kind: "drift" }], reach);
    expect([...found].map(([feature, days]) => [feature, [...days].map((day) => day - T0 / DAY).sort((a, b) => a - b)])).toEqual([
      ["x", [2, 3, 24, 25, 26, 27]],
    ]);
  });
});

it.each([
  ["whole days", [], [], "store:2024-01-15/2024-02-12"],
  ["those left out", ["2024-01-01", "2024-01-20"], [], "store:2024-01-15/2024-02-12 without 2024-01-20"],
  ["one that was carried", [], ["2024-01-14"], "store:2024-01-15/2024-02-12, with 1 day from 2024-01-14 on of the reference before"],
  [
    "several, from the oldest",
    ["2024-01-20"],
    ["2024-01-14", "2024-01-02"],
    "store:2024-01-15/2024-02-12 without 2024-01-20, with 2 days from 2024-01-02 on of the reference before",
  ],
])("panes are named by their days: %s", (_, leftOut, carried, expected) => {
  expect(storeSource(at(0), at(28), leftOut, carried)).toBe(expected);
});

describe("distances", () => {
  const before = snapshotOf([
    numericFeature("x", [1, 1, 2, 2]),
    categoricalFeature("a", { p: 500, q: 500 }),
    categoricalFeature("b", { p: 500, q: 500 }),
  ]);
  const after = {
    ...before,
    features: before.features.map((feature) => (feature.feature === "b" ? { ...feature, counts: [800, 200] } : feature)),
  };

  it("name every feature of the same bins, the largest first", () => {
    const found = distancesBetween(before, after as typeof before);
    expect(found.map(({ feature }) => feature)).toEqual(["b", "a", "x"]);
    expect(found[0]?.psi_excess).toBeCloseTo(0.3 * Math.log(800 / 500) + 0.3 * Math.log(500 / 200) - 0.002, 2);
  });

  it("leave out features of other bins", () => {
    const other = snapshotOf([numericFeature("x", [5, 6, 7]), before.features[1]!]);
    expect(distancesBetween(before, other).map(({ feature }) => feature)).toEqual(["a"]);
  });

  it("to the first reference are none where there is none", () => {
    expect(distancesFromFirst(before)).toEqual([]);
  });
});
