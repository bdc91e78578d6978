import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";

import type { WebhookOutputConfig } from "../../src/config/outputs.ts";
import { fileSecret, inlineSecret } from "../../src/config/secret.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { judgeAnswer, parseRetryAfter } from "../../src/outputs/answer.ts";
import { MAX_ANSWER_BYTES } from "../../src/outputs/exchange.ts";
import type { OutboxMessage } from "../../src/outputs/output.ts";
import { EXCERPT_LENGTH, redact } from "../../src/outputs/redact.ts";
import { createWebhook } from "../../src/outputs/webhook.ts";
import { createManualClock } from "./manual-clock.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const message: OutboxMessage = Object.freeze({
  id: "msg_0123456789abcdef",
  output: "pipeline",
  type: "driftd.retrain.requested",
  model: "flights",
  version: "1",
  body: '{"type":"driftd.retrain.requested","data":{"number":1.10,"text":"Zürich 🐘"}}',
  createdAtMs: 0,
});
const never = new AbortController().signal;

const open = new Set<Server>();
afterEach(async () => {
  for (const server of open) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  open.clear();
});

async function serve(listener: (...args: Parameters<RequestListener>) => unknown): Promise<string> {
  const server = createServer((request, response) => void listener(request, response));
  open.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/T0KENINPATH?sig=QUERYSECRET`;
}

function webhook(url: string, options: Partial<WebhookOutputConfig> = {}, clock = systemClock) {
  return createWebhook(
    {
      type: "webhook",
      name: "pipeline",
      url: inlineSecret(url),
      secret: inlineSecret(SECRET),
      headers: {},
      timeoutMs: 15_000,
      maxAttempts: 10,
      expiryMs: 3 * 86_400_000,
      concurrency: undefined,
      ...options,
    },
    { clock, version: "0.1.0" },
  );
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

describe("the verdict on every HTTP status", () => {
  // 1xx are no final answers: a server cannot end with one.
  const statuses = Array.from({ length: 400 }, (_, i) => i + 200);
  const expected = (status: number): string => {
    if (status <= 299) return "delivered";
    if (status === 408 || status === 425) return "retry http_4xx";
    if (status === 410) return "disable gone";
    if (status === 429) return "retry rate_limited";
    if (status <= 499) return "dead http_4xx";
    return "retry http_5xx";
  };

  test("each of 200 to 599, answered by a real server in one request", async () => {
    const seen: number[] = [];
    const url = await serve((request, response) => {
      const status = Number(request.headers["x-status"]);
      seen.push(status);
      request.resume();
      response.writeHead(status).end();
    });
    const table: Record<number, string> = {};
    for (const status of statuses) {
      const output = await webhook(url, { headers: { "x-status": inlineSecret(String(status)) } });
      const result = await output.send(message, never);
      table[status] = result.ok ? "delivered" : `${result.disable ? "disable" : result.retry ? "retry" : "dead"} ${result.failure}`;
      expect(result.status).toBe(status);
    }
    expect(table).toEqual(Object.fromEntries(statuses.map((status) => [status, expected(status)])));
    expect(seen).toEqual(statuses);
  });

  test("a receiver that asks to abort is not asked again", () => {
    expect(judgeAnswer({ status: 503, retryAfter: "5", abort: true, excerpt: "" }, 0)).toEqual({
      ok: false,
      failure: "http_5xx",
      retry: false,
      status: 503,
      excerpt: "",
    });
  });
});

describe("Retry-After", () => {
  const NOW = Date.UTC(2026, 0, 10, 12);
  test.each([
    ["120", 120_000],
    [" 5 ", 5000],
    ["0", 0],
    ["Sat, 10 Jan 2026 12:01:00 GMT", 60_000],
    ["Sat, 10 Jan 2026 11:00:00 GMT", 0],
    ["Saturday, 10-Jan-26 12:01:00 GMT", 60_000],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["2026", 2_026_000],
    ["2026-01-10", undefined],
    [undefined, undefined],
  ])("%j asks for %s ms", (value, ms) => {
    expect(parseRetryAfter(value, NOW)).toBe(ms);
  });

  test("reaches the verdict", async () => {
    const url = await serve((_request, response) => response.writeHead(429, { "retry-after": "7" }).end());
    expect(await (await webhook(url)).send(message, never)).toMatchObject({
      ok: false,
      failure: "rate_limited",
      retry: true,
      retryAfterMs: 7000,
    });
  });
});

describe("a request", () => {
  test("carries the body byte for byte and a signature that the specification's library accepts", async () => {
    const got = Promise.withResolvers<{ body: string; request: IncomingMessage }>();
    const url = await serve(async (request, response) => {
      const body = await bodyOf(request);
      response.writeHead(204).end();
      got.resolve({ body, request });
    });
    const output = await webhook(url, { headers: { authorization: inlineSecret("Bearer abc") } });
    expect(await output.send(message, never)).toEqual({ ok: true, status: 204, excerpt: "" });
    const { body, request } = await got.promise;
    expect(body).toBe(message.body);
    expect(new Webhook(SECRET).verify(body, request.headers as Record<string, string>)).toEqual(JSON.parse(message.body));
    expect(request).toMatchObject({ method: "POST", url: "/hooks/T0KENINPATH?sig=QUERYSECRET" });
    expect(request.headers).toMatchObject({
      "webhook-id": message.id,
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(message.body)),
      "user-agent": "driftd/0.1.0",
      authorization: "Bearer abc",
    });
  });

  test("is signed with the key that the file holds now", async () => {
    const folder = await mkdtemp(join(tmpdir(), "driftd-webhook-"));
    try {
      const file = join(folder, "secret.txt");
      const accepted: boolean[] = [];
      const next = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
      const url = await serve(async (request, response) => {
        const body = await bodyOf(request);
        accepted.push(...[SECRET, next].map((secret) => isAccepted(secret, body, request)));
        response.writeHead(204).end();
      });
      await writeFile(file, `${SECRET}\n`);
      const output = await webhook(url, { secret: fileSecret(file) });
      await output.send(message, never);
      await writeFile(file, `${next}\n${SECRET}\n`);
      await output.send(message, never);
      expect(accepted).toEqual([true, false, true, true]);
      await rm(file);
      expect(await output.send(message, never)).toEqual({ ok: false, failure: "secret", retry: true, excerpt: "SECRET_UNREADABLE" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("is not repeated behind a redirect", async () => {
    let hits = 0;
    const target = await serve((_request, response) => {
      hits++;
      response.writeHead(204).end();
    });
    const url = await serve((_request, response) => response.writeHead(307, { location: target }).end());
    expect(await (await webhook(url)).send(message, never)).toMatchObject({ ok: false, retry: false, status: 307 });
    expect(hits).toBe(0);
  });
});

describe("a receiver that misbehaves", () => {
  test("and never answers ends the attempt after the timeout", async () => {
    const clock = createManualClock(0);
    const asked = Promise.withResolvers<void>();
    const url = await serve(() => asked.resolve());
    const sending = (await webhook(url, {}, clock)).send(message, never);
    await asked.promise;
    clock.advance(14_999);
    clock.advance(1);
    expect(await sending).toEqual({ ok: false, failure: "timeout", retry: true, excerpt: "no answer in 15 s" });
  });

  test("and sends without end is read up to 64 kB", async () => {
    let written = 0;
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write("x".repeat(16_384))) written += 16_384;
      };
      response.on("drain", pour);
      pour();
    });
    const result = await (await webhook(url)).send(message, never);
    expect(result).toMatchObject({ ok: true, status: 200 });
    expect(result.excerpt).toHaveLength(EXCERPT_LENGTH);
    expect(MAX_ANSWER_BYTES).toBe(65_536);
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test("and breaks off within the body has answered by its status", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("half", () => response.destroy());
    });
    expect(await (await webhook(url)).send(message, never)).toEqual({ ok: true, status: 200, excerpt: "half" });
  });

  test("and is not there is a connection failure that does not name the host", async () => {
    const url = await serve(() => {});
    for (const server of open) await new Promise((resolve) => server.close(resolve));
    open.clear();
    expect(await (await webhook(url)).send(message, never)).toEqual({
      ok: false,
      failure: "connection",
      retry: true,
      excerpt: "ECONNREFUSED",
    });
  });

  test("and hangs up before an answer is a connection failure", async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await (await webhook(url)).send(message, never)).toMatchObject({ ok: false, failure: "connection", retry: true });
  });

  test("and speaks no TLS on an https URL is a TLS failure", async () => {
    const url = (await serve(() => {})).replace("http:", "https:");
    expect(await (await webhook(url)).send(message, never)).toMatchObject({ ok: false, failure: "tls", retry: true });
  });

  test("and speaks no HTTP is a body failure", async () => {
    const server = createTcpServer((socket) => {
      // Unread bytes would keep the socket, and with it the server, open.
      socket.on("error", () => {}).resume();
      socket.end("220 mail ready\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await (await webhook(url)).send(message, never)).toMatchObject({ ok: false, failure: "body", retry: true });
    await new Promise((resolve) => server.close(resolve));
  });

  test("gets no second chance within a stopping daemon", async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort());
    expect(await (await webhook(url)).send(message, stop.signal)).toMatchObject({ ok: false, excerpt: "stopped" });
  });
});

describe("secrets", () => {
  test("that the receiver echoes are not in the excerpt", async () => {
    const url = await serve(async (request, response) => {
      const echo = JSON.stringify({ url: request.url, host: request.headers.host, headers: request.headers });
      response.writeHead(400).end(`bad\u0000request\n${echo}`);
    });
    const output = await webhook(url, { headers: { authorization: inlineSecret("Bearer abcdef") } });
    const result = await output.send(message, never);
    expect(result.excerpt).toMatch(/^bad request /);
    for (const secret of ["T0KENINPATH", "QUERYSECRET", "Bearer abcdef", new URL(url).host]) expect(result.excerpt).not.toContain(secret);
  });

  test("too short to be any do not eat the text", () => {
    expect(redact("a/b", ["/", "a"])).toBe("a/b");
  });
});

describe("a configuration that cannot work is refused at start, without showing it", () => {
  test.each([
    ["no URL", { url: inlineSecret("not a url SECRET") }, "OUTPUT_URL_INVALID"],
    ["another scheme", { url: inlineSecret("ftp://SECRET/") }, "OUTPUT_URL_INVALID"],
    ["a broken key", { secret: inlineSecret("whsec_SECRET!") }, "OUTPUT_SECRET_INVALID"],
    ["a header of our own", { headers: { "Webhook-Id": inlineSecret("SECRET") } }, "OUTPUT_HEADER_RESERVED"],
    ["a missing file", { secret: fileSecret("/nonexistent/secret.txt") }, "SECRET_UNREADABLE"],
  ] as [string, Partial<WebhookOutputConfig>, string][])("%s", async (_name, options, code) => {
    const error = (await webhook("http://127.0.0.1:1/", options).catch((thrown: unknown) => thrown)) as Error & { code: string };
    expect(error.code).toBe(code);
    expect(error.message).not.toContain("SECRET");
  });
});

function isAccepted(secret: string, body: string, request: IncomingMessage): boolean {
  try {
    new Webhook(secret).verify(body, request.headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
