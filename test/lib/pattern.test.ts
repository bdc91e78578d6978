import { expect, test } from "vitest";
import { unsafePattern } from "../../src/lib/pattern.ts";

test.each([
  "^[A-Z]{3}$",
  "^(ATL|BOS|JFK)$",
  "^[^@\\s]+@[^@\\s]+\\.[a-z]+$",
  "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
  "^(\\d{1,3}\\.){3}\\d{1,3}$",
  "^(https?|ftp)://[^/]+/.*$",
  "^(\\d{3}-)+x$",
  "^(?!test)\\w+$",
  "^(?<year>\\d{4})-\\d\\d(-\\d\\d)?$",
  "[)(+*]+\\(\\)",
  "^a+?$",
  "",
])("safe: %s", (pattern) => {
  expect(() => new RegExp(pattern, "u")).not.toThrow();
  expect(unsafePattern(pattern)).toBeUndefined();
});

test.each([
  ["^(a+)+$", "vary"],
  ["^(a*)*$", "vary"],
  ["^(a?)*$", "vary"],
  ["^(a|a)+$", "vary"],
  ["^(a|b){1,50}$", "vary"],
  ["^((a+)b)+$", "vary"],
  ["^(?:(?:a+)b)*$", "vary"],
  ["^(\\d{1,3}\\.){9}$", "vary"],
  ["^(.)\\1$", "refers back"],
  ["^(?<c>.)\\k<c>$", "refers back"],
  ["a*b*c*d*", "more than 3"],
  ["(a*b){4}", "more than 3"],
])("not safe: %s", (pattern, why) => {
  expect(() => new RegExp(pattern, "u")).not.toThrow();
  expect(unsafePattern(pattern)).toContain(why);
});

test("what is called safe ends soon on text made to be slow", () => {
  for (const pattern of ["^[^@\\s]+@[^@\\s]+\\.[a-z]+$", ".*.*.*x", "(\\d+-){3}x", "^(\\d{1,3}\\.){3}\\d{1,3}$"]) {
    expect(unsafePattern(pattern)).toBeUndefined();
    for (const text of ["a".repeat(200), `${"1".repeat(199)}-`, "a@".repeat(100), "1.".repeat(100)]) new RegExp(pattern, "u").test(text);
  }
});
