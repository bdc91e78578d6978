import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type PreparedReference, prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow, featureEvaluation } from "../../src/evaluate/evaluate.ts";
import { type Evaluation, FEW_ROWS, FEW_VALUES, type QualityFinding } from "../../src/evaluate/evaluation.ts";
import { ownConstant } from "../../src/evaluate/own-constant.ts";
import { COMPARE_WINDOW, comparePolicy, DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { exceeds, grownFrom, hasGrown } from "../../src/evaluate/quality-share.ts";
import { withChecks } from "../../src/reference/checked-layout.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import type { Expectation } from "../../src/reference/expectations.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { Calibration, Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import { calibrationOf, categoricalFeature, createRandom, type Held, numericFeature, snapshotOf, windowOf } from "./make.ts";

const random = createRandom(17);
const uniform = (n: number) => Float64Array.from({ length: n }, () => random());
const x = numericFeature("x", uniform(20_000), { missing: 200, nan: 100 });
const c = categoricalFeature("c", { a: 12_000, b: 7_000, d: 1_000 });
const snapshot = snapshotOf([x, c]);
const reference = prepareReference(snapshot, DEFAULT_POLICY);

const HEALTHY: Readonly<Record<string, Held>> = {
  x: { values: uniform(2_000), special: { missing: 20, nan: 10 } },
  c: { values: Array.from({ length: 2_000 }, (_, i) => (i % 20 === 0 ? "d" : i % 3 === 0 ? "b" : "a")) },
};

function findings(held: Readonly<Record<string, Held>>, judge = reference, window = "1h"): readonly QualityFinding[] {
  return evaluateWindow(windowOf(judge.snapshot, { ...HEALTHY, ...held }, { window }), judge).findings!;
}

const names = (found: readonly QualityFinding[]) => found.map(({ feature, check, severity }) => `${feature} ${check} ${severity}`);

describe("a window", () => {
  it("like the reference has no finding", () => {
    expect(findings({})).toEqual([]);
  });

  it.each<[string, Record<string, Held>, string[]]>([
    ["nulls, a few too many", { x: { values: uniform(1_800), special: { missing: 200 } } }, ["x missing warning"]],
    ["nulls, half a point too many", { x: { values: uniform(1_960), special: { missing: 30 } } }, []],
    ["absent keys and nulls together", { x: { values: uniform(1_800), special: { missing: 100, absent: 100 } } }, ["x missing warning"]],
    ["NaN", { x: { values: uniform(1_800), special: { nan: 200 } } }, ["x nan warning"]],
    [
      "infinities, not called out of range",
      { x: { values: uniform(1_800), special: { positive_infinity: 100, negative_infinity: 100 } } },
      ["x infinite warning"],
    ],
    ["wrong types", { c: { values: ["a"], special: { wrong_type: 1_999 } } }, ["c wrong_type critical"]],
    ["values out of range", { x: { values: [...uniform(1_800), ...new Array(200).fill(9)] } }, ["x out_of_range warning"]],
    [
      "unseen categories",
      { c: { values: Array.from({ length: 2_000 }, (_, i) => (i % 10 === 0 ? "new" : i % 3 === 0 ? "b" : "a")) } },
      ["c unseen warning"],
    ],
    ["most of it null", { x: { values: uniform(900), special: { missing: 1_100 } } }, ["x missing critical"]],
    ["all of it null: the key is there", { x: { values: [], special: { missing: 2_000 } } }, ["x missing critical"]],
    ["the key gone", { x: { values: [], special: { absent: 2_000 } } }, ["x missing critical", "x vanished critical"]],
    ["the key in one record", { x: { values: [0.5], special: { absent: 1_999 } } }, ["x missing critical"]],
    [
      "two features at once",
      { x: { values: uniform(1_800), special: { missing: 200 } }, c: { values: ["a"], special: { missing: 1_999 } } },
      ["x missing warning", "c missing critical"],
    ],
  ])("%s", (_, held, expected) => {
    expect(names(findings(held))).toEqual(expected);
  });

  it("says the share and the limit that it passed", () => {
    const [found] = findings({ x: { values: uniform(1_800), special: { missing: 200 } } });
    expect(found).toMatchObject({ verdict: "drift", value: 0.1 });
    expect(found!.limit).toBeGreaterThan(0.0198);
    expect(found!.limit).toBeLessThan(0.1);
  });

  it("with a burst of nulls is still judged for drift by the values that are left", () => {
    const nulls = { missing: 1_000 };
    const judged = (values: ArrayLike<number>) =>
      evaluateWindow(windowOf(snapshot, { ...HEALTHY, x: { values, special: nulls } }), reference);
    const calm = judged(uniform(1_000));
    expect([calm.verdict, names(calm.findings!)]).toEqual(["no_drift", ["x missing warning"]]);
    const shifted = judged(uniform(1_000).map((value) => value / 3));
    expect([shifted.verdict, shifted.severity, names(shifted.findings!)]).toEqual(["drift", expect.any(String), ["x missing warning"]]);
  });

  it("keeps what others found", () => {
    const volume: QualityFinding = { feature: "$volume", check: "volume", verdict: "drift", severity: "warning", value: 3, limit: 9 };
    expect(evaluateWindow(windowOf(snapshot, HEALTHY), reference, [volume]).findings).toEqual([volume]);
  });

  it("obeys the policy's growth", () => {
    const strict = prepareReference(snapshot, { ...DEFAULT_POLICY, quality: { growth: 0.2 } });
    const at = (missing: number) => ({ x: { values: uniform(2_000 - missing), special: { missing } } });
    expect(names(findings(at(300), strict))).toEqual([]);
    expect(names(findings(at(500), strict))).toEqual(["x missing warning"]);
  });
});

it("that had half of it null before is critical when half of the rest is", () => {
  const half = prepareReference(snapshotOf([numericFeature("x", uniform(10_000), { missing: 10_000 })]), DEFAULT_POLICY);
  const at = (missing: number) => names(findings({ x: { values: uniform(2_000 - missing), special: { missing } } }, half));
  expect(at(1_020)).toEqual([]);
  expect(at(1_480)).toEqual(["x missing warning"]);
  expect(at(1_520)).toEqual(["x missing critical"]);
});

describe("too little", () => {
  it.each<[string, Held, number]>([
    ["29 rows", { values: uniform(29) }, FEW_ROWS | FEW_VALUES],
    ["30 rows", { values: uniform(30) }, 0],
    ["30 rows, one of them null", { values: uniform(29), special: { missing: 1 } }, FEW_VALUES],
  ])("%s", (_, held, bits) => {
    expect(evaluateWindow(windowOf(snapshot, { x: held, c: HEALTHY["c"]! }), reference).unjudged).toEqual(Uint8Array.of(bits, 0));
  });

  it("other bins are not judged", () => {
    const window = { ...windowOf(snapshot, HEALTHY), changedFeatures: new Set(["x"]) };
    expect(evaluateWindow(window, reference).unjudged).toEqual(Uint8Array.of(FEW_ROWS | FEW_VALUES, 0));
  });

  it("a reference of 29 rows says nothing", () => {
    const small = prepareReference(snapshotOf([numericFeature("x", uniform(29))]), DEFAULT_POLICY);
    expect(findings({ x: { values: [], special: { absent: 2_000 } } }, small)).toEqual([]);
    expect(
      evaluateWindow(windowOf(small.snapshot, HEALTHY), small).features[0]!.quality.every(({ verdict }) => verdict === "insufficient_data"),
    ).toBe(true);
  });

  it("a key that the reference has in few rows has to be missed for long", () => {
    const rare = prepareReference(snapshotOf([numericFeature("x", uniform(1_000), { missing: 199_000 })]), DEFAULT_POLICY);
    const gone = (rows: number) => names(findings({ x: { values: [], special: { absent: rows } } }, rare));
    expect(gone(1_000)).toEqual([]);
    expect(gone(4_000)).toEqual(["x vanished critical"]);
  });
});

describe("a feature stuck on one value", () => {
  const hour = 3_600_000;
  const stuck = (n: number, value = 0.123) => ({ x: { values: new Array<number>(n).fill(value) } });
  /** Two weeks in which each hour has a value of its own, or all of them. */
  const calibrated = (valuesAt: (slot: number) => ArrayLike<number>): PreparedReference => {
    const feature = numericFeature(
      "x",
      Float64Array.from({ length: 24_000 }, (_, i) => (i % 24) + 0.5),
    );
    return prepareReference(snapshotOf([feature], calibrationOf(feature, 14, valuesAt)), DEFAULT_POLICY);
  };
  const mixed = calibrated(() => Array.from({ length: 48 }, (_, i) => (i % 24) + 0.5));
  const hourly = calibrated((slot) => new Array<number>(48).fill((Math.floor(slot / 2) % 24) + 0.5));

  it("is found where its own days never were", () => {
    expect(names(findings(stuck(200, 3.5), mixed))).toEqual(["x constant warning"]);
    expect(names(findings({ x: { values: [...new Array(199).fill(3.5), 4.5] } }, mixed))).toEqual([]);
  });

  it("is no finding where an hour of its own days has one value too", () => {
    expect(names(findings(stuck(200, 3.5), hourly))).toEqual([]);
    expect(names(findings(stuck(200, 3.5), hourly, "24h"))).toEqual(["x constant warning"]);
  });

  it("without own days is told in windows of a day only", () => {
    expect(names(findings(stuck(2_000)))).toEqual([]);
    const { quality } = featureEvaluation(evaluateWindow(windowOf(snapshot, { ...HEALTHY, ...stuck(2_000) }), reference), 0)!;
    expect(quality.find(({ check }) => check === "constant")).toMatchObject({ verdict: "insufficient_data", current_share: 1 });
    expect(names(findings(stuck(2_000), reference, "24h"))).toEqual(["x constant warning"]);
  });

  it("in a comparison is told at once", () => {
    const compared = prepareReference(snapshot, comparePolicy(0.01));
    expect(names(findings(stuck(2_000), compared, COMPARE_WINDOW.name))).toEqual(["x constant warning"]);
  });

  it("on a value that is nearly all of the reference needs more of it", () => {
    const zeros = numericFeature(
      "x",
      Float64Array.from({ length: 20_000 }, (_, i) => (i % 20 === 0 ? random() : 0)),
    );
    const judge = prepareReference(snapshotOf([zeros]), DEFAULT_POLICY);
    expect(names(findings(stuck(100, 0), judge, "24h"))).toEqual([]);
    expect(names(findings(stuck(1_000, 0), judge, "24h"))).toEqual(["x constant warning"]);
  });

  it("that never varied is none", () => {
    const always = prepareReference(snapshotOf([numericFeature("x", new Float64Array(1_000).fill(7))]), DEFAULT_POLICY);
    expect(names(findings(stuck(1_000, 7), always, "24h"))).toEqual([]);
  });

  it("out of range or unseen is another check's", () => {
    expect(names(findings(stuck(2_000, 9), reference, "24h"))).toEqual(["x out_of_range critical"]);
    expect(names(findings({ c: { values: new Array(2_000).fill("new") } }, reference, "24h"))).toEqual(["c unseen critical"]);
  });

  it.each<[string, readonly (readonly number[])[], number, boolean | undefined]>([
    [
      "one bin in one hour",
      [
        [30, 0],
        [0, 0],
        [15, 15],
      ],
      hour / 2,
      true,
    ],
    [
      "29 values in it are too few",
      [
        [29, 0],
        [0, 0],
        [15, 15],
      ],
      hour / 2,
      false,
    ],
    [
      "one bin in a half hour, not in an hour",
      [
        [30, 0],
        [0, 30],
        [30, 0],
      ],
      hour,
      false,
    ],
    ["shorter than a window", [[30, 0]], hour, undefined],
    ["none of the feature", [], hour, undefined],
  ])("own windows: %s", (_, slots, lengthMs, expected) => {
    const calibration: Calibration = { days: 1, time_zone: "UTC", slot_seconds: 1800, from: "2001-01-01T00:00:00Z", slots: { x: slots } };
    expect(ownConstant(calibration, "x", lengthMs)).toBe(expected);
  });
});

describe("the fast look", () => {
  const count = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.nat(3_000) },
  );
  const special = fc.record({
    absent: count,
    missing: count,
    nan: count,
    positive_infinity: count,
    negative_infinity: count,
    wrong_type: count,
  });

  it("finds what the detail says fails, and nothing else", () => {
    fc.assert(
      fc.property(count, count, count, special, fc.constantFrom("1h", "24h"), (inside, outside, unseen, specials, window) => {
        const { nan: _, positive_infinity: __, negative_infinity: ___, ...ofCategory } = specials;
        const held = {
          x: { values: [...uniform(inside), ...new Array<number>(outside).fill(9)], special: specials },
          c: { values: [...new Array<string>(inside).fill("a"), ...new Array<string>(unseen).fill("new")], special: ofCategory },
        };
        const evaluation = evaluateWindow(windowOf(snapshot, held, { window }), reference);
        const detailed = evaluation.features.flatMap(({ feature, quality }) =>
          quality
            .filter(({ verdict }) => verdict === "drift")
            .map(({ check, current_share: value, limit }) => ({ feature, check, value, limit: limit ?? 1 })),
        );
        expect(evaluation.findings!.map(({ feature, check, value, limit }) => ({ feature, check, value, limit }))).toEqual(detailed);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the limits", () => {
  it("of growth are where the verdict changes", () => {
    const growth = { least: 0.01, deviations: 4.5 };
    for (const total of [100, 1_000, 50_000]) {
      for (const before of [
        { count: 0, total: 1_000 },
        { count: 300, total: 1_000 },
        { count: 10, total: 1e6 },
      ]) {
        const limit = grownFrom(before, total, growth);
        const at = (count: number) => hasGrown(before, { count, total }, growth);
        const first = Math.ceil(limit * total);
        if (first > total) continue;
        expect([at(Math.min(total, first + 1)), at(first - 1)]).toEqual([true, false]);
      }
    }
    expect(grownFrom({ count: 900, total: 1_000 }, 30, { least: 0.01, deviations: 20 })).toBeGreaterThan(1);
  });

  it("of what is tolerated give no more false findings than the level", () => {
    const alpha = 0.01;
    const shares = [0.02, 0.1, 0.5];
    const draw = createRandom(5);
    for (const share of shares) {
      let failed = 0;
      for (let i = 0; i < 2_000; i++) {
        let broken = 0;
        for (let j = 0; j < 300; j++) if (draw() < share) broken++;
        if (exceeds({ count: broken, total: 300 }, share, alpha)) failed++;
      }
      expect(failed / 2_000).toBeLessThan(alpha);
    }
  });

  it.each<[string, number, number, number, boolean | undefined]>([
    ["nothing tolerated, one broken of one", 1, 1, 0, true],
    ["nothing tolerated, none broken of 29", 0, 29, 0, undefined],
    ["nothing tolerated, none broken of 30", 0, 30, 0, false],
    ["tolerated, 29 rows", 29, 29, 0.1, undefined],
    ["at the tolerated share", 10, 100, 0.1, false],
    ["a little above it: chance", 15, 100, 0.1, false],
    ["well above it", 40, 100, 0.1, true],
    ["all of it", 100, 100, 0.1, true],
    ["all tolerated", 100, 100, 1, false],
  ])("%s", (_, count, total, tolerate, expected) => {
    expect(exceeds({ count, total }, tolerate, 1e-6)).toBe(expected);
  });
});

describe("declared expectations", () => {
  const features: readonly SnapshotFeature[] = [x, c];
  const named: Snapshot = { ...snapshotOf(features), ignored: [] };

  /** A window of `records`, of which so many break each expectation. */
  function judged(
    expectations: readonly Expectation[],
    broken: readonly number[],
    kept = 1_000,
    schema: readonly [number, number] = [12, 0],
  ): Evaluation {
    const policy: Policy = { ...DEFAULT_POLICY, expectations };
    const { row } = withChecks(compileLayout({ features }), named, { expectations, recordKeys: [] });
    const counts = new Uint32Array(row.slots);
    counts.set(windowOf(named, HEALTHY).counts);
    const places = row.features.slice(2, -1);
    for (const [i, { offset }] of places.entries()) counts.set([kept, broken[i]!], offset);
    counts.set(schema, row.features.at(-1)!.offset);
    return evaluateWindow({ ...windowOf(named, HEALTHY), layout: row, counts }, prepareReference(named, policy));
  }

  const between: Expectation = { feature: "x", check: "between", min: 0, max: 1, tolerate: 0 };
  const inSet: Expectation = { feature: "elsewhere", check: "in_set", values: ["a"], tolerate: 0.1 };

  it.each<[string, number, number, string[]]>([
    ["kept by all", 0, 0, []],
    ["broken by one where none is tolerated", 1, 0, ["x between warning"]],
    ["broken by as many as are tolerated", 0, 111, []],
    ["broken by more than are tolerated", 0, 300, ["elsewhere in_set warning"]],
    ["broken by most", 2_000, 2_000, ["x between critical", "elsewhere in_set critical"]],
  ])("%s", (_, first, second, expected) => {
    expect(names(judged([between, inSet], [first, second]).findings!)).toEqual(expected);
  });

  it("are shown with the feature, with what was expected", () => {
    const { quality } = featureEvaluation(judged([between, inSet], [10, 0]), 0)!;
    expect(quality.at(-1)).toEqual({ check: "between", verdict: "drift", current_share: 10 / 1_010, limit: 0, expected: "0 to 1" });
  });

  it("that too few values were counted for cannot be told", () => {
    const found = judged([between, inSet], [0, 0], 29).findings!;
    expect(found.map(({ feature, verdict }) => [feature, verdict])).toEqual([
      ["x", "insufficient_data"],
      ["elsewhere", "insufficient_data"],
    ]);
  });

  it.each<[string, Expectation, Held, string[]]>([
    ["not_null, some null", { feature: "x", check: "not_null", tolerate: 0.02 }, HEALTHY["x"]!, []],
    ["not_null, more null than tolerated", { feature: "x", check: "not_null", tolerate: 0.001 }, HEALTHY["x"]!, ["x not_null warning"]],
    ["number, all", { feature: "x", check: "type", type: "number", tolerate: 0 }, HEALTHY["x"]!, []],
    [
      "number, one of another type",
      { feature: "x", check: "type", type: "number", tolerate: 0 },
      { values: uniform(2_000), special: { wrong_type: 1 } },
      ["x type warning"],
    ],
  ])("are answered by the feature's own counters: %s", (_, expectation, held, expected) => {
    const judge = prepareReference(snapshot, { ...DEFAULT_POLICY, expectations: [expectation] });
    expect(names(findings({ x: held }, judge))).toEqual(expected);
  });

  it("that the window was not counted for cannot be told", () => {
    const judge = prepareReference(snapshot, { ...DEFAULT_POLICY, expectations: [between] });
    expect(findings({}, judge)).toMatchObject([{ feature: "x", check: "between", verdict: "insufficient_data" }]);
  });

  it.each<[string, readonly [number, number], string[]]>([
    ["no new key", [12, 0], []],
    ["in two panes", [10, 2], []],
    ["in three panes", [9, 3], ["$schema appeared warning"]],
    ["in three of a thousand", [997, 3], []],
    ["in a hundredth of a thousand", [990, 10], ["$schema appeared warning"]],
  ])("new keys: %s", (_, schema, expected) => {
    expect(names(judged([], [], 0, schema).findings!)).toEqual(expected);
  });

  it("new keys in two panes of two cannot be told", () => {
    expect(judged([], [], 0, [0, 2]).findings).toMatchObject([{ feature: "$schema", verdict: "insufficient_data" }]);
  });
});

test("what driftd computes itself is not checked", () => {
  const derived = { ...x, feature: "$pca_1", role: "derived" as const };
  const judge = prepareReference(snapshotOf([derived]), DEFAULT_POLICY);
  const evaluation = evaluateWindow(windowOf(judge.snapshot, { $pca_1: { values: [], special: { missing: 2_000 } } }), judge);
  expect(evaluation.findings).toEqual([]);
  expect(evaluation.features[0]!.quality).toEqual([]);
});

test("the special counters are those that the looks read by their number", () => {
  expect(SPECIAL_SLOTS).toEqual(["unseen", "absent", "missing", "nan", "positive_infinity", "negative_infinity", "wrong_type"]);
});
