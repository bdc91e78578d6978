import { describe, expect, test } from "vitest";
import type { Usual } from "../../src/evaluate/traffic.ts";
import { duplicatesFinding, judgeVolume, volumeFinding } from "../../src/evaluate/volume.ts";

const usual = (expected: number, low = expected, high = expected): Usual => ({ rhythm: "hour_of_week", periods: 4, expected, low, high });
const POISSON = { c2: 0, phi: 1, windows: 600 };

describe("a window's records", () => {
  test.each<[string, number, number, string, string | undefined]>([
    ["as usual", 1000, 1000, "usual", undefined],
    ["at the floor of the effect", 600, 1000, "usual", undefined],
    ["below it", 599, 1000, "collapse", "warning"],
    ["at its other side", 1666, 1000, "usual", undefined],
    ["above it", 1667, 1000, "flood", "warning"],
    ["a tenth", 100, 1000, "collapse", "warning"],
    ["less than a tenth", 99, 1000, "collapse", "critical"],
    ["none", 0, 1000, "collapse", "critical"],
    ["more than ten times", 10_001, 1000, "flood", "critical"],
    ["none of the few that are usual", 0, 4, "thin_hour", undefined],
    ["many where few are usual", 60, 4, "flood", "critical"],
    ["a few where none is usual", 3, 0, "thin_hour", undefined],
    ["half of few: within noise", 20, 40, "usual", undefined],
  ])("%s: %i of %i is %s", (_name, records, expected, reason, severity) => {
    expect(judgeVolume(records, usual(expected), POISSON, 5)).toMatchObject({ reason, ...(severity === undefined ? {} : { severity }) });
  });

  test("between the least and the greatest that is usual it has no distance", () => {
    expect(judgeVolume(500, usual(300, 200, 900), POISSON, 5)).toMatchObject({ verdict: "no_drift", z: 0 });
  });

  test("the counts between which it holds are those at which the verdict turns", () => {
    for (const spread of [POISSON, { c2: 0.01, phi: 1.5, windows: 600 }]) {
      for (const expected of [30, 100, 1000, 50_000]) {
        const fails = judgeVolume(expected, usual(expected), spread, 4.7).fails!;
        const verdictAt = (records: number) => judgeVolume(records, usual(expected), spread, 4.7).verdict;
        expect(verdictAt(Math.ceil(fails.above + 1e-9))).toBe("drift");
        expect(verdictAt(Math.floor(fails.above - 1e-9))).not.toBe("drift");
        if (fails.below <= 0) continue;
        expect(verdictAt(Math.ceil(fails.below - 1e-9) - 1)).toBe("drift");
        expect(verdictAt(Math.ceil(fails.below + 1e-9))).not.toBe("drift");
      }
    }
  });

  test("without a history it cannot be told, and says how long the history is", () => {
    expect(judgeVolume(5, { lack: "short_history", days: 2 }, undefined, 5)).toEqual({
      ...{ verdict: "insufficient_data", reason: "short_history", records: 5, days: 2 },
    });
  });

  test("gives a finding when it fails, one of doubt when it cannot be told, and none when it is usual", () => {
    expect(volumeFinding(judgeVolume(0, usual(1000), POISSON, 5))).toEqual({
      ...{ feature: "$volume", check: "volume", verdict: "drift", severity: "critical", value: 0, limit: 600 },
    });
    expect(volumeFinding(judgeVolume(0, usual(2), POISSON, 5))).toMatchObject({ verdict: "insufficient_data" });
    expect(volumeFinding(judgeVolume(1000, usual(1000), POISSON, 5))).toBeUndefined();
  });
});

describe("repeated ids", () => {
  const ALPHA = 1e-6;
  test.each<[string, number, number, number, string | undefined]>([
    ["as many as are tolerated", 10_000, 100, 0.01, undefined],
    ["a few more than that, by chance", 10_000, 120, 0.01, undefined],
    ["many more", 10_000, 200, 0.01, "drift"],
    ["most of them", 1_000, 600, 0.01, "drift"],
    ["one, where none is tolerated", 1_000, 1, 0, "drift"],
    ["none, where none is tolerated", 1_000, 0, 0, undefined],
    ["too few ids to say", 20, 1, 0.01, "insufficient_data"],
    ["records without ids", 0, 0, 0.01, undefined],
  ])("%s", (_name, checked, repeated, tolerated, verdict) => {
    expect(duplicatesFinding({ checked, repeated }, tolerated, ALPHA)?.verdict).toBe(verdict);
  });

  test("say their share and what is tolerated; more than half is critical", () => {
    expect(duplicatesFinding({ checked: 1000, repeated: 100 }, 0.01, ALPHA)).toEqual({
      ...{ feature: "$duplicates", check: "duplicates", verdict: "drift", severity: "warning", value: 0.1, limit: 0.01 },
    });
    expect(duplicatesFinding({ checked: 1000, repeated: 501 }, 0.01, ALPHA)?.severity).toBe("critical");
  });
});
