import { describe, expect, it } from "vitest";
import { cellLayouts, cellOf, dayOf, weekdayOf } from "../../src/evaluate/cells.ts";

const MONDAY = dayOf(Date.parse("2001-01-01T00:00:00Z"));

describe("the cells of a reference", () => {
  it.each([
    ["7 days", [1, 1, 1, 1, 1, 1, 1], ["pooled", "hour"]],
    ["13 days", [2, 2, 2, 2, 2, 2, 1], ["pooled", "hour"]],
    ["14 days", [2, 2, 2, 2, 2, 2, 2], ["pooled", "hour", "weekend_hour"]],
    ["17 days with one weekend", [3, 3, 3, 3, 3, 1, 1], ["pooled", "hour"]],
    ["27 days", [4, 4, 4, 4, 4, 4, 3], ["pooled", "hour", "weekend_hour"]],
    ["28 days", [4, 4, 4, 4, 4, 4, 4], ["pooled", "hour", "weekend_hour", "weekday_hour"]],
    ["four weeks of a business", [4, 4, 4, 4, 4, 0, 0], ["pooled", "hour", "weekday_hour"]],
    ["Mondays only", [20, 0, 0, 0, 0, 0, 0], ["pooled", "hour"]],
  ])("of %s may be as fine as its days allow", (_, byWeekday, layouts) => {
    expect(cellLayouts(byWeekday)).toEqual(layouts);
  });

  it("begin the week on Monday, before 1970 too", () => {
    expect([0, 5, 6, 7].map((day) => weekdayOf(MONDAY + day))).toEqual([0, 5, 6, 0]);
    expect(weekdayOf(dayOf(Date.parse("1969-12-29T00:00:00Z")))).toBe(0);
    expect(cellOf("weekend_hour", MONDAY + 6, 3)).toBe(27);
    expect(cellOf("weekday_hour", MONDAY + 6, 3)).toBe(147);
    expect(cellOf("hour", MONDAY + 6, 3)).toBe(3);
    expect(cellOf("pooled", MONDAY + 6, 3)).toBe(0);
  });
});
