import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { AlertmanagerOutputConfig } from "../../src/config/outputs.ts";
import { inlineSecret } from "../../src/config/secret.ts";
import type { Alert } from "../../src/decide/decision.ts";
import type { Log } from "../../src/lib/log.ts";
import type { Metrics } from "../../src/metrics/metrics.ts";
import { createAlertmanagers } from "../../src/outputs/alertmanager.ts";
import { createAlertMemory, firingAlerts, type SentAlert } from "../../src/outputs/alertmanager-alerts.ts";
import { type FakeServer, type Played, startFakeServer } from "./fake-server.ts";
import { createManualClock } from "./manual-clock.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const options = { labels: { team: "risk" }, linkOf: (model: string) => `http://driftd/${model}` };

function episode(severity: "warning" | "critical" = "critical", kind: "drift" | "quality" = "drift") {
  const times = { pendingAtMs: NOW - 10 * MINUTE, firingAtMs: NOW - 5 * MINUTE, resolvedAtMs: null };
  return { kind, id: `${kind}-1`, model: "flights", version: "1", severity, features: ["delay"], ...times };
}
const inactive = { phase: "inactive" as const, episode: null, checks: [] };
const drifting: Alert = {
  ...{ model: "flights", version: "1", phase: "firing", episode: episode(), quality: inactive },
  features: [
    { feature: "delay", window: "1h", severity: "critical" },
    { feature: "delay", window: "6h", severity: "critical" },
  ],
};
const quiet: Alert = { ...drifting, phase: "inactive", episode: null, features: [] };

describe("the alerts of the moment", () => {
  test("are episodes that fire: drift and quality, without features as labels", () => {
    const both: Alert = { ...drifting, quality: { phase: "firing", episode: episode("warning", "quality"), checks: [] } };
    expect(firingAlerts([both], options)).toEqual([
      {
        labels: { team: "risk", alertname: "DriftdDrift", model: "flights", version: "1", severity: "critical" },
        annotations: { summary: "flights 1 drifts: delay", episode: "drift-1" },
        startsAt: "2026-01-15T11:55:00.000Z",
        generatorURL: "http://driftd/flights",
      },
      {
        labels: { team: "risk", alertname: "DriftdQuality", model: "flights", version: "1", severity: "warning" },
        annotations: { summary: "Data of flights 1 are bad: delay", episode: "quality-1" },
        startsAt: "2026-01-15T11:55:00.000Z",
        generatorURL: "http://driftd/flights",
      },
    ]);
  });

  test("leave out what is pending, and a version that is none", () => {
    expect(firingAlerts([{ ...drifting, phase: "pending" }, quiet], options)).toEqual([]);
    expect(firingAlerts([{ ...drifting, version: "" }], options)[0]?.labels).not.toHaveProperty("version");
  });

  test("end four minutes later while they fire; their end is told for 15 minutes, and then no more", () => {
    const memory = createAlertMemory();
    const ends = (alerts: readonly Alert[], nowMs: number) =>
      memory.next(firingAlerts(alerts, options), nowMs).map(({ endsAt }) => Date.parse(endsAt));
    expect(ends([drifting], NOW)).toEqual([NOW + 4 * MINUTE]);
    expect(ends([drifting], NOW + MINUTE)).toEqual([NOW + 5 * MINUTE]);
    expect(ends([quiet], NOW + 2 * MINUTE)).toEqual([NOW + 2 * MINUTE]);
    expect(ends([quiet], NOW + 17 * MINUTE)).toEqual([NOW + 2 * MINUTE]);
    expect(ends([quiet], NOW + 18 * MINUTE)).toEqual([]);
    expect(ends([drifting], NOW + 19 * MINUTE)).toEqual([NOW + 23 * MINUTE]);
  });

  test("an escalation ends the warning and begins the critical one", () => {
    const memory = createAlertMemory();
    memory.next(firingAlerts([{ ...drifting, episode: episode("warning") }], options), NOW);
    const sent = memory.next(firingAlerts([drifting], options), NOW + MINUTE);
    expect(sent.map(({ labels, endsAt }) => [labels["severity"], Date.parse(endsAt) - NOW])).toEqual([
      ["warning", MINUTE],
      ["critical", 5 * MINUTE],
    ]);
  });
});

describe("the loop", () => {
  let one: FakeServer;
  let two: FakeServer;
  beforeAll(async () => {
    [one, two] = await Promise.all([startFakeServer(), startFakeServer()]);
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
  });
  beforeEach(() => {
    one.play(() => ({ status: 200 }));
    two.play(() => ({ status: 200 }));
  });

  function open(more: Partial<AlertmanagerOutputConfig> = {}) {
    const config: AlertmanagerOutputConfig = {
      ...{ type: "alertmanager", name: "am", username: "driftd", headers: {}, ca: undefined, labels: {}, timeoutMs: 5_000 },
      urls: [inlineSecret(`${one.url}/am/`), inlineSecret(two.url)],
      secrets: { password: inlineSecret("s3cr3t-password") },
      ...more,
    };
    const clock = createManualClock(NOW);
    const counts: Record<string, number> = {};
    const lines: string[] = [];
    const note = (fields: unknown, text: unknown) => void lines.push(`${JSON.stringify(fields)} ${String(text)}`);
    const log = { debug: note, info: note, warn: note, error: note } as unknown as Log;
    const metrics = {
      inc: (name: string, labels: Record<string, string>, by = 1) => {
        const key = `${name.replace("driftd_alertmanager_", "")} ${labels["alertmanager"]}`;
        counts[key] = (counts[key] ?? 0) + by;
      },
      remove: (name: string, labels: Record<string, string>) => {
        delete counts[`${name.replace("driftd_alertmanager_", "")} ${labels["alertmanager"]}`];
      },
    } as unknown as Metrics;
    let state: readonly Alert[] = [drifting];
    let configs = [config];
    let removed = false;
    const loop = createAlertmanagers({
      outputs: () => configs,
      alerts: () => state,
      linkOf: (model) => (removed ? undefined : options.linkOf(model)),
      version: "0.1.0",
      ...{ clock, metrics, log },
    });
    const set = (next: readonly Alert[]) => {
      state = next;
    };
    const reload = (...next: AlertmanagerOutputConfig[]) => {
      configs = next;
    };
    const remove = () => {
      removed = true;
    };
    return { loop, clock, counts, lines, set, config, reload, remove };
  }

  const sentTo = (server: FakeServer) => server.received.map(({ body }) => JSON.parse(body) as SentAlert[]);
  /** The loop rests for a minute; the timers of attempts are shorter. */
  const round = (clock: ReturnType<typeof createManualClock>) => settled(() => clock.sleeps().includes(MINUTE));

  test("sends to every instance, again each minute, and the end when it is over", async () => {
    const { loop, clock, counts, set } = open();
    loop.start();
    await settled(() => sentTo(one).length === 1 && sentTo(two).length === 1);
    expect(one.received[0]).toMatchObject({ method: "POST", path: "/am/api/v2/alerts" });
    expect(one.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from("driftd:s3cr3t-password").toString("base64")}`);
    expect(two.received[0]?.path).toBe("/api/v2/alerts");
    await round(clock);
    clock.advance(MINUTE);
    await settled(() => sentTo(one).length === 2 && sentTo(two).length === 2);
    set([quiet]);
    loop.wake();
    await settled(() => sentTo(one).length === 3 && sentTo(two).length === 3);
    await round(clock);
    expect(sentTo(one).map(([alert]) => Date.parse(alert?.endsAt ?? "") - NOW)).toEqual([4 * MINUTE, 5 * MINUTE, MINUTE]);
    expect(counts).toEqual({
      "alerts_sent_total am-1": 3,
      "alerts_sent_total am-2": 3,
      "send_failures_total am-1": 0,
      "send_failures_total am-2": 0,
    });
    await loop.stop();
  });

  test("the alerts of a model that is configured no longer are over, although its episode still fires in the store", async () => {
    const { loop, clock, remove } = open({ urls: [inlineSecret(one.url)] });
    loop.start();
    await settled(() => sentTo(one).length === 1);
    await round(clock);
    remove();
    clock.advance(MINUTE);
    await settled(() => sentTo(one).length === 2);
    expect(sentTo(one).map(([alert]) => Date.parse(alert?.endsAt ?? "") - NOW)).toEqual([4 * MINUTE, MINUTE]);
    await loop.stop();
  });

  test("an instance that fails stops no other, is counted, logged once, and shows no secret", async () => {
    one.play(({ headers }) => ({ status: 503, body: `down ${headers.authorization} ${one.url}` }));
    const { loop, clock, counts, lines } = open();
    loop.start();
    for (const rounds of [1, 2, 3]) {
      await settled(() => sentTo(two).length === rounds && one.received.length === rounds);
      await round(clock);
      clock.advance(MINUTE);
    }
    await loop.stop();
    expect(counts["send_failures_total am-1"]).toBeGreaterThanOrEqual(3);
    expect(counts["send_failures_total am-2"]).toBe(0);
    expect(lines.filter((line) => line.includes("alerts not sent"))).toHaveLength(1);
    expect(lines.join("")).not.toMatch(/s3cr3t|127\.0\.0\.1/);
    expect(lines.join("")).not.toContain(Buffer.from("driftd:s3cr3t-password").toString("base64"));
  });

  test("a 400 is not repeated blindly: alerts go one by one, and the one that is refused is left out until it changes", async () => {
    const bad: Alert = { ...drifting, model: "bad" };
    const answer = ({ body }: { readonly body: string }): Played =>
      body.includes('"bad"') ? { status: 400, body: '"invalid label set"' } : { status: 200 };
    one.play(answer);
    const { loop, clock, counts, lines, set } = open({ urls: [inlineSecret(one.url)] });
    set([drifting, bad]);
    loop.start();
    await settled(() => one.received.length === 3);
    expect(sentTo(one).map((batch) => batch.map(({ labels }) => labels["model"]))).toEqual([["flights", "bad"], ["flights"], ["bad"]]);
    await settled(() => clock.sleeps().includes(MINUTE));
    clock.advance(MINUTE);
    await settled(() => one.received.length === 4);
    expect(sentTo(one)[3]?.map(({ labels }) => labels["model"])).toEqual(["flights"]);
    set([drifting, { ...bad, episode: episode("warning") }]);
    loop.wake();
    await settled(() => one.received.length >= 6);
    await loop.stop();
    expect(counts["send_failures_total am"]).toBeGreaterThanOrEqual(1);
    expect(lines.filter((line) => line.includes("refuses an alert"))[0]).toContain("invalid label set");
  });

  test("a stop in the middle of a request ends at once and counts nothing", async () => {
    one.play(() => ({ status: 0, silent: true }));
    const { loop, counts, lines } = open({ urls: [inlineSecret(one.url)] });
    loop.start();
    await settled(() => one.received.length === 1);
    await loop.stop();
    expect(counts).toEqual({ "alerts_sent_total am": 0, "send_failures_total am": 0 });
    expect(lines).toEqual([]);
  });

  test("series of an instance that is configured no longer are removed", async () => {
    const { loop, clock, counts, config, reload } = open();
    loop.start();
    await round(clock);
    reload({ ...config, name: "other", urls: [inlineSecret(one.url)] });
    clock.advance(MINUTE);
    await settled(() => one.received.length === 2);
    await loop.stop();
    expect(Object.keys(counts)).toEqual(["alerts_sent_total other", "send_failures_total other"]);
  });

  test("nothing is sent where nothing fires", async () => {
    const { loop, clock, set } = open();
    set([quiet]);
    loop.start();
    await settled(() => clock.sleeps().includes(MINUTE));
    await loop.stop();
    expect([...one.received, ...two.received]).toEqual([]);
  });
});

/** Turns of the event loop until something holds: the requests are real, the clock is not. */
async function settled(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it never held");
}
