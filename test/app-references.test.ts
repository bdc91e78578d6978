/** References by address and the calendar in the running daemon: API, metrics, event log, and what restarts, reloads and a crash keep. */

import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../src/demo/receiver.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLog } from "../src/lib/log.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { type FakeServer, startFakeServer } from "./outputs/fake-server.ts";
import { snapshotAt } from "./reference/addresses/serving.ts";
import { driftd, freePort, startDaemon, until } from "./support/daemon.ts";
import { createWorkspace, ndjson, SECRET, type TestApp, traffic, type Workspace } from "./support/workspace.ts";

const OLD = snapshotAt("2024-01-01T00:00:00Z");
const NEW = snapshotAt("2024-01-02T00:00:00Z");
let space: Workspace;
let server: FakeServer;
let receiver: Receiver;
beforeEach(async () => {
  space = await createWorkspace();
  server = await startFakeServer();
  receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
  await space.write("log.ndjson", ndjson(traffic({ hours: 3 })));
});
afterEach(async () => {
  await space.close();
  await server.close();
  await receiver.close();
});

const serve = (snapshot: object | undefined) =>
  server.play(() => (snapshot === undefined ? { status: 503 } : { status: 200, body: JSON.stringify(snapshot) }));

const yaml = ({ refresh = "1s", more = "" } = {}) => `file: { path: log.ndjson }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
windows: [1h]
event_time: { action_max_age: off }
outputs:
  hook: { type: webhook, url: "${receiver.url}", secret: "${SECRET}" }
models:
  - name: m
    reference: { path: "${server.url}/r.json?sig=hush", refresh: ${refresh}, max_age: 30d }
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    retrain: { to: [hook] }
${more}`;

const digestOf = async (app: TestApp): Promise<string | undefined> =>
  (JSON.parse((await app.get("/api/v1/models/m")).text) as { versions: { reference: { digest: string } | null }[] }).versions[0]?.reference
    ?.digest;
const checkOf = async (text: string) =>
  (JSON.parse(text) as { checks: { check: string; ok: boolean; detail?: string }[] }).checks.find(({ check }) => check === "references");
const events = async (app: TestApp) =>
  (
    JSON.parse((await app.get("/api/v1/events?limit=1000")).text) as { items: { type: string; details: Record<string, unknown> }[] }
  ).items.filter(({ type }) => type.startsWith("driftd.reference"));

test("a new snapshot at the address judges what was judged by the old one, without a reload", async () => {
  serve(OLD);
  const app = await space.start(yaml());
  await app.finished;
  expect(await digestOf(app)).toBe(OLD.digest);
  serve(NEW);
  await until("the new reference judges", 10_000, async () => (await digestOf(app)) === NEW.digest);
  const metrics = await app.metrics();
  expect(metrics).toContain(`driftd_reference_info{model="m",version="",reference="${server.url}/r.json",digest="${NEW.digest}"} 1\n`);
  expect(metrics).not.toContain(OLD.digest);
  expect(metrics).toContain('driftd_reference_from_cache{model="m"} 0\n');
  expect(metrics).toContain('driftd_reference_fetch_failures_total{model="m",reason="not_found"} 0\n');
  // Judged again at the moment of the change: the last window is there.
  expect(metrics).toMatch(/driftd_model_verdict\{model="m",version="",window="1h",verdict="no_drift"\} 1\n/);
  expect((await events(app)).map(({ type, details }) => [type, details["reference"], details["previous"]])).toEqual([
    ["driftd.reference.replaced", OLD.digest, null],
    ["driftd.reference.replaced", NEW.digest, OLD.digest],
  ]);
  // A reload with the address gone goes on with what is known.
  serve(undefined);
  await app.reload();
  expect(await digestOf(app)).toBe(NEW.digest);
  expect(await checkOf((await app.get("/api/v1/status")).text)).toEqual({
    check: "references",
    ok: false,
    detail: `m: ${server.url}/r.json: the server answered 503; the old one stays`,
  });
  expect((await app.get("/-/ready")).status).toBe(200);
  await app.stop();
  // So does a restart.
  const again = await space.start(yaml());
  await again.finished;
  expect(await digestOf(again)).toBe(NEW.digest);
  expect(await again.metrics()).toContain('driftd_reference_from_cache{model="m"} 1\n');
  expect(again.log()).toContain("fetching a reference failed: the reference in force stays");
  expect((await checkOf((await again.get("/api/v1/status")).text))?.detail).toContain("that of an earlier run stays");
  const everything = `${app.log()}${again.log()}${await again.metrics()}${(await again.get("/api/v1/config")).text}${(await again.get("/api/v1/events")).text}`;
  expect(everything).not.toContain("hush");
});

test("a reload that brings an address which nobody has ever answered at is refused, and the old configuration stays", async () => {
  serve(OLD);
  const app = await space.start(yaml());
  await app.finished;
  server.play(({ path }) => (path.startsWith("/r.json") ? { status: 200, body: JSON.stringify(OLD) } : { status: 404 }));
  await space.write("driftd.yaml", yaml().replace("/r.json", "/typo.json"));
  await expect(app.reload()).rejects.toMatchObject({ code: "REFERENCE_FETCH_FAILED", reason: "not_found" });
  expect(await digestOf(app)).toBe(OLD.digest);
});

test("MLflow's word about a new version has the reference asked for at once", async () => {
  serve(OLD);
  const app = await space.start(
    yaml({ refresh: "off", more: 'mlflow: { url: "http://127.0.0.1:9", webhook_secret: s3cret, models: { Registered: m } }\n' }),
  );
  await app.finished;
  serve(NEW);
  const body = JSON.stringify({
    ...{ entity: "model_version", action: "created", timestamp: "2026-01-15T12:00:00Z" },
    data: { name: "Registered", version: "7", tags: {} },
  });
  const timestamp = String(Math.floor(systemClock.nowMs() / 1000));
  const signature = createHmac("sha256", "s3cret").update(`d1.${timestamp}.${body}`).digest("base64");
  const answer = await app.get("/api/v1/triggers/mlflow", {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      ...{ "x-mlflow-signature": `v1,${signature}`, "x-mlflow-delivery-id": "d1", "x-mlflow-timestamp": timestamp },
    },
  });
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { model: "m", version: "7" }]);
  await until("the new reference judges", 10_000, async () => (await digestOf(app)) === NEW.digest);
  expect((await events(app)).at(-1)?.details).toMatchObject({ reason: "model_version", told_version: "7", reference: NEW.digest });
});

test("at the first start with the address gone the daemon runs, says so, and takes the reference when it is there", async () => {
  serve(undefined);
  const port = await freePort();
  const config = yaml()
    .replace("file: { path: log.ndjson }", "kafka: { brokers: ['127.0.0.1:9'], topics: [a] }")
    .replace("127.0.0.1:0", `127.0.0.1:${port}`);
  const daemon = startDaemon(await space.write("driftd.yaml", config), port);
  try {
    await until("it answers", 20_000, async () => (await daemon.get("/api/v1/status")).status === 200);
    expect((await checkOf((await daemon.get("/api/v1/status")).text))?.detail).toContain("the server answered 503; there is no reference");
    expect(daemon.log()).toContain("the model has no reference until it answers");
    serve(NEW);
    await until("the reference is there", 30_000, async () => (await checkOf((await daemon.get("/api/v1/status")).text))?.ok === true);
    expect(daemon.exited()).toBe(false);
  } finally {
    await daemon.stop();
  }
});

test("a file's records cannot wait: there the start fails with what is wrong", async () => {
  serve(undefined);
  await expect(space.start(yaml())).rejects.toMatchObject({
    code: "REFERENCE_FETCH_FAILED",
    message: `${server.url}/r.json: the server answered 503`,
  });
});

const CALENDAR = `calendar:
  nightly: { cron: "0 3 * * *", do: retrain }
  monday: { cron: "0 8 * * mon", do: digest, to: [hook] }
  ages: { cron: "0 4 * * *", do: refresh }
`;

/** The store as it is after days without driftd. */
async function absent(): Promise<void> {
  const store = await openSqliteStore({ path: space.path("driftd.db"), log: silentLog, driftdVersion: "1.0.0" });
  const times = (cron: string) => ({ cron, timeZone: "UTC", next: Date.parse("2026-01-05T03:00:00Z"), last: null });
  const entries = { nightly: times("0 3 * * *"), monday: times("0 8 * * mon"), ages: times("0 4 * * *") };
  await store.setFact("calendar", JSON.stringify({ v: 1, entries }));
  await store.close();
}

test("what was missed is done once, over restarts: a retraining under the guards, a digest to its output, a word about old references", async () => {
  serve(OLD);
  await absent();
  const app = await space.start(yaml({ refresh: "off", more: CALENDAR }));
  await app.finished;
  const bodies = () => receiver.requests.map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> });
  await until("both were received", 10_000, () => bodies().length === 2);
  const asked = bodies().find(({ type }) => type === "driftd.retrain.requested");
  expect(asked?.data).toMatchObject({ model: "m", reason: "schedule", detail: "calendar: nightly, due 2026-01-05T03:00:00Z" });
  expect(bodies().find(({ type }) => type === "driftd.digest")?.data).toMatchObject({
    calendar: "monday",
    counts: { models: 1, drift: 0 },
  });
  await until("the old reference is told", 10_000, async () => (await events(app)).some(({ type }) => type === "driftd.reference.too_old"));
  await app.stop();
  // As after a crash in the middle of the runs: the due times are the same, so nothing is asked or sent again.
  await absent();
  const again = await space.start(yaml({ refresh: "off", more: CALENDAR }));
  await again.finished;
  await until("the run was made again", 10_000, () => again.log().includes('"outcome":"duplicate"'));
  expect(JSON.parse((await again.get("/api/v1/retrain")).text)).toMatchObject({ items: [{ reason: "schedule" }] });
  await again.settle(5_000);
  expect(bodies().filter(({ type }) => type === "driftd.retrain.requested").length).toBe(1);
});

test("check-config looks at the form of an address, with --online at what is there, and says when the calendar comes up", async () => {
  serve(undefined);
  const file = await space.write("driftd.yaml", yaml({ more: CALENDAR }));
  const offline = await driftd(["check-config", file]);
  expect([offline.code, server.received.length]).toEqual([0, 0]);
  expect(offline.stdout).toContain(`reference ${server.url}/r.json every 1s`);
  expect(offline.stdout).toMatch(/ {2}calendar nightly: retrain m, next \d{4}-\d\d-\d\dT03:00:00Z \(\d{4}-\d\d-\d\d 03:00 UTC\)\n/);
  expect(offline.stdout).toMatch(/ {2}calendar monday: digest to hook, next /);
  const gone = await driftd(["check-config", "--online", file]);
  expect([gone.code, gone.stdout]).toEqual([
    1,
    expect.stringContaining(`models[0].reference: ${server.url}/r.json: the server answered 503`),
  ]);
  serve(OLD);
  expect((await driftd(["check-config", "--online", file])).code).toBe(0);
  expect(JSON.stringify([offline, gone])).not.toContain("hush");
  const replayed = await driftd(["replay", "--config", file, "--input", space.path("log.ndjson"), "--format", "json"]);
  expect([replayed.code, JSON.parse(replayed.stdout).models[0]]).toMatchObject([0, { model: "m" }]);
});
