/**
 * examples/retrain-airflow-mlflow as it stands, with a real MLflow, a real Airflow that executes its DAG, and the daemon: flights whose world has
 * changed → driftd's request → a run of the DAG → training, a version in the registry, the next reference, the alias → MLflow's signed webhook →
 * the request has succeeded and the new reference judges. And a training that fails.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { flightsPath } from "../../src/demo/flights.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Airflow, startAirflow } from "../support/airflow.ts";
import { type Daemon, freePort, startDaemon, until } from "../support/daemon.ts";
import { type Mlflow, startMlflow } from "../support/mlflow.ts";
import { missingFor, programIn } from "../support/venvs.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/retrain-airflow-mlflow/", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const PYTHON = programIn("mlflow", "python");
const DAG = "retrain_flights";
const TOKEN = "a-token-of-the-example";
const WEBHOOK_KEY = "a-key-of-the-webhook";

/** From the record that closes the deciding window to Airflow's yes. */
const ACCEPTED_WITHIN_SECONDS = 5;
/** How far the one-hour window slides, and how long it stays open for late records: the defaults. */
const SLIDE_MS = 5 * 60_000;
const LATENESS_MS = 10 * 60_000;
/** The routes under 400 miles are gone from 5 February, 00:00. Nights have too few flights for a verdict over an hour. */
const HEALTHY = { from: "2001-02-04T00:00:00Z", to: "2001-02-05T06:00:00Z" } as const;
const CHANGED_TO = "2001-02-05T12:00:00Z";
const AFTERWARDS = { from: "2001-02-06T10:00:00Z", to: "2001-02-06T16:00:00Z" } as const;

type Line = { readonly text: string; readonly timeMs: number };
type Request = { id: string; status: string; new_version: string | null; detail: string | null };
type Conf = {
  driftd: {
    request_id: string;
    version: string;
    window: { end: string };
    features: { feature: string }[];
    reference: { digest: string };
    links: { callback: string };
  };
};
type RegistryVersion = { version: string; aliases?: string[]; tags?: { key: string; value: string }[]; description?: string };

const missing = missingFor("mlflow") ?? missingFor("airflow");
if (missing !== undefined && process.env["CI"] === undefined) console.warn(`\nSKIPPED: "the retraining example": ${missing}\n`);

describe.skipIf(missing !== undefined && process.env["CI"] === undefined)("the retraining example", () => {
  let folder: string;
  let mlflow: Mlflow;
  let airflow: Airflow;
  let daemon: Daemon;
  let environment: Record<string, string>;
  let log: Line[];
  let request: string;

  beforeAll(async () => {
    if (missing !== undefined) throw new Error(missing);
    folder = await mkdtemp(join(tmpdir(), "driftd-example-"));
    await mkdir(join(folder, "run"));
    await writeFile(join(folder, "run", "driftd.token"), TOKEN);
    await writeFile(join(folder, "run", "mlflow-webhook.secret"), WEBHOOK_KEY);
    await copyFile(join(EXAMPLE, "driftd.yaml"), join(folder, "driftd.yaml"));
    const port = await freePort();

    const registry = startMlflow().then(async (server) => {
      mlflow = server;
      environment = {
        RETRAIN_PYTHON: PYTHON,
        FLIGHTS_DATA: join(folder, "data"),
        MLFLOW_TRACKING_URI: server.url,
        MLFLOW_DISABLE_TELEMETRY: "true",
        DRIFTD: `${process.execPath} ${MAIN}`,
        DRIFTD_URL: `http://127.0.0.1:${port}`,
        DRIFTD_TOKEN_FILE: join(folder, "run", "driftd.token"),
      };
      // Before the first event: MLflow keeps the list of webhooks of an event for a minute.
      const webhook = { name: "driftd", url: `http://127.0.0.1:${port}/api/v1/triggers/mlflow`, secret: WEBHOOK_KEY };
      const events = ["MODEL_VERSION", "MODEL_VERSION_ALIAS"].map((entity) => ({ entity, action: "CREATED" }));
      expect(await server.call("POST", "webhooks", { ...webhook, events })).toMatchObject({ status: 200 });
    });
    const data = python("flights.py", flightsPath(), join(folder, "data"));
    await Promise.all([registry, data]);
    const trained = python("train.py", "--data", join(folder, "data"), "--until", "2001-01-15");
    [airflow] = await Promise.all([startAirflow(join(EXAMPLE, "dags"), { execute: environment }), trained]);
    await writeFile(join(folder, "run", "airflow.password"), airflow.password);
    log = await serve(HEALTHY.from, CHANGED_TO);

    daemon = startDaemon(join(folder, "driftd.yaml"), port, {
      env: { ...environment, DRIFTD_PORT: String(port), AIRFLOW_URL: airflow.url },
      input: "open",
    });
    await until("driftd is ready", 30_000, async () => (await daemon.get("/-/ready")).status === 200);
  });

  // Each test goes on where the one before it ended: after a failure the others would only wait.
  let broken = false;
  beforeEach(({ skip }) => skip(broken, "a step before it failed"));
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    broken = true;
    console.error(daemon?.log(), airflow?.log().slice(-5_000), mlflow?.log().slice(-3_000));
  });

  afterAll(async () => {
    await daemon?.kill();
    await Promise.all([airflow?.stop(), mlflow?.stop()]);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** Runs a program of the example; resolves to its output. */
  async function python(...args: [string, ...string[]]): Promise<string> {
    const env = { ...process.env, ...environment };
    const child = spawn(PYTHON, [join(EXAMPLE, args[0]), ...args.slice(1)], { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (text) => {
      out += text;
    });
    child.stderr.on("data", (text) => {
      err += text;
    });
    const [code] = (await once(child, "close")) as [number];
    if (code !== 0) throw new Error(`${args.join(" ")} exited ${code}:\n${err}`);
    return out;
  }

  /** What the service logs of a stretch of time, with the model that is champion now. */
  async function serve(from: string, to: string): Promise<Line[]> {
    const out = await python("serve.py", "--data", join(folder, "data"), "--from", from.slice(0, -1), "--to", to.slice(0, -1));
    return out
      .trimEnd()
      .split("\n")
      .map((text) => ({ text: `${text}\n`, timeMs: Date.parse((JSON.parse(text) as { timestamp: string }).timestamp) }));
  }

  async function api<T>(path: string): Promise<T> {
    return JSON.parse((await daemon.get(`/api/v1/${path}`)).text) as T;
  }
  const requests = async () => (await api<{ items: Request[] }>("retrain")).items;
  const run = async (id: string) => (await airflow.runs(DAG)).find(({ dag_run_id }) => dag_run_id === id);
  async function metric(pattern: RegExp): Promise<string | undefined> {
    return (await daemon.get("/metrics")).text.match(pattern)?.[1];
  }
  const digest = () => metric(/^driftd_reference_info\{.*digest="([^"]+)"\} 1$/m);
  async function champion(): Promise<RegistryVersion> {
    const { json } = await mlflow.call("GET", "registered-models/alias?name=flights&alias=champion");
    return json["model_version"] as RegistryVersion;
  }
  /** The digest of the reference that lies beside a version of the model. */
  async function digestBeside(version: string): Promise<string> {
    const answer = await fetch(`${mlflow.url}/model-versions/get-artifact?name=flights&version=${version}&path=flights.reference.json`);
    return ((await answer.json()) as { digest: string }).digest;
  }
  async function post(path: string, body?: unknown): Promise<number> {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    return (await fetch(`${daemon.url}/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body ?? {}) })).status;
  }

  test("a drift becomes one run of the DAG, accepted within five seconds of the record that closes the deciding window", async () => {
    const healthy = log.filter(({ timeMs }) => timeMs < Date.parse(HEALTHY.to));
    daemon.write(healthy.map(({ text }) => text).join(""));
    type Status = { sources: { partitions: { position: number }[] }[] };
    await until("the healthy records are read", 30_000, async () => {
      return (await api<Status>("status")).sources[0]?.partitions[0]?.position === healthy.length;
    });
    expect(await requests()).toEqual([]);

    // From here on five minutes of event time each quarter of a second, until there is a request.
    const written: { readonly lastMs: number; readonly atMs: number }[] = [];
    for (let fromMs = Date.parse(HEALTHY.to); (await requests()).length === 0; fromMs += SLIDE_MS) {
      const batch = log.filter(({ timeMs }) => timeMs >= fromMs && timeMs < fromMs + SLIDE_MS);
      expect(fromMs, "the drift was not seen").toBeLessThan(Date.parse(CHANGED_TO));
      if (batch.length === 0) continue;
      daemon.write(batch.map(({ text }) => text).join(""));
      written.push({ lastMs: batch.at(-1)!.timeMs, atMs: systemClock.nowMs() });
      await systemClock.sleep(250);
    }
    request = (await requests())[0]!.id;
    await until("Airflow has the run", 30_000, async () => (await run(request)) !== undefined);

    const { conf, queued_at } = (await run(request)) as { conf: Conf; queued_at: string };
    expect(conf.driftd).toMatchObject({ request_id: request, version: "1", reference: { digest: await digestBeside("1") } });
    expect(conf.driftd.features.map(({ feature }) => feature)).toContain("distance");
    // The window is closed, and can be judged, with the first record that is allowed_lateness beyond its end.
    const endMs = Date.parse(conf.driftd.window.end);
    const closing = written.find(({ lastMs }) => lastMs >= endMs + LATENESS_MS)!;
    const delivery = await api<{ attempt_log: { at: string; latency_seconds: number }[] }>(`deliveries/${request}`);
    const { at, latency_seconds } = delivery.attempt_log[0]!;
    const acceptedAfter = (Date.parse(at) - closing.atMs) / 1000 + latency_seconds;
    console.warn(
      `window ends ${conf.driftd.window.end}; from its closing record to Airflow's acceptance: ${acceptedAfter.toFixed(2)} s ` +
        `(the run was made after ${((Date.parse(queued_at) - closing.atMs) / 1000).toFixed(2)} s)`,
    );
    expect(acceptedAfter).toBeLessThan(ACCEPTED_WITHIN_SECONDS);
    // In event time nothing waits but the slide and the lateness: the window that decides is the last that could be judged.
    expect(closing.lastMs - endMs).toBeLessThan(LATENESS_MS + SLIDE_MS);

    expect(await post(`deliveries/${request}/replay`)).toBeLessThan(300);
    await until("it was delivered again", 30_000, async () => {
      return (await api<{ attempt_log: unknown[] }>(`deliveries/${request}`)).attempt_log.length === 2;
    });
    expect(await airflow.runs(DAG)).toHaveLength(1);
  });

  test("the run registers a version with the next reference; MLflow tells driftd, and the reference is in force", async () => {
    const before = await digest();
    expect(before).toBe(await digestBeside("1"));
    await until("MLflow has told driftd of the version and of the alias", 100_000, async () => {
      const told = await metric(/^driftd_http_requests_total\{handler="\/api\/v1\/triggers\/mlflow",method="POST",code="200"\} (\d+)$/m);
      return Number(told ?? 0) === 2;
    });
    await until("the new reference is in force", 20_000, async () => (await digest()) !== before);
    expect(await digest()).toBe(await digestBeside("2"));
    await until("the run is over", 30_000, async () => ["success", "failed"].includes(String((await run(request))?.["state"])));

    expect(await run(request)).toMatchObject({ state: "success" });
    expect(await champion()).toMatchObject({ version: "2", tags: [{ key: "driftd.request_id", value: request }] });
    // What the DAG reported stands beside what MLflow had told before.
    expect(await requests()).toMatchObject([{ id: request, status: "succeeded", new_version: "2", detail: expect.stringMatching(/AUC/) }]);
    expect(await metric(/^driftd_retrain_finished_total\{model="flights",status="succeeded"\} (\d)/m)).toBe("1");
    expect(await metric(/^driftd_retrain_requests\{model="flights",status="running"\} (\d)/m)).toBe("0");
  });

  test("the same request once more trains nothing", async () => {
    const out = await python("train.py", "--data", join(folder, "nowhere"), "--request", request);
    expect(JSON.parse(out.trim().split("\n").at(-1)!)).toMatchObject({ version: "2" });
  });

  test("the records of the new version do not drift from the new reference", async () => {
    daemon.write((await serve(AFTERWARDS.from, AFTERWARDS.to)).map(({ text }) => text).join(""));
    const verdict = () => metric(/^driftd_model_drifted_features\{model="flights",version="2",severity="warning"\} (\d)/m);
    await until("version 2 is judged", 30_000, async () => (await verdict()) !== undefined);
    expect(await verdict()).toBe("0");
    expect(await requests()).toHaveLength(1);
  });

  test("a training that fails is reported with its reason, and leaves champion and reference alone", async () => {
    const before = await digest();
    await rename(join(folder, "data"), join(folder, "gone"));
    expect(await post("retrain", { model: "flights", reason_text: "try it" })).toBe(202);
    const [second] = await requests();
    await until("the failure is reported", 60_000, async () => (await requests())[0]?.status === "failed");
    expect((await requests())[0]).toMatchObject({ id: second!.id, new_version: null, detail: expect.stringMatching(/has no flights/) });
    expect(await champion()).toMatchObject({ version: "2" });
    expect(await digest()).toBe(before);
  });
});
