import { describe, expect, test } from "vitest";
import { eventTimeMs } from "../../src/decode/event-time.ts";

describe("event time", () => {
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
