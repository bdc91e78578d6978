import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_PATHS } from "../../src/decode/fields.ts";
import { createJsonDecoder } from "../../src/decode/json.ts";
import { newRecord } from "../../src/decode/record.ts";
import { countRecord } from "../../src/panes/count.ts";
import { newMoments, readMoments } from "../../src/panes/moments.ts";
import type { CompiledLayout } from "../../src/reference/layout.ts";
import { binsOf, layoutOf, special } from "./layouts.ts";

function count(layout: CompiledLayout, ...records: { features?: Record<string, unknown>; prediction?: unknown }[]) {
  const counts = new Uint32Array(layout.row.slots);
  const moments = newMoments(layout.row.numeric);
  for (const record of records) countRecord(counts, moments, layout.features, { ...newRecord(), ...record });
  return { counts, moments };
}

const x = layoutOf({ x: { edges: [0, 1, 2] } });
const colour = layoutOf({ colour: { categories: ["red", "1", "true", "NaN"] } });

describe("a numeric value", () => {
  it.each([
    ["below the minimum", -5, 0],
    ["on an edge: bins are closed on the right", 1, 1],
    ["just above an edge", 1 + Number.EPSILON, 2],
    ["above the maximum", 99, 3],
    ["minus zero is zero", -0, 0],
    ["the largest number", Number.MAX_VALUE, 3],
    ["the smallest number", -Number.MAX_VALUE, 0],
  ])("goes to its bin: %s", (_, value, bin) => {
    const { counts } = count(x, { features: { x: value } });
    expect(binsOf(counts, x.row.features[0]!)).toEqual([0, 1, 2, 3].map((i) => Number(i === bin)));
  });

  it.each([
    ["absent", {}],
    ["missing", { x: null }],
    ["nan", { x: Number.NaN }],
    ["positive_infinity", { x: Number.POSITIVE_INFINITY }],
    ["negative_infinity", { x: Number.NEGATIVE_INFINITY }],
    ["wrong_type", { x: "1" }],
    ["wrong_type", { x: true }],
    ["wrong_type", { x: [1] }],
    ["wrong_type", { x: {} }],
    ["wrong_type", { x: 1n }],
  ] as const)("is counted apart: %s for %o", (slot, features) => {
    const { counts, moments } = count(x, { features });
    expect(special(counts, x.row.features[0]!, slot)).toBe(1);
    expect(counts.reduce((a, b) => a + b)).toBe(1);
    expect(readMoments(moments, 0)).toEqual({ count: 0 });
  });

  it("is rounded to float32 first where the reference was", () => {
    const layout = layoutOf({ x: { edges: [Math.fround(0.1), 1], round: "float32" } });
    // 0.1 as float32 is above 0.1 as float64; unrounded, Math.fround(0.1) + 1e-12 would lie above the edge.
    expect(binsOf(count(layout, { features: { x: Math.fround(0.1) + 1e-12 } }).counts, layout.row.features[0]!)).toEqual([1, 0, 0]);
  });

  it("that float32 cannot hold is an infinity", () => {
    const layout = layoutOf({ x: { edges: [0, 1], round: "float32" } });
    expect(special(count(layout, { features: { x: 1e308 } }).counts, layout.row.features[0]!, "positive_infinity")).toBe(1);
  });
});

describe("a category", () => {
  it.each([
    ["text", "red", 0],
    ["a number, by its text", 1, 1],
    ["a boolean, by its text", true, 2],
    ["NaN, by its text", Number.NaN, 3],
  ])("is found: %s", (_, value, bin) => {
    const { counts } = count(colour, { features: { colour: value } });
    expect(binsOf(counts, colour.row.features[0]!)[bin]).toBe(1);
  });

  it.each([
    ["unseen", { colour: "blue" }],
    ["unseen", { colour: "" }],
    ["unseen", { colour: "constructor" }],
    ["unseen", { colour: false }],
    ["missing", { colour: null }],
    ["absent", {}],
    ["wrong_type", { colour: ["red"] }],
    ["wrong_type", { colour: { red: 1 } }],
  ] as const)("is counted apart: %s for %o", (slot, features) => {
    const { counts } = count(colour, { features });
    expect(special(counts, colour.row.features[0]!, slot)).toBe(1);
    expect(counts.reduce((a, b) => a + b)).toBe(1);
  });
});

describe("names", () => {
  it.each(["__proto__", "constructor", "toString", 'a"b,c\nd', "🦆", "0"])(
    "a feature called %j is read from the record's own keys only",
    (name) => {
      const layout = layoutOf(new Map([[name, { categories: ["yes"] }]]));
      const feature = layout.row.features[0]!;
      const own = JSON.parse(`{${JSON.stringify(name)}: "yes"}`) as Record<string, unknown>;
      expect(binsOf(count(layout, { features: own }).counts, feature)).toEqual([1]);
      expect(special(count(layout, { features: {} }).counts, feature, "absent")).toBe(1);
    },
  );

  it("the prediction is read from the record, not from its features", () => {
    const layout = layoutOf({ $prediction: { edges: [0, 1], role: "prediction" } });
    expect(binsOf(count(layout, { features: { $prediction: 5, prediction: 5 }, prediction: 0.5 }).counts, layout.row.features[0]!)).toEqual(
      [0, 1, 0],
    );
  });

  it("$$x is the input $x", () => {
    const layout = layoutOf({ $$x: { edges: [0, 1] } });
    expect(binsOf(count(layout, { features: { $x: 0.5 } }).counts, layout.row.features[0]!)).toEqual([0, 1, 0]);
  });
});

describe("a row", () => {
  it("equals a plain recount, feature by feature", () => {
    const edges = fc
      .uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 })
      .map((list) => list.map((e) => e + 0).sort((a, b) => a - b));
    fc.assert(
      fc.property(edges, fc.array(fc.oneof(fc.double(), fc.constantFrom(null, undefined, "x"))), (sorted, values) => {
        const unique = sorted.filter((e, i) => i === 0 || e !== sorted[i - 1]);
        const layout = layoutOf({ other: { categories: ["a"] }, x: { edges: unique } });
        const { counts } = count(layout, ...values.map((value) => ({ features: { x: value, other: "a" } })));
        const naive = new Array(unique.length + 1).fill(0) as number[];
        for (const v of values) if (typeof v === "number" && Number.isFinite(v)) naive[unique.filter((e) => e < v).length]!++;
        expect(binsOf(counts, layout.row.features[1]!)).toEqual(naive);
        expect(binsOf(counts, layout.row.features[0]!)).toEqual([values.length]);
      }),
    );
  });
});

describe("moments", () => {
  it("agree with two passes over the values", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
        const found = readMoments(count(x, ...values.map((v) => ({ features: { x: v } }))).moments, 0) as { mean: number; m2: number };
        const mean = values.reduce((a, b) => a + b) / values.length;
        const m2 = values.reduce((a, b) => a + (b - mean) ** 2, 0);
        expect(found).toMatchObject({ count: values.length });
        expect(found.mean).toBeCloseTo(mean, 5);
        expect(Math.abs(found.m2 - m2)).toBeLessThanOrEqual(1e-9 * (1 + m2) + 1e-6);
        expect((found as unknown as { min: number }).min + 0).toBe(Math.min(...values) + 0);
        expect((found as unknown as { max: number }).max + 0).toBe(Math.max(...values) + 0);
      }),
    );
  });

  it.each([
    ["m2 overflows", [1e308, -1e308]],
    ["the mean overflows", [Number.MAX_VALUE, -Number.MAX_VALUE, 1, 2, 3]],
    ["m2 overflows, later values are small", [1e200, 0, 0, 0, 1]],
  ])("that pass the range of float64 are absent with the reason: %s", (_, values) => {
    const found = readMoments(count(x, ...values.map((v) => ({ features: { x: v } }))).moments, 0);
    expect(found).toEqual({ count: values.length, min: Math.min(...values), max: Math.max(...values), reason: "overflow" });
  });
});

describe("a whole number beyond 2^53", () => {
  const account = layoutOf({ account: { categories: ["9007199254740993", "9007199254740992"] } });
  const decoder = createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: false, maxBytes: 1000 });

  it.each([
    ["9007199254740993", [1, 0]],
    ["9007199254740992", [0, 1]],
    ['"9007199254740993"', [1, 0]],
    ["9007199254740991", [0, 0]],
    ["9007199254740994", [0, 0]],
  ])("is the category of its digits, not that of its rounding: %s", (text, bins) => {
    const record = newRecord();
    const message = Buffer.from(`{"timestamp":1,"features":{"account":${text}}}`);
    expect(decoder(message, 0, message.length, 0, record)).toBeUndefined();
    const counts = new Uint32Array(account.row.slots);
    countRecord(counts, newMoments(0), account.features, record);
    expect(binsOf(counts, account.row.features[0]!)).toEqual(bins);
    expect(special(counts, account.row.features[0]!, "unseen")).toBe(bins.includes(1) ? 0 : 1);
  });
});
