import { Webhook } from "standardwebhooks";
import { afterEach, expect, test } from "vitest";

import { type Receiver, type ReceiverOptions, startReceiver } from "../../src/demo/receiver.ts";
import { systemClock } from "../../src/lib/clock.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
let receiver: Receiver | undefined;
afterEach(() => receiver?.close());

async function start(options: Partial<ReceiverOptions> = {}): Promise<Receiver> {
  receiver = await startReceiver({ secret: `${SECRET}\n`, clock: systemClock, port: 0, ...options });
  return receiver;
}

/** Sends as the specification's own library signs. */
async function send(url: string, id: string, body: string, secret = SECRET): Promise<number> {
  const now = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, now, body),
  };
  return (await fetch(url, { method: "POST", headers, body })).status;
}

test("a genuine request is answered 204 and kept as it came", async () => {
  const { url, requests } = await start();
  expect(await send(url, "msg_1", '{"text":"Zürich 🐘"}')).toBe(204);
  expect(requests).toMatchObject([{ id: "msg_1", body: '{"text":"Zürich 🐘"}', repeated: false }]);
});

test("a repetition is told by its id and is not handed on again", async () => {
  const handed: string[] = [];
  const { url, requests } = await start({ onRequest: ({ id }) => void handed.push(id) });
  for (let i = 0; i < 3; i++) expect(await send(url, "msg_1", "{}")).toBe(204);
  expect(requests.map(({ repeated }) => repeated)).toEqual([false, true, true]);
  expect(handed).toEqual(["msg_1"]);
});

test("a request that was put off gets through the next time", async () => {
  let calls = 0;
  const { url } = await start({ onRequest: () => (calls++ === 0 ? 503 : 204) });
  expect([await send(url, "msg_1", "{}"), await send(url, "msg_1", "{}")]).toEqual([503, 204]);
  expect(calls).toBe(2);
});

test("a forged, an unsigned and a huge request are refused", async () => {
  const { url, requests, refused } = await start();
  expect(await send(url, "msg_1", "{}", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")).toBe(401);
  expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(401);
  expect(await send(url, "msg_1", "x".repeat(70_000))).toBe(413);
  expect(refused).toEqual(["bad_signature", "missing_header", "too_large"]);
  expect(requests).toEqual([]);
});

test("it listens on loopback alone", async () => {
  const { url } = await start();
  expect(new URL(url).hostname).toBe("127.0.0.1");
});
