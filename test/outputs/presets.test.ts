/** Every preset against a fake of its target: what it sends, exactly, and what it makes of every kind of answer. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config/load.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { createOutputs } from "../../src/outputs/index.ts";
import type { AttemptResult, OutboxMessage, Output } from "../../src/outputs/output.ts";
import { presets } from "../../src/outputs/presets/index.ts";
import { kubernetesName, safeId } from "../../src/outputs/presets/names.ts";
import { type Contract, contracts, DATA, ID, JOB, SECRETS, type Step, TIMESTAMP } from "./contracts.ts";
import { type FakeServer, type Played, type Received, startFakeServer } from "./fake-server.ts";

const NOW = Date.parse(TIMESTAMP) - 7_000;
const clock: Clock = { ...systemClock, nowMs: () => NOW };
const folder = mkdtempSync(join(tmpdir(), "driftd-presets-"));
let server: FakeServer;
beforeAll(async () => {
  server = await startFakeServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const message: OutboxMessage = Object.freeze({
  id: ID,
  output: "target",
  type: "driftd.retrain.requested",
  model: "flights",
  version: "1",
  body: JSON.stringify({ type: "driftd.retrain.requested", timestamp: TIMESTAMP, data: DATA }),
  createdAtMs: 0,
});
const never = new AbortController().signal;

/** The output as the configuration makes it: schema, rules and secrets are part of the contract. */
async function open({ type, options, url = "" }: Pick<Contract, "type" | "options" | "url">, timeout = "5s"): Promise<Output> {
  const outputs = { target: { type, timeout, url: `${server.url}${url}`, ...options } };
  const file = { kafka: { brokers: ["localhost:9092"], topics: ["a"] }, models: [{ name: "flights", reference: "r.json" }], outputs };
  const { config } = parseConfig(JSON.stringify(file), join(folder, "driftd.yaml"), {});
  const [output] = await createOutputs(config.outputs.values(), { clock, version: "0.1.0" });
  if (output === undefined) throw new Error("no output");
  return output;
}

/** Everything that a careless target could repeat. */
function echo({ path, headers, body }: Received): string {
  return `${server.url}${path} ${JSON.stringify(headers)} ${body}`;
}

function expectNoSecrets(result: AttemptResult): void {
  const known = [...Object.values(SECRETS), "S3CR3T", "s3cr3t", encodeURIComponent(SECRETS.password), new URL(server.url).host];
  known.push(Buffer.from(`driftd:${SECRETS.password}`).toString("base64"), Buffer.from(`driftd:${SECRETS.token}`).toString("base64"));
  for (const secret of known) expect(result.excerpt).not.toContain(secret);
}

function expectSent(received: readonly Received[], steps: readonly Step[]): void {
  expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(steps.map(({ method = "POST", path }) => `${method} ${path}`));
  for (const [index, step] of steps.entries()) {
    const got = received[index] as Received;
    expect(got.headers).toMatchObject({ "user-agent": "driftd/0.1.0", ...step.headers });
    if (step.headers?.["authorization"] === undefined) expect(got.headers.authorization).toBeUndefined();
    if (step.json !== undefined) {
      expect(JSON.parse(got.body)).toEqual(step.json);
      expect(got.headers["content-type"]).toMatch(/json/);
    } else if (step.form !== undefined) {
      expect(Object.fromEntries(new URLSearchParams(got.body))).toEqual(step.form);
      expect(got.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    } else expect(got.body).toBe("");
  }
}

/** Good answers up to the step that is played otherwise. */
function failingAt(steps: readonly Step[], at: number, played: (request: Received) => Played) {
  return (request: Received, step: number): Played => (step < at ? (steps[step] as Step).answer : played(request));
}

test("every preset has a contract", () => {
  expect(new Set(contracts.map(({ type }) => type))).toEqual(new Set(Object.keys(presets)));
  for (const [type, preset] of Object.entries(presets)) expect(preset.type).toBe(type);
});

describe.each(contracts)("$name", (contract) => {
  const { steps } = contract;
  const each = steps.map((step, index) => ({ at: index, request: `${step.method ?? "POST"} ${step.path.split("?")[0]}` }));

  test("sends exactly this, and takes the target's good answer", async () => {
    server.play((_, step) => steps[step]?.answer ?? { status: 500 });
    const result = await (await open(contract)).send(message, never);
    expect(result).toMatchObject({ ok: true });
    expectSent(server.received, steps);
  });

  test.each(contract.doneBefore ?? [])(
    "is content when the target has the message already: $requests requests",
    async ({ answers, requests }) => {
      server.play((_, step) => answers[step] ?? { status: 500 });
      expect(await (await open(contract)).send(message, never)).toMatchObject({ ok: true });
      expect(server.received).toHaveLength(requests);
    },
  );

  test.each(contract.errorInside ?? [])(
    "does not take a success that holds an error: $answer.status $answer.body",
    async ({ answer, retry }) => {
      server.play(failingAt(steps, steps.length - 1, () => answer));
      const result = await (await open(contract)).send(message, never);
      expect(result).toMatchObject({ ok: false, failure: "body", retry, status: answer.status });
      expectNoSecrets(result);
    },
  );

  describe.each(each)("when $request", ({ at }) => {
    test.each([
      { status: 400, failure: "http_4xx", retry: false },
      { status: 401, failure: "http_4xx", retry: false },
      { status: 403, failure: "http_4xx", retry: false },
      { status: 404, failure: "http_4xx", retry: false },
      { status: 408, failure: "http_4xx", retry: true },
      { status: 422, failure: "http_4xx", retry: false },
      { status: 500, failure: "http_5xx", retry: true },
      { status: 503, failure: "http_5xx", retry: true },
      { status: 302, failure: "http_4xx", retry: false },
    ])("is answered $status", async ({ status, failure, retry }) => {
      server.play(
        failingAt(steps, at, (request) => ({ status, body: echo(request), headers: { location: "http://127.0.0.1:9/elsewhere" } })),
      );
      const result = await (await open(contract)).send(message, never);
      expect(result).toMatchObject({ ok: false, failure, retry, status });
      expectNoSecrets(result);
      // Nothing is asked behind a failure, and no redirect is followed.
      expect(server.received).toHaveLength(at + 1);
    });

    test("is answered 410: the output is disabled", async () => {
      server.play(failingAt(steps, at, () => ({ status: 410 })));
      expect(await (await open(contract)).send(message, never)).toMatchObject({ ok: false, failure: "gone", retry: false, disable: true });
    });

    test("is answered 429 with Retry-After", async () => {
      server.play(failingAt(steps, at, () => ({ status: 429, headers: { "retry-after": "7" } })));
      const result = await (await open(contract)).send(message, never);
      expect(result).toMatchObject({ ok: false, failure: "rate_limited", retry: true, retryAfterMs: 7000 });
    });

    test("is not answered in time", async () => {
      server.play(failingAt(steps, at, () => ({ status: 0, silent: true })));
      const result = await (await open(contract, "100ms")).send(message, never);
      expect(result).toMatchObject({ ok: false, failure: "timeout", retry: true, excerpt: "no answer in 0.1 s" });
    });

    test.each(contract.takesAnyBody === true ? [] : ["a login page"])("is answered with %s", async () => {
      server.play(failingAt(steps, at, (request) => ({ status: 200, body: `<html>sign in ${echo(request)}</html>` })));
      const result = await (await open(contract)).send(message, never);
      expect(result).toMatchObject({ ok: false, failure: "body", retry: true, status: 200 });
      expectNoSecrets(result);
    });
  });

  test.each(contract.throttles ?? [])(
    "waits when it is told to in the target's own way: $answer.headers",
    async ({ answer, retryAfterMs }) => {
      server.play(() => answer);
      const result = await (await open(contract)).send(message, never);
      expect(result).toMatchObject({ ok: false, failure: "rate_limited", retry: true, retryAfterMs });
    },
  );

  test("says nothing of a server that is not there", async () => {
    const result = await (await open({ ...contract, options: { ...contract.options, url: "http://127.0.0.1:9/S3CR3T" } })).send(
      message,
      never,
    );
    expect(result).toMatchObject({ ok: false, failure: "connection", retry: true });
    expectNoSecrets(result);
  });
});

describe("409 from a target that does not mean done before", () => {
  const others = contracts.filter(
    ({ doneBefore }) => doneBefore === undefined || !doneBefore[0]?.answers.some(({ status }) => status === 409),
  );
  test.each(others)("$name: a dead letter", async (contract) => {
    server.play(() => ({ status: 409 }));
    expect(await (await open(contract)).send(message, never)).toMatchObject({ ok: false, failure: "http_4xx", retry: false });
  });
});

describe("a token that expires", () => {
  const airflow = contracts.find(({ name }) => name === "airflow 3") as Contract;

  test("airflow: the token is kept, got anew within the same attempt, and asked for once only", async () => {
    const output = await open(airflow);
    let valid = "first-token";
    const target = ({ path, headers }: Received): Played => {
      if (path === "/auth/token") return { status: 201, body: JSON.stringify({ access_token: valid }) };
      return headers.authorization === `Bearer ${valid}`
        ? { status: 200, body: JSON.stringify({ dag_run_id: ID }) }
        : { status: 401, body: `no ${headers.authorization}` };
    };
    server.play(target);
    expect(await output.send(message, never)).toMatchObject({ ok: true });
    expect(await output.send(message, never)).toMatchObject({ ok: true });
    expect(server.received.map(({ path }) => path.split("/").at(-1))).toEqual(["token", "dagRuns", "dagRuns"]);
    valid = "second-token";
    server.play(target);
    expect(await output.send(message, never)).toMatchObject({ ok: true });
    expect(server.received.map(({ path }) => path.split("/").at(-1))).toEqual(["dagRuns", "token", "dagRuns"]);
  });

  test("airflow: a new token that is not taken either ends the attempt, and stands in no excerpt", async () => {
    const output = await open(airflow);
    server.play(({ path, headers }) =>
      path === "/auth/token"
        ? { status: 201, body: JSON.stringify({ access_token: "a-new-token" }) }
        : { status: 401, body: `no ${headers.authorization}` },
    );
    await output.send(message, never);
    const result = await output.send(message, never);
    expect(result).toMatchObject({ ok: false, failure: "http_4xx", retry: false, status: 401, excerpt: "no Bearer <secret>" });
    expect(server.received.map(({ path }) => path.split("/").at(-1))).toEqual(["token", "dagRuns", "dagRuns", "token", "dagRuns"]);
  });

  test("airflow: a token in a file, and no login at all", async () => {
    const file = join(folder, "airflow.token");
    writeFileSync(file, "from-a-file\n");
    server.play(() => ({ status: 200, body: JSON.stringify({ dag_run_id: ID }) }));
    await (await open({ type: "airflow", options: { dag_id: "a", token_file: file } })).send(message, never);
    await (await open({ type: "airflow", options: { dag_id: "a" } })).send(message, never);
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(["Bearer from-a-file", undefined]);
  });

  test("airflow: a 409 that is not of this run is a dead letter", async () => {
    server.play(({ path, method }) =>
      path === "/auth/token" ? { status: 201, body: '{"access_token":"abcd"}' } : { status: method === "GET" ? 404 : 409 },
    );
    expect(await (await open(airflow)).send(message, never)).toMatchObject({ ok: false, failure: "http_4xx", retry: false, status: 409 });
  });

  test("a credential in a file is read at each attempt, and a 401 is tried again: it may have been rotated", async () => {
    const file = join(folder, "account.token");
    writeFileSync(file, "old-token");
    const job = contracts.find(({ type }) => type === "kubernetes_job") as Contract;
    const { token: _, ...options } = job.options;
    const output = await open({ ...job, options: { ...options, token_file: file } });
    server.play(({ headers }) =>
      headers.authorization === "Bearer new-token" ? { status: 201, body: JSON.stringify({ metadata: { name: JOB } }) } : { status: 401 },
    );
    expect(await output.send(message, never)).toMatchObject({ ok: false, failure: "http_4xx", retry: true, status: 401 });
    writeFileSync(file, "new-token");
    expect(await output.send(message, never)).toMatchObject({ ok: true });
    rmSync(file);
    expect(await output.send(message, never)).toMatchObject({ ok: false, failure: "secret", retry: true, excerpt: "SECRET_UNREADABLE" });
  });
});

describe("other messages", () => {
  const of = (type: string, data: Record<string, unknown>): OutboxMessage => ({
    ...message,
    type,
    body: JSON.stringify({ type, timestamp: TIMESTAMP, data }),
  });
  const notice = {
    model: "flights",
    version: "1",
    episode: "an-episode",
    severity: "warning",
    features: [{ feature: "delay" }],
    links: {},
  };
  const bodyFrom = async (type: Contract["type"], options: Record<string, unknown>, sent: OutboxMessage): Promise<unknown> => {
    server.play(() => ({ status: 202, body: JSON.stringify({ status: "success" }) }));
    await (await open({ type, options })).send(sent, never);
    return JSON.parse((server.received[0] as Received).body);
  };

  test("pagerduty: firing, escalated and resolved are one incident", async () => {
    const options = { routing_key: "abcd" };
    const firing = await bodyFrom("pagerduty", options, of("driftd.drift.firing", notice));
    expect(firing).toMatchObject({
      event_action: "trigger",
      dedup_key: "an-episode",
      payload: { severity: "warning", summary: "flights 1 drifts (warning): delay" },
    });
    const escalated = await bodyFrom("pagerduty", options, of("driftd.drift.escalated", { ...notice, severity: "critical" }));
    expect(escalated).toMatchObject({ event_action: "trigger", dedup_key: "an-episode", payload: { severity: "critical" } });
    const resolved = await bodyFrom("pagerduty", options, of("driftd.drift.resolved", notice));
    expect(resolved).toEqual({ routing_key: "abcd", event_action: "resolve", dedup_key: "an-episode" });
    expect(await bodyFrom("pagerduty", options, of("driftd.quality.resolved", notice))).toMatchObject({ event_action: "resolve" });
  });

  test.each([
    ["driftd.drift.escalated", { ...notice, severity: "critical" }, "Drift of flights 1 is now critical: delay"],
    ["driftd.drift.resolved", { ...notice, features: [] }, "Drift of flights 1 is over"],
    ["driftd.quality.firing", notice, "Data of flights 1 are bad (warning): delay"],
    ["driftd.quality.resolved", { ...notice, features: [] }, "Data of flights 1 are good again"],
    ["driftd.digest", { text: "\nAll quiet\n2 models" }, "All quiet"],
    ["driftd.test", {}, "A test of driftd: do nothing"],
  ])("slack: %s", async (type, data, text) => {
    expect(await bodyFrom("slack", {}, of(type, data))).toMatchObject({ text });
  });

  test("many features are counted, not all named", async () => {
    const features = Array.from({ length: 30 }, (_, i) => ({ feature: `f${i}` }));
    const body = await bodyFrom("slack", {}, of("driftd.drift.firing", { ...notice, features, features_total: 120 }));
    expect(body).toMatchObject({ text: "flights 1 drifts (warning): f0, f1, f2, f3, f4 and 115 more" });
  });

  test("a message that a template cannot fill is a dead letter that says why, and nothing is sent", async () => {
    server.play(() => ({ status: 200 }));
    const output = await open({
      type: "http",
      options: { body: { start: '{{ data.window.start ?? "?" }}', end: "{{ data.reference.digest }}" } },
    });
    const result = await output.send(of("driftd.retrain.requested", { window: null }), never);
    expect(result).toEqual({
      ok: false,
      failure: "body",
      retry: false,
      excerpt: "{{ data.reference.digest }} is not in driftd.retrain.requested",
    });
    expect(server.received).toEqual([]);
  });

  test.each([
    ["/hook?sig=1", "/models/{{ version }}?m={{ model }}", "a b", "/hook/models/a%20b?sig=1&m=flights"],
    ["", "?version={{ version }}", "1&x=2", "/?version=1%26x%3D2"],
    ["/a/", "/{{ version }}", "b/c", "/a/b%2Fc"],
    ["/?sig=a%20b%2F~", "?tag=a&tag={{ version }}", "b", "/?sig=a%20b%2F~&tag=a&tag=b"],
  ])("http: %s and %s", async (url, path, version, sent) => {
    server.play(() => ({ status: 200 }));
    await (await open({ type: "http", url, options: { path } })).send({ ...message, version }, never);
    expect(server.received[0]?.path).toBe(sent);
  });

  test.each(["..", "."])("http: a version that is %s leads nowhere else", async (version) => {
    server.play(() => ({ status: 200 }));
    const output = await open({ type: "http", url: "/admin", options: { path: "/models/{{ version }}" } });
    expect(await output.send({ ...message, version }, never)).toMatchObject({ ok: false, failure: "body", retry: false });
    expect(server.received).toEqual([]);
  });

  test("http: a header cannot be broken out of", async () => {
    server.play(() => ({ status: 200 }));
    await (await open({ type: "http", options: { fields: { "x-version": "v{{ version }}" } } })).send(
      { ...message, version: "1\r\nx-evil: 1 ü🐘\ud800" },
      never,
    );
    expect(server.received[0]?.headers["x-version"]).toBe("v1%0D%0Ax-evil: 1 %C3%BC%F0%9F%90%98%EF%BF%BD");
  });

  test("teams: a name makes no link", async () => {
    const body = JSON.stringify(await bodyFrom("teams", {}, { ...of("driftd.drift.resolved", {}), version: "[click](http://evil)" }));
    expect(body).toContain("[click]");
    expect(body).not.toContain("](");
  });

  test("mlflow: a message without a version is refused before anything is asked", async () => {
    server.play(() => ({ status: 200, body: "{}" }));
    const output = await open({ type: "mlflow", options: { alias: "drifting" } });
    expect(await output.send({ ...message, version: "" }, never)).toMatchObject({ ok: false, failure: "body", retry: false });
    expect(server.received).toEqual([]);
  });

  test("cloudevents: a model's name that no header can carry is percent-encoded", async () => {
    server.play(() => ({ status: 200 }));
    await (await open({ type: "cloudevents", options: {} })).send({ ...message, model: 'Zürich "a" 5%' }, never);
    expect(server.received[0]?.headers["ce-subject"]).toBe("Z%C3%BCrich%20%22a%22%205%25");
  });
});

describe("names made of an id", () => {
  test.each([
    [ID, ID, JOB],
    [
      `${ID}-airflow prod`,
      /^msg_0123456789abcdef0123456789abcdef-airflow_prod~[0-9a-f]{8}$/,
      /^driftd-msg-0123456789abcdef0123456789abcdef-airflow-pr-[0-9a-f]{8}$/,
    ],
    [`${ID}-Ä`, /^msg_0123456789abcdef0123456789abcdef-_~[0-9a-f]{8}$/, /^driftd-msg-0123456789abcdef0123456789abcdef-[0-9a-f]{8}$/],
    [`msg_${"x".repeat(300)}`, /^msg_x{196}~[0-9a-f]{8}$/, /^driftd-msg-x{43}-[0-9a-f]{8}$/],
  ])("%s", (id, airflow, kubernetes) => {
    expect(safeId(id)).toMatch(airflow);
    expect(safeId(id)).toMatch(/^[A-Za-z0-9_.~:+-]{1,250}$/);
    expect(kubernetesName(id)).toMatch(kubernetes);
    expect(kubernetesName(id)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  });

  test("two ids never become one name", () => {
    const ids = ["msg_a b", "msg_a_b", "msg_a-b", "msg_A-b"];
    expect(new Set(ids.map(safeId)).size).toBe(4);
    expect(new Set(ids.map(kubernetesName)).size).toBe(4);
  });
});
