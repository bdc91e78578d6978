/** Quality through the whole daemon: what the API, the metrics, the events and the log say about broken data, and what they must not say. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { categoricalFeature } from "./reference/snapshots.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, smallSnapshot, T0, type Workspace } from "./support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
  const plain = smallSnapshot("m");
  const features = [...plain.features, categoricalFeature("card", { visa: 5_000, amex: 5_000 })];
  await space.writeReference("m.json", smallSnapshot("m", { features, ignored: [] }));
});
afterEach(() => space.close());

const yaml = `file: { path: log.ndjson }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
event_time: { action_max_age: off }
windows: [1h]
models:
  - name: m
    reference: m.json
    thresholds: { psi: { critical: 5 } }
    features: { sensitive: [card] }
    expectations: { x: { between: [0, 50] }, y: { not_null: true } }
`;

const colours = ["red", "green", "blue", "red", "green"];

/** Three hours; from the second on a fifth of the colours and of the cards are new, and there is a new key. */
function log(): string {
  const lines = Array.from({ length: 3 * 1200 }, (_, i) => {
    const timeMs = T0 + (i * MINUTE) / 20;
    const broken = timeMs >= T0 + HOUR && i % 5 === 0;
    const features = {
      x: ((i * 7919) % 10_000) / 100,
      c: broken ? `new ${i % 2}` : colours[i % 5],
      card: broken ? "4111-1111" : i % 2 === 0 ? "visa" : "amex",
      ...(timeMs >= T0 + HOUR ? { fresh_key: 1 } : {}),
    };
    return JSON.stringify({ timestamp: new Date(timeMs).toISOString(), features });
  });
  return ndjson(lines);
}

test("broken data is told everywhere, drift is not, and what is sensitive nowhere", async () => {
  await space.write("log.ndjson", log());
  const app = await space.start(yaml);
  await app.finished;
  const json = async (path: string) => JSON.parse((await app.get(`/api/v1/${path}`)).text);

  const [version] = (await json("models/m")).versions;
  expect(version.alert).toEqual({ phase: "inactive", episode: null, features: [] });
  expect(version.quality).toMatchObject({ phase: "firing", episode: { kind: "quality", severity: "critical" } });
  expect(version.quality.failing.map(({ feature, check }: Record<string, string>) => `${feature} ${check}`).sort()).toEqual([
    "$schema appeared",
    "c unseen",
    "card unseen",
    "x between",
    "y not_null",
  ]);
  expect(version.quality.appeared).toMatchObject({ total: expect.any(Number), values: [{ value: "fresh_key", over: 0 }] });
  expect(version.windows[0].failing_checks).toBe(5);

  const feature = await json("models/m/features/c?window=1h");
  expect(feature.unseen).toMatchObject({ since: expect.stringMatching(/Z$/), total: 480 });
  expect(feature.unseen.values.map(({ value, count }: { value: string; count: number }) => [value, count])).toEqual([
    ["new 0", 240],
    ["new 1", 240],
  ]);
  expect(feature.quality.find(({ check }: { check: string }) => check === "unseen")).toMatchObject({
    verdict: "drift",
    current_share: 0.2,
    limit: expect.any(Number),
  });
  expect(await json("models/m/features/card?window=1h")).not.toHaveProperty("unseen");
  expect(await json("models/m/features/x?window=1h")).not.toHaveProperty("unseen");

  expect((await json("episodes")).items).toEqual([]);
  expect((await json("episodes?kind=drift")).items).toEqual([]);
  const [episode] = (await json("episodes?kind=quality")).items;
  expect(episode).toMatchObject({ kind: "quality", features: ["$schema", "c", "card", "x", "y"], id: version.quality.episode.id });
  expect((await json("episodes?kind=all")).items).toHaveLength(1);
  expect((await app.get("/api/v1/episodes?kind=other")).status).toBe(400);
  const types = (await json("events")).items.map(({ type }: { type: string }) => type);
  expect(new Set(types.map((type: string) => type.split(".")[1]))).toEqual(new Set(["quality"]));
  expect(types).toContain("driftd.quality.firing");

  const metrics = await app.metrics();
  expect(metrics).toContain('driftd_feature_quality_failed{model="m",version="",feature="c",check="unseen"} 1\n');
  expect(metrics).toContain('driftd_feature_quality_ratio{model="m",version="",feature="c",check="unseen",window="1h"} 0.2\n');
  expect(metrics).toContain('driftd_model_quality_failing_features{model="m",version=""} 5\n');
  expect(metrics).not.toMatch(/new [01]|fresh_key|4111/);

  const told = app
    .log()
    .split("\n")
    .filter((line) => line.includes('"unseen":{'));
  expect(told.some((line) => line.includes('"level":"info"') && line.includes('"c":["new 0 ('))).toBe(true);
  expect(told.some((line) => line.includes('"$schema":["fresh_key ('))).toBe(true);
  expect(app.log()).not.toContain("4111");
});

test("after a reload the values are noted anew, and the alert goes on", async () => {
  await space.write("log.ndjson", log());
  const app = await space.start(yaml);
  await app.finished;
  await app.reload();
  const json = async (path: string) => JSON.parse((await app.get(`/api/v1/${path}`)).text);
  expect((await json("models/m/features/c?window=1h")).unseen).toMatchObject({ total: 0, values: [] });
  expect((await json("models/m")).versions[0].quality).toMatchObject({ phase: "firing", appeared: { total: 0, values: [] } });
});
