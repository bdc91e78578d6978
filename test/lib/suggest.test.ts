import { expect, test } from "vitest";

import { didYouMean, nearest } from "../../src/lib/suggest.ts";

const words = ["topics", "brokers", "group_id", "for", "ks", "psi", "keep_firing_for"];

test.each([
  ["a letter dropped", "topic", "topics"],
  ["two letters swapped", "borkers", "brokers"],
  ["a dash for an underscore", "group-id", "group_id"],
  ["capitals", "GROUP_ID", "group_id"],
  ["a short word, one letter off", "kss", "ks"],
  ["a long word, three off", "kep_fring_fr", "keep_firing_for"],
])("%s is recognized", (_, word, meant) => {
  expect(nearest(word, words)).toBe(meant);
});

test.each(["xyz", "", "window", "retention"])("%j is near to nothing", (word) => {
  expect(nearest(word, words)).toBeUndefined();
});

test("of several near words the nearest is meant", () => {
  expect(nearest("topcs", ["topic", "topics"])).toBe("topics");
});

test("where nothing is near all known words are listed", () => {
  expect(didYouMean("xyz", ["a", "b"])).toBe("known: a, b");
});
