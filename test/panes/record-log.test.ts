import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pane } from "../../src/panes/pane.ts";
import { createRecordLog } from "../../src/panes/record-log.ts";
import type { RecordCount } from "../../src/store/store.ts";

const PANE = 300_000;
const DAY = 86_400_000;
const T0 = Date.UTC(2001, 0, 15);

/** A store of counts by (model, version, partition, start), which answers a turn later. */
function createStore() {
  const rows = new Map<string, RecordCount & { readonly model: string }>();
  return {
    reads: [] as { readonly fromMs: number; readonly toMs: number }[],
    /** Called once while a question is on its way. */
    during: undefined as (() => void) | undefined,
    failing: false,
    put(model: string, version: string, partition: number, startMs: number, records: number): { readonly key: Pane["key"] } {
      rows.set(JSON.stringify([model, version, partition, startMs]), { model, version, source: "s", partition, startMs, records });
      return { key: { model, startMs } as Pane["key"] };
    },
    async recordCounts(model: string, fromMs: number, toMs: number): Promise<RecordCount[]> {
      this.reads.push({ fromMs, toMs });
      if (this.failing) throw new Error("no answer");
      const found = [...rows.values()].filter(
        (row) => row.model === model && row.startMs >= fromMs && row.startMs < toMs && row.records > 0,
      );
      await Promise.resolve();
      const { during } = this;
      this.during = undefined;
      during?.();
      return found.map(({ model: _, ...row }) => row);
    },
    rows: (model: string, fromMs: number, toMs: number) =>
      [...rows.values()].filter((row) => row.model === model && row.startMs >= fromMs && row.startMs < toMs && row.records > 0),
  };
}

const put = fc.record({
  model: fc.constantFrom("m", "m", "n"),
  version: fc.constantFrom("1", "2"),
  partition: fc.nat(2),
  hour: fc.integer({ min: -24 * 9, max: 24 * 20 }),
  records: fc.nat(4),
  late: fc.boolean(),
});
const ask = fc.record({
  model: fc.constantFrom("m", "n"),
  hour: fc.integer({ min: 0, max: 24 * 20 }),
  days: fc.integer({ min: 1, max: 9 }),
});

describe("the record log", () => {
  test("answers as the store does, whatever is put and asked in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(put, put, ask), { maxLength: 60 }), async (steps) => {
        const store = createStore();
        const log = createRecordLog({ store, paneMs: PANE });
        for (const step of steps) {
          if ("version" in step) {
            const { model, version, partition, hour, records, late } = step;
            const told = () => log.invalidate([store.put(model, version, partition, T0 + hour * 3_600_000, records)]);
            if (late) store.during = told;
            else told();
            continue;
          }
          const endMs = T0 + step.hour * 3_600_000;
          const fromMs = endMs - step.days * DAY;
          await log.ready(step.model, fromMs, endMs);
          expect(log.ready(step.model, fromMs, endMs)).toBeUndefined();
          const known = log.of(step.model);
          const rows = store.rows(step.model, fromMs, endMs);
          expect(known.sum(fromMs, endMs)).toBe(rows.reduce((sum, row) => sum + row.records, 0));
          const starts = rows.map(({ startMs }) => startMs).sort((a, b) => a - b);
          expect(known.first(fromMs, endMs)).toBe(starts[0]);
          for (const { partition, sum } of known.partitions()) {
            const own = rows.filter((row) => row.partition === partition);
            expect(sum(fromMs, endMs)).toBe(own.reduce((total, row) => total + row.records, 0));
          }
          const sums = ["1", "2"].map((version) =>
            rows.filter((row) => row.version === version).reduce((sum, row) => sum + row.records, 0),
          );
          if (rows.length > 0) expect(known.mainVersion(fromMs, endMs)).toBe(sums[1]! > sums[0]! ? "2" : "1");
        }
      }),
      { numRuns: 200 },
    );
  });

  test("of a time without records the version of the last record before speaks; of none at all, none", async () => {
    const store = createStore();
    const log = createRecordLog({ store, paneMs: PANE });
    store.put("m", "1", 0, T0 + PANE, 9);
    store.put("m", "2", 0, T0 + 2 * PANE, 1);
    await log.ready("m", T0, T0 + DAY);
    expect(log.of("m").mainVersion(T0, T0 + DAY)).toBe("1");
    expect(log.of("m").mainVersion(T0 + DAY / 2, T0 + DAY)).toBe("2");
    await log.ready("n", T0, T0 + DAY);
    expect(log.of("n").mainVersion(T0, T0 + DAY)).toBeUndefined();
  });

  test("reads weeks once, then only what was put", async () => {
    const store = createStore();
    const log = createRecordLog({ store, paneMs: PANE });
    for (let endMs = T0; endMs < T0 + 3 * DAY; endMs += PANE) {
      log.invalidate([store.put("m", "1", 0, endMs - PANE, 3)]);
      await log.ready("m", endMs - 28 * DAY, endMs);
      expect(log.of("m").sum(endMs - PANE, endMs)).toBe(3);
    }
    const [first, ...later] = store.reads;
    expect(first!.toMs - first!.fromMs).toBeGreaterThanOrEqual(28 * DAY);
    expect(Math.max(...later.map(({ fromMs, toMs }) => toMs - fromMs))).toBe(PANE);
  });

  test("a store that fails is asked again", async () => {
    const store = createStore();
    const log = createRecordLog({ store, paneMs: PANE });
    store.put("m", "1", 0, T0, 3);
    store.failing = true;
    await expect(log.ready("m", T0, T0 + DAY)).rejects.toThrow("no answer");
    store.failing = false;
    await log.ready("m", T0, T0 + DAY);
    expect(log.of("m").sum(T0, T0 + DAY)).toBe(3);
  });
});
