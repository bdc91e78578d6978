/** Volume and duplicates joined to the pane log: which version speaks, what is asked for, and that a replay finds what the daemon found. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replayCommand } from "../src/cli/replay.ts";
import type { ReplayDocument } from "../src/cli/replay-report.ts";
import type { WindowCounts } from "../src/evaluate/evaluation.ts";
import type { Policy, VolumeRule } from "../src/evaluate/policy.ts";
import { createJudges } from "../src/judges.ts";
import { createRecordLog } from "../src/panes/record-log.ts";
import { compileLayout } from "../src/reference/compile.ts";
import type { Snapshot } from "../src/reference/snapshot.ts";
import type { RecordCount } from "../src/store/store.ts";
import { createVolumes } from "../src/volumes.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, smallSnapshot, type TestApp, type Workspace } from "./support/workspace.ts";

const DAY = 24 * HOUR;
const PANE = 5 * MINUTE;
/** A Monday. */
const T0 = Date.UTC(2024, 0, 15);
const WINDOWS = [
  { name: "1h", lengthMs: HOUR },
  { name: "6h", lengthMs: 6 * HOUR },
];

/** Volumes of the model `m` over counts that a function gives for each pane. */
function volumesOf(
  countsAt: (startMs: number) => readonly (Omit<RecordCount, "startMs" | "source"> & { readonly source?: string })[],
  {
    rule,
    snapshot = smallSnapshot("m"),
    retentionMs = 35 * DAY,
    sources,
  }: { rule?: VolumeRule; snapshot?: Snapshot; retentionMs?: number; sources?: readonly string[] } = {},
) {
  const asked: { readonly fromMs: number; readonly toMs: number }[] = [];
  const store = {
    recordCounts: async (_model: string, fromMs: number, toMs: number) => {
      asked.push({ fromMs, toMs });
      const rows: RecordCount[] = [];
      for (let startMs = Math.max(T0, fromMs); startMs < Math.min(toMs, T0 + 40 * DAY); startMs += PANE)
        for (const count of countsAt(startMs)) if (count.records > 0) rows.push({ startMs, source: "s", ...count });
      return rows;
    },
  };
  const policy: Policy = {
    ...{ mode: "monitor", thresholds: "auto", falseAlarms: { budget: 1, perMs: 30 * DAY }, windows: WINDOWS, features: { exclude: [] } },
    ...(rule === undefined ? {} : { volume: rule }),
  };
  const reference = { path: "m.json", snapshot, compiled: compileLayout(snapshot) };
  const judges = createJudges([{ name: "m", policy, maxVersions: 9 }], {
    find: () => reference,
    all: () => [{ model: "m", version: undefined, reference }],
  });
  const records = createRecordLog({ store, paneMs: PANE });
  const volumes = createVolumes({ records, judges: () => judges, retentionMs, ...(sources === undefined ? {} : { sources }) });
  return {
    asked,
    ready: volumes.ready,
    async judge(
      endMs: number,
      { version = "", window = "1h", ids }: { version?: string; window?: string; ids?: WindowCounts["ids"] } = {},
    ) {
      await volumes.ready("m", window, endMs);
      const lengthMs = WINDOWS.find(({ name }) => name === window)!.lengthMs;
      return volumes.judge({
        ...{ model: "m", version, window: { name: window, lengthMs }, startMs: endMs - lengthMs, endMs, layout: reference.compiled.row },
        ...{ counts: new Uint32Array(0), records: 0, coverage: 1, blocks: [], changedFeatures: new Set<string>() },
        ...{ incomplete: false, lost: 0, offsets: [], ...(ids === undefined ? {} : { ids }) },
      });
    },
  };
}

const one = (records: number) => [{ version: "", partition: 0, records }];
const NOON = T0 + 29 * DAY + 12 * HOUR;

describe("the number of records", () => {
  test("is judged in the shortest window only", async () => {
    const { judge, ready } = volumesOf(() => one(50));
    expect((await judge(NOON)).volume).toMatchObject({ verdict: "no_drift", reason: "usual", records: 600, expected: 600, periods: 4 });
    expect(await judge(NOON, { window: "6h" })).toEqual({ findings: [] });
    expect(ready("m", "6h", NOON + 6 * DAY)).toBeUndefined();
    expect(ready("unknown", "1h", NOON)).toBeUndefined();
  });

  test("that collapses is a finding", async () => {
    const { judge } = volumesOf((startMs) => one(startMs < NOON - HOUR ? 50 : 10));
    expect(await judge(NOON)).toMatchObject({
      volume: { reason: "collapse", records: 120 },
      findings: [{ feature: "$volume", check: "volume", verdict: "drift", severity: "warning", value: 120, limit: 360 }],
    });
  });

  test("that cannot be told yet is a finding of doubt", async () => {
    const { judge } = volumesOf(() => one(50));
    expect(await judge(T0 + 2 * DAY)).toMatchObject({
      volume: { verdict: "insufficient_data", reason: "short_history", days: 1 },
      findings: [{ feature: "$volume", verdict: "insufficient_data" }],
    });
  });

  test("is not judged where it is switched off, and then nothing is read", async () => {
    const { judge, asked } = volumesOf(() => one(50), { rule: { against: "off", duplicates: null } });
    expect(await judge(NOON)).toEqual({ findings: [] });
    expect(asked).toEqual([]);
  });

  test("is read from four weeks and the window, but never from beyond the retention", async () => {
    const wide = volumesOf(() => one(50));
    await wide.judge(NOON);
    expect(wide.asked[0]!.fromMs).toBe(NOON - 28 * DAY - HOUR);
    const narrow = volumesOf(() => one(50), { retentionMs: 15 * DAY });
    expect((await narrow.judge(NOON)).volume).toMatchObject({ rhythm: "hour_of_week", periods: 2 });
    expect(narrow.asked[0]!.fromMs).toBe(NOON - 15 * DAY);
  });

  test("of a model is told by the version that most records are of, so that a version that is replaced is no collapse", async () => {
    const replacedMs = NOON - HOUR;
    const { judge } = volumesOf((startMs) => [{ version: startMs < replacedMs ? "1" : "2", partition: 0, records: 50 }]);
    expect(await judge(NOON, { version: "1" })).toEqual({ findings: [] });
    expect((await judge(NOON, { version: "2" })).volume).toMatchObject({ verdict: "no_drift", records: 600, expected: 600 });
  });

  test("one partition that falls silent is found, though the others make up for it", async () => {
    const silentMs = NOON - HOUR;
    const parts = (startMs: number) =>
      [0, 1, 2, 3].map((partition) => ({ version: "", partition, records: partition === 2 && startMs >= silentMs ? 0 : 12 }));
    const { judge } = volumesOf(parts);
    expect((await judge(NOON - 2 * HOUR)).findings).toEqual([]);
    expect(await judge(NOON)).toMatchObject({
      volume: { verdict: "drift", reason: "partition_silent", severity: "warning", partition: "s/2", records: 0, expected: 144 },
      findings: [{ feature: "$volume", severity: "warning", value: 0 }],
    });
  });

  test.each([
    { sources: ["s", "old"], reason: "partition_silent" },
    { sources: ["s"], reason: "usual" },
  ])("a source whose records all come from another one now is silent only while it is read: $sources", async ({ sources, reason }) => {
    const movedMs = NOON - 2 * HOUR;
    const source = (startMs: number) => (startMs < movedMs ? "old" : "s");
    const { judge } = volumesOf((startMs) => [{ version: "", partition: 0, records: 30, source: source(startMs) }], { sources });
    expect((await judge(NOON)).volume).toMatchObject({ reason });
  });

  test("a partition that is often silent at this hour is none", async () => {
    const { judge } = volumesOf((startMs) => [
      { version: "", partition: 0, records: 30 },
      { version: "", partition: 1, records: Math.floor(startMs / DAY) % 2 === 0 ? 30 : 0 },
    ]);
    for (const day of [27, 28, 29]) expect((await judge(T0 + day * DAY + 12 * HOUR)).volume?.verdict).not.toBe("drift");
  });
});

describe("against the reference", () => {
  const rule = { against: "reference", duplicates: null } as const;
  /** Two weeks of half hours, by day 100 and at night 10 records. */
  const records = Array.from({ length: 14 * 48 }, (_, i) => (i % 48 >= 12 && i % 48 < 40 ? 100 : 10));
  const calibration = { days: 14, time_zone: "UTC", slot_seconds: 1800, from: "2020-03-02T00:00:00Z", slots: {}, records } as const;

  test.each([
    ["as many as by day", 17, 12, "usual"],
    ["half as many", 8, 12, "collapse"],
    ["as many as by day, at night", 17, 3, "flood"],
    ["few of the few of a night", 1, 3, "usual"],
  ])("%s", async (_name, perPane, hour, reason) => {
    const { judge } = volumesOf(() => one(perPane), { rule, snapshot: smallSnapshot("m", { calibration }) });
    // The first day of traffic: no history is needed. 35 min past, so that half hours are cut.
    const { volume } = await judge(T0 + DAY + hour * HOUR + 35 * MINUTE);
    expect(volume).toMatchObject({ reason, rhythm: "hour_of_week", periods: 2, expected: hour === 12 ? 200 : 20 });
  });

  test("that knows no records by half hour it cannot be told", async () => {
    const { judge } = volumesOf(() => one(50), { rule });
    expect((await judge(NOON)).volume).toEqual({ verdict: "insufficient_data", reason: "no_calibration", records: 600 });
  });
});

describe("repeated ids", () => {
  test("are judged by the tolerated share, and not at all where ids are not looked at", async () => {
    const ids = { checked: 600, repeated: 60 };
    const { judge } = volumesOf(() => one(50));
    expect((await judge(NOON, { ids })).findings).toMatchObject([{ feature: "$duplicates", check: "duplicates", value: 0.1 }]);
    const tolerant = volumesOf(() => one(50), { rule: { against: "history", duplicates: 0.1 } });
    expect((await tolerant.judge(NOON, { ids })).findings).toEqual([]);
    const off = volumesOf(() => one(50), { rule: { against: "history", duplicates: null } });
    expect((await off.judge(NOON, { ids })).findings).toEqual([]);
  });
});

describe("the daemon and a replay", () => {
  let space: Workspace;
  beforeEach(async () => {
    space = await createWorkspace();
    await space.writeReference("m.json", smallSnapshot("m"));
  });
  afterEach(() => space.close());

  /** Five days of 240 records an hour; on the fifth from noon on a quarter of it, and every third id twice. */
  const FAULT = T0 + 4 * DAY + 12 * HOUR;
  function lines(): string[] {
    const all: string[] = [];
    for (let i = 0; i < 5 * 24 * 240; i++) {
      const timeMs = T0 + i * 15_000;
      if (timeMs >= FAULT && i % 4 > 0) continue;
      const line = (id: number) =>
        JSON.stringify({
          id: `r${id}`,
          timestamp: new Date(timeMs).toISOString(),
          features: { x: ((i * 7919) % 10_000) / 100, c: ["red", "green", "blue"][i % 3] },
        });
      all.push(line(i));
      if (timeMs >= FAULT && i % 12 === 0) all.push(line(i));
    }
    return all;
  }
  const MODEL = `models:\n  - { name: m, reference: m.json, thresholds: { psi: { warning: 0.5, critical: 0.9 } } }\n`;
  const config = (store: string) =>
    `file: { path: log.ndjson }\nhttp: { listen: "127.0.0.1:0" }\nevent_time: { action_max_age: off }\nstore: { path: ${store} }\n${MODEL}`;

  async function replayed(): Promise<ReplayDocument> {
    await space.write("replay.yaml", MODEL);
    const out: string[] = [];
    const io = { stdout: (text: string) => void out.push(text), stderr: () => {}, isTTY: false, env: {}, cwd: space.folder };
    await replayCommand(["--config", "replay.yaml", "--input", "log.ndjson", "--format", "json"], io);
    return JSON.parse(out.join("")) as ReplayDocument;
  }

  async function episodesOf(app: TestApp) {
    const { items } = JSON.parse((await app.get("/api/v1/episodes?kind=quality&limit=100")).text) as { items: Record<string, unknown>[] };
    return items.map(({ model: _, version: __, kind: ___, ...episode }) => episode);
  }

  test("find the same collapse and the same duplicates, and ask nobody to retrain", async () => {
    await space.write("log.ndjson", ndjson(lines()));
    const app = await space.start(config("a.db"));
    await app.finished;
    const { models } = await replayed();
    const [{ episodes, quality_episodes: quality, retrain_requests: requests }] = models as [ReplayDocument["models"][0]];
    expect([episodes, requests]).toEqual([[], []]);
    expect(quality).toHaveLength(1);
    expect(quality[0]!.checks).toEqual([
      { check: "duplicates", feature: "$duplicates" },
      { check: "volume", feature: "$volume" },
    ]);
    const firingMs = Date.parse(quality[0]!.firing_at!);
    expect(firingMs).toBeGreaterThan(FAULT);
    expect(firingMs).toBeLessThanOrEqual(FAULT + 2 * HOUR);
    expect(await episodesOf(app)).toEqual(quality);
  });

  test("a daemon that starts again shows the same: in the API, as metrics, as an episode", async () => {
    await space.write("log.ndjson", ndjson(lines()));
    const first = await space.start(config("b.db"));
    await first.finished;
    const shown = JSON.parse((await first.get("/api/v1/models/m")).text) as { versions: Record<string, unknown>[] };
    await first.stop();
    const second = await space.start(config("b.db"));
    await second.finished;
    const again = JSON.parse((await second.get("/api/v1/models/m")).text) as { versions: Record<string, unknown>[] };
    expect(again.versions[0]!["volume"]).toEqual(shown.versions[0]!["volume"]);
    expect(again.versions[0]!["volume"]).toMatchObject({
      window: "1h",
      verdict: "drift",
      reason: "collapse",
      actual: expect.any(Number),
      expected: 240,
    });
    expect(again.versions[0]!["duplicates"]).toMatchObject({ window: "1h", share: 0.25 });
    expect(await episodesOf(second)).toHaveLength(1);
    const metrics = await second.metrics();
    expect(metrics).toContain('driftd_window_expected_records{model="m",version="",window="1h"} 240');
    expect(metrics).toMatch(/driftd_volume_z\{model="m",version=""\} -\d/);
    expect(metrics).toContain('driftd_window_repeated_ids_ratio{model="m",version="",window="1h"} 0.25');
    expect(metrics).toContain('driftd_feature_quality_failed{model="m",version="",feature="$volume",check="volume"} 1');
  });
});
