import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newRecord } from "../../src/decode/record.ts";
import { countRecord } from "../../src/panes/count.ts";
import { newMoments } from "../../src/panes/moments.ts";
import { topUnseen, withSketches } from "../../src/panes/sketches.ts";
import { createUnseenSketch, newSketchBudget } from "../../src/panes/unseen.ts";
import { layoutOf } from "./layouts.ts";

const sketchOf = (values: readonly string[]) => {
  const sketch = createUnseenSketch(newSketchBudget());
  for (const value of values) sketch.add(value);
  return sketch;
};

describe("a sketch", () => {
  it("is exact for few values, most frequent first", () => {
    expect(sketchOf(["b", "a", "b", "c", "a", "b"]).top(2)).toEqual([
      { value: "b", count: 3, over: 0 },
      { value: "a", count: 2, over: 0 },
    ]);
  });

  it("never counts too few, too many by `over` at most, and holds whatever is more than a hundredth", () => {
    const value = fc.oneof({ weight: 1, arbitrary: fc.constantFrom("x", "y") }, { weight: 5, arbitrary: fc.nat(2_000).map(String) });
    fc.assert(
      fc.property(fc.array(value, { minLength: 200, maxLength: 1_500 }), (values) => {
        const exact = new Map<string, number>();
        for (const one of values) exact.set(one, (exact.get(one) ?? 0) + 1);
        const sketch = sketchOf(values);
        const top = sketch.top(1_000);
        expect(top.length).toBeLessThanOrEqual(100);
        expect(sketch.total()).toBe(values.length);
        for (const { value: one, count, over } of top) {
          expect(count).toBeGreaterThanOrEqual(exact.get(one)!);
          expect(count - over).toBeLessThanOrEqual(exact.get(one)!);
        }
        for (const [one, count] of exact) if (count > values.length / 100) expect(top.map((each) => each.value)).toContain(one);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["long text is cut, and what is the same so far is one value", ["a".repeat(65), "a".repeat(64)], "a".repeat(64), 2],
    ["line breaks and escapes", ["a\nb\u001b[31m"], "a\ufffdb\ufffd[31m", 1],
    ["marks that reorder text", ["\u202eabc"], "\ufffdabc", 1],
    ["half a character", [`${"a".repeat(63)}😀`], `${"a".repeat(63)}\ufffd`, 1],
    ["the empty text", [""], "", 1],
    ["a name of objects", ["__proto__"], "__proto__", 1],
  ])("%s", (_, values, value, count) => {
    expect(sketchOf(values).top(10)).toEqual([{ value, count, over: 0 }]);
  });

  it("beyond the budget has its total only", () => {
    const budget = { left: 1 };
    const sketches = [createUnseenSketch(budget), createUnseenSketch(budget)];
    for (const sketch of sketches) sketch.add("a");
    expect(sketches.map((sketch) => [sketch.total(), sketch.top(10).length])).toEqual([
      [1, 1],
      [1, 0],
    ]);
  });
});

describe("values that the reference does not have", () => {
  const plain = layoutOf({ x: { edges: [0, 1] }, colour: { categories: ["red", "1"] }, secret: { categories: ["a"] } });
  const noted = withSketches(plain, new Set(["secret"]));
  const record = (features: Record<string, unknown>) => ({ ...newRecord(), features });
  const records = [
    record({ x: "text", colour: "blue", secret: "4711" }),
    record({ x: 5, colour: "red", secret: "a" }),
    record({ colour: 7, secret: {} }),
    record({ colour: true }),
    record({ colour: ["blue"] }),
    record({ colour: null }),
  ];
  const count = (layout: typeof plain) => {
    const counts = new Uint32Array(layout.row.slots);
    for (const one of records) countRecord(counts, newMoments(layout.row.numeric), layout.features, one);
    return counts;
  };

  it("are noted of categories, not of wrong types, numbers or what is sensitive, and change no count", () => {
    expect(count(noted.layout)).toEqual(count(plain));
    expect(
      noted.sketches
        .unseen("colour")!
        .top(10)
        .map(({ value }) => value),
    ).toEqual(["7", "blue", "true"]);
    expect(noted.sketches.unseen("secret")).toBeUndefined();
    expect(noted.sketches.unseen("x")).toBeUndefined();
    expect(noted.sketches.unseen("elsewhere")).toBeUndefined();
    expect(topUnseen(noted.sketches, "colour")).toEqual(["7 (1)", "blue (1)", "true (1)"]);
    expect(topUnseen(noted.sketches, "secret")).toBeUndefined();
    expect(topUnseen(undefined, "colour")).toBeUndefined();
  });

  it("of one version are not those of another", () => {
    const other = withSketches(plain, new Set());
    count(other.layout);
    expect(other.sketches.unseen("colour")!.total()).toBe(3);
    expect(withSketches(plain, new Set()).sketches.unseen("colour")!.total()).toBe(0);
  });
});
