import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Severity } from "../../src/decide/alert.ts";
import { advance, hasDrift, isQuiet, type Mark, provenLevel, sustainedLevel, type Track } from "../../src/decide/track.ts";

const fresh: Track = { feature: "delay", window: "1h", ring: "", level: null };
const run = (marks: string): Track => [...marks].reduce((track, mark) => advance(track, mark as Mark), fresh);

describe("a severity is sustained once three of the last four evaluations reach it", () => {
  test.each([
    ["", null],
    ["c", null],
    ["cc", null],
    ["ccc", "critical"],
    ["www", "warning"],
    ["cncc", "critical"],
    ["wnnww", null],
    ["cwc", "warning"],
    ["cwcc", "critical"],
    ["cwcw", "warning"],
    ["ccwn", "warning"],
    ["nccn", null],
    ["ccnncc", null],
    ["ccnnccc", "critical"],
  ] as [string, Severity | null][])("%j gives %s", (marks, level) => {
    expect(run(marks).level).toBe(level);
  });
});

describe("what could not be judged neither adds drift nor takes a level away", () => {
  test.each([
    ["ccu", null],
    ["uccu", null],
    ["cucc", "critical"],
    ["cccu", "critical"],
    ["cccuuuuuuuu", "critical"],
    ["cccuuuun", "critical"],
    ["cccuuuunn", null],
    ["cccun", "critical"],
    ["cccunn", null],
    ["wwwuc", "warning"],
    ["wwwuuuu", "warning"],
    ["wwwuuuunn", null],
    ["wwwuccc", "critical"],
    ["uuuu", null],
  ] as [string, Severity | null][])("%j gives %s", (marks, level) => {
    expect(run(marks).level).toBe(level);
  });

  test("a level that is only held is not proven", () => {
    expect(provenLevel(run("ccc"))).toBe("critical");
    expect(provenLevel(run("cccuu"))).toBe(null);
    expect(provenLevel(run("cccww"))).toBe("warning");
  });
});

test("two evaluations without drift bring a level down", () => {
  expect(run("cccn").level).toBe("critical");
  expect(run("cccnn").level).toBe(null);
});

test("a track is quiet when it has no level and no drift among its marks", () => {
  expect(isQuiet(run("nnun"))).toBe(true);
  expect(isQuiet(run("nwnn"))).toBe(false);
  expect(isQuiet(run("cccuuuu"))).toBe(false);
  expect(hasDrift(run("cccuuuu"))).toBe(false);
});

test("forgetting quiet tracks changes no level, whatever comes after", () => {
  const marks = fc.array(fc.constantFrom<Mark>("c", "w", "n", "u"), { maxLength: 40 });
  fc.assert(
    fc.property(marks, (sequence) => {
      let kept: Track = fresh;
      let forgetful: Track = fresh;
      for (const mark of sequence) {
        kept = advance(kept, mark);
        forgetful = advance(forgetful, mark);
        if (isQuiet(forgetful)) forgetful = fresh;
        expect(forgetful.level).toBe(kept.level);
      }
    }),
  );
});

test("without doubts a level is what a recount of the last four marks says", () => {
  const marks = fc.array(fc.constantFrom<Mark>("c", "w", "n"), { maxLength: 40 });
  fc.assert(
    fc.property(marks, (sequence) => {
      const last = sequence.slice(-4);
      const critical = last.filter((mark) => mark === "c").length;
      const any = last.filter((mark) => mark !== "n").length;
      const recount = critical >= 3 ? "critical" : any >= 3 ? "warning" : null;
      expect(run(sequence.join("")).level).toBe(recount);
      expect(sustainedLevel(last.join(""), null)).toBe(recount);
    }),
  );
});
