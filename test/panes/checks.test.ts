import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DEFAULT_PATHS } from "../../src/decode/fields.ts";
import { createJsonDecoder } from "../../src/decode/json.ts";
import { type DecodedRecord, newRecord } from "../../src/decode/record.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { noMetrics } from "../../src/metrics/metrics.ts";
import { countChecks } from "../../src/panes/checks.ts";
import type { Pane } from "../../src/panes/pane.ts";
import { topUnseen, withSketches } from "../../src/panes/sketches.ts";
import { createTally } from "../../src/panes/tally.ts";
import { SCHEMA_FEATURE, withChecks } from "../../src/reference/checked-layout.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { type Expectation, expectationName, MAX_MATCHED_LENGTH } from "../../src/reference/expectations.ts";
import { type CompiledLayout, SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import { categoricalFeature, numericFeature } from "../evaluate/make.ts";

const features = [numericFeature("x", [1, 2, 3]), categoricalFeature("c", { a: 2, b: 1 })];

function layoutWith(expectations: readonly Expectation[], ignored?: readonly string[], recordKeys: readonly string[] = []): CompiledLayout {
  return withChecks(compileLayout({ features }), { features, ...(ignored === undefined ? {} : { ignored }) }, { expectations, recordKeys });
}

type Given = Partial<Pick<DecodedRecord, "features" | "prediction" | "signals">>;

function count(layout: CompiledLayout, records: readonly Given[]): Uint32Array {
  const counts = new Uint32Array(layout.row.slots);
  records.forEach((record, i) => {
    countChecks(counts, layout.checks!, { ...newRecord(), ...record }, i === 0);
  });
  return counts;
}

/** Kept, broken, absent and null of one feature of the row. */
function tally(layout: CompiledLayout, counts: Uint32Array, name: string) {
  const { offset, bins } = layout.row.features.find(({ feature }) => feature === name)!;
  const special = (slot: (typeof SPECIAL_SLOTS)[number]) => counts[offset + bins + SPECIAL_SLOTS.indexOf(slot)]!;
  return { kept: counts[offset]!, broken: counts[offset + 1]!, absent: special("absent"), missing: special("missing") };
}

const text = (value: unknown) =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;

/** What keeps an expectation, written down once more. */
function keepsNaively(expectation: Expectation, value: unknown): boolean {
  switch (expectation.check) {
    case "not_null":
      return value !== undefined && value !== null;
    case "type":
      return expectation.type === "integer"
        ? typeof value === "number" && value % 1 === 0
        : typeof value === (expectation.type === "text" ? "string" : expectation.type);
    case "between":
      return (
        typeof value === "number" && !(value < (expectation.min ?? value)) && !(value > (expectation.max ?? value)) && !Number.isNaN(value)
      );
    case "in_set":
      return expectation.values.some((one) => String(one) === text(value));
    case "matches":
      return (text(value)?.length ?? 1_000) <= 200 && new RegExp(expectation.pattern, "u").test(text(value) ?? "");
  }
}

test("what an expectation does not judge is an invalid value of the feature alone", () => {
  const { row, features: compiled } = layoutWith([{ feature: "x", check: "between", min: 0, max: 9, tolerate: 0 }]);
  const series: string[] = [];
  const tally = createTally({
    metrics: { ...noMetrics, inc: (name, labels) => series.push(`${name} ${labels?.["feature"] ?? ""}`) },
    clock: systemClock,
  });
  const counts = new Uint32Array(row.slots);
  for (const { offset, bins } of row.features) counts[offset + bins + SPECIAL_SLOTS.indexOf("missing")] = 1;
  tally.paneClosed({ key: { model: "m" }, counts } as Pane, row);
  expect(series).toEqual([
    "driftd_panes_closed_total ",
    ...compiled.map(({ feature }) => `driftd_feature_invalid_values_total ${feature}`),
  ]);
});

const value = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -0, 1.5, "", "a", "b1", true, [], {}, "x".repeat(300)),
  fc.integer({ min: -5, max: 15 }),
  fc.string({ maxLength: 3 }),
);
const feature = fc.constantFrom("x", "c", "elsewhere", "toString", "$prediction", "$latency", "$$dollar");
const bound = fc.option(fc.integer({ min: -5, max: 15 }), { nil: undefined });
const expectation: fc.Arbitrary<Expectation> = fc.record({ feature, tolerate: fc.constantFrom(0, 0.1) }).chain((common) =>
  fc.oneof(
    fc.constant<Expectation>({ ...common, check: "not_null" }),
    fc.constantFrom("number", "integer", "text", "boolean").map((type): Expectation => ({ ...common, check: "type", type })),
    fc.tuple(bound, bound).map(([min, max]): Expectation => ({ ...common, check: "between", min, max })),
    fc
      .array(fc.oneof(fc.integer(), fc.constantFrom("a", "1", true)), { minLength: 1 })
      .map((values): Expectation => ({ ...common, check: "in_set", values })),
    fc.constantFrom("^a", "\\d", "^$").map((pattern): Expectation => ({ ...common, check: "matches", pattern })),
  ),
);
const key = fc.constantFrom("x", "c", "elsewhere", "toString", "$dollar");

describe("expectation counts", () => {
  it("equal a naive recount", () => {
    fc.assert(
      fc.property(
        fc.array(expectation, { maxLength: 6 }),
        fc.array(fc.record({ features: fc.dictionary(key, value), prediction: value, signals: fc.record({ latency: value }) }), {
          maxLength: 20,
        }),
        (expectations, records) => {
          const layout = layoutWith(expectations);
          const counts = layout.checks === undefined ? new Uint32Array(layout.row.slots) : count(layout, records);
          for (const one of expectations) {
            const name = expectationName(one);
            if (!layout.row.features.some((place) => place.feature === name)) {
              // The special counters of the feature answer it.
              expect(one.check === "not_null" || (one.check === "type" && one.type === "number")).toBe(true);
              continue;
            }
            const values = records.map(({ features: inputs, prediction, signals }) => {
              if (one.feature === "$prediction") return prediction;
              if (one.feature === "$latency") return signals.latency;
              const at = one.feature.replace("$$", "$");
              return Object.hasOwn(inputs, at) ? inputs[at] : undefined;
            });
            const judged = one.check === "not_null" ? values : values.filter((each) => each !== undefined && each !== null);
            const kept = judged.filter((each) => keepsNaively(one, each)).length;
            expect(tally(layout, counts, name)).toEqual({
              kept,
              broken: judged.length - kept,
              absent: one.check === "not_null" ? 0 : values.filter((each) => each === undefined).length,
              missing: one.check === "not_null" ? 0 : values.filter((each) => each === null).length,
            });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const code: Expectation = { feature: "code", check: "matches", pattern: "^a*$", tolerate: 0 };
  it.each([
    [MAX_MATCHED_LENGTH, { kept: 1, broken: 0 }],
    [MAX_MATCHED_LENGTH + 1, { kept: 0, broken: 1 }],
  ])("text of %i characters", (length, expected) => {
    const layout = layoutWith([code]);
    expect(tally(layout, count(layout, [{ features: { code: "a".repeat(length) } }]), expectationName(code))).toMatchObject(expected);
  });

  it("compare long whole numbers as they are written", () => {
    const set: Expectation = { feature: "id", check: "in_set", values: ["12345678901234567891"], tolerate: 0 };
    const layout = layoutWith([set]);
    const decode = createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: true, maxBytes: 1_000 });
    const counts = new Uint32Array(layout.row.slots);
    for (const id of ["12345678901234567891", "12345678901234567890"]) {
      const bytes = Buffer.from(`{"features":{"id":${id}}}`);
      const record = newRecord();
      expect(decode(bytes, 0, bytes.length, 0, record)).toBeUndefined();
      countChecks(counts, layout.checks!, record, false);
    }
    expect(tally(layout, counts, expectationName(set))).toMatchObject({ kept: 1, broken: 1 });
  });

  it("of a pattern that could take for ever are refused", () => {
    expect(() => layoutWith([{ ...code, pattern: "^(a+)+$" }])).toThrow(/EXPECTATION_PATTERN|code: matches/);
  });
});

describe("the layout", () => {
  const between: Expectation = { feature: "x", check: "between", min: 0, max: 1, tolerate: 0 };

  it("leaves the features where they are, and is the same object without checks", () => {
    const plain = compileLayout({ features });
    expect(withChecks(plain, { features }, { expectations: [], recordKeys: [] })).toBe(plain);
    const checked = layoutWith([between], []);
    expect(checked.row.features.slice(0, 2)).toEqual(plain.row.features);
    expect(checked.row.features.map(({ feature: name }) => name).slice(2)).toEqual([expectationName(between), SCHEMA_FEATURE]);
    expect(checked.row.hash).not.toBe(plain.row.hash);
  });

  it("changes with what is expected, not with what is tolerated", () => {
    const hash = (one: Expectation) => layoutWith([one]).row.hash;
    expect(hash({ ...between, tolerate: 0.5 })).toBe(hash(between));
    expect(hash({ ...between, max: 2 })).not.toBe(hash(between));
    expect(layoutWith([between, { ...between, tolerate: 0.5 }]).row.features).toHaveLength(3);
  });
});

describe("keys that the reference does not have", () => {
  test.each<[string, Record<string, unknown>, boolean]>([
    ["its own", { x: 1, c: "a" }, false],
    ["fewer", {}, false],
    ["one that was left out when it was built", { x: 1, id: 7 }, false],
    ["a field of the record", { x: 1, timestamp: 0 }, false],
    ["a new one", { x: 1, fresh: 0 }, true],
    ["a new one that is null", { fresh: null }, true],
  ])("%s", (_, inputs, news) => {
    const layout = layoutWith([], ["id"], ["timestamp"]);
    expect(tally(layout, count(layout, [{ features: inputs }]), SCHEMA_FEATURE)).toMatchObject({
      kept: Number(!news),
      broken: Number(news),
    });
  });

  test("are looked for in the first record of a pane only, and not under a reference that does not say what it left out", () => {
    const layout = layoutWith([], []);
    const counts = count(layout, [{ features: { x: 1 } }, { features: { fresh: 1 } }]);
    expect(tally(layout, counts, SCHEMA_FEATURE)).toMatchObject({ kept: 1, broken: 0 });
    expect(layoutWith([]).checks).toBeUndefined();
  });

  test("are named, a bounded number of them", () => {
    const { layout, sketches } = withSketches(layoutWith([], []), new Set());
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, i]));
    count(layout, [{ features: many }]);
    expect(sketches.appeared!.total()).toBe(50);
    expect(topUnseen(sketches, SCHEMA_FEATURE)).toHaveLength(5);
  });
});
