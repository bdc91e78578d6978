/**
 * Retraining targets that are real: MLflow, whose registry gets the tag and the alias, and Airflow 3, where a DAG run is created once however
 * often it is asked for. Both are started once; the daemon in between is real too.
 */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createOutputs } from "../../src/outputs/index.ts";
import type { OutboxMessage, Output } from "../../src/outputs/output.ts";
import { testData } from "../../src/outputs/samples.ts";
import { type Airflow, startAirflow } from "../support/airflow.ts";
import { until } from "../support/daemon.ts";
import { type Mlflow, startMlflow } from "../support/mlflow.ts";
import { missingFor } from "../support/venvs.ts";
import { createWorkspace, HOUR, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";

const DAG = `
from airflow.sdk import dag, task

@dag(dag_id="retrain", schedule=None, catchup=False)
def retrain():
    @task
    def train():
        pass
    train()

retrain()
`;
/** From the outbox's row to the target's yes: a connection, a token and two requests on a busy machine. */
const ACCEPTED_WITHIN_SECONDS = 5;
const never = new AbortController().signal;

const missing = missingFor("mlflow") ?? missingFor("airflow");
if (missing !== undefined && process.env["CI"] === undefined) console.warn(`\nSKIPPED: "retraining targets": ${missing}\n`);

describe.skipIf(missing !== undefined && process.env["CI"] === undefined)("retraining targets", () => {
  let mlflow: Mlflow;
  let airflow: Airflow;
  let space: Workspace;

  beforeAll(async () => {
    if (missing !== undefined) throw new Error(missing);
    [mlflow, airflow, space] = await Promise.all([startMlflow(), startAirflow({ "retrain.py": DAG }), createWorkspace()]);
    await space.writeReference("m.json", smallSnapshot("m"));
    await space.write("log.ndjson", ndjson(traffic({ version: "1", hours: 4, faultMs: T0 + HOUR })));
  });
  afterAll(async () => {
    await Promise.all([mlflow?.stop(), airflow?.stop(), space?.close()]);
  });

  async function open(output: Record<string, unknown>): Promise<Output> {
    const file = { file: { path: "-" }, models: [{ name: "m", reference: "m.json" }], outputs: { target: output } };
    const { config } = parseConfig(JSON.stringify(file), join(space.folder, "one.yaml"), {});
    const [made] = await createOutputs(config.outputs.values(), { clock: systemClock, version: "test" });
    return made as Output;
  }
  function message(id: string, model = "m", version = "1"): OutboxMessage {
    const type = "driftd.retrain.requested";
    const body = JSON.stringify({ type, timestamp: "2026-01-15T12:00:00Z", data: testData(id, "target", model, version) });
    return { id, output: "target", type, model, version, body, createdAtMs: 0 };
  }
  const airflowOutput = () => ({
    type: "airflow",
    url: airflow.url,
    dag_id: "retrain",
    username: airflow.username,
    password: airflow.password,
  });

  test("drift of a model sets tag and alias in MLflow, and makes one run in Airflow, with the evidence", async () => {
    await mlflow.call("POST", "registered-models/create", { name: "m" });
    await mlflow.call("POST", "model-versions/create", { name: "m", source: "s3://nowhere/m" });
    await space.write("password.txt", `${airflow.password}\n`);
    const app = await space.start(`file: { path: log.ndjson, speed: 0 }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
event_time: { action_max_age: off }
outputs:
  registry: { type: mlflow, url: "${mlflow.url}", tag: { key: driftd, value: "{{ data.severity ?? \\"none\\" }}" }, alias: drifting }
  train: { type: airflow, url: "${airflow.url}", dag_id: retrain, username: ${airflow.username}, password_file: password.txt }
models:
  - { name: m, reference: m.json, thresholds: { psi: { warning: 0.2, critical: 0.4 } }, retrain: { to: [train, registry] } }
`);
    type Delivery = {
      id: string;
      output: string;
      status: string;
      created_at: string;
      attempt_log: { at: string; latency_seconds: number }[];
    };
    const deliveries = async () => (JSON.parse((await app.get("/api/v1/deliveries")).text) as { items: Delivery[] }).items;
    await until("both were delivered", 60_000, async () => {
      const items = await deliveries();
      return items.length === 2 && items.every(({ status }) => status === "delivered");
    });

    const version = (await mlflow.call("GET", "model-versions/get?name=m&version=1")).json["model_version"] as Record<string, unknown>;
    expect(version).toMatchObject({ tags: [{ key: "driftd", value: "critical" }], aliases: ["drifting"] });
    const runs = await airflow.runs("retrain");
    expect(runs).toMatchObject([
      { state: "queued", logical_date: null, conf: { driftd: { model: "m", version: "1", reason: "drift", severity: "critical" } } },
    ]);
    const { conf, dag_run_id: id } = runs[0] as { conf: { driftd: Record<string, unknown> }; dag_run_id: string };
    expect(id).toBe(conf.driftd["request_id"]);
    expect(conf.driftd["features"]).toMatchObject([{ feature: "x" }]);

    // Sent again by hand: the same run.
    expect((await app.get(`/api/v1/deliveries/${id}/replay`, { method: "POST" })).status).toBeLessThan(300);
    const detail = async () => JSON.parse((await app.get(`/api/v1/deliveries/${id}`)).text) as Delivery;
    await until(
      "it was delivered again",
      30_000,
      async () => (await detail()).attempt_log.length === 2 && (await detail()).status === "delivered",
    );
    expect(await airflow.runs("retrain")).toHaveLength(1);

    const { created_at, attempt_log } = await detail();
    const times = attempt_log.map(({ at, latency_seconds }) => Date.parse(at) / 1000 + latency_seconds).sort((a, b) => a - b);
    const acceptedAfter = (times[0] as number) - Date.parse(created_at) / 1000;
    console.warn(`from the outbox to Airflow's acceptance: ${acceptedAfter.toFixed(2)} s`);
    expect(acceptedAfter).toBeLessThan(ACCEPTED_WITHIN_SECONDS);
    expect(app.log()).not.toContain(airflow.password);
    await app.stop();
  });

  describe("airflow", () => {
    test("a request that is sent again and again, also at the same time, makes one run", async () => {
      const [one, two] = await Promise.all([open(airflowOutput()), open(airflowOutput())]);
      const id = "msg_00000000000000000000000000000001-my output";
      const atOnce = await Promise.all([one.send(message(id), never), two.send(message(id), never)]);
      expect(atOnce.map(({ ok }) => ok)).toEqual([true, true]);
      const again = await one.send(message(id), never);
      expect(again).toMatchObject({ ok: true, excerpt: expect.stringMatching(/^done before/) });
      const made = (await airflow.runs("retrain")).filter(({ dag_run_id: run }) => String(run).includes("00000001-my_output~"));
      expect(made).toHaveLength(1);
    });

    test("a token that has expired is got anew within the same attempt", async () => {
      const output = await open(airflowOutput());
      expect(await output.send(message("msg_token_1"), never)).toMatchObject({ ok: true });
      // The server's own clock decides: there is nothing to poll.
      await systemClock.sleep(airflow.tokenMs + 1_500);
      expect(await output.send(message("msg_token_2"), never)).toMatchObject({ ok: true });
    });

    test.each([
      ["a wrong password", { password: "wrong-password" }, { ok: false, failure: "http_4xx", status: 401, retry: false }],
      ["a DAG that is not there", { dag_id: "nothing" }, { ok: false, failure: "http_4xx", status: 404, retry: false }],
    ])("%s is a dead letter at once, without the password", async (_name, options, verdict) => {
      const result = await (await open({ ...airflowOutput(), ...options })).send(message("msg_wrong"), never);
      expect(result).toMatchObject(verdict);
      expect(result.excerpt).not.toMatch(/password-|wrong-password/);
    });
  });

  describe("mlflow", () => {
    test("setting twice is setting once; an alias moves to the version that drifts now", async () => {
      await mlflow.call("POST", "registered-models/create", { name: "moved" });
      for (const source of ["s3://nowhere/a", "s3://nowhere/b"])
        await mlflow.call("POST", "model-versions/create", { name: "moved", source });
      const output = await open({ type: "mlflow", url: mlflow.url, alias: "drifting" });
      for (const [id, version] of [
        ["msg_a", "1"],
        ["msg_a", "1"],
        ["msg_b", "2"],
      ] as const) {
        expect(await output.send(message(id, "moved", version), never)).toMatchObject({ ok: true, status: 200 });
      }
      expect((await mlflow.call("GET", "registered-models/alias?name=moved&alias=drifting")).json).toMatchObject({
        model_version: { version: "2" },
      });
    });

    test("a model that is not there is a dead letter that says so", async () => {
      const output = await open({ type: "mlflow", url: mlflow.url, tag: { key: "driftd" } });
      const result = await output.send(message("msg_c", "nobody"), never);
      expect(result).toMatchObject({ ok: false, failure: "http_4xx", status: 404, retry: false });
      expect(result.excerpt).toContain("RESOURCE_DOES_NOT_EXIST");
    });
  });
});
