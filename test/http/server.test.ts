import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { Script } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import { uiFiles } from "../../src/http/ui/files.ts";
import type { ApiView } from "../../src/http/view.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { DriftdError } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { fakeView, ODD_NAME } from "./fixture.ts";

const running: HttpServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function serve(change: Partial<ApiView> = {}, listen = { host: "127.0.0.1", port: 0 }, clock = systemClock) {
  const metrics = createMetrics({ buildInfo: { version: "0.1.0", revision: "" }, clock: systemClock, nodeMetrics: false });
  const errors: string[] = [];
  const log = { ...silentLog, error: (_: unknown, message: string) => errors.push(message) };
  const server = createHttpServer({ listen, view: fakeView(change), metrics, clock, log });
  running.push(server);
  const { url } = await server.start();
  return { server, url, metrics, errors };
}

/** A request whose path is sent exactly as it is written: `fetch` would tidy it up. */
async function raw(url: string, path: string, options: { readonly method?: string; readonly headers?: Record<string, string> } = {}) {
  const sent = request(url, { path, agent: false, ...options });
  sent.end();
  const [answer] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: answer.statusCode, headers: answer.headers, text, body: () => JSON.parse(text) as Record<string, unknown> };
}

describe("health", () => {
  it.each(["/-/healthy", "/livez", "/healthz"])("%s answers 200 even when nothing is ready", async (path) => {
    const { url } = await serve({ ready: () => [{ check: "source", ok: false }] });
    expect((await raw(url, path)).status).toBe(200);
  });

  it.each(["/-/ready", "/readyz"])("%s answers 503 with what fails, and 200 when nothing does", async (path) => {
    const failing = { check: "source", ok: false, detail: "no broker can be reached" };
    let checks = [failing];
    const { url } = await serve({ ready: () => checks });
    const before = await raw(url, path);
    expect(before.status).toBe(503);
    expect(before.body()).toEqual({ ready: false, failing: [failing] });
    checks = [];
    expect((await raw(url, path)).status).toBe(200);
  });
});

describe("reload", () => {
  it.each(["POST", "PUT"])("%s loads again", async (method) => {
    let loads = 0;
    const { url } = await serve({
      reload: async () => {
        loads++;
        return { ok: true };
      },
    });
    expect((await raw(url, "/-/reload", { method })).status).toBe(200);
    expect(loads).toBe(1);
  });

  it("GET is refused with the methods that are allowed", async () => {
    const { url } = await serve();
    const answer = await raw(url, "/-/reload");
    expect(answer.status).toBe(405);
    expect(answer.headers["allow"]).toBe("POST, PUT");
    expect(answer.body()).toMatchObject({ code: "HTTP_METHOD", status: 405 });
  });

  it("a bad file is a 500 that lists every error", async () => {
    const errors = ["driftd.yaml:3:5: kafka.topics: missing", "driftd.yaml:9:1: modles: unknown key"];
    const { url } = await serve({ reload: async () => ({ ok: false, errors }) });
    const answer = await raw(url, "/-/reload", { method: "POST" });
    expect(answer.status).toBe(500);
    expect(answer.body()).toMatchObject({ code: "RELOAD_FAILED", errors });
  });

  it("is refused where it is switched off", async () => {
    const { url } = await serve({ reload: undefined });
    expect((await raw(url, "/-/reload", { method: "POST" })).body()).toMatchObject({ status: 403, code: "HTTP_RELOAD_OFF" });
  });
});

describe("what changes something", () => {
  const rows: readonly (readonly [string, Record<string, string>, number])[] = [
    ["a program", {}, 200],
    ["a page of another site", { Origin: "https://example.org", "Sec-Fetch-Site": "cross-site" }, 403],
    ["a page of another site in an old browser", { Origin: "https://example.org" }, 403],
    ["a page without an origin", { Origin: "null" }, 403],
    ["a form of another site", { "Sec-Fetch-Site": "cross-site" }, 403],
  ];
  it.each(rows)("asked by %s is answered accordingly", async (_, headers, status) => {
    const { url } = await serve();
    expect((await raw(url, "/-/reload", { method: "POST", headers })).status).toBe(status);
  });

  it("asked by driftd's own page is done", async () => {
    const { url } = await serve();
    const headers = { Origin: url, "Sec-Fetch-Site": "same-origin" };
    expect((await raw(url, "/api/v1/deliveries/msg_2/replay", { method: "POST", headers })).status).toBe(202);
  });

  it("replaying an unknown delivery is a 404", async () => {
    const { url } = await serve();
    expect((await raw(url, "/api/v1/deliveries/msg_9/replay", { method: "POST" })).body()).toMatchObject({ code: "HTTP_UNKNOWN_DELIVERY" });
  });
});

describe("/metrics", () => {
  it("is text format 0.0.4 whatever is asked for", async () => {
    const { url } = await serve();
    const answer = await raw(url, "/metrics", { headers: { Accept: "application/openmetrics-text; version=1.0.0" } });
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.text).toContain("driftd_build_info{");
  });

  it("is compressed for a scraper that can read it, and the same", async () => {
    const { url } = await serve();
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(await answer.text()).toContain("driftd_build_info{");
    expect((await raw(url, "/metrics")).headers["content-encoding"]).toBeUndefined();
  });

  it("counts requests by address, not by path", async () => {
    const { url, metrics } = await serve();
    await raw(url, "/api/v1/models/flights");
    await raw(url, "/api/v1/models/nobody");
    await raw(url, "/api/v1/what");
    await raw(url, "/metrics", { method: "BREW" }).catch(() => undefined);
    await raw(url, "/metrics", { method: "PATCH" });
    await new Promise((resolve) => setImmediate(resolve));
    const page = await metrics.render();
    expect(page).toContain('driftd_http_requests_total{handler="/api/v1/models/{model}",method="GET",code="200"} 1');
    expect(page).toContain('driftd_http_requests_total{handler="/api/v1/models/{model}",method="GET",code="404"} 1');
    expect(page).toContain('driftd_http_requests_total{handler="other",method="GET",code="404"} 1');
    expect(page).toContain('driftd_http_requests_total{handler="/metrics",method="other",code="405"} 1');
    expect(page).toContain('driftd_http_request_duration_seconds_count{handler="/api/v1/models/{model}",method="GET"} 2');
  });
});

describe("methods and addresses", () => {
  it("HEAD answers what GET does, without the body", async () => {
    const { url } = await serve();
    const get = await raw(url, "/api/v1/models");
    const head = await raw(url, "/api/v1/models", { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.text).toBe("");
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
  });

  it("OPTIONS says what is allowed", async () => {
    const { url } = await serve();
    const answer = await raw(url, "/api/v1/models", { method: "OPTIONS" });
    expect([answer.status, answer.headers["allow"]]).toEqual([204, "GET, HEAD"]);
  });

  it.each([
    ["DELETE", "/api/v1/models/flights"],
    ["POST", "/metrics"],
    ["GET", "/api/v1/deliveries/msg_1/replay"],
    ["POST", "/"],
  ])("%s %s is a 405 that says what is allowed", async (method, path) => {
    const { url } = await serve();
    const answer = await raw(url, path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers["allow"]).toMatch(/^(GET, HEAD|POST)$/);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
  });

  it.each([
    "/nothing",
    "/api/v2/models",
    "/API/v1/models",
    "/api/v1/records",
    "/..",
    "/%2e%2e/etc/passwd",
    "//metrics",
    "/%00",
    "/index.html",
  ])("%s is a 404 problem document", async (path) => {
    const { url } = await serve();
    const answer = await raw(url, path);
    expect(answer.status).toBe(404);
    expect(answer.body()).toMatchObject({ code: "HTTP_NOT_FOUND", status: 404 });
  });

  it.each([
    ["a broken escape", "/api/v1/models/%E0%A4%A"],
    ["bytes that are no UTF-8", "/api/v1/models/%ff%fe"],
    ["a lone percent sign", "/api/v1/models/100%"],
  ])("%s in the path is a 400, not a crash", async (_, path) => {
    const { url, errors } = await serve();
    expect((await raw(url, path)).body()).toMatchObject({ status: 400, code: "HTTP_BAD_REQUEST" });
    expect(errors).toEqual([]);
  });

  it.each([
    ["a slash", "a/b"],
    ["emoji", "🛬"],
    ["control characters", "\u0001\u0000\n"],
    ["an escape of an escape", "%2F"],
    ["a prototype's name", "__proto__"],
    ["constructor", "constructor"],
    ["dots", ".."],
  ])("an unknown model named with %s is told by its name", async (_, name) => {
    const { url } = await serve();
    const answer = await raw(url, `/api/v1/models/${encodeURIComponent(name).replaceAll(".", "%2E")}`);
    expect(answer.body()).toMatchObject({ code: "HTTP_UNKNOWN_MODEL", detail: `there is no model ${JSON.stringify(name)}` });
  });

  it("finds a model and a feature with awkward names", async () => {
    const { url } = await serve();
    expect((await raw(url, `/api/v1/models/${encodeURIComponent("new / model")}`)).body()).toMatchObject({ model: "new / model" });
    const feature = await raw(url, `/api/v1/models/flights/features/${encodeURIComponent(ODD_NAME)}`);
    expect(feature.body()).toMatchObject({ feature: ODD_NAME, model: "flights" });
  });

  it.each([
    ["?limit=0", /limit/],
    ["?limit=ten", /"ten"/],
    ["?limit=1e3", /1e3/],
    ["?limt=5", /no parameter "limt"/],
    ["?limit=5&limit=6", /twice/],
    ["?cursor=!!", /cursor/],
    ["?cursor=WyJ4Il0", /cursor/],
  ])("a list asked for with %s is a 400 that says what is wrong", async (query, detail) => {
    const { url } = await serve();
    const answer = await raw(url, `/api/v1/episodes${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body()["detail"]).toMatch(detail);
  });

  it.each([
    ["version=9", "HTTP_UNKNOWN_VERSION"],
    ["window=2h", "HTTP_UNKNOWN_WINDOW"],
  ])("a feature of %s is a 404", async (query, code) => {
    const { url } = await serve();
    expect((await raw(url, `/api/v1/models/flights/features/delay?${query}`)).body()).toMatchObject({ status: 404, code });
  });

  it("a model that no record has come for has no version, and says so", async () => {
    const { url } = await serve();
    expect((await raw(url, "/api/v1/models/silent/features")).body()).toMatchObject({ code: "HTTP_UNKNOWN_VERSION" });
    expect((await raw(url, "/api/v1/models/silent")).body()).toMatchObject({ model: "silent", versions: [], features: [] });
  });
});

describe("failures behind the view", () => {
  it("of our own show their code and message", async () => {
    const failing = () => Promise.reject(new DriftdError("STORE_CLOSED", "the store is closed", { hint: "driftd is stopping" }));
    const { url } = await serve({ episodes: failing });
    expect((await raw(url, "/api/v1/episodes")).body()).toMatchObject({ status: 500, code: "STORE_CLOSED", hint: "driftd is stopping" });
  });

  it("that nobody foresaw show nothing of their inside, and are logged", async () => {
    const { url, errors } = await serve({ episodes: () => Promise.reject(new TypeError("secret detail")) });
    const answer = await raw(url, "/api/v1/episodes");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("secret");
    expect(errors).toEqual(["a request failed"]);
  });
});

describe("headers", () => {
  it.each(["/", "/metrics", "/api/v1/status", "/nothing"])("%s may not be framed, guessed or kept", async (path) => {
    const { url } = await serve();
    const { headers } = await raw(url, path);
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["content-security-policy"]).not.toContain("unsafe");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["x-powered-by"]).toBeUndefined();
  });
});

describe("the page", () => {
  it("is served whole by driftd and asks for nothing elsewhere", async () => {
    const { url } = await serve();
    for (const { path, type } of uiFiles) {
      const answer = await raw(url, path);
      expect([answer.status, answer.headers["content-type"]]).toEqual([200, type]);
      expect(answer.text.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:\/\//);
    }
  });

  it("has a script that parses and never writes markup from names", () => {
    const { content } = uiFiles.find(({ path }) => path === "/app.js")!;
    expect(() => new Script(content)).not.toThrow();
    expect(content).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  });

  it("needs no inline script or style, which its policy would refuse", () => {
    const { content } = uiFiles.find(({ path }) => path === "/")!;
    expect(content).not.toMatch(/<style|<script>|style=|onclick=/);
  });
});

describe("start and stop", () => {
  it("a port in use is said with what to do", async () => {
    const { url } = await serve();
    const port = Number(new URL(url).port);
    await expect(serve({}, { host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "HTTP_LISTEN",
      message: `cannot listen on 127.0.0.1:${port}: the port is in use`,
      hint: expect.stringContaining("http.listen"),
    });
  });

  it("an address of another host is said with what to do", async () => {
    await expect(serve({}, { host: "203.0.113.7", port: 0 })).rejects.toMatchObject({ code: "HTTP_LISTEN" });
  });

  it("stops while clients hold idle connections", async () => {
    const { url, server } = await serve();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
    const closed = once(socket, "close");
    const startedMs = performance.now();
    await server.stop();
    await closed;
    expect(performance.now() - startedMs).toBeLessThan(1500);
  });

  it("finishes the answer that it has begun, then closes", async () => {
    const arrived = Promise.withResolvers<void>();
    const held = Promise.withResolvers<readonly []>();
    const episodes = () => {
      arrived.resolve();
      return held.promise;
    };
    const { url, server } = await serve({ episodes });
    const answer = raw(url, "/api/v1/episodes");
    await arrived.promise;
    const stopped = server.stop();
    held.resolve([]);
    expect((await answer).status).toBe(200);
    await stopped;
    await expect(raw(url, "/-/healthy")).rejects.toThrow();
  });

  it("stops after its grace when an answer never comes", async () => {
    const arrived = Promise.withResolvers<void>();
    const episodes = () => {
      arrived.resolve();
      return new Promise<never>(() => {});
    };
    const slept: number[] = [];
    const sleep = async (ms: number) => {
      slept.push(ms);
    };
    const { url, server } = await serve({ episodes }, { host: "127.0.0.1", port: 0 }, { ...systemClock, sleep });
    const answer = raw(url, "/api/v1/episodes").catch((error: Error) => error);
    await arrived.promise;
    await server.stop();
    expect(slept).toEqual([2000]);
    expect(await answer).toBeInstanceOf(Error);
  });

  it("stops twice, and before it has started", async () => {
    const { server } = await serve();
    await Promise.all([server.stop(), server.stop()]);
    const metrics = createMetrics({ buildInfo: { version: "0", revision: "" }, clock: systemClock, nodeMetrics: false });
    const other = createHttpServer({
      listen: { host: "127.0.0.1", port: 0 },
      view: fakeView(),
      metrics,
      clock: systemClock,
      log: silentLog,
    });
    await other.stop();
  });
});
