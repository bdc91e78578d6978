import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inlineSecret } from "../../../src/config/secret.ts";
import { readCandidates } from "../../../src/reference/addresses/read.ts";
import { type FakeServer, startFakeServer } from "../../outputs/fake-server.ts";
import { bytesOf, failure, fetchOf, noLogin, plainAccess, signal, snapshotAt } from "./serving.ts";

let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(() => server.close());

const wanted = { model: "m", version: undefined, outliers: false };
const text = JSON.stringify(snapshotAt("2026-01-01T00:00:00Z"));

test("what the server says of its content is handed back to it, and a 304 is unchanged", async () => {
  server.play(({ headers }) =>
    headers["if-none-match"] === '"v1"' ? { status: 304 } : { status: 200, headers: { etag: '"v1"' }, body: text },
  );
  const fetch = fetchOf(`${server.url}/r.json`);
  const first = await fetch(undefined, signal);
  expect((await bytesOf(first)).toString()).toBe(text);
  expect(await fetch(first.kind === "changed" ? first.identity : undefined, signal)).toEqual({ kind: "unchanged" });
});

test("a server that knows only times is asked by them", async () => {
  const time = "Thu, 01 Jan 2026 00:00:00 GMT";
  server.play(({ headers }) =>
    headers["if-modified-since"] === time ? { status: 304 } : { status: 200, headers: { "last-modified": time }, body: text },
  );
  const fetch = fetchOf(`${server.url}/r.json`);
  const first = await fetch(undefined, signal);
  expect(await fetch(first.kind === "changed" ? first.identity : undefined, signal)).toEqual({ kind: "unchanged" });
});

test("a server that says nothing of its content is read each time", async () => {
  server.play(() => ({ status: 200, body: text }));
  expect(await fetchOf(`${server.url}/r.json`)(undefined, signal)).toMatchObject({ kind: "changed", identity: undefined });
});

test.each([
  ["a token", { token: inlineSecret("t0ken") }, { authorization: "Bearer t0ken" }],
  ["a user", { username: "u", password: inlineSecret("p") }, { authorization: `Basic ${Buffer.from("u:p").toString("base64")}` }],
  ["headers", { headers: { "X-Api-Key": inlineSecret("k3y") } }, { "x-api-key": "k3y" }],
])("%s of the configuration is sent", async (_, login, headers) => {
  server.play(() => ({ status: 200, body: text }));
  const access = { ...plainAccess, http: { ...noLogin, headers: {}, ...login } };
  await fetchOf(`${server.url}/r.json?sig=1`, { access })(undefined, signal);
  expect(server.received[0]).toMatchObject({ method: "GET", path: "/r.json?sig=1", headers: { ...headers, "user-agent": "driftd/1.0.0" } });
});

test.each([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
  [410, "not_found"],
  [429, "answer"],
  [500, "answer"],
  [204, "answer"],
])("an answer %i is a failure: %s", async (status, reason) => {
  server.play(() => ({ status, body: "secret of the server" }));
  const error = await failure(fetchOf(`${server.url}/r.json?sig=hush`)(undefined, signal));
  expect(error).toMatchObject({ code: "REFERENCE_FETCH_FAILED", reason });
  expect(error.message).not.toMatch(/hush|secret/);
});

test("a redirect is not followed, and the login goes nowhere else", async () => {
  server.play(({ path }) =>
    path === "/r.json" ? { status: 302, headers: { location: `${server.url}/other` } } : { status: 200, body: text },
  );
  expect(await failure(fetchOf(`${server.url}/r.json`)(undefined, signal))).toMatchObject({
    reason: "answer",
    hint: "name the final address",
  });
  expect(server.received.map(({ path }) => path)).toEqual(["/r.json"]);
});

test("no answer in time, and a body that never ends, are a timeout", async () => {
  const access = { ...plainAccess, timeoutMs: 150 };
  server.play(() => ({ status: 200, silent: true }));
  expect(await failure(fetchOf(server.url, { access })(undefined, signal))).toMatchObject({ reason: "timeout" });
  await withServer(
    (response) => void response.writeHead(200).write(text.slice(0, 100)),
    async (url) => expect(await failure(fetchOf(url, { access })(undefined, signal))).toMatchObject({ reason: "timeout" }),
  );
});

test("a slow body that comes in time is whole", async () => {
  await withServer(
    (response) => {
      response.writeHead(200);
      const parts = text.match(/.{1,4000}/gs) ?? [];
      const next = () => void (parts.length === 0 ? response.end() : response.write(parts.shift(), () => setImmediate(next)));
      next();
    },
    async (url) => expect((await bytesOf(await fetchOf(url)(undefined, signal))).toString()).toBe(text),
  );
});

test("a body that breaks off is a failure of the connection, not a snapshot", async () => {
  await withServer(
    (response) => {
      response.writeHead(200, { "content-length": text.length });
      response.write(text.slice(0, 1_000), () => response.destroy());
    },
    async (url) => expect(await failure(fetchOf(url)(undefined, signal))).toMatchObject({ reason: "connection" }),
  );
});

test("an answer that says that it is larger than 256 MiB is not read", async () => {
  await withServer(
    (response) => void response.writeHead(200, { "content-length": 256 * 1024 * 1024 + 1 }).flushHeaders(),
    async (url) => expect(await failure(fetchOf(url)(undefined, signal))).toMatchObject({ reason: "too_large" }),
  );
});

test("nobody there is a failure of the connection, by its code", async () => {
  const gone = createTcpServer();
  await new Promise<void>((done) => gone.listen(0, "127.0.0.1", done));
  const { port } = gone.address() as AddressInfo;
  await new Promise((done) => gone.close(done));
  const error = await failure(fetchOf(`http://127.0.0.1:${port}/r.json`)(undefined, signal));
  expect(error).toMatchObject({ reason: "connection", message: `http://127.0.0.1:${port}/r.json: the connection failed (ECONNREFUSED)` });
});

test.each([
  ["a page of HTML", "<html>", "unreadable"],
  ["half a file", text.slice(0, text.length / 2), "unreadable"],
  ["half a file of gzip", gzipSync(text).subarray(0, 200), "unreadable"],
  ["JSON that is no snapshot", "{}", "invalid"],
  ["a snapshot that was changed", text.replace('"records":10000', '"records":10001'), "invalid"],
  ["another model's snapshot", JSON.stringify(snapshotAt("2026-01-01T00:00:00Z", {}, "other")), "wrong_model"],
])("%s is fetched, and refused when it is read", async (_, body, reason) => {
  const candidates = [{ name: "https://h/r.json", read: () => Promise.resolve(Buffer.from(body)) }];
  expect(await failure(readCandidates(candidates, wanted, "https://h/r.json"))).toMatchObject({ reason });
});

test("packed or not, a snapshot is read by what it is, not by its name", async () => {
  for (const body of [Buffer.from(text), gzipSync(text)]) {
    const { found } = await readCandidates([{ name: "a", read: () => Promise.resolve(body) }], wanted, "https://h/latest");
    expect(found.map(({ version, reference }) => [version, reference.path, reference.snapshot.model])).toEqual([
      [undefined, "https://h/latest", "m"],
    ]);
  }
});

async function withServer(
  answer: (response: import("node:http").ServerResponse) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const own: Server = createServer((_, response) => answer(response));
  await new Promise<void>((done) => own.listen(0, "127.0.0.1", done));
  try {
    await use(`http://127.0.0.1:${(own.address() as AddressInfo).port}/r.json`);
  } finally {
    own.closeAllConnections();
    await new Promise((done) => own.close(done));
  }
}
