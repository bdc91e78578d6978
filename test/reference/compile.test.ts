import { describe, expect, it } from "vitest";
import { columnOf, compileLayout, featureOf, rowLayoutOf } from "../../src/reference/compile.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

const delay = numericFeature("delay", [1, 2, 3]);
const origin = categoricalFeature("origin", { ATL: 2, ORD: 1 });

describe("rowLayoutOf", () => {
  it("stands the features one behind another, seven counters after the bins of each", () => {
    const { features, slots, numeric } = rowLayoutOf([delay, origin, numericFeature("x", [5])]);
    expect(features.map(({ offset, bins, moments }) => [offset, bins, moments])).toEqual([
      [0, 7, 0],
      [14, 2, -1],
      [23, 3, 1],
    ]);
    expect({ slots, numeric }).toEqual({ slots: 33, numeric: 2 });
  });

  it.each([
    ["another name", [{ ...delay, feature: "late" }, origin]],
    ["another order", [origin, delay]],
    ["other bins", [numericFeature("delay", [1, 2, 4]), origin]],
    ["one feature less", [delay]],
  ])("has another hash for %s", (_, features) => {
    expect(rowLayoutOf(features).hash).not.toBe(rowLayoutOf([delay, origin]).hash);
  });

  it("has the same hash for other counts in the same bins", () => {
    expect(rowLayoutOf([numericFeature("delay", [1, 2, 2, 3]), origin]).hash).toBe(rowLayoutOf([delay, origin]).hash);
  });

  it("tells a rounded feature from an unrounded one", () => {
    const layoutOf = (round: null | "float32") => compileLayout(snapshotOf([{ ...delay, round }])).features[0]!.float32;
    expect([layoutOf(null), layoutOf("float32")]).toEqual([false, true]);
  });
});

describe("compileLayout", () => {
  it("reads the prediction from its field of the record and inputs from the features", () => {
    const { features } = compileLayout(snapshotOf([delay, { ...origin, feature: "$prediction", role: "prediction" }]));
    expect(features.map(({ from, key }) => [from, key])).toEqual([
      ["features", "delay"],
      ["prediction", "prediction"],
    ]);
  });

  it("looks categories up by name, whatever the name", () => {
    const { features } = compileLayout(snapshotOf([categoricalFeature("c", { "": 3, ["__proto__"]: 2, "a,\n😀": 1 })]));
    expect([features[0]!.categories?.get(""), features[0]!.categories?.get("__proto__"), features[0]!.categories?.get("a,\n😀")]).toEqual([
      0, 1, 2,
    ]);
  });

  it.each([
    ["toString", true],
    ["__proto__", true],
    ["amount", false],
  ])("says of the key %s whether an object has it by birth: %s", (key, shadowed) => {
    expect(compileLayout(snapshotOf([numericFeature(key, [1])])).features[0]!.shadowed).toBe(shadowed);
  });

  it("refuses a derived feature, which it cannot compute", () => {
    expect(() => compileLayout(snapshotOf([{ ...delay, feature: "$pca_1", role: "derived" }]))).toThrow(/\$pca_1.*derived/);
  });
});

it.each([
  ["amount", "amount"],
  ["$amount", "$$amount"],
  ["$$amount", "$$$amount"],
])("the input %s is the feature %s, and back", (input, feature) => {
  expect(featureOf(input)).toBe(feature);
  expect(columnOf(feature)).toBe(input);
});
