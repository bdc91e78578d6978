/** driftd's alerts in a real Alertmanager: fired by a daemon's drift, told to a receiver, over when the drift is over; and what a 400 does. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { AlertmanagerOutputConfig } from "../../src/config/outputs.ts";
import { inlineSecret } from "../../src/config/secret.ts";
import type { Alert } from "../../src/decide/decision.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { createAlertmanagers } from "../../src/outputs/alertmanager.ts";
import { type FakeServer, startFakeServer } from "../outputs/fake-server.ts";
import { type Alertmanager, missingForAlertmanager, startAlertmanager } from "../support/alertmanager.ts";
import { freePort, until } from "../support/daemon.ts";
import { createWorkspace, HOUR, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";

const missing = missingForAlertmanager();
if (missing !== undefined && process.env["CI"] === undefined) console.warn(`\nSKIPPED: "alerts in Alertmanager": ${missing}\n`);

type Notification = {
  readonly status: string;
  readonly alerts: readonly { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }[];
};

describe.skipIf(missing !== undefined && process.env["CI"] === undefined)("alerts in Alertmanager", () => {
  let receiver: FakeServer;
  let one: Alertmanager;
  let two: Alertmanager;
  let space: Workspace;

  beforeAll(async () => {
    if (missing !== undefined) throw new Error(missing);
    receiver = await startFakeServer();
    receiver.play(() => ({ status: 200 }));
    [one, two, space] = await Promise.all([
      startAlertmanager({ webhook: receiver.url }),
      startAlertmanager({ webhook: `${receiver.url}/two` }),
      createWorkspace(),
    ]);
    await space.writeReference("m.json", smallSnapshot("m"));
    await space.write("log.ndjson", ndjson(traffic({ version: "1", hours: 4, faultMs: T0 + HOUR })));
  });
  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop(), receiver?.close(), space?.close()]);
  });
  beforeEach(() => receiver.play(() => ({ status: 200 })));

  const told = () => receiver.received.map(({ path, body }) => ({ path, ...(JSON.parse(body) as Notification) }));
  const start = (more = "") =>
    space.start(`file: { path: log.ndjson, speed: 0 }
http: { listen: "127.0.0.1:0", external_url: "https://driftd.example" }
store: { path: driftd.db }
event_time: { action_max_age: off }
outputs:
  pager: { type: alertmanager, urls: ["${one.url}", "http://127.0.0.1:9/nobody", "${two.url}/"], labels: { team: risk } }
models:
  - { name: m, reference: m.json, thresholds: { psi: { warning: 0.2, critical: 0.4 } }${more} }
`);

  test("a daemon's drift fires in every instance, though one is not there, and is told to the receiver", async () => {
    const app = await start();
    await until("both have the alert", 30_000, async () => (await one.alerts()).length === 1 && (await two.alerts()).length === 1);
    const [alert] = await one.alerts();
    expect(alert).toMatchObject({
      labels: { alertname: "DriftdDrift", model: "m", version: "1", severity: "critical", team: "risk" },
      status: { state: "active" },
    });
    expect(alert?.annotations["summary"]).toBe("m 1 drifts: x");
    expect(alert?.generatorURL).toBe("https://driftd.example/api/v1/models/m");
    await until("the receiver was told by both", 30_000, () => new Set(told().map(({ path }) => path)).size === 2);
    expect(told()[0]).toMatchObject({ status: "firing", alerts: [{ labels: { alertname: "DriftdDrift", model: "m" } }] });
    const metrics = await app.metrics();
    expect(metrics).toMatch(/driftd_alertmanager_alerts_sent_total\{alertmanager="pager-1"\} [1-9]/);
    expect(metrics).toMatch(/driftd_alertmanager_send_failures_total\{alertmanager="pager-2"\} [1-9]/);
    expect(metrics).toMatch(/driftd_alertmanager_send_failures_total\{alertmanager="pager-3"\} 0/);
    expect(app.log()).not.toContain("nobody");
    await app.stop();
  });

  test("after a restart the alert goes on: the state is in the store", async () => {
    const startsAt = (await one.alerts())[0]?.startsAt;
    const app = await start();
    await until("it is sent again", 30_000, async () => /alerts_sent_total\{alertmanager="pager-1"\} [1-9]/.test(await app.metrics()));
    expect(await one.alerts()).toMatchObject([{ startsAt }]);
    await app.stop();
  });

  describe("the loop by itself", () => {
    const times = { pendingAtMs: systemClock.nowMs() - 60_000, firingAtMs: systemClock.nowMs() - 60_000, resolvedAtMs: null };
    const quality = { phase: "inactive" as const, episode: null, checks: [] };
    const drifting = (model: string): Alert => ({
      ...{ model, version: "7", phase: "firing", quality, features: [{ feature: "delay", window: "1h", severity: "warning" }] },
      episode: { id: `e-${model}`, model, version: "7", severity: "warning", features: ["delay"], ...times },
    });

    function loopOver(url: string, alerts: () => readonly Alert[], labels: Record<string, string> = {}) {
      const config: AlertmanagerOutputConfig = {
        ...{ type: "alertmanager", name: "am", urls: [inlineSecret(url)], username: undefined, secrets: {}, headers: {}, ca: undefined },
        ...{ labels, timeoutMs: 5_000 },
      };
      const metrics = createMetrics({ buildInfo: { version: "test", revision: "test" }, clock: systemClock, nodeMetrics: false });
      const loop = createAlertmanagers({
        ...{ outputs: () => [config], alerts, linkOf: () => "http://driftd/", version: "test" },
        ...{ clock: systemClock, metrics, log: silentLog },
      });
      return { loop, metrics };
    }

    test("what is over is told as resolved", async () => {
      let state: readonly Alert[] = [drifting("over")];
      const { loop } = loopOver(one.url, () => state);
      loop.start();
      const tells = (status: string) => told().some((note) => note.status === status && note.alerts[0]?.labels["model"] === "over");
      await until("it fires", 20_000, () => tells("firing"));
      state = [];
      loop.wake();
      await until("it is resolved", 20_000, () => tells("resolved"));
      expect((await one.alerts()).filter(({ labels }) => labels["model"] === "over")).toEqual([]);
      await loop.stop();
    });

    test("a label that Alertmanager refuses takes nothing else with it", async () => {
      const { loop, metrics } = loopOver(one.url, () => [drifting("good"), { ...drifting("bad"), version: "\ud800" }]);
      loop.start();
      await until("the good one fires", 20_000, async () => (await one.alerts()).some(({ labels }) => labels["model"] === "good"));
      await loop.stop();
      expect(await metrics.render()).toMatch(/driftd_alertmanager_alerts_sent_total\{alertmanager="am"\} [12]/);
    });

    test("a 400 is not repeated blindly", async () => {
      // A label name that the configuration would not let through.
      let state = [drifting("a"), drifting("b")];
      const { loop, metrics } = loopOver(two.url, () => state, { "not-a-label": "x" });
      loop.start();
      await until("both were refused", 20_000, async () => /send_failures_total\{alertmanager="am"\} 2/.test(await metrics.render()));
      state = [...state, drifting("c")];
      loop.wake();
      await until(
        "the new one was refused",
        20_000,
        async () => !/send_failures_total\{alertmanager="am"\} 2/.test(await metrics.render()),
      );
      expect(await metrics.render()).toMatch(/send_failures_total\{alertmanager="am"\} 3/);
      await loop.stop();
    });
  });

  test("an instance that is not there any more", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const app = await space.start(`file: { path: log.ndjson, speed: 0 }
http: { listen: "127.0.0.1:0" }
store: { path: other.db }
outputs: { pager: { type: alertmanager, urls: ["${url}"] } }
models: [{ name: m, reference: m.json, thresholds: { psi: { critical: 0.4 } } }]
`);
    await until("it is counted", 30_000, async () => /send_failures_total\{alertmanager="pager"\} [1-9]/.test(await app.metrics()));
    expect(app.log()).toContain("alerts not sent");
    expect(app.log()).not.toContain(url);
    await app.stop();
  });
});
