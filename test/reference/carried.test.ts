import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { areConsecutive, carriedDays, daysKnown, daysToCarry } from "../../src/reference/carried.ts";
import { coarsePlan } from "../../src/reference/coarse.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import type { Calibration } from "../../src/reference/snapshot.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

const DAY_MS = 86_400_000;
const DUE = 20_000;

describe("the days of the reference before that are carried on", () => {
  const of = (known: readonly number[], more: Partial<Parameters<typeof daysToCarry>[1]> = {}) =>
    daysToCarry(known, { dueMs: DUE * DAY_MS, days: 5, taken: [DUE - 1, DUE - 2], spoilt: new Set(), ...more });

  it.each<[string, number[], number[]]>([
    ["are the newest, as many as are lacking", of([1, 2, 3, 4, 5].map((n) => DUE - 10 - n)), [DUE - 11, DUE - 12, DUE - 13]],
    ["are none that panes have", of([DUE - 1, DUE - 2, DUE - 3]), [DUE - 3]],
    ["are none of an episode", of([DUE - 3, DUE - 4], { spoilt: new Set([DUE - 3]) }), [DUE - 4]],
    ["are none of more than 92 days ago", of([DUE - 92, DUE - 93]), [DUE - 92]],
    ["are none to come", of([DUE, DUE + 1]), []],
    ["are none where enough days are new", of([DUE - 9], { days: 2 }), []],
    ["are none where no day is new: it would be the same reference", of([DUE - 9], { taken: [] }), []],
  ])("%s", (_, found, expected) => {
    expect(found).toEqual(expected);
  });
});

it.each([
  ["none", [], true],
  ["one", [7], true],
  ["in any order", [9, 7, 8], true],
  ["with a gap", [7, 9], false],
])("days follow one another: %s", (_, days, expected) => {
  expect(areConsecutive(days)).toBe(expected);
});

/** Half hours of day `DUE`, and one of the day after. */
function calibrationOf(slots: Calibration["slots"]): Calibration {
  return { days: 2, time_zone: "UTC", slot_seconds: 1800, from: new Date((DUE + 1) * DAY_MS - 2 * 1_800_000).toISOString(), slots };
}

const rowAt = (bins: number, name: (typeof SPECIAL_SLOTS)[number]) => bins + SPECIAL_SLOTS.indexOf(name);

describe("what a day comes to", () => {
  it("a reference without half hours knows no day", () => {
    expect(daysKnown(snapshotOf([categoricalFeature("c", { a: 1 })]))).toEqual([]);
  });

  it("unseen categories are unseen, and what was missing comes in proportion", async () => {
    // Fourteen categories, so that the rare ones share a coarse bin: e to n, at 4 each.
    const rare = Object.fromEntries([..."efghijklmn"].map((name) => [name, 4]));
    const c = {
      ...categoricalFeature("c", { a: 400, b: 300, c: 200, d: 60, ...rare }),
      count: 1010,
      unnamed: 10,
      missing: 101,
      wrong_type: 5,
    };
    const { regular, other } = coarsePlan(c);
    expect([regular, other]).toEqual([5, 5]);
    const snapshot = snapshotOf([c], {
      calibration: calibrationOf({
        c: [
          [40, 30, 20, 5, 0, 1],
          [0, 0, 0, 1, 7, 0],
          [400, 0, 0, 0, 0, 0],
        ],
      }),
    });
    expect(daysKnown(snapshot)).toEqual([DUE + 1, DUE]);
    const { features, records } = await carriedDays(snapshot, new Set([DUE]));
    const { row, slots } = features.get("c")!;
    // Seven of ten equals: the first seven.
    expect(Array.from(row.subarray(0, 14))).toEqual([40, 30, 20, 6, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    expect(row[rowAt(14, "unseen")]).toBe(1);
    expect(row[rowAt(14, "missing")]).toBe(Math.round((101 / 1010) * 104));
    expect(row[rowAt(14, "wrong_type")]).toBe(1);
    expect([...slots.values()]).toEqual([
      [40, 30, 20, 5, 0, 1],
      [0, 0, 0, 1, 7, 0],
    ]);
    expect([...records.keys()].map((slot) => Math.floor(slot / 48))).toEqual([DUE, DUE]);
  });

  it("what is out of range is below, above or infinite as it was before", async () => {
    const values = Array.from({ length: 1_000 }, (_, i) => i);
    const plain = numericFeature("x", values);
    const last = plain.counts.length - 1;
    const counts = plain.counts.map((count, j) => (j === 0 ? 10 : j === last ? 20 : count));
    const x = { ...plain, counts, count: 1_030, positive_infinity: 30, negative_infinity: 0 };
    const { size, outOfRange } = coarsePlan(x);
    const coarse = new Array<number>(size).fill(0);
    coarse[outOfRange] = 6;
    const { features } = await carriedDays(snapshotOf([x], { calibration: calibrationOf({ x: [coarse] }) }), new Set([DUE]));
    const { row, moments } = features.get("x")!;
    expect([row[0], row[last], row[rowAt(last + 1, "positive_infinity")]]).toEqual([1, 2, 3]);
    // The three finite ones stand for all values.
    expect(Array.from(moments)).toEqual([3, x.moments.mean, (x.moments.m2 * 3) / 1_000, 0, 999]);
  });

  it("of a feature without moments has none", async () => {
    const x = { ...numericFeature("x", [1, 2, 3, 4]), moments: { count: 0, mean: 0, m2: 0 } };
    const { size } = coarsePlan(x);
    const snapshot = snapshotOf([x], { calibration: calibrationOf({ x: [new Array<number>(size).fill(1)] }) });
    expect((await carriedDays(snapshot, new Set([DUE]))).features.get("x")!.moments[0]).toBe(0);
  });

  it("bins sum up to the coarse counts, whatever they are (property)", async () => {
    const feature = numericFeature(
      "x",
      Array.from({ length: 3_000 }, (_, i) => (i % 3 === 0 ? 0 : Math.sin(i) * 100)),
    );
    const { size } = coarsePlan(feature);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: size, maxLength: size }), async (coarse) => {
        const snapshot = snapshotOf([feature], { calibration: calibrationOf({ x: [coarse] }) });
        const { row } = (await carriedDays(snapshot, new Set([DUE]))).features.get("x")!;
        const sums = new Array<number>(size).fill(0);
        for (const [j, bin] of feature.coarse.entries()) sums[bin]! += row[j]!;
        sums[feature.coarse[0]!]! +=
          row[rowAt(feature.counts.length, "positive_infinity")]! + row[rowAt(feature.counts.length, "negative_infinity")]!;
        expect(sums).toEqual(coarse);
        expect(row.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
      }),
    );
  });
});
