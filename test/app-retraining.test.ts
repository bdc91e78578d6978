/** Retraining from drift to the new version, over the real HTTP server, a real receiver and restarts, a killed process among them. */

import { copyFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RetrainRecord } from "../src/decide/record.ts";
import { type Receiver, startReceiver } from "../src/demo/receiver.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLog } from "../src/lib/log.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { until } from "./support/daemon.ts";
import { createWorkspace, HOUR, ndjson, SECRET, smallSnapshot, T0, type TestApp, traffic, type Workspace } from "./support/workspace.ts";

let space: Workspace;
const receivers: Receiver[] = [];

beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
  // Drift from the third hour to the end; then three quiet hours, and drift again.
  await space.write("first.ndjson", ndjson(traffic({ hours: 5, faultMs: T0 + 3 * HOUR })));
  await space.write("quiet.ndjson", ndjson(traffic({ fromMs: T0 + 5 * HOUR, hours: 4 })));
  await space.write("second.ndjson", ndjson(traffic({ fromMs: T0 + 5 * HOUR, hours: 7, faultMs: T0 + 10 * HOUR })));
});

afterEach(async () => {
  await space.close();
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function receive(answer?: () => number): Promise<Receiver> {
  const receiver = await startReceiver({
    secret: SECRET,
    clock: systemClock,
    port: 0,
    ...(answer === undefined ? {} : { onRequest: answer }),
  });
  receivers.push(receiver);
  return receiver;
}

function yaml(receiver: Receiver, { file = "first.ndjson", store = "driftd.db", retrain = "", more = "" } = {}): string {
  return `file: { path: ${file}, speed: 0 }
http: { listen: "127.0.0.1:0" }
store: { path: ${store} }
event_time: { action_max_age: off }
windows: [1h]
outputs:
  pipeline: { type: webhook, url: "${receiver.url}", secret: "${SECRET}" }
models:
  - name: m
    reference: m.json
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    retrain: { to: [pipeline]${retrain} }
${more}`;
}

type Item = Readonly<Record<string, unknown>> & { readonly id: string; readonly status: string };

async function post(
  app: TestApp,
  path: string,
  body: unknown = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const answer = await app.get(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> };
}

async function requests(app: TestApp, query = ""): Promise<Item[]> {
  return (JSON.parse((await app.get(`/api/v1/retrain${query}`)).text) as { items: Item[] }).items;
}

async function events(app: TestApp): Promise<string[]> {
  const { items } = JSON.parse((await app.get("/api/v1/events?limit=1000")).text) as {
    items: { type: string; details: { reason?: string } }[];
  };
  return items
    .filter(({ type }) => type.startsWith("driftd.retrain"))
    .map(({ type, details }) => `${type.slice(15)}:${details.reason ?? ""}`);
}

/** Where the body of a message says that a pipeline reports. */
function callbackOf(receiver: Receiver): string {
  const { data } = JSON.parse(receiver.requests[0]!.body) as { data: { links: { callback: string } } };
  return new URL(data.links.callback).pathname;
}

async function drifted(receiver: Receiver, options: Parameters<typeof yaml>[1] = {}): Promise<TestApp> {
  const app = await space.start(yaml(receiver, options));
  await app.finished;
  return app;
}

/** As `kill -9` leaves it: what is on the disk now, under another name. */
async function killed(name: string): Promise<string> {
  for (const end of ["", "-wal"]) await copyFile(space.path(`driftd.db${end}`), space.path(`${name}${end}`));
  return name;
}

const alert = (labels: Record<string, string>, fingerprint = "f1", status = "firing") => ({
  ...{ status, labels: { alertname: "Drift", ...labels }, annotations: { summary: "x drifts" }, startsAt: "2024-01-15T05:00:00Z" },
  ...{ endsAt: "0001-01-01T00:00:00Z", fingerprint },
});
const notification = (...alerts: unknown[]) => ({ version: "4", status: "firing", receiver: "driftd", truncatedAlerts: 0, alerts });
const OURS = { model: "m", driftd_action: "retrain" };

describe("from drift to the new version", () => {
  test("requested, running, succeeded with its version; what is said twice or out of order is answered as such", async () => {
    const receiver = await receive();
    const app = await drifted(receiver);
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    const [asked] = await requests(app);
    expect(asked).toMatchObject({
      id: receiver.requests[0]!.id,
      status: "requested",
      reason: "drift",
      severity: "critical",
      outputs: ["pipeline"],
    });
    const callback = callbackOf(receiver);
    expect(callback).toBe(`/api/v1/retrain/${asked!.id}/status`);

    expect(await post(app, callback, { status: "running" })).toMatchObject({ status: 200, body: { status: "running" } });
    expect(await app.metrics()).toContain('driftd_retrain_requests{model="m",status="running"} 1');
    expect(await post(app, "/api/v1/retrain", { model: "m" })).toMatchObject({
      status: 409,
      body: { code: "RETRAIN_HELD", guard: "in_progress" },
    });
    const done = { status: "succeeded", version: "2", detail: "auc 0.91" };
    const first = await post(app, callback, done);
    expect(first).toMatchObject({ status: 200, body: { status: "succeeded", new_version: "2", detail: "auc 0.91" } });
    expect(await post(app, callback, done)).toEqual(first);
    expect(await post(app, callback, { ...done, detail: "auc 0.92" })).toMatchObject({ status: 200, body: { detail: "auc 0.92" } });
    expect(await post(app, callback, { status: "running" })).toMatchObject({
      status: 409,
      body: { code: "RETRAIN_CONFLICT", current_status: "succeeded" },
    });
    expect(await post(app, "/api/v1/retrain/msg_nobody/status", done)).toMatchObject({
      status: 404,
      body: { code: "HTTP_UNKNOWN_REQUEST" },
    });
    expect(await post(app, callback, { status: "done" })).toMatchObject({ status: 400, body: { code: "HTTP_BODY" } });

    expect((await events(app)).slice(1)).toEqual([
      "requested:first_of_episode",
      "running:drift",
      "suppressed:in_progress",
      "succeeded:drift",
    ]);
    const metrics = await app.metrics();
    expect(metrics).toContain('driftd_retrain_requests{model="m",status="running"} 0');
    expect(metrics).toContain('driftd_retrain_finished_total{model="m",status="succeeded"} 1');
    expect(metrics).toContain('driftd_actions_triggered_total{model="m",action="retrain"} 1');
    const detail = JSON.parse((await app.get(`/api/v1/retrain/${asked!.id}`)).text) as { body: unknown };
    expect(detail.body).toEqual(JSON.parse(receiver.requests[0]!.body));
  });

  test("a second episode waits for the first one's training, over a restart; then it is asked for", async () => {
    const receiver = await receive();
    const app = await drifted(receiver);
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    await post(app, callbackOf(receiver), { status: "running" });
    await app.stop();
    const again = await drifted(receiver, { file: "second.ndjson" });
    expect(receiver.requests).toHaveLength(1);
    expect((await events(again)).at(-1)).toBe("suppressed:in_progress");
    expect(await requests(again, "?status=open")).toMatchObject([{ status: "running" }]);
    expect(await post(again, callbackOf(receiver), { status: "succeeded", version: "2" })).toMatchObject({ status: 200 });
    await again.stop();
    await space.write("third.ndjson", ndjson(traffic({ fromMs: T0 + 12 * HOUR, hours: 1, faultMs: T0 })));
    const third = await drifted(receiver, { file: "third.ndjson" });
    await until("the second request comes", 10_000, () => receiver.requests.length > 1);
    expect(await requests(third)).toMatchObject([{ status: "requested" }, { status: "succeeded", new_version: "2" }]);
  });

  test("a delivery that is given up fails the request and ends its lock; sent again by hand, it is asked again", async () => {
    let status = 400;
    const receiver = await receive(() => status);
    const app = await drifted(receiver);
    let asked: Item | undefined;
    await until("the request fails", 10_000, async () => {
      [asked] = await requests(app);
      return asked?.status === "failed";
    });
    expect(asked!["detail"]).toBe("the delivery to pipeline was given up: http_4xx 400");
    status = 204;
    expect((await post(app, `/api/v1/deliveries/${asked!.id}/replay`)).status).toBe(202);
    await until("it is delivered", 10_000, () => receiver.requests.length > 1);
    expect((await requests(app))[0]).toMatchObject({ status: "requested" });
    expect((await post(app, `/api/v1/retrain/${asked!.id}/status`, { status: "running" })).status).toBe(200);
  });
});

test("a reload that takes the output of a waiting message away: the request's time runs, and it holds the next one back no longer", async () => {
  const receiver = await receive(() => 500);
  let aheadMs = 0;
  const app = await space.start(yaml(receiver), { clock: { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs } });
  await app.finished;
  await until("an attempt has failed", 10_000, () => receiver.requests.length > 0);
  await space.write("driftd.yaml", yaml(receiver).replaceAll("pipeline", "other"));
  await app.reload();
  expect(await requests(app)).toMatchObject([{ status: "requested" }]);
  aheadMs = 6 * HOUR;
  await until("nothing was heard of it", 15_000, async () => (await requests(app))[0]?.status === "timed_out");
  expect(await post(app, "/api/v1/retrain", { model: "m" })).toMatchObject({ status: 202, body: { outputs: ["other"] } });
}, 30_000);

describe("manual approval", () => {
  const manual = ", approval: manual";

  test("nothing is sent before it; approved it goes out once", async () => {
    const receiver = await receive();
    const app = await drifted(receiver, { retrain: manual });
    const [waiting] = await requests(app, "?status=awaiting_approval");
    expect(JSON.parse((await app.get("/api/v1/deliveries")).text)).toMatchObject({ items: [] });
    const models = JSON.parse((await app.get("/api/v1/models/m")).text) as { retrain: unknown };
    expect(models.retrain).toMatchObject({ approval: "manual", paused: false, open: [{ id: waiting!.id }] });
    expect(await app.metrics()).toContain('driftd_actions_triggered_total{model="m",action="retrain"} 0');
    expect(await post(app, `/api/v1/retrain/${waiting!.id}/status`, { status: "running" })).toMatchObject({ status: 409 });
    expect(await post(app, `/api/v1/retrain/${waiting!.id}/approve`)).toMatchObject({ status: 200, body: { status: "requested" } });
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    expect(receiver.requests.map(({ id }) => id)).toEqual([waiting!.id]);
    expect(await app.metrics()).toContain('driftd_actions_triggered_total{model="m",action="retrain"} 1');
    expect(await post(app, `/api/v1/retrain/${waiting!.id}/approve`)).toMatchObject({ status: 409, body: { current_status: "requested" } });
  });

  test("refused, it is over", async () => {
    const receiver = await receive();
    const app = await drifted(receiver, { retrain: manual });
    const [{ id } = { id: "" }] = await requests(app);
    expect(await post(app, `/api/v1/retrain/${id}/reject`, { detail: "holiday" })).toMatchObject({
      ...{ status: 200, body: { status: "rejected", detail: "holiday" } },
    });
    expect(await post(app, `/api/v1/retrain/${id}/approve`)).toMatchObject({ status: 409, body: { current_status: "rejected" } });
    expect(receiver.requests).toEqual([]);
  });

  test("its episode over, it is cancelled, and cannot be approved", async () => {
    const receiver = await receive();
    await (await drifted(receiver, { retrain: manual })).stop();
    const app = await drifted(receiver, { retrain: manual, file: "quiet.ndjson" });
    const [{ id, status } = { id: "", status: "" }] = await requests(app);
    expect(status).toBe("cancelled");
    expect(await post(app, `/api/v1/retrain/${id}/approve`)).toMatchObject({ status: 409, body: { current_status: "cancelled" } });
    expect(receiver.requests).toEqual([]);
  });
});

describe("pause", () => {
  test("holds over a restart, is shown, and ends when it is resumed", async () => {
    const receiver = await receive();
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await app.finished;
    expect(await post(app, "/api/v1/models/m/pause")).toMatchObject({ status: 200, body: { paused: true, changed: true } });
    expect(await post(app, "/api/v1/models/m/pause")).toMatchObject({ status: 200, body: { paused: true, changed: false } });
    expect(await post(app, "/api/v1/models/nobody/pause")).toMatchObject({ status: 404, body: { code: "RETRAIN_UNKNOWN_MODEL" } });
    expect(await app.metrics()).toContain('driftd_retrain_paused{model="m"} 1');
    await app.stop();
    const again = await drifted(receiver, { file: "second.ndjson", store: "driftd.db" });
    const { retrain } = JSON.parse((await again.get("/api/v1/models/m")).text) as { retrain: Record<string, unknown> };
    expect(retrain).toMatchObject({ paused: true, paused_since: expect.any(String) });
    expect(await requests(again)).toEqual([]);
    expect(await post(again, "/api/v1/retrain", { model: "m" })).toMatchObject({ status: 409, body: { guard: "paused" } });
    expect(await post(again, "/api/v1/models/m/resume")).toMatchObject({ status: 200, body: { paused: false, changed: true } });
    expect(await post(again, "/api/v1/retrain", { model: "m", reason_text: "new labels" })).toMatchObject({
      ...{ status: 202, body: { reason: "manual", detail: "new labels" } },
    });
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
  });

  test("by the configuration it is not taken back over the API", async () => {
    const receiver = await receive();
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson", retrain: ", paused: true" }));
    expect(await post(app, "/api/v1/models/m/resume")).toMatchObject({ status: 409, body: { code: "RETRAIN_PAUSED_BY_CONFIG" } });
  });
});

describe("a killed process", () => {
  test.each([
    ["awaiting_approval", ", approval: manual", undefined, "awaiting_approval"],
    ["requested", "", undefined, "in_progress"],
    ["running", "", "running", "in_progress"],
    ["succeeded", "", "succeeded", undefined],
    ["failed", "", "failed", undefined],
  ] as const)("%s: the next one knows of it", async (status, retrain, report, guard) => {
    const receiver = await receive();
    const app = await drifted(receiver, { retrain });
    if (status !== "awaiting_approval") await until("the request comes", 10_000, () => receiver.requests.length > 0);
    const [{ id } = { id: "" }] = await requests(app);
    if (report !== undefined) await post(app, `/api/v1/retrain/${id}/status`, { status: report });
    const store = await killed("copy.db");
    const next = await space.start(yaml(receiver, { file: "quiet.ndjson", store, retrain }));
    expect(await requests(next, `?status=${status}`)).toMatchObject([{ id }]);
    const asked = await post(next, "/api/v1/retrain", { model: "m" });
    expect([asked.status, asked.body["guard"]]).toEqual(guard === undefined ? [202, undefined] : [409, guard]);
  });
});

describe("a process that was killed between the end of an episode and what follows from it", () => {
  const record: RetrainRecord = {
    ...{ id: "msg_1", model: "m", version: "", reason: "drift", severity: "critical", episode: "ep_gone", status: "requested" },
    ...{ createdAtMs: T0, updatedAtMs: T0, outputs: ["pipeline"], newVersion: null, detail: null, dedupKey: null, body: "{}" },
  };
  const message = {
    id: "msg_1",
    output: "pipeline",
    type: "driftd.retrain.requested",
    model: "m",
    version: "",
    body: "{}",
    createdAtMs: T0,
  };

  async function left(attempted: boolean): Promise<void> {
    const store = await openSqliteStore({ path: space.path("driftd.db"), log: silentLog, driftdVersion: "test" });
    const none = { evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], events: [] };
    await store.commitDecision({ ...none, outbox: [message], requests: [record] });
    const attempt = { id: "msg_1", atMs: T0, ok: false, status: null, failure: "timeout", latencyMs: 1, excerpt: "" };
    if (attempted) await store.recordAttempt(attempt, { status: "pending", nextAttemptAtMs: T0 });
    await store.close();
  }

  test("cancels then what nobody has got", async () => {
    const receiver = await receive();
    await left(false);
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await until("it is cancelled", 10_000, async () => (await requests(app))[0]?.status === "cancelled");
    expect(receiver.requests).toEqual([]);
  });

  test("sends what was tried before: it may have been sent again by hand", async () => {
    const receiver = await receive();
    await left(true);
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await until("it comes", 10_000, () => receiver.requests.length > 0);
    expect(await requests(app)).toMatchObject([{ status: "requested" }]);
  });
});

describe("alerts of Alertmanager", () => {
  const trigger = "/api/v1/triggers/alertmanager";

  test("an alert asks once, over restarts too, and with the newest evaluation as its evidence", async () => {
    const receiver = await receive();
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await app.finished;
    const first = await post(app, trigger, notification(alert(OURS)));
    expect(first).toMatchObject({ status: 202, body: { alerts: [{ fingerprint: "f1", outcome: "requested", model: "m" }] } });
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    const { data } = JSON.parse(receiver.requests[0]!.body) as { data: Record<string, unknown> };
    expect(data).toMatchObject({ reason: "alert", detail: "Drift: x drifts", window: { name: "1h" }, features: [] });
    await app.stop();
    const again = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    const [{ id } = { id: "" }] = await requests(again);
    expect(await post(again, trigger, notification(alert(OURS)))).toMatchObject({
      ...{ status: 202, body: { alerts: [{ outcome: "duplicate", request_id: id }] } },
    });
    expect(await post(again, trigger, notification(alert(OURS, "f2")))).toMatchObject({
      body: { alerts: [{ outcome: "held", guard: "in_progress" }] },
    });
    expect(receiver.requests).toHaveLength(1);
  });

  test("each alert is answered by itself, and counted; those left out are counted too", async () => {
    const receiver = await receive();
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await app.finished;
    const alerts = [alert({ severity: "page" }), alert(OURS, "f3", "resolved"), alert({ ...OURS, model: "nobody" }, "f4"), alert(OURS)];
    const answer = await post(app, trigger, { ...notification(...alerts), truncatedAlerts: 7 });
    expect(answer.status).toBe(202);
    expect((answer.body["alerts"] as Item[]).map(({ outcome }) => outcome)).toEqual([
      "unlabelled",
      "resolved",
      "unknown_model",
      "requested",
    ]);
    const metrics = await app.metrics();
    for (const [outcome, count] of [
      ["unlabelled", 1],
      ["resolved", 1],
      ["unknown_model", 1],
      ["requested", 1],
      ["truncated", 7],
    ])
      expect(metrics).toContain(`driftd_trigger_alerts_total{outcome="${outcome}"} ${count}`);
  });

  test.each([
    ["only models that nobody knows", notification(alert({ ...OURS, model: "nobody" })), 422, "nobody"],
    ["only versions that nobody knows", notification(alert({ ...OURS, version: "99" })), 422, "99"],
    ["another version of the payload", { ...notification(alert(OURS)), version: "3" }, 400, "version"],
    ["a payload of one's own making", { text: "drift!" }, 400, "version 4"],
    ["an alert without a fingerprint", notification({ ...alert(OURS), fingerprint: undefined }), 400, "alerts[0].fingerprint"],
  ])("%s: refused for good, and said why", async (_, body, status, says) => {
    const receiver = await receive();
    const app = await space.start(yaml(receiver, { file: "quiet.ndjson" }));
    await app.finished;
    const answer = await post(app, trigger, body);
    expect(answer.status).toBe(status);
    expect(answer.body["detail"]).toContain(says);
    expect(await requests(app)).toEqual([]);
  });

  test("a model that nothing is known of yet is asked for all the same, and the body says so", async () => {
    const receiver = await receive();
    await space.write("empty.ndjson", "");
    const app = await space.start(yaml(receiver, { file: "empty.ndjson" }));
    await post(app, trigger, notification(alert(OURS)));
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    const { data } = JSON.parse(receiver.requests[0]!.body) as { data: Record<string, unknown> };
    expect(data).toMatchObject({ window: null, evidence: expect.stringContaining("no window of the model has been evaluated") });
  });
});

test("people are told that an episode fires and is over", async () => {
  const receiver = await receive();
  const more = "    notify: { to: [pipeline] }\n";
  await (await drifted(receiver, { more })).stop();
  const typesNow = () => receiver.requests.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  const app = await drifted(receiver, { more, file: "quiet.ndjson" });
  await until("the end is told", 10_000, () => typesNow().includes("driftd.drift.resolved"));
  expect(typesNow().filter((type) => type.startsWith("driftd.drift"))).toEqual([
    "driftd.drift.firing",
    "driftd.drift.escalated",
    "driftd.drift.resolved",
  ]);
  await app.stop();
});
