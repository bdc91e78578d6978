/** Renewal as the daemon shows it: API, metrics, event log, and what a restart and a reload keep. */

import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSnapshot } from "../src/reference/load.ts";
import { createWorkspace, HOUR, ndjson, smallSnapshot, T0, type TestApp, traffic, type Workspace } from "./support/workspace.ts";

const DAY = 24 * HOUR;
let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
  await space.write("log.ndjson", ndjson(traffic({ hours: 8 * 24, perMinute: 1 })));
});
afterEach(() => space.close());

const yaml = (renew = ", renew: { every: 7d, days: 28 }") => `file: { path: log.ndjson }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
event_log: { path: events.ndjson }
windows: [6h, 24h]
event_time: { action_max_age: off }
models:
  - { name: m, reference: { path: m.json${renew} }, thresholds: { psi: { warning: 0.2, critical: 0.4 } } }
`;

const model = async (app: TestApp) => JSON.parse((await app.get("/api/v1/models/m")).text).versions[0];

test("a renewed reference is in the API, the metrics and the event log, and stays in force over a restart and a reload", async () => {
  const first = await loadSnapshot(space.path("m.json"));
  const app = await space.start(yaml());
  await app.finished;
  const shown = await model(app);
  expect(shown.reference).toMatchObject({
    records: 7 * 1440,
    source: "store:2024-01-15/2024-01-22",
    created_at: "2024-01-22T00:00:00Z",
    calibration_days: 7,
    renewal: { ordinal: 1, previous: first.digest, first: { digest: first.digest } },
  });
  expect(shown.renewal).toEqual({ due: "2024-01-29T00:00:00Z", next_try: "2024-01-29T00:00:00Z", postponed: null });
  const feature = JSON.parse((await app.get("/api/v1/models/m/features/x?window=24h")).text);
  expect(JSON.stringify(feature)).toContain('"first_reference"');
  const metrics = await app.metrics();
  expect(metrics).toContain('driftd_reference_renewals_total{model="m"} 1\n');
  expect(metrics).toContain(`driftd_reference_renewal_timestamp_seconds{model="m",version=""} ${(T0 + 7 * DAY) / 1000}\n`);
  expect(metrics).toMatch(/driftd_reference_distance\{model="m",version="",feature="x"\} -?[\d.e-]+\n/);
  expect(metrics).toContain(shown.reference.digest);
  expect(metrics).not.toContain(first.digest);
  await app.stop();
  const events = (await readFile(space.path("events.ndjson"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events).toMatchObject([{ type: "driftd.reference.renewed", reference: shown.reference.digest, previous: first.digest, days: 7 }]);

  const again = await space.start(yaml());
  expect((await model(again)).reference.digest).toBe(shown.reference.digest);
  await again.reload();
  expect((await model(again)).reference.digest).toBe(shown.reference.digest);
  expect(await again.metrics()).toContain("driftd_reference_renewal_timestamp_seconds");
  // Renewal switched off: the configured reference judges from the reload on.
  await space.write("driftd.yaml", yaml(""));
  await again.reload();
  expect(await model(again)).toMatchObject({ reference: { digest: first.digest, renewal: null }, renewal: null });
  expect(await again.metrics()).not.toContain("driftd_reference_renewal_timestamp_seconds{");
});

test("a renewal that was postponed says why", async () => {
  await space.write("log.ndjson", ndjson(traffic({ hours: 8 * 24, perMinute: 1, faultMs: T0 + 6 * DAY })));
  const app = await space.start(yaml());
  await app.finished;
  expect((await model(app)).renewal).toMatchObject({
    due: "2024-01-22T00:00:00Z",
    postponed: { due: "2024-01-22T00:00:00Z", reason: "episode_open", detail: expect.stringMatching(/^episode ep_[0-9a-f]+ is firing$/) },
  });
  expect(await app.metrics()).toContain('driftd_reference_renewals_total{model="m"} 0\n');
});
