import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventTimeMs } from "../../src/decode/event-time.ts";

describe("event time", () => {
  test("agrees with the host's own reading of every valid moment", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0100-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
        (date) => {
          expect(eventTimeMs(date.toISOString())).toBe(date.getTime());
          expect(eventTimeMs(date.toISOString().slice(0, 19).concat("Z"))).toBe(Math.floor(date.getTime() / 1000) * 1000);
        },
      ),
    );
  });

  test.each([
    ["ISO with Z", "2001-01-15T10:00:00Z", "2001-01-15T10:00:00.000Z"],
    ["ISO with milliseconds", "2001-01-15T10:00:00.123Z", "2001-01-15T10:00:00.123Z"],
    ["ISO with nanoseconds", "2001-01-15T10:00:00.123456789Z", "2001-01-15T10:00:00.123Z"],
    ["ISO with a comma", "2001-01-15T10:00:00,5Z", "2001-01-15T10:00:00.500Z"],
    ["text without a zone is UTC", "2001-01-15T10:00:00", "2001-01-15T10:00:00.000Z"],
    ["a space for the T", "2001-01-15 10:00", "2001-01-15T10:00:00.000Z"],
    ["a date alone", "2001-01-15", "2001-01-15T00:00:00.000Z"],
    ["an offset", "2001-01-15T10:00:00+05:30", "2001-01-15T04:30:00.000Z"],
    ["a short offset", "2001-01-15T10:00:00-08", "2001-01-15T18:00:00.000Z"],
    ["seconds below 1e11", 979552800, "2001-01-15T10:00:00.000Z"],
    ["fractional seconds", 979552800.5, "2001-01-15T10:00:00.500Z"],
    ["milliseconds", 979552800000, "2001-01-15T10:00:00.000Z"],
    ["a Date of a table", new Date(979552800000), "2001-01-15T10:00:00.000Z"],
    ["zero is 1970", 0, "1970-01-01T00:00:00.000Z"],
    ["a leap day", "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
  ])("%s", (_name, value, iso) => {
    expect(new Date(eventTimeMs(value)).toISOString()).toBe(iso);
  });

  test.each([
    ["absent", undefined],
    ["null", null],
    ["a boolean", true],
    ["empty text", ""],
    ["words", "yesterday"],
    ["30 February in the common form", "2001-02-30T00:00:00Z"],
    ["month 13", "2001-13-01T00:00:00Z"],
    ["day 0", "2001-01-00T00:00:00Z"],
    ["second 60", "2001-01-01T00:00:60Z"],
    ["a letter among the digits", "2001-0a-01T00:00:00Z"],
    ["a letter among the milliseconds", "2001-01-01T00:00:00.0b0Z"],
    ["a letter at the end of the milliseconds", "2001-01-01T00:00:00.00bZ"],
    ["the 31st of February", "2001-02-31T00:00:00Z"],
    ["hour 25", "2001-01-15T25:00:00Z"],
    ["29 February of no leap year", "1900-02-29"],
    ["an offset of 99 hours", "2001-01-15T10:00:00+99:00"],
    ["a number beyond time", 1e300],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["an object", {}],
  ])("%s has no event time", (_name, value) => {
    expect(eventTimeMs(value)).toBeNaN();
  });
});
