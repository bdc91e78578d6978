/**
 * The whole loop with the real four: records in Kafka → driftd's verdict in its metrics → a rule of Prometheus fires → Alertmanager → back into
 * driftd, through its guards → one signed request at the receiver. driftd itself only warns here (fixed limits without a critical one), so
 * what asks for retraining is the alert and nothing else.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { flightRecords } from "../../src/demo/flights.ts";
import { type Receiver, startReceiver } from "../../src/demo/receiver.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Alertmanager, missingForAlertmanager, startAlertmanager } from "../support/alertmanager.ts";
import { type Daemon, freePort, startDaemon, until } from "../support/daemon.ts";
import { writeFlightsReference } from "../support/flights.ts";
import { missingForPrometheus, type Prometheus, startPrometheus } from "../support/prometheus.ts";
import { describeWithBroker } from "./broker/broker.ts";

const SECRET = "whsec_bG9vcC10ZXN0LXNlY3JldC1vZi10aGlydHktYnl0ZXM=";
const TOKEN = "a-token-of-the-loop";
const BATCH = 500;
/** A day before the fault of 5 February, and fourteen hours of it. */
const RANGE = { from: "2001-02-04T00:00:00Z", to: "2001-02-05T14:00:00Z" } as const;

const missing = missingForPrometheus() ?? missingForAlertmanager();
if (missing !== undefined) console.warn(`SKIPPED: the loop through Prometheus and Alertmanager: ${missing}`);

describeWithBroker("Kafka, Prometheus, Alertmanager and a receiver", (broker) => {
  let folder: string;
  let receiver: Receiver;
  let daemon: Daemon;
  let alertmanager: Alertmanager;
  let prometheus: Prometheus;
  let topic: string;

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = await mkdtemp(join(tmpdir(), "driftd-loop-"));
    await writeFlightsReference(folder);
    receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    topic = await broker().createTopic({ partitions: 2 });
    const port = await freePort();
    await writeFile(join(folder, "secret.txt"), SECRET);
    await writeFile(join(folder, "token.txt"), TOKEN);
    await writeFile(
      join(folder, "driftd.yaml"),
      JSON.stringify({
        kafka: { brokers: broker().brokers, topics: [topic], group_id: `loop-${process.pid}`, start: "earliest" },
        store: { path: "driftd.db" },
        http: { listen: `127.0.0.1:${port}`, token_file: "token.txt" },
        event_time: { action_max_age: "off", idle_timeout: "2s" },
        models: [
          {
            name: "flights",
            reference: "flights.reference.json",
            thresholds: { psi: { warning: 0.5 } },
            features: { include: ["delay"] },
            retrain: { webhook: { url: receiver.url, secret_file: "secret.txt" } },
          },
        ],
      }),
    );
    daemon = startDaemon(join(folder, "driftd.yaml"), port);
    alertmanager = await startAlertmanager({
      webhook: `${daemon.url}/api/v1/triggers/alertmanager`,
      httpConfig: { authorization: { type: "Bearer", credentials: TOKEN } },
      repeatInterval: "2s",
    });
    const rules = join(folder, "rules.yaml");
    await writeFile(
      rules,
      JSON.stringify({
        groups: [
          {
            name: "retrain",
            rules: [
              {
                alert: "FlightsDrift",
                expr: 'max by (model, version) (driftd_feature_drifted{feature="delay", severity="warning"}) == 1',
                labels: { severity: "warning", driftd_action: "retrain" },
                annotations: { summary: "The delays of {{ $labels.model }} drift." },
              },
            ],
          },
        ],
      }),
    );
    prometheus = await startPrometheus({
      jobs: { driftd: new URL(daemon.url).host },
      rules: [rules],
      alertmanagers: [alertmanager.address],
    });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(daemon?.log());
  });

  afterAll(async () => {
    await prometheus?.stop();
    await alertmanager?.stop();
    await daemon?.kill();
    await receiver?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test.skipIf(missing !== undefined)("a drift becomes an alert, and the alert one retraining request with its evidence", async () => {
    const records: string[] = [];
    for await (const record of flightRecords(RANGE)) records.push(JSON.stringify(record));
    for (let at = 0; at < records.length; at += BATCH) {
      const batch = records.slice(at, at + BATCH);
      await broker().produce(
        topic,
        batch.map((value, i) => ({ value, partition: i % 2 })),
      );
    }
    await until("the receiver was asked", 90_000, () => receiver.requests.length > 0);

    const [request] = receiver.requests;
    const { data } = JSON.parse(request!.body) as {
      data: {
        request_id: string;
        reason: string;
        severity: string;
        window: { end: string };
        features: { feature: string }[];
        links: { callback: string };
      };
    };
    expect(data.reason).toBe("alert");
    expect(data.features.map(({ feature }) => feature)).toContain("delay");
    const [series] = await prometheus.query('ALERTS{alertname="FlightsDrift", alertstate="firing"}');
    expect(series?.labels).toMatchObject({ model: "flights", driftd_action: "retrain" });

    // Alertmanager says it again every two seconds: it stays one request, and the metrics say who asked.
    const seen = async () =>
      Number((await daemon.get("/metrics")).text.match(/driftd_http_requests_total\{[^}]*triggers\/alertmanager[^}]*\} (\d+)/)?.[1] ?? 0);
    const first = await seen();
    await until("Alertmanager repeats itself", 30_000, async () => (await seen()) >= first + 2);
    expect(new Set(receiver.requests.map(({ id }) => id)).size).toBe(1);
    expect(receiver.refused).toEqual([]);

    // The pipeline reports back where the request says.
    const answer = await fetch(data.links.callback, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ status: "succeeded", version: "2" }),
    });
    expect(answer.status).toBe(200);
    const { text } = await daemon.get(`/api/v1/retrain/${data.request_id}`);
    expect(JSON.parse(text)).toMatchObject({ id: data.request_id, reason: "alert", status: "succeeded", new_version: "2" });
  });
});
