import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newRecord } from "../../src/decode/record.ts";
import { countRecord } from "../../src/panes/count.ts";
import { newMoments } from "../../src/panes/moments.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { daysKnown } from "../../src/reference/carried.ts";
import { referenceCoarse } from "../../src/reference/coarse.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { type ClosedPane, DAY_MS, sumPanes } from "../../src/reference/from-panes.ts";
import type { CategoricalFeature, NumericFeature, Snapshot } from "../../src/reference/snapshot.ts";
import { validateSnapshot } from "../../src/reference/validate.ts";
import { createRandom } from "../evaluate/make.ts";
import { categoricalFeature, numericFeature, snapshotOf } from "./snapshots.ts";

const T0 = Date.parse("2024-01-01T00:00:00Z");
const MINUTE = 60_000;

type Row = { readonly timeMs: number; readonly features: Readonly<Record<string, unknown>> };

/** Rows as the daemon counts them: panes of `paneMs`, in the order of their starts. */
function panesOf(snapshot: Snapshot, rows: readonly Row[], paneMs: number): ClosedPane[] {
  const { row, features } = compileLayout(snapshot);
  const panes = new Map<number, { counts: Uint32Array; moments: Float64Array; records: number }>();
  for (const { timeMs, features: values } of rows) {
    const startMs = Math.floor(timeMs / paneMs) * paneMs;
    const pane = panes.get(startMs) ?? { counts: new Uint32Array(row.slots), moments: newMoments(row.numeric), records: 0 };
    panes.set(startMs, pane);
    countRecord(pane.counts, pane.moments, features, { ...newRecord(), features: values });
    pane.records += 1;
  }
  return [...panes].sort(([a], [b]) => a - b).map(([startMs, pane]) => ({ key: { startMs, paneMs }, ...pane }));
}

const options = { source: "store:test", createdAtMs: T0, driftd: "0", version: undefined, empty: "leave_out" as const };

function summed(base: Snapshot, panes: readonly ClosedPane[]) {
  const sums = sumPanes(base);
  const { row } = compileLayout(base);
  for (const pane of panes) sums.add(pane, row);
  return sums;
}

describe("a reference of the panes of the very rows that the first was built from", () => {
  let folder: string;
  let base: Snapshot;
  let rows: Row[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "driftd-from-panes-"));
    const random = createRandom(7);
    const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
    rows = Array.from({ length: 6_000 }, (_, i) => {
      // Nine days with an empty night; nothing on the fifth.
      const day = Math.floor((i * 9) / 6_000);
      const timeMs = T0 + day * DAY_MS + 6 * 3_600_000 + Math.floor(random() * 16 * 3_600_000);
      const rare = random();
      return {
        timeMs,
        features: {
          amount:
            rare < 0.02
              ? undefined
              : rare < 0.03
                ? "text"
                : rare < 0.04
                  ? Number.NaN
                  : rare < 0.05
                    ? Infinity
                    : rare < 0.06
                      ? -Infinity
                      : Math.round(random() ** 2 * 1e6) / 100,
          minutes: Math.floor(random() * 40) - 5,
          code: rare > 0.97 ? undefined : rare > 0.96 ? `rare${i}` : pick("ATL", "JFK", "LAX", "ORD", "ATL"),
        },
      };
    }).filter(({ timeMs }) => Math.floor((timeMs - T0) / DAY_MS) !== 4);
    const cell = (value: unknown) => (value === undefined ? "" : value === Infinity ? "inf" : value === -Infinity ? "-inf" : String(value));
    const lines = rows.map(({ timeMs, features: { amount, minutes, code } }) =>
      [new Date(timeMs).toISOString(), ...[amount, minutes, code].map(cell)].join(","),
    );
    const input = join(folder, "rows.csv");
    await writeFile(input, `timestamp,amount,minutes,code\n${lines.join("\n")}\n`);
    ({ snapshot: base } = await buildSnapshot({ input, model: "m", nowMs: T0, driftd: "0" }));
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("has the same counts, special counters, coarse bins and half hours, bit for bit", async () => {
    expect(base.features.map(({ feature }) => feature)).toEqual(["amount", "minutes", "code"]);
    const snapshot = await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options);
    const exact = (one: Snapshot) => one.features.map((feature) => ({ ...feature, moments: undefined }));
    expect(exact(snapshot)).toEqual(exact(base));
    expect(snapshot.calibration).toEqual(base.calibration);
    expect(snapshot.records).toBe(base.records);
    for (const [i, { kind }] of base.features.entries()) {
      if (kind !== "numeric") continue;
      const [was, is] = [base, snapshot].map((one) => (one.features[i] as NumericFeature).moments) as [Moments, Moments];
      expect(is).toMatchObject({ count: was.count, min: was.min, max: was.max });
      expect(is.mean / was.mean).toBeCloseTo(1, 12);
      expect(is.m2 / was.m2).toBeCloseTo(1, 10);
    }
  });
  type Moments = NumericFeature["moments"];

  it("is the same whatever the length of a pane", async () => {
    const [a, b] = (await Promise.all([5, 30].map((minutes) => summed(base, panesOf(base, rows, minutes * MINUTE)).snapshot(options)))) as [
      Snapshot,
      Snapshot,
    ];
    expect(a.calibration).toEqual(b.calibration);
    expect(a.features.map(({ counts }) => counts)).toEqual(b.features.map(({ counts }) => counts));
  });

  describe("and days that it carries over from the one before", () => {
    const day = (n: number) => T0 / DAY_MS + n;
    const exact = (one: Snapshot) => one.features.map((feature) => ({ ...feature, moments: undefined }));

    it("all of them are the reference before, bit for bit", async () => {
      const sums = sumPanes(base);
      expect(daysKnown(base)).toEqual([8, 7, 6, 5, 3, 2, 1, 0].map(day));
      await sums.carry(daysKnown(base));
      expect(sums.days()).toEqual(daysKnown(base).toReversed());
      const snapshot = await sums.snapshot(options);
      expect(exact(snapshot)).toEqual(exact(base));
      expect(snapshot.calibration).toEqual(base.calibration);
      expect(snapshot.records).toBe(base.records);
      const [was, is] = [base, snapshot].map(({ features }) => (features[0] as NumericFeature).moments);
      expect(is).toEqual(was);
    });

    it("have the half hours of their panes exactly, and the bins nearly: whole numbers that sum up to the coarse counts", async () => {
      const panes = panesOf(base, rows, 5 * MINUTE);
      const old = (pane: ClosedPane) => pane.key.startMs < T0 + 4 * DAY_MS;
      const sums = summed(
        base,
        panes.filter((pane) => !old(pane)),
      );
      await sums.carry([3, 1, 0].map(day));
      const snapshot = await sums.snapshot({ ...options, gaps: true });
      const panesAlone = summed(
        base,
        panes.filter((pane) => !old(pane) || Math.floor(pane.key.startMs / DAY_MS) !== day(2)),
      );
      const wanted = await panesAlone.snapshot({ ...options, gaps: true });
      expect(snapshot.calibration).toEqual(wanted.calibration);
      expect(snapshot.records).toBe(wanted.records);
      expect(snapshot.time).toMatchObject({ from: base.calibration!.from, to: wanted.time!.to });
      expect(snapshot.digest).toBe(digestOf(snapshot));
      for (const [i, feature] of snapshot.features.entries()) {
        const other = wanted.features[i]!;
        expect(referenceCoarse(feature)).toEqual(referenceCoarse(other));
        expect(feature.counts.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
        const apart = feature.counts.reduce((sum, count, j) => sum + Math.abs(count - other.counts[j]!), 0);
        expect(apart / feature.count).toBeLessThan(0.2);
        // A fiftieth of the rows lacks an amount.
        expect(Math.abs(feature.missing - other.missing)).toBeLessThan(30);
      }
      expect(validateSnapshot(JSON.parse(JSON.stringify(snapshot)), "x")).toEqual(snapshot);
    });

    it("have as many records as the fullest feature says, where that is not known", async () => {
      const { records: _, ...rest } = base.calibration!;
      const unknown = { ...base, calibration: rest };
      const [sums, known] = [sumPanes(unknown), sumPanes(base)];
      await sums.carry([1, 2].map(day));
      await known.carry([1, 2].map(day));
      expect(sums.records() / known.records()).toBeCloseTo(1, 1);
      expect(sums.days()).toEqual([1, 2].map(day));
    });
  });

  it("does not learn of a feature on days on which it had vanished", async () => {
    const gone = new Map([["code", new Set([T0 / DAY_MS + 1, T0 / DAY_MS + 2])]]);
    const without = rows.map((row) => {
      const { code: _, ...features } = row.features;
      return gone.get("code")!.has(Math.floor(row.timeMs / DAY_MS)) ? { ...row, features } : row;
    });
    const sums = sumPanes(base);
    for (const pane of panesOf(base, without, 5 * MINUTE)) sums.add(pane, compileLayout(base).row, gone);
    const code = (await sums.snapshot(options)).features[2]!;
    const left = rows.filter(({ timeMs }) => !gone.get("code")!.has(Math.floor(timeMs / DAY_MS)));
    expect([code.count, code.missing]).toEqual([
      left.filter(({ features }) => features["code"] !== undefined).length,
      left.filter(({ features }) => features["code"] === undefined).length,
    ]);
  });

  it("keeps the layout, names the bins' origin, and is a valid snapshot with a right digest", async () => {
    const snapshot = await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options);
    expect(compileLayout(snapshot).row.hash).toBe(compileLayout(base).row.hash);
    expect(snapshot.provenance).toMatchObject({ source: "store:test", bins_of: base.digest });
    expect(snapshot.digest).toBe(digestOf(snapshot));
    expect(validateSnapshot(JSON.parse(JSON.stringify(snapshot)), "x")).toEqual(snapshot);
  });
});

describe("other rows", () => {
  const base = snapshotOf([numericFeature("x", [1, 1, 2, 2, 3, 3, 4, 4]), categoricalFeature("c", { a: 50, b: 30 })]);
  const at = (minute: number, x: unknown, c: unknown): Row => ({ timeMs: T0 + minute * MINUTE, features: { x, c } });

  it("beyond the range, unseen, absent and null are counted where they belong", async () => {
    const rows = [at(0, 99, "z"), at(1, -99, "a"), at(2, null, null), at(3, undefined, "b"), at(4, "1", 1.5), at(5, 3, "z")];
    const [x, c] = (await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options)).features as [NumericFeature, CategoricalFeature];
    expect(x).toMatchObject({ count: 3, missing: 2, wrong_type: 1 });
    expect(x.counts[0]).toBe(1);
    expect(x.counts.at(-1)).toBe(1);
    expect(c).toMatchObject({ count: 5, missing: 1, unnamed: 3, seen_once: 2, counts: [1, 1] });
  });

  it("do not keep what was said of how thresholds came about: other days may calibrate in another way", async () => {
    const said: Snapshot = { ...base, thresholds: { x: { "1h": "tolerance" } } };
    const snapshot = await summed(said, panesOf(said, [at(0, 1, "a")], 5 * MINUTE)).snapshot(options);
    expect(snapshot).not.toHaveProperty("thresholds");
    expect(snapshot.digest).toBe(digestOf(snapshot));
  });

  it("keep the mean of a bin that has values, and lose it where there are none any more", async () => {
    const { means = [] } = base.features[0] as NumericFeature;
    const [x] = (await summed(base, panesOf(base, [at(0, 1, "a"), at(1, 4, "a")], 5 * MINUTE)).snapshot(options)).features as [
      NumericFeature,
    ];
    expect(x.means).toEqual(means.map((mean) => (mean === 1 || mean === 4 ? mean : null)));
    expect(means).toContain(2);
  });

  it("of another layout are taken feature by feature", async () => {
    const other = snapshotOf([numericFeature("x", [1, 2, 3, 4, 5]), categoricalFeature("c", { a: 50, b: 30 })]);
    const sums = sumPanes(base);
    for (const pane of panesOf(other, [at(0, 1, "a"), at(1, 2, "a")], 5 * MINUTE)) sums.add(pane, compileLayout(other).row);
    expect(sums.without()).toEqual(["x"]);
    expect((await sums.snapshot(options)).features).toMatchObject([{ feature: "c", counts: [2, 0] }]);
    const kept = await sums.snapshot({ ...options, empty: "keep" });
    expect(kept.features).toEqual([base.features[0], expect.objectContaining({ feature: "c", counts: [2, 0] })]);
    // What it keeps of old counts has no half hours: it is judged uncalibrated.
    expect(Object.keys(kept.calibration?.slots ?? {})).toEqual(["c"]);
  });

  it("calibrate from the first half hour with a value, on the days that have one", async () => {
    const rows = [at(40, 1, "a"), at(2 * 24 * 60 + 5, 2, "b")];
    const { calibration, time } = await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options);
    expect(calibration).toMatchObject({ days: 2, from: "2024-01-01T00:30:00Z" });
    expect(calibration?.slots["x"]).toHaveLength(96);
    expect(time).toMatchObject({ from: "2024-01-01T00:40:00Z", to: "2024-01-03T00:10:00Z" });
  });

  it("of more than 92 days calibrate on the last 92", async () => {
    const rows = Array.from({ length: 100 }, (_, day) => at(day * 24 * 60, 1, "a"));
    const snapshot = await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options);
    expect(snapshot.calibration).toMatchObject({ days: 92, from: "2024-01-09T00:00:00Z" });
    expect(snapshot.records).toBe(100);
  });

  it("whose moments overflow have none, and say so by their count", async () => {
    const rows = [at(0, 1e308, "a"), at(1, -1e308, "a"), at(2, 1.5e308, "a")];
    const [x] = (await summed(base, panesOf(base, rows, 5 * MINUTE)).snapshot(options)).features as [NumericFeature];
    expect(x.moments).toMatchObject({ count: 0, min: -1e308, max: 1.5e308 });
    expect(x.count).toBe(3);
  });

  it("in any split into panes give the same counts as in one (property)", async () => {
    const row = fc.record({
      minute: fc.integer({ min: 0, max: 4_000 }),
      x: fc.constantFrom(0, 1, 2, 3, 4, 9, null),
      c: fc.constantFrom("a", "b", "z", null),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), fc.constantFrom(1, 5, 15, 30), async (list, minutes) => {
        const rows = list.map(({ minute, x, c }) => at(minute, x, c));
        const fine = await summed(base, panesOf(base, rows, minutes * MINUTE)).snapshot({ ...options, empty: "keep" });
        const whole = await summed(base, panesOf(base, rows, DAY_MS * 7)).snapshot({ ...options, empty: "keep" });
        expect(fine.features.map(({ counts, count, missing }) => [counts, count, missing])).toEqual(
          whole.features.map(({ counts, count, missing }) => [counts, count, missing]),
        );
        for (const [name, slots] of Object.entries(fine.calibration?.slots ?? {})) {
          expect(slots.flat().reduce((sum, one) => sum + one, 0)).toBe(
            (whole.calibration?.slots[name] ?? []).flat().reduce((sum, one) => sum + one, 0),
          );
        }
      }),
    );
  });
});
