/** The example inhibitions in a real Alertmanager: which alerts are silenced by which. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needsTool } from "../support/tool.ts";

const example = new URL("../../dashboards/alertmanager/alertmanager.yaml", import.meta.url);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const of = (alertname: string, labels: Readonly<Record<string, string>>) => ({ alertname, job: "driftd", ...labels });
const fraud = { model: "fraud", version: "3" };
const ads = { model: "ads", version: "1" };

/** All at once; each with whether it is to be silenced. */
const SENT = [
  { labels: of("DriftdModelDrift", { ...fraud, severity: "critical" }), silenced: false },
  { labels: of("DriftdFeatureDriftCritical", { ...fraud, feature: "amount", severity: "critical" }), silenced: true },
  { labels: of("DriftdFeatureDriftWarning", { ...fraud, feature: "hour", severity: "warning" }), silenced: true },
  { labels: of("DriftdFeatureDriftCritical", { ...fraud, version: "4", feature: "amount", severity: "critical" }), silenced: false },
  { labels: of("DriftdFeatureQuality", { ...fraud, feature: "amount", check: "missing", severity: "warning" }), silenced: false },
  { labels: of("DriftdFeatureQuality", { ...fraud, feature: "hour", check: "missing", severity: "warning" }), silenced: false },
  { labels: of("DriftdFeatureDriftCritical", { model: "churn", version: "1", feature: "age", severity: "critical" }), silenced: false },
  { labels: of("DriftdFeatureDriftWarning", { model: "churn", version: "1", feature: "age", severity: "warning" }), silenced: true },
  {
    labels: of("DriftdFeatureQuality", { model: "churn", version: "1", feature: "age", check: "missing", severity: "warning" }),
    silenced: false,
  },
  { labels: of("DriftdEvaluationStale", { model: "ads", severity: "critical" }), silenced: false },
  { labels: of("DriftdFeatureDriftWarning", { ...ads, feature: "clicks", severity: "warning" }), silenced: true },
  { labels: of("DriftdReferenceStale", { ...ads, severity: "info" }), silenced: false },
  { labels: of("DriftdModelSilent", { model: "score", version: "1", severity: "critical" }), silenced: false },
  {
    labels: of("DriftdVolumeUnusual", { model: "score", version: "1", feature: "$volume", check: "volume", severity: "warning" }),
    silenced: true,
  },
  { labels: of("DriftdWebhookDeadLetter", { target: "airflow", severity: "critical" }), silenced: false },
  { labels: of("DriftdWebhookFailing", { target: "airflow", severity: "warning" }), silenced: true },
  { labels: of("DriftdWebhookFailing", { target: "slack", severity: "warning" }), silenced: false },
  { labels: of("DriftdConfigReloadFailed", { instance: "a", severity: "warning" }), silenced: false },
  { labels: { alertname: "DriftdDown", job: "driftd-eu", instance: "b", severity: "critical" }, silenced: false },
  { labels: { alertname: "DriftdModelDrift", job: "driftd-eu", ...fraud, severity: "critical" }, silenced: true },
  // Two releases of the chart have one job: what one of them lacks says nothing of the other.
  { labels: of("DriftdDown", { namespace: "ml-a", service: "driftd", instance: "c", severity: "critical" }), silenced: false },
  { labels: of("DriftdAbsent", { severity: "critical" }), silenced: true },
  { labels: of("DriftdModelDrift", { namespace: "ml-a", service: "driftd", ...ads, severity: "critical" }), silenced: true },
  { labels: of("DriftdModelDrift", { namespace: "ml-b", service: "driftd", ...ads, severity: "critical" }), silenced: false },
];

describe("the example inhibitions", () => {
  const found = needsTool("amtool", "prometheus-alertmanager");
  let server: ChildProcess | undefined;
  let folder = "";
  let url = "";

  beforeAll(async () => {
    if (!found) return;
    folder = await mkdtemp(join(tmpdir(), "driftd-inhibitions-"));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    await writeFile(join(folder, "alertmanager.yaml"), await readFile(example));
    const flags = [
      `--config.file=${join(folder, "alertmanager.yaml")}`,
      `--storage.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    server = spawn("prometheus-alertmanager", [...flags, "--cluster.listen-address="], { stdio: "ignore" });
    for (let tries = 0; tries < 300; tries++) {
      if (
        await fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return;
      await sleep(100);
    }
    throw new Error("Alertmanager did not start within 30 s");
  });
  afterAll(async () => {
    if (server !== undefined && server.exitCode === null) {
      const gone = new Promise((resolve) => server?.once("exit", resolve));
      server.kill();
      await gone;
    }
    if (folder !== "") await rm(folder, { recursive: true });
  });

  it.skipIf(!found)("silence features for their model, warnings for what is critical, old verdicts, and nothing else", async () => {
    const body = JSON.stringify(SENT.map(({ labels }) => ({ labels })));
    const answer = await fetch(`${url}/api/v2/alerts`, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(answer.status).toBe(200);
    const key = (labels: object) => JSON.stringify(Object.entries(labels).sort());
    const wanted = new Map(SENT.map(({ labels, silenced }) => [key(labels), silenced]));
    let seen: Map<string, boolean> = new Map();
    for (let tries = 0; tries < 100; tries++) {
      type Shown = { readonly labels: object; readonly status: { readonly inhibitedBy: readonly string[] } };
      const alerts = (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly Shown[];
      seen = new Map(alerts.map(({ labels, status }) => [key(labels), status.inhibitedBy.length > 0]));
      if ([...wanted].every(([labels, silenced]) => seen.get(labels) === silenced)) break;
      await sleep(100);
    }
    expect(seen).toEqual(wanted);
  });
});
