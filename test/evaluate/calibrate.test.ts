import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chi2Isf, g } from "../../detectors/index.ts";
import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { calibrateFeature, timedDays, type WindowCalibration } from "../../src/evaluate/calibrate-feature.ts";
import { type CellLayout, cellOf, dayOf, hourOf } from "../../src/evaluate/cells.ts";
import { shiftLimit } from "../../src/evaluate/limits.ts";
import { compareOwnWindows } from "../../src/evaluate/own-windows.ts";
import { DEFAULT_POLICY } from "../../src/evaluate/policy.ts";
import { prepareFeature } from "../../src/evaluate/prepared-feature.ts";
import { readSlots } from "../../src/evaluate/slots.ts";
import { calibrationOf, createNormal, createRandom, DAY, HOUR, judge, numericFeature, START, snapshotOf, windowOf } from "./make.ts";

const SLOT = HOUR / 2;

/** What rule R says, slot by slot and without any sums kept. */
function naiveWindows(rows: readonly (readonly number[])[], layout: CellLayout, length: number, step: number) {
  const bins = rows[0]!.length;
  const at = rows.map((_, i) => START + i * SLOT);
  const cells = at.map((ms) => cellOf(layout, dayOf(ms), hourOf(ms)));
  const total = (row: readonly number[]) => row.reduce((sum, count) => sum + count, 0);
  const add = (list: readonly (readonly number[])[]) => Array.from({ length: bins }, (_, k) => list.reduce((sum, row) => sum + row[k]!, 0));
  const windows: { gs: number; en: number }[] = [];
  for (let start = 0; start + length <= rows.length; start += step) {
    const inside = rows.map((_, i) => i).slice(start, start + length);
    const days = new Set(inside.map((i) => dayOf(at[i]!)));
    const left = rows.map((_, i) => i).filter((i) => !days.has(dayOf(at[i]!)));
    const current = add(inside.map((i) => rows[i]!));
    const n = total(current);
    if (n < 10 * bins) continue;
    const pool = add(left.map((i) => rows[i]!));
    if (total(pool) === 0) continue;
    let inverse = 0;
    const share = new Array<number>(bins).fill(0);
    for (const cell of new Set(inside.map((i) => cells[i]!))) {
      const weight = total(add(inside.filter((i) => cells[i] === cell).map((i) => rows[i]!))) / n;
      if (weight === 0) continue;
      const r = add(left.filter((i) => cells[i] === cell).map((i) => rows[i]!));
      inverse += weight ** 2 / Math.max(1, total(r));
      for (let k = 0; k < bins; k++) share[k]! += (weight * (r[k]! + pool[k]! / total(pool))) / (total(r) + 1);
    }
    const m = 1 / inverse;
    windows.push({
      gs: g(
        share.map((p) => p * m),
        current,
      )!,
      en: (n * m) / (n + m),
    });
  }
  return windows;
}

describe("the reference's own windows", () => {
  it("are compared with the reference without every day that they touch, in each layout of cells", () => {
    const layout = fc.constantFrom<CellLayout>("pooled", "hour", "weekend_hour", "weekday_hour");
    const rows = fc.array(fc.array(fc.nat(60), { minLength: 3, maxLength: 3 }), { minLength: 100, maxLength: 200 });
    fc.assert(
      fc.property(rows, layout, fc.constantFrom(1, 2, 12, 48), fc.constantFrom(1, 4), (raw, cells, length, step) => {
        const own = compareOwnWindows(readSlots(raw, 3, START, SLOT), cells, { length, step, firstBin: 0 });
        const naive = naiveWindows(raw, cells, length, step);
        expect(own?.gs.length ?? 0).toBe(naive.length);
        for (const [i, { gs, en }] of naive.entries()) {
          expect(own!.gs[i]).toBeCloseTo(gs, 6);
          expect(own!.en[i]).toBeCloseTo(en, 6);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("cross midnight and start at every half hour", () => {
    const raw = Array.from({ length: 8 * 48 }, () => [50, 50]);
    expect(compareOwnWindows(readSlots(raw, 2, START, SLOT), "pooled", { length: 12, step: 1, firstBin: 0 })?.gs.length).toBe(8 * 48 - 11);
  });

  it("are taken further apart when a reference of years has more of them than can tell anything new", () => {
    const raw = Array.from({ length: 730 * 48 }, () => [50, 50]);
    const own = compareOwnWindows(readSlots(raw, 2, START, SLOT), "hour", { length: 2, step: 1, firstBin: 0 });
    expect(own!.gs.length).toBeLessThanOrEqual(4000);
    expect(own!.days).toBeGreaterThan(700);
  });

  it("teach nothing when they hold too few values for a verdict", () => {
    const days = Array.from({ length: 10 * 48 }, (_, i) => (i % 48 < 10 ? [0, 0] : [60, 50]));
    const nights = days.map((row, i) => (i % 48 < 10 ? [i % 3, 0] : row));
    const shape = { length: 2, step: 1, firstBin: 0 };
    const of = (raw: number[][]) => compareOwnWindows(readSlots(raw, 2, START, SLOT), "pooled", shape)!;
    expect(of(nights).gs.length).toBe(of(days).gs.length);
    expect(of(nights).thinShare).toBeGreaterThan(0.1);
  });
});

describe("the calibration of a feature", () => {
  const normal = createNormal(createRandom(5));
  const sample = (count: number, shift = 0) => Float64Array.from({ length: count }, () => normal() + shift);
  const x = numericFeature("x", sample(20_000));
  const of = (days: number, shiftAt: (slot: number) => number, lengthMs = HOUR) =>
    calibrateFeature(
      snapshotOf(
        [x],
        calibrationOf(x, days, (slot) => sample(150, shiftAt(slot))),
      ),
      prepareFeature(x),
      lengthMs,
      true,
    );

  const calibrated = (...options: Parameters<typeof of>): WindowCalibration => {
    const found = of(...options);
    if ("reason" in found) throw new Error(`not calibrated: ${found.reason}`);
    return found;
  };

  it("needs seven days", () => {
    expect(of(6, () => 0)).toEqual({ reason: "few_days", days: 6, needed: 7 });
    expect(of(7, () => 0)).toMatchObject({ days: 7, meanValues: 300 });
  });

  it("needs the feature, windows that fit, and half hours", () => {
    const calibration = calibrationOf(x, 14, () => sample(150))!;
    const prepared = prepareFeature(x);
    const lacking = (snapshot: ReturnType<typeof snapshotOf>, feature = prepared, lengthMs = HOUR) =>
      calibrateFeature(snapshot, feature, lengthMs, true);
    expect(lacking(snapshotOf([x]))).toEqual({ reason: "no_timestamps" });
    expect(lacking(snapshotOf([x], { ...calibration, slots: {} }))).toEqual({ reason: "no_values" });
    expect(lacking(snapshotOf([x], { ...calibration, slots: { x: calibration.slots["x"]!.map(() => []) } }))).toEqual({
      reason: "no_values",
    });
    const named = numericFeature("constructor", sample(100));
    expect(lacking(snapshotOf([named], { ...calibration, slots: {} }), prepareFeature(named))).toEqual({ reason: "no_values" });
  });

  it.each([
    [2, 13, { reason: "long_window", days: 13, needed: 14, lengthMs: 2 * DAY }],
    [2, 14, { days: 14, blocks: 7 }],
    [15, 14, { reason: "long_window", days: 14, needed: 105, lengthMs: 15 * DAY }],
  ])("for windows of %d days needs seven windows side by side: %d days", (days, there, found) => {
    expect(of(there, () => 0, days * DAY)).toMatchObject(found);
  });

  it("does not count days of which nothing is known", () => {
    const gap = (from: number, to: number) => (slot: number) => (slot >= from * 48 && slot < to * 48 ? [] : sample(150));
    const days = (known: (slot: number) => ArrayLike<number>) => {
      const snapshot = snapshotOf([x], calibrationOf(x, 14, known));
      return { days: timedDays(snapshot, prepareFeature(x)), found: calibrateFeature(snapshot, prepareFeature(x), HOUR, true) };
    };
    expect(days(gap(3, 11))).toEqual({ days: 6, found: { reason: "few_days", days: 6, needed: 7 } });
    expect(days(gap(3, 10))).toMatchObject({ days: 7, found: { days: 7, cells: "pooled" } });
    // Windows that begin on a known day and end in the gap are half empty: they are no windows, as live ones would not be.
    const day = calibrateFeature(snapshotOf([x], calibrationOf(x, 21, gap(7, 14))), prepareFeature(x), DAY, true);
    expect(day).toMatchObject({ days: 14, windows: expect.any(Number) });
    expect("windows" in day && day.meanValues).toBeGreaterThan(0.85 * 48 * 150);
  });

  it("takes a feature that has values by day only as it is", () => {
    const byDay = (slot: number) => (slot % 48 >= 18 && slot % 48 < 36 ? sample(150) : []);
    const day = calibrateFeature(snapshotOf([x], calibrationOf(x, 14, byDay)), prepareFeature(x), DAY, true);
    expect(day).toMatchObject({ days: 14, meanValues: 18 * 150 });
  });

  it("finds next to no noise between days that are alike", () => {
    const alike = calibrated(14, () => 0);
    expect(alike.mu).toBeLessThan(0.003);
    expect(Math.sqrt(alike.v)).toBeLessThan(0.03);
  });

  it("finds noise where days differ, and asks for more before it calls something drift", () => {
    const shifts = Array.from({ length: 14 }, () => 0.4 * normal());
    const calibration = (shiftAt: (slot: number) => number) => calibrationOf(x, 14, (slot) => sample(150, shiftAt(slot)));
    const limit = (shiftAt: (slot: number) => number) => {
      const reference = prepareReference(snapshotOf([x], calibration(shiftAt)), DEFAULT_POLICY);
      return shiftLimit(DEFAULT_POLICY, reference.windowOf(0, 0), 11, 280);
    };
    const alike = limit(() => 0);
    expect(alike).toBeGreaterThanOrEqual(
      chi2Isf(
        prepareReference(
          snapshotOf(
            [x],
            calibration(() => 0),
          ),
          DEFAULT_POLICY,
        ).windowOf(0, 0).alpha,
        10,
      ),
    );
    expect(limit((slot) => shifts[Math.floor(slot / 48)]!)).toBeGreaterThan(2 * alike);
  });

  it.each([14, 28])("leaves %d days without a rhythm in one cell, since finer ones would hold fewer rows", (days) => {
    expect(calibrated(days, () => 0).cells).toBe("pooled");
    expect(calibrated(days, () => 0, DAY / 4).cells).toBe("pooled");
  });

  it("takes hours as cells when the day has a rhythm, and weekends apart when they differ", () => {
    const daily = (slot: number) => 0.5 * Math.sin((slot * Math.PI) / 24);
    expect(calibrated(10, daily).cells).toBe("hour");
    const weekend = (slot: number) => daily(slot) + (Math.floor(slot / 48) % 7 >= 5 ? 0.6 : 0);
    expect(calibrated(14, weekend).cells).toBe("weekend_hour");
    const weekday = (slot: number) => (Math.floor(slot / 48) % 7) * 0.2 + daily(slot);
    expect(calibrated(28, weekday).cells).toBe("weekday_hour");
  });

  it("lets a daily rhythm pass at its own hours, and not at others", () => {
    const daily = (slot: number) => 0.6 * Math.sin((slot * Math.PI) / 24);
    const values = Array.from({ length: 14 * 48 }, (_, slot) => sample(150, daily(slot)));
    const y = numericFeature(
      "x",
      values.flatMap((list) => [...list]),
    );
    const reference = prepareReference(
      snapshotOf(
        [y],
        calibrationOf(y, 14, (slot) => values[slot]!),
      ),
      DEFAULT_POLICY,
    );
    const at = (hour: number, shift: number) =>
      judge(windowOf(reference.snapshot, { x: { values: sample(600, shift) } }, { endMs: START + 20 * DAY + hour * HOUR }), reference);
    // 06:00 is the crest, 18:00 the trough.
    expect(at(6, 0.6).verdict).toBe("no_drift");
    expect(at(18, -0.6).verdict).toBe("no_drift");
    expect(at(18, 0.6)).toMatchObject({ verdict: "drift", severity: "critical", reason: "shift" });
  });

  it("is made once for each feature and window", () => {
    const reference = prepareReference(
      snapshotOf(
        [x],
        calibrationOf(x, 8, () => sample(100)),
      ),
      DEFAULT_POLICY,
    );
    expect(reference.windowOf(0, 1)).toBe(reference.windowOf(0, 1));
    expect(reference.windowOf(0, 1)).not.toBe(reference.windowOf(0, 0));
  });

  it("is made ahead for all features of a window, with a turn of the event loop between two of them", async () => {
    const calibration = calibrationOf(x, 8, () => sample(100))!;
    const names = ["x", "y", "z"];
    const slots = Object.fromEntries(names.map((name) => [name, calibration.slots["x"]!]));
    const reference = prepareReference(
      snapshotOf(
        names.map((feature) => ({ ...x, feature })),
        { ...calibration, slots },
      ),
      DEFAULT_POLICY,
    );
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const making = reference.readyFor(1);
    expect(reference.readyFor(1)).toBe(making);
    await making;
    clearImmediate(counting);
    expect(turns).toBeGreaterThanOrEqual(names.length - 1);
    expect(reference.readyFor(1)).toBeUndefined();
    expect(reference.readyFor(0)).toBeInstanceOf(Promise);
    expect(reference.readyFor(-1)).toBeUndefined();
    expect(reference.windowOf(2, 1).calibration).toBeDefined();
  });
});
