import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { silentLog } from "../../src/lib/log.ts";
import type { Labels, Metrics } from "../../src/metrics/metrics.ts";
import { noMetrics } from "../../src/metrics/metrics.ts";
import { openOutlierLog, outlierLine } from "../../src/outputs/outlier-log.ts";
import type { OutlierRecord } from "../../src/panes/outliers.ts";
import { createManualClock } from "./manual-clock.ts";

const record = (n: number, rest: Partial<OutlierRecord> = {}): OutlierRecord => ({
  ...{ model: "fraud", version: "3", id: `r${n}`, eventTimeMs: Date.UTC(2026, 0, 10) + n, score: 2.123456, limit: 1.7 },
  features: ["amount", "country"],
  ...rest,
});
const found = (...records: OutlierRecord[]) => ({ records, beyond: new Map<string, number>() });

let folder: string;
let path: string;
let counts: Map<string, number>;
let metrics: Metrics;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-outliers-"));
  path = join(folder, "outliers.ndjson");
  counts = new Map();
  metrics = {
    ...noMetrics,
    inc: (name: string, labels: Labels = {}, by = 1) => {
      const key = `${name}${JSON.stringify(labels)}`;
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
  };
});
afterEach(() => rm(folder, { recursive: true }));

const dropped = (reason: string) => counts.get(`driftd_outlier_lines_dropped_total{"model":"fraud","reason":"${reason}"}`) ?? 0;
const lines = async (file = path) =>
  (await readFile(file, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a worst record is one JSON line without a value of its own", () => {
  expect(JSON.parse(outlierLine(record(5, { id: 'a"b\nc' })))).toEqual({
    ...{ model: "fraud", version: "3", id: 'a"b\nc', event_time: "2026-01-10T00:00:00.005Z", score: 2.1235, limit: 1.7 },
    features: ["amount", "country"],
  });
});

test("lines go to the file of their model; other models' records and those beyond a bound make none", async () => {
  const log = await openOutlierLog([{ model: "fraud", path, perMinute: 100 }], { clock: createManualClock(0), metrics, log: silentLog });
  log.write({
    records: [record(1), record(2, { model: "other" })],
    beyond: new Map([
      ["fraud", 3],
      ["other", 4],
    ]),
  });
  await log.close();
  expect((await lines()).map(({ id }) => id)).toEqual(["r1"]);
  expect(counts.get('driftd_outlier_lines_total{"model":"fraud"}')).toBe(1);
  expect(dropped("queue_full")).toBe(3);
  expect([...counts.keys()].some((key) => key.includes("other"))).toBe(false);
});

test("more lines than a minute takes are counted, and the next minute takes some again", async () => {
  const clock = createManualClock(0);
  const log = await openOutlierLog([{ model: "fraud", path, perMinute: 3 }], { clock, metrics, log: silentLog });
  log.write(found(record(1), record(2)));
  log.write(found(record(3), record(4), record(5)));
  expect(dropped("rate_limit")).toBe(2);
  clock.advance(60_000);
  log.write(found(record(6)));
  await log.close();
  expect((await lines()).map(({ id }) => id)).toEqual(["r1", "r2", "r3", "r6"]);
});

test("records without an id that could be looked up are counted and take no one's place", async () => {
  const log = await openOutlierLog([{ model: "fraud", path, perMinute: 1 }], { clock: createManualClock(0), metrics, log: silentLog });
  log.write(found(record(1, { id: undefined }), record(2, { id: "" }), record(3, { id: "x".repeat(513) }), record(4)));
  await log.close();
  expect((await lines()).map(({ id }) => id)).toEqual(["r4"]);
  expect([dropped("no_id"), dropped("rate_limit")]).toEqual([3, 0]);
});

test("after a rename a second log, as a reload opens it, begins a new file", async () => {
  const options = { clock: createManualClock(0), metrics, log: silentLog };
  const targets = [{ model: "fraud", path, perMinute: 10 }];
  const before = await openOutlierLog(targets, options);
  before.write(found(record(1)));
  await before.close();
  await rename(path, `${path}.1`);
  const after = await openOutlierLog(targets, options);
  after.write(found(record(2)));
  await after.close();
  expect([(await lines(`${path}.1`))[0].id, (await lines())[0].id]).toEqual(["r1", "r2"]);
});

test("a file that cannot be opened is named", async () => {
  const targets = [{ model: "fraud", path: join(folder, "no", "such.ndjson"), perMinute: 10 }];
  await expect(openOutlierLog(targets, { clock: createManualClock(0), metrics, log: silentLog })).rejects.toMatchObject({
    code: "OUTLIER_LOG_UNWRITABLE",
    message: expect.stringContaining("such.ndjson"),
  });
});
