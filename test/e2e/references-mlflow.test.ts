/** References at a real MLflow: an artifact of a run, of a version, of whatever an alias stands for; and MLflow's own word that it has moved. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Fetched } from "../../src/reference/addresses/address.ts";
import { bytesOf, failure, fetchOf, mlflowAt, signal, snapshotAt } from "../reference/addresses/serving.ts";
import { freePort, until } from "../support/daemon.ts";
import { type Mlflow, startMlflow } from "../support/mlflow.ts";
import { missingFor } from "../support/venvs.ts";
import { createWorkspace, ndjson, type TestApp, traffic, type Workspace } from "../support/workspace.ts";

const OLD = snapshotAt("2024-01-01T00:00:00Z");
const NEW = snapshotAt("2024-01-02T00:00:00Z");
const NEWER = snapshotAt("2024-01-03T00:00:00Z");

const missing = missingFor("mlflow");
if (missing !== undefined && process.env["CI"] === undefined) console.warn(`\nSKIPPED: "references in MLflow": ${missing}\n`);

describe.skipIf(missing !== undefined && process.env["CI"] === undefined)("references in MLflow", () => {
  let mlflow: Mlflow;
  let space: Workspace;
  /** Of the daemon that MLflow knows of. */
  let port: number;

  beforeAll(async () => {
    if (missing !== undefined) throw new Error(missing);
    mlflow = await startMlflow();
    await mlflow.call("POST", "registered-models/create", { name: "flights eu" });
    // Before anything happens: MLflow looks for new webhooks once a minute.
    port = await freePort();
    const hook = await mlflow.call("POST", "webhooks", {
      name: "driftd",
      url: `http://127.0.0.1:${port}/api/v1/triggers/mlflow`,
      secret: "s3cret",
      events: [{ entity: "MODEL_VERSION_ALIAS", action: "CREATED" }],
    });
    expect(hook.status).toBe(200);
  });
  afterAll(() => mlflow?.stop());
  beforeEach(async () => {
    space = await createWorkspace();
    await space.write("log.ndjson", ndjson(traffic({ hours: 3 })));
  });
  afterEach(() => space.close());

  /** A training run that logs a reference, and a version of the model that came of it. */
  async function train(snapshot: object): Promise<{ readonly run: string; readonly version: string }> {
    const { run } = (await mlflow.call("POST", "runs/create", { experiment_id: "0" })).json as {
      run: { info: { run_id: string; artifact_uri: string } };
    };
    const { run_id: id, artifact_uri: root } = run.info;
    await upload(`${root}/driftd/reference.json`, JSON.stringify(snapshot));
    await upload(`${root}/model/MLmodel`, "{}");
    const made = await mlflow.call("POST", "model-versions/create", { name: "flights eu", source: `${root}/model`, run_id: id });
    expect(made.status).toBe(200);
    return { run: id, version: (made.json as { model_version: { version: string } }).model_version.version };
  }

  async function upload(uri: string, body: string): Promise<void> {
    const path = uri.replace(/^mlflow-artifacts:\/*/, "");
    const answer = await fetch(`${mlflow.url}/api/2.0/mlflow-artifacts/artifacts/${path}`, {
      method: "PUT",
      body,
      signal: AbortSignal.timeout(30_000),
    });
    expect(answer.status).toBe(200);
  }

  const alias = (version: string) => mlflow.call("POST", "registered-models/alias", { name: "flights eu", alias: "champion", version });
  const get = (address: string, previous?: string): Promise<Fetched> =>
    fetchOf(address, { mlflow: mlflowAt(mlflow.url) })(previous, signal);
  const digestOf = async (app: TestApp): Promise<string | undefined> =>
    (JSON.parse((await app.get("/api/v1/models/m")).text) as { versions: { reference: { digest: string } | null }[] }).versions[0]
      ?.reference?.digest;
  const told = async (app: TestApp) =>
    (JSON.parse((await app.get("/api/v1/events?limit=1000")).text) as { items: { type: string; details: Record<string, unknown> }[] }).items
      .filter(({ type }) => type === "driftd.reference.replaced")
      .map(({ details }) => details);
  const yaml = (refresh: string, listen = 0) => `file: { path: log.ndjson }
http: { listen: "127.0.0.1:${listen}" }
store: { path: driftd.db }
windows: [1h]
mlflow: { url: "${mlflow.url}", webhook_secret: s3cret, models: { flights eu: m } }
models:
  - { name: m, reference: { path: "mlflow://models/flights%20eu@champion/driftd/reference.json", refresh: ${refresh} }, thresholds: { psi: { critical: 0.4 } } }
`;

  test("artifacts of a run, of a version and of its run are found; what is not there is not found", async () => {
    const { run, version } = await train(OLD);
    expect(JSON.parse((await bytesOf(await get(`mlflow://runs/${run}/driftd/reference.json`))).toString())).toMatchObject({
      digest: OLD.digest,
    });
    expect((await bytesOf(await get(`mlflow://models/flights%20eu/${version}/MLmodel`))).toString()).toBe("{}");
    const ofRun = await get(`mlflow://models/flights%20eu/${version}/driftd/reference.json`);
    expect(JSON.parse((await bytesOf(ofRun)).toString())).toMatchObject({ digest: OLD.digest });
    expect(await failure(get("mlflow://models/flights%20eu@nobody/r.json"))).toMatchObject({ reason: "not_found" });
    expect(await failure(get("mlflow://models/nothing/1/r.json"))).toMatchObject({ reason: "not_found" });
    for (const address of [`mlflow://runs/${run}/typo.json`, `mlflow://models/flights%20eu/${version}/typo.json`]) {
      expect(["not_found", "answer"]).toContain((await failure(get(address))).reason);
    }
  });

  test("moving the alias puts the other version's reference in force", async () => {
    const first = await train(OLD);
    const second = await train(NEW);
    await alias(first.version);
    const app = await space.start(yaml("1s"));
    await app.finished;
    expect(await digestOf(app)).toBe(OLD.digest);
    await alias(second.version);
    await until("the other reference judges", 30_000, async () => (await digestOf(app)) === NEW.digest);
    expect(await told(app)).toMatchObject([
      { reference: OLD.digest, registered_version: first.version, reason: "start" },
      { reference: NEW.digest, previous: OLD.digest, registered_version: second.version, reason: "refresh" },
    ]);
  });

  test("MLflow's webhook has it done at once", async () => {
    await alias((await train(NEW)).version);
    const next = await train(NEWER);
    const app = await space.start(yaml("off", port));
    await app.finished;
    expect(await digestOf(app)).toBe(NEW.digest);
    await alias(next.version);
    await until("the other reference judges", 30_000, async () => (await digestOf(app)) === NEWER.digest);
    expect((await told(app)).at(-1)).toMatchObject({
      reason: "model_version",
      told_version: next.version,
      registered_version: next.version,
    });
  });
});
