/** Who may change something, what bodies are taken, and how a request's answers look: over a real server, the daemon behind it made up. */

import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { fileSecret, inlineSecret } from "../../src/config/secret.ts";
import type { Access } from "../../src/http/access.ts";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import type { ApiView, RetrainView } from "../../src/http/view.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { DriftdError } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import type { RetrainingAsked } from "../../src/retraining.ts";
import { fakeView, MLFLOW_KEY, NOW_MS, request } from "./fixture.ts";

const running: HttpServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function serve(change: Partial<ApiView> = {}, retraining: Partial<RetrainView> = {}) {
  const metrics = createMetrics({ buildInfo: { version: "0", revision: "" }, clock: systemClock, nodeMetrics: false });
  const base = fakeView(change);
  const view = { ...base, retraining: { ...base.retraining, ...retraining } };
  const server = createHttpServer({ listen: { host: "127.0.0.1", port: 0 }, view, metrics, clock: systemClock, log: silentLog });
  running.push(server);
  const { url } = await server.start();
  return async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, { method: "POST", ...init });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
  };
}

const JSON_TYPE = { "content-type": "application/json" };
const send = (body: unknown, headers: Record<string, string> = {}) => ({
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { ...JSON_TYPE, ...headers },
});
const PAUSE = "/api/v1/models/flights/pause";

describe("what changes something", () => {
  const token = inlineSecret("s3cret-token");
  const rows: readonly (readonly [string, Access, Record<string, string>, number, string | undefined])[] = [
    ["without a token on a loopback address", { token: undefined, loopback: true }, {}, 200, undefined],
    ["without a token on any other address", { token: undefined, loopback: false }, {}, 403, "HTTP_TOKEN_NEEDED"],
    ["with a token that is not sent", { token, loopback: true }, {}, 401, "HTTP_TOKEN"],
    ["with a token that is not the one", { token, loopback: false }, { authorization: "Bearer s3cret-tokem" }, 401, "HTTP_TOKEN"],
    ["with a token that only begins alike", { token, loopback: false }, { authorization: "Bearer s3cret" }, 401, "HTTP_TOKEN"],
    ["with another scheme", { token, loopback: false }, { authorization: "Basic czNjcmV0LXRva2Vu" }, 401, "HTTP_TOKEN"],
    ["with the token", { token, loopback: false }, { authorization: "Bearer s3cret-token" }, 200, undefined],
    [
      "with the token, in the scheme's other spelling",
      { token, loopback: false },
      { authorization: "bearer s3cret-token" },
      200,
      undefined,
    ],
  ];
  it.each(rows)("%s", async (_, access, headers, status, code) => {
    const ask = await serve({ access: () => access });
    const answer = await ask(PAUSE, { headers });
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.headers.get("www-authenticate")).toBe(status === 401 ? 'Bearer realm="driftd"' : null);
    expect(JSON.stringify(answer.body)).not.toContain("s3cret-token");
  });

  it.each(["/api/v1/deliveries/msg_1/replay", "/-/reload", "/api/v1/retrain/msg_2/approve"])("%s needs the token too", async (path) => {
    const ask = await serve({ access: () => ({ token, loopback: true }) });
    expect((await ask(path)).status).toBe(401);
    expect((await ask(path, { headers: { authorization: "Bearer s3cret-token" } })).status).toBeLessThan(300);
  });

  it("reloading is http.reload's own matter where no token is configured", async () => {
    const ask = await serve({ access: () => ({ token: undefined, loopback: false }) });
    expect((await ask("/-/reload")).status).toBe(200);
  });

  it("reading needs none", async () => {
    const ask = await serve({ access: () => ({ token, loopback: false }) });
    expect((await ask("/api/v1/retrain", { method: "GET" })).status).toBe(200);
  });

  it("a token's file is read anew, and while it cannot be read nobody may", async () => {
    const folder = await mkdtemp(join(tmpdir(), "driftd-token-"));
    const file = join(folder, "token");
    const ask = await serve({ access: () => ({ token: fileSecret(file), loopback: true }) });
    const refused = await ask(PAUSE, { headers: { authorization: "Bearer one" } });
    expect([refused.status, refused.body["code"]]).toEqual([503, "HTTP_TOKEN_UNREADABLE"]);
    expect(JSON.stringify(refused.body)).not.toContain(folder);
    for (const value of ["one", "two"]) {
      await writeFile(file, `${value}\n`);
      expect((await ask(PAUSE, { headers: { authorization: `Bearer ${value}` } })).status).toBe(200);
    }
    expect((await ask(PAUSE, { headers: { authorization: "Bearer one" } })).status).toBe(401);
    await rm(folder, { recursive: true });
  });
});

describe("a body", () => {
  const path = "/api/v1/retrain/msg_1/status";
  it.each([
    ["is refused when it is no JSON", send("{running}"), 400, "HTTP_BODY", "not JSON"],
    ["is refused when it is no UTF-8", { body: new Uint8Array([0x22, 0xff, 0x22]), headers: JSON_TYPE }, 400, "HTTP_BODY", "not JSON"],
    ["is refused when it is a list", send([]), 400, "HTTP_BODY", "not a JSON object"],
    ["is refused without what is required", send({}), 400, "HTTP_BODY", "status: is required"],
    ["is refused when it is missing", {}, 400, "HTTP_BODY", "status: is required"],
    ["is refused with a field that there is not", send({ status: "running", vresion: "2" }), 400, "HTTP_BODY", "vresion"],
    ["is refused with a field of another type", send({ status: "running", version: 2 }), 400, "HTTP_BODY", "version: is not text"],
    ["is refused with a value that is not known", send({ status: "done" }), 400, "HTTP_BODY", "done"],
    ["is refused with a text too long", send({ status: "running", detail: "x".repeat(1001) }), 400, "HTTP_BODY", "1000"],
    [
      "is refused as a form",
      { body: "status=running", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "HTTP_BODY_TYPE",
      "form",
    ],
    ["is refused packed", send({ status: "running" }, { "content-encoding": "gzip" }), 415, "HTTP_BODY_TYPE", "gzip"],
    ["is refused when it is too large", send({ status: "running", detail: "x".repeat(20_000) }), 413, "HTTP_BODY_TOO_LARGE", "16384"],
  ] as const)("%s", async (_, init, status, code, says) => {
    const answer = await (await serve())(path, init);
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.body["detail"]).toContain(says);
  });

  it("too large is refused also when it does not say how large it is", async () => {
    const ask = await serve();
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8192).fill(0x20)),
    });
    const answer = await ask(path, { body: chunks, headers: JSON_TYPE, duplex: "half" } as RequestInit).catch(() => undefined);
    // The server answers and closes: a client that is still sending may see either.
    if (answer !== undefined) expect(answer.status).toBe(413);
    expect((await ask(path, send({ status: "running" }))).status).toBe(200);
  });

  it("may be of a JSON type with a character set, and hold what is not known to be missing", async () => {
    const ask = await serve();
    const answer = await ask(path, {
      body: '{"status":"succeeded","version":null}',
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    expect(answer.status).toBe(200);
  });
});

describe("requests", () => {
  it("are listed by page, model and status", async () => {
    const ask = await serve();
    const get = async (query: string) =>
      (await ask(`/api/v1/retrain${query}`, { method: "GET" })).body as { items: { id: string }[]; next: string | null };
    const first = await get("?limit=2");
    expect(first.items.map(({ id }) => id)).toEqual(["msg_1", "msg_2"]);
    expect((await get(`?limit=2&cursor=${first.next}`)).items.map(({ id }) => id)).toEqual(["msg_3"]);
    expect((await get("?status=awaiting_approval")).items.map(({ id }) => id)).toEqual(["msg_2"]);
    expect((await get("?status=open")).items.map(({ id }) => id)).toEqual(["msg_1", "msg_2"]);
    expect((await get("?model=nobody")).items).toEqual([]);
    expect((await ask("/api/v1/retrain?status=opne", { method: "GET" })).status).toBe(400);
  });

  it("that are not there are a 404, by every address", async () => {
    const ask = await serve();
    for (const [path, init] of [
      ["/api/v1/retrain/msg_9", { method: "GET" }],
      ["/api/v1/retrain/msg_9/approve", {}],
      ["/api/v1/retrain/msg_9/reject", {}],
      ["/api/v1/retrain/msg_9/status", send({ status: "failed" })],
    ] as const)
      expect((await ask(path, init)).body).toMatchObject({ status: 404, code: "HTTP_UNKNOWN_REQUEST" });
  });

  it.each([
    ["RETRAIN_UNKNOWN_MODEL", 404],
    ["RETRAIN_UNKNOWN_VERSION", 404],
    ["RETRAIN_NOT_CONFIGURED", 409],
    ["STOPPING", 503],
    ["STORE_FULL", 503],
    ["ELSE", 500],
  ])("an error %s is answered by %i", async (code, status) => {
    const ask = await serve({}, { request: () => Promise.reject(new DriftdError(code, "no")) });
    expect((await ask("/api/v1/retrain", send({ model: "flights" }))).body).toMatchObject({ code, status });
  });

  it("a guard is named where it holds one back even when it is approved", async () => {
    const ask = await serve({}, { approve: async () => ({ ok: false, request: request(2, "awaiting_approval"), guard: "target_busy" }) });
    expect((await ask("/api/v1/retrain/msg_2/approve")).body).toMatchObject({ status: 409, code: "RETRAIN_HELD", guard: "target_busy" });
  });
});

describe("Alertmanager", () => {
  const alert = (labels: object, fingerprint = "f") => ({
    status: "firing",
    labels,
    annotations: {},
    startsAt: "2026-01-15T12:00:00.5+01:00",
    fingerprint,
  });
  const notification = (...alerts: unknown[]) => send({ version: "4", alerts });
  const path = "/api/v1/triggers/alertmanager";

  it("is asked to try again when the store refuses", async () => {
    const ask = await serve({}, { request: () => Promise.reject(new DriftdError("STORE_FULL", "the disk is full")) });
    expect((await ask(path, notification(alert({ model: "flights", driftd_action: "retrain" })))).status).toBe(503);
  });

  it("an alert is known by its fingerprint and its start, whatever the zone it is written in", async () => {
    const asked: RetrainingAsked[] = [];
    const ask = await serve(
      {},
      {
        request: async (one) => {
          asked.push(one);
          return { outcome: "held", guard: "paused" };
        },
      },
    );
    const labels = { model: "flights", version: "1", driftd_action: "retrain", alertname: "Drift" };
    expect((await ask(path, notification(alert(labels), alert({ ...labels, driftd_action: "look" }, "g")))).body["alerts"]).toEqual([
      { fingerprint: "f", model: "flights", outcome: "held", guard: "paused" },
      { fingerprint: "g", outcome: "unlabelled", detail: expect.stringContaining("driftd_action=retrain") },
    ]);
    expect(asked).toEqual([
      { model: "flights", version: "1", reason: "alert", detail: "Drift", dedupKey: "alert:f:2026-01-15T11:00:00.500Z" },
    ]);
  });

  it("needs the token like everybody", async () => {
    const ask = await serve({ access: () => ({ token: inlineSecret("t"), loopback: true }) });
    expect((await ask(path, notification())).status).toBe(401);
    expect((await ask(path, send({ version: "4", alerts: [] }, { authorization: "Bearer t" }))).status).toBe(202);
  });
});

describe("MLflow", () => {
  const path = "/api/v1/triggers/mlflow";
  const created = { entity: "model_version", action: "created", timestamp: "t", data: { name: "flights", version: "7", tags: {} } };
  function signed(body: unknown, { key = MLFLOW_KEY, atMs = NOW_MS, id = "d1" } = {}) {
    const text = JSON.stringify(body);
    const timestamp = String(Math.floor(atMs / 1000));
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
    return send(text, { "x-mlflow-delivery-id": id, "x-mlflow-timestamp": timestamp, "x-mlflow-signature": `v1,${signature}` });
  }
  const told: unknown[][] = [];
  const view = {
    modelVersion: async (...args: Parameters<RetrainView["modelVersion"]>) => {
      told.push(args);
      return request(1, "succeeded");
    },
  };

  it.each([
    ["a version that was created", created, ["flights", "7", undefined, false]],
    [
      "an alias that was set",
      { ...created, entity: "model_version_alias", data: { name: "flights", alias: "champion", version: 7 } },
      ["flights", "7", undefined, true],
    ],
    ["in the registry's other spelling", { ...created, entity: "MODEL_VERSION", action: "CREATED" }, ["flights", "7", undefined, false]],
    [
      "a version that names its request",
      { ...created, data: { ...created.data, tags: { "driftd.request_id": "msg_5" } } },
      ["flights", "7", "msg_5", false],
    ],
    [
      "the same in a list",
      { ...created, data: { ...created.data, tags: [{ key: "driftd.request_id", value: "msg_5" }] } },
      ["flights", "7", "msg_5", false],
    ],
  ])("%s ends the request", async (_, body, expected) => {
    told.splice(0);
    const answer = await (await serve({}, view))(path, signed(body));
    expect(answer).toMatchObject({ status: 200, body: { outcome: "succeeded", model: "flights", version: "7", request_id: "msg_1" } });
    expect(told).toEqual([expected]);
  });

  it.each([
    ["about something else", { ...created, entity: "registered_model" }],
    ["about a model that is not ours", { ...created, data: { name: "other", version: "1" } }],
  ])("what is %s is passed over", async (_, body) => {
    told.splice(0);
    expect(await (await serve({}, view))(path, signed(body))).toMatchObject({ status: 200, body: { outcome: "ignored" } });
    expect(told).toEqual([]);
  });

  it.each([
    ["unsigned", send(created), 401],
    ["signed with another key", signed(created, { key: "x" }), 401],
    ["older than five minutes", signed(created, { atMs: NOW_MS - 301_000 }), 401],
    ["five minutes ahead", signed(created, { atMs: NOW_MS + 301_000 }), 401],
    ["signed for another body", { ...signed(created), body: JSON.stringify({ ...created, action: "deleted" }) }, 401],
    ["no webhook of MLflow", signed({ a: 1 }), 400],
    ["without a version", signed({ ...created, data: { name: "flights" } }), 400],
  ] as const)("%s: refused", async (_, init, status) => {
    expect((await (await serve({}, view))(path, init)).status).toBe(status);
  });

  it("is off where no key is configured", async () => {
    const ask = await serve({}, { ...view, mlflow: () => undefined });
    expect((await ask(path, signed(created))).body).toMatchObject({ status: 404, code: "MLFLOW_OFF" });
  });

  it("needs no bearer token: the signature says who it is", async () => {
    const ask = await serve({ access: () => ({ token: inlineSecret("t"), loopback: false }) }, view);
    expect((await ask(path, signed(created))).status).toBe(200);
  });
});
