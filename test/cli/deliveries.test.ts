import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Io } from "../../src/cli/args.ts";
import { columns, printable } from "../../src/cli/columns.ts";
import { deliveriesCommand } from "../../src/cli/deliveries.ts";
import { type Receiver, startReceiver } from "../../src/demo/receiver.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { disabledFact } from "../../src/outputs/outbox.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT = Date.UTC(2026, 0, 10);

let folder: string;
/** Holds the store that every test gets a copy of. */
let template: string;
let receiver: Receiver;
let daemon: Server | undefined;
const asked: string[] = [];

beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "driftd-deliveries-"));
  const store = await openStore(template);
  await store.commitDecision({
    evaluatedThrough: [],
    evaluations: [],
    alertState: [],
    episodes: [],
    events: [],
    outbox: [
      { ...message, id: "msg_1", createdAtMs: AT },
      { ...message, id: "msg_2", createdAtMs: AT + 1000 },
      { ...message, id: "msg_3", output: "removed", createdAtMs: AT + 2000 },
    ],
  });
  const attempt = { id: "msg_1", atMs: AT + 5, ok: false, status: 410, failure: "gone", latencyMs: 12, excerpt: "\u001b[31mgone" };
  await store.recordAttempt(attempt, { status: "dead", nextAttemptAtMs: AT + 5 });
  await store.setFact(disabledFact("pipeline"), "2026-01-10T00:00:00.005Z");
  await store.close();
});
afterAll(() => rm(template, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-deliveries-"));
  await copyFile(join(template, "driftd.db"), join(folder, "driftd.db"));
  receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
  await configure(1);
});
afterEach(async () => {
  await receiver.close();
  await new Promise((resolve) => (daemon === undefined ? resolve(undefined) : daemon.close(resolve)));
  daemon = undefined;
  asked.length = 0;
  await rm(folder, { recursive: true });
});

const message = Object.freeze({
  output: "pipeline",
  type: "driftd.retrain.requested",
  model: "flights",
  version: "1\u0007",
  body: '{"type":"driftd.retrain.requested","data":{"n":1.5}}',
});

function configure(port: number): Promise<void> {
  const outputs = `{ pipeline: { type: webhook, url: "${receiver.url}", secret: ${SECRET} }, forged: { type: webhook, url: "${receiver.url}", secret: wrong } }`;
  const lines = [
    `store: { path: driftd.db }`,
    `http: { listen: "127.0.0.1:${port}" }`,
    `outputs: ${outputs}`,
    `models: [{ name: flights, reference: f.json, retrain: { to: [pipeline] } }]`,
  ];
  return writeFile(join(folder, "driftd.yaml"), lines.join("\n"));
}

function openStore(at = folder): Promise<Store> {
  return openSqliteStore({ path: join(at, "driftd.db"), log: silentLog, driftdVersion: "0.1.0" });
}

async function run(...args: string[]) {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTTY: false,
    env: {},
    cwd: folder,
  };
  const code = await deliveriesCommand([...args, "--config", "driftd.yaml"], io);
  return { code, stdout, stderr };
}

/** A daemon's API that answers every replay with `status`. */
async function startDaemon(status: number): Promise<void> {
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  daemon = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await configure((server.address() as AddressInfo).port);
}

describe("list", () => {
  test("shows the newest first, and no control characters", async () => {
    const { code, stdout } = await run("list");
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/).slice(0, 6))).toEqual([
      ["ID", "STATUS", "ATTEMPTS", "OUTPUT", "MODEL", "VERSION"],
      ["msg_3", "pending", "0", "removed", "flights", "1\\u{7}"],
      ["msg_2", "pending", "0", "pipeline", "flights", "1\\u{7}"],
      ["msg_1", "dead", "1", "pipeline", "flights", "1\\u{7}"],
      [""],
    ]);
  });

  test("as JSON is one document in the shape of the API", async () => {
    const { stdout } = await run("list", "--format", "json", "--status", "dead");
    expect(JSON.parse(stdout)).toEqual({
      items: [
        {
          id: "msg_1",
          output: "pipeline",
          type: "driftd.retrain.requested",
          model: "flights",
          version: "1\u0007",
          status: "dead",
          attempts: 1,
          created_at: "2026-01-10T00:00:00Z",
          updated_at: "2026-01-10T00:00:00.005Z",
          next_attempt_at: null,
        },
      ],
      next: null,
    });
  });

  test("says that there are more", async () => {
    const text = await run("list", "--limit", "1", "--target", "pipeline");
    expect(text.stdout).toContain("msg_2");
    expect(text.stdout).not.toContain("msg_1");
    expect(text.stderr).toContain("only the newest 1");
    expect(JSON.parse((await run("list", "--limit", "1", "--format", "json")).stdout)).toMatchObject({ next: "msg_3" });
  });

  test("works beside a running daemon", async () => {
    const store = await openStore();
    expect((await run("list")).code).toBe(0);
    await store.close();
  });
});

test("show tells the attempts and the body", async () => {
  const { stdout } = await run("show", "msg_1");
  expect(stdout).toMatch(/status +dead/);
  expect(stdout).toContain("gone    410     0.012 s  \\u{1b}[31mgone");
  expect(stdout).toContain('"n": 1.5');
  expect(JSON.parse((await run("show", "msg_1", "--format", "json")).stdout)).toMatchObject({
    id: "msg_1",
    attempt_log: [{ status: 410, ok: false }],
  });
});

describe("drop", () => {
  test("dismisses a dead letter, beside a running daemon too", async () => {
    const store = await openStore(folder); // the daemon's
    try {
      const { code, stdout } = await run("drop", "msg_1");
      expect({ code, stdout }).toEqual({ code: 0, stdout: "msg_1 is cancelled\n" });
      expect(await store.deliveries({ id: "msg_1" })).toMatchObject([{ status: "cancelled" }]);
      expect(await store.deliveries({ status: "dead" })).toEqual([]);
    } finally {
      await store.close();
    }
  });

  test.each([
    ["that still waits", "msg_2", "DELIVERY_NOT_DEAD"],
    ["that is not there", "msg_9", "DELIVERY_UNKNOWN"],
  ])("leaves a message alone %s", async (_, id, code) => {
    await expect(run("drop", id)).rejects.toMatchObject({ code });
  });
});

describe("replay", () => {
  test("without a daemon leaves the message for it, and enables the output", async () => {
    const { code, stdout } = await run("replay", "msg_1");
    expect(code).toBe(0);
    expect(stdout).toBe("msg_1 is pending again: it goes out when driftd runs\n");
    const store = await openStore();
    expect(await store.deliveries({ id: "msg_1" })).toMatchObject([{ status: "pending", attempts: 1 }]);
    expect(await store.getFact(disabledFact("pipeline"))).toBe(undefined);
    await store.close();
  });

  test("without a daemon asks again what had failed because nobody got it", async () => {
    const store = await openStore(folder);
    const none = { evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], events: [] };
    const record = {
      ...({ id: "msg_4", model: "flights", version: "1", reason: "drift", severity: null, episode: null, status: "failed" } as const),
      ...{ createdAtMs: AT, updatedAtMs: AT, outputs: ["pipeline"], newVersion: null, detail: "given up", dedupKey: null, body: "{}" },
    } as const;
    const body = '{"type":"driftd.retrain.requested","data":{"request_id":"msg_4"}}';
    await store.commitDecision({ ...none, outbox: [{ ...message, id: "msg_4", body, createdAtMs: AT }], requests: [record] });
    await store.setDelivery("msg_4", "dead", AT, AT);
    await store.close();
    await run("replay", "msg_4");
    const after = await openStore(folder);
    expect(await after.retrainRequests({})).toMatchObject([{ id: "msg_4", status: "requested", detail: "sent again by hand" }]);
    expect(await after.events({ after: 0, limit: 9 })).toMatchObject([{ type: "driftd.retrain.requested", model: "flights" }]);
    await after.close();
  });

  test("with a daemon asks it, and writes nothing", async () => {
    await startDaemon(202);
    const store = await openStore();
    const { stdout } = await run("replay", "msg_1", "--format", "json");
    expect(JSON.parse(stdout)).toEqual({ id: "msg_1", status: "pending", note: "the daemon sends it now" });
    expect(asked).toEqual(["POST /api/v1/deliveries/msg_1/replay"]);
    expect(await store.deliveries({ id: "msg_1" })).toMatchObject([{ status: "dead" }]);
    await store.close();
  });

  test("with a daemon that wants a token brings it", async () => {
    const tokens: (string | undefined)[] = [];
    await startDaemon(202);
    daemon?.on("request", ({ headers }) => tokens.push(headers.authorization));
    await writeFile(join(folder, "token.txt"), "t0ken\n");
    const config = await readFile(join(folder, "driftd.yaml"), "utf8");
    await writeFile(join(folder, "driftd.yaml"), config.replace(/listen: "[^"]*"/, "$&, token_file: token.txt"));
    const store = await openStore();
    await run("replay", "msg_1");
    expect(tokens).toEqual(["Bearer t0ken"]);
    await store.close();
  });

  test("with a daemon whose API cannot be reached leaves the message in its store", async () => {
    const store = await openStore();
    const { stdout } = await run("replay", "msg_1");
    expect(stdout).toContain("finds the message within a minute");
    expect(await store.deliveries({ id: "msg_1" })).toMatchObject([{ status: "pending" }]);
    await store.close();
  });

  test("that the daemon refuses is an error", async () => {
    await startDaemon(404);
    const store = await openStore();
    await expect(run("replay", "msg_1")).rejects.toMatchObject({ code: "DELIVERY_NOT_REPLAYED" });
    await store.close();
  });

  test.each([
    ["an unknown id", "msg_0", "DELIVERY_UNKNOWN"],
    ["an output that is gone", "msg_3", "DELIVERY_NOT_REPLAYED"],
  ])("of %s is an error", async (_name, id, code) => {
    await expect(run("replay", id)).rejects.toMatchObject({ code });
  });
});

describe("test", () => {
  test("sends a signed driftd.test message, which is not stored", async () => {
    const { code, stdout } = await run("test", "--target", "pipeline", "--format", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ output: "pipeline", ok: true, status: 204, failure: null }] });
    expect(receiver.requests.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual(["driftd.test"]);
    expect(JSON.parse((await run("list", "--format", "json")).stdout)).toMatchObject({ items: [{}, {}, {}], next: null });
  });

  test("exits 1 when a receiver refuses it, and shows neither URL nor key", async () => {
    const { code, stdout } = await run("test");
    expect(code).toBe(1);
    expect(stdout).toMatch(/pipeline +ok +204/);
    expect(stdout).toMatch(/forged +http_4xx +401 .* bad_signature/);
    expect(stdout).not.toContain(SECRET);
    expect(stdout).not.toContain(receiver.url);
  });
});

describe("test of what would do something real", () => {
  const started: string[] = [];
  let target: Server;
  beforeEach(async () => {
    started.length = 0;
    target = createServer((request, response) => {
      let body = "";
      request.on("data", (text) => {
        body += text;
      });
      request.on("end", () => {
        started.push(`${request.url} ${body}`);
        const { dag_run_id: id } = (request.url?.startsWith("/api/v2/dags/") ? JSON.parse(body) : {}) as { dag_run_id?: string };
        response.writeHead(200).end(JSON.stringify({ dag_run_id: id }));
      });
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
    const outputs = `{ train: { type: airflow, url: "${url}", dag_id: t, token: a-token }, am: { type: alertmanager, urls: ["${url}"] } }`;
    const model = "{ name: flights, reference: f.json, retrain: { to: [train] } }";
    await writeFile(
      join(folder, "driftd.yaml"),
      `store: { path: driftd.db }\noutputs: ${outputs}\nmodels: [{ name: other, reference: f.json }, ${model}]\n`,
    );
  });
  afterEach(() => new Promise((resolve) => target.close(resolve)));

  test("is refused with what it would do, and nothing is sent to anybody", async () => {
    await expect(run("test")).rejects.toMatchObject({
      code: "DELIVERIES_TEST_IS_REAL",
      message: "nothing was sent: a test of train (airflow) starts a real DAG run",
      hint: "add --yes if you mean it, or name another output with --target",
    });
    expect(started).toEqual([]);
  });

  test("with --yes goes through the very output, for the model that asks it", async () => {
    const { code, stdout } = await run("test", "--target", "train", "--yes");
    expect(code).toBe(0);
    expect(stdout).toMatch(/train +ok +200/);
    const body = JSON.parse(started[0]?.replace(/^\S+ /, "") ?? "") as { conf: { driftd: Record<string, unknown> } };
    expect(body.conf.driftd).toMatchObject({
      model: "flights",
      version: "1",
      output: "train",
      dry_run: true,
      message: "a test of driftd: do nothing",
    });
  });

  test("asks Alertmanager whether it is there, without an alert", async () => {
    const { code, stdout } = await run("test", "--target", "am");
    expect(code).toBe(0);
    expect(stdout).toMatch(/am +ok +200/);
    expect(started).toEqual(["/api/v2/alerts []"]);
  });
});

describe("bad usage is said before anything is done", () => {
  test.each([
    [["sned"], "unknown action"],
    [["show"], "the ID is missing"],
    [["list", "msg_1"], "unexpected"],
    [["test", "--target", "nobody"], "no such output"],
    [["list", "--limit", "0"], "--limit 0"],
  ])("%j", async (args, text) => {
    await expect(run(...args)).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(text) });
  });

  test("--help is help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toContain("replay ID");
  });
});

test("a store that is not there is not made", async () => {
  await rm(join(folder, "driftd.db"));
  await expect(run("replay", "msg_1")).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
});

describe("columns", () => {
  test("are as wide as their widest cell", () => {
    expect(
      columns([
        ["a", "bbb"],
        ["cc", "d"],
      ]),
    ).toBe("a   bbb\ncc  d\n");
  });
  test("show what cannot be seen", () => {
    expect(printable("a\u001b[2J\u200b🐘ü")).toBe("a\\u{1b}[2J\\u{200b}🐘ü");
  });
});
