/**
 * The dashboards on a real Prometheus: the daemon reads recorded flights with a planted fault from a real broker, Prometheus scrapes it, and
 * every query of every panel, variable, legend and annotation is asked there. Grafana itself cannot run here.
 *
 * `SHOW_PANELS=1` prints what each panel would draw.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { FAULT_FROM, flightRecords, flightsPath, MODEL, REFERENCE, VERSION } from "../../src/demo/flights.ts";
import { type Receiver, startReceiver } from "../../src/demo/receiver.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { buildSnapshot } from "../../src/reference/build.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { saveSnapshot } from "../../src/reference/load.ts";
import { type Board, files, labelValues, type Panel, panelsOf, substitute, type Target } from "../dashboards/read.ts";
import { type Daemon, freePort, startDaemon, until } from "../support/daemon.ts";
import { missingForPrometheus, type Prometheus, type Series, startPrometheus } from "../support/prometheus.ts";
import { describeWithBroker, type TestBroker } from "./broker/broker.ts";

const SECRET = "whsec_ZW5kLXRvLWVuZC10ZXN0LXNlY3JldC1rZXk=";
const RULES = fileURLToPath(new URL("../../dashboards/rules/driftd.yaml", import.meta.url));
/** A model without any traffic: it must be seen as one that cannot be judged. */
const QUIET = "quiet";
/** Nine days before the fault, so that there is a rhythm of traffic to compare with and the reference is renewed once, and half a day after it. */
const TRAFFIC = { from: "2001-01-27T00:00:00Z", to: "2001-02-05T12:00:00Z" } as const;
const BATCH = 5_000;

const lacking = missingForPrometheus();
if (lacking !== undefined && !process.env["CI"]) {
  console.warn(`\nSKIPPED: the dashboards need a Prometheus: ${lacking}.\n`);
  describe.skip("the dashboards on a real Prometheus", () => test("skipped", () => {}));
} else {
  describeWithBroker("the dashboards on a real Prometheus", onPrometheus);
}

function onPrometheus(broker: () => TestBroker): void {
  let folder: string;
  let receiver: Receiver;
  let daemon: Daemon;
  let prometheus: Prometheus;
  let topic: string;
  /** When everything before the fault was judged, and when everything is there; in seconds. */
  let healthyAt: number;
  let doneAt: number;
  let startedAt: number;

  const ask = async (expr: string) => (await prometheus.query(expr))[0]?.samples[0]?.[1];

  beforeAll(async () => {
    try {
      await prepare();
    } catch (error) {
      console.error(daemon?.log().split("\n").slice(-30).join("\n"));
      throw error;
    }
  });

  async function prepare(): Promise<void> {
    startedAt = systemClock.nowMs() / 1000;
    folder = await mkdtemp(join(tmpdir(), "driftd-dashboards-"));
    const { snapshot } = await buildSnapshot({
      input: flightsPath(),
      model: MODEL,
      version: VERSION,
      timestamp: "date",
      fromMs: Date.parse(REFERENCE.from),
      toMs: Date.parse(REFERENCE.to),
      nowMs: systemClock.nowMs(),
      driftd: "test",
    });
    for (const model of [MODEL, QUIET]) {
      const content = { ...snapshot, model };
      await saveSnapshot({ ...content, digest: digestOf(content) }, join(folder, `${model}.reference.json`));
    }
    receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    topic = await broker().createTopic({ partitions: 1 });
    const [port, nobody] = [await freePort(), await freePort()];
    await writeFile(join(folder, "secret.txt"), SECRET);
    await writeFile(
      join(folder, "driftd.yaml"),
      `kafka: { brokers: [${broker()
        .brokers.map((address) => `"${address}"`)
        .join(", ")}], topics: [${topic}], group_id: dashboards-${process.pid}, start: earliest }
store: { path: driftd.db }
http: { listen: "127.0.0.1:${port}" }
event_time: { action_max_age: off }
event_log: { path: events.ndjson }
outputs:
  trainer: { type: webhook, url: "${receiver.url}", secret_file: secret.txt }
  nobody: { type: webhook, url: "http://127.0.0.1:${nobody}/", secret_file: secret.txt, max_attempts: 1 }
  oncall: { type: alertmanager, urls: ["http://127.0.0.1:${nobody}"] }
models:
  - name: ${MODEL}
    reference: { path: ${MODEL}.reference.json, renew: { every: 8d, days: 7 } }
    retrain: { to: [trainer, nobody] }
  - name: ${QUIET}
    reference: ${QUIET}.reference.json
    retrain: { to: [trainer] }
`,
    );
    daemon = startDaemon(join(folder, "driftd.yaml"), port);
    await until("the daemon is ready", 60_000, async () => {
      if (daemon.exited()) throw new Error("the daemon has ended");
      return (await daemon.get("/-/ready")).status === 200;
    });
    prometheus = await startPrometheus({ jobs: { driftd: `127.0.0.1:${port}` }, rules: [RULES] });
    // Counters are seen at 0 before they count: an increase from nothing is none.
    await until("Prometheus has scraped", 20_000, async () => (await ask('driftd_messages_dropped_total{reason="too_late"}')) === 0);

    const { before, after } = await records();
    await produce(before);
    await until("everything before the fault is judged", 60_000, () => judgedThrough(FAULT_FROM));
    healthyAt = systemClock.nowMs() / 1000;
    await produce(after);
    await until("the fault is judged", 60_000, () => judgedThrough(TRAFFIC.to));
    await until("both targets were tried", 30_000, async () => (await ask("sum(driftd_webhook_attempts_total)")) === 2);
    await until("what failed was given up", 30_000, async () => (await ask("sum(driftd_webhook_dead_letters)")) === 1);
    // A second retraining is held back while the first is under way, and the pipeline reports.
    expect(await post("/api/v1/retrain", { model: MODEL })).toBe(409);
    const asked = JSON.parse((await daemon.get(`/api/v1/retrain?model=${MODEL}`)).text) as {
      readonly items: readonly { readonly id: string }[];
    };
    expect(await post(`/api/v1/retrain/${asked.items[0]?.id}/status`, { status: "succeeded", version: "2" })).toBe(200);
    // Three samples of each: what an instant query sees at once, a query over time sees with its next step.
    await until(
      "the alert is pending",
      30_000,
      async () => ((await ask('count_over_time(ALERTS{alertname="DriftdFeatureDriftCritical"}[1m])')) ?? 0) >= 3,
    );
    doneAt = systemClock.nowMs() / 1000;
  }

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(daemon?.log().split("\n").slice(-20).join("\n"));
  });

  afterAll(async () => {
    await prometheus?.stop();
    await daemon?.kill();
    await receiver?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The windows that ended an hour before this time have a verdict. */
  async function judgedThrough(time: string): Promise<boolean> {
    return ((await ask('max(driftd_window_end_timestamp_seconds{window="1h"})')) ?? 0) >= Date.parse(time) / 1000 - 3_600;
  }

  async function post(path: string, body: object): Promise<number> {
    const headers = { "content-type": "application/json" };
    return (await fetch(`${daemon.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) })).status;
  }

  async function produce(lines: readonly string[]): Promise<void> {
    for (let i = 0; i < lines.length; i += BATCH)
      await broker().produce(
        topic,
        lines.slice(i, i + BATCH).map((value) => ({ value })),
      );
  }

  /** What the variables are when the dashboard is opened, and the planted model and feature are chosen. */
  const values = (board: Board): Record<string, string> => {
    const chosen: Record<string, string> = { model: MODEL, feature: "delay" };
    const range = `${Math.ceil(doneAt - startedAt) + 10}s`;
    const given: Record<string, string> = { __rate_interval: "20s", __range: range };
    for (const { name, includeAll, allValue } of board.templating.list) given[name] = includeAll ? (allValue ?? "") : (chosen[name] ?? "");
    return given;
  };

  const asGrafana = (board: Board, { expr, instant }: Target): Promise<readonly Series[]> => {
    const query = substitute(expr, values(board));
    return instant ? prometheus.query(query) : prometheus.queryRange(query, startedAt, doneAt + 3);
  };

  /** A panel's series over time. */
  async function drawn(name: string, title: string): Promise<readonly Series[]> {
    const { board } = files.find((file) => file.name === name) as (typeof files)[number];
    const panel = panelsOf(board).find((one) => one.title === title) as Panel;
    return (await Promise.all((panel.targets ?? []).map((target) => asGrafana(board, target)))).flat();
  }

  test("Prometheus scrapes the daemon without a complaint", async () => {
    expect(await prometheus.problems()).toEqual([""]);
  });

  test.each(files)("$name: every variable has values to choose from", async ({ board }) => {
    for (const variable of board.templating.list) {
      const asked = labelValues(variable);
      if (asked === undefined) continue;
      const found = await prometheus.labelValues(asked.label, substitute(asked.selector, values(board)));
      expect(found.length, variable.name).toBeGreaterThan(0);
      const wanted = { model: MODEL, feature: "delay", version: VERSION, topic }[variable.name];
      if (wanted !== undefined) expect(found, variable.name).toContain(wanted);
    }
  });

  test.each(files)("$name: every query of every panel has data, with the labels of its legend", async ({ name, board }) => {
    const problems: string[] = [];
    for (const panel of panelsOf(board)) {
      for (const target of panel.targets ?? []) {
        const at = `${panel.title} ${target.refId}`;
        const series = await asGrafana(board, target).catch((error: unknown) => String(error));
        if (typeof series === "string") {
          problems.push(`${at}: ${series}`);
          continue;
        }
        show(name, panel, target, series);
        if (series.length === 0) problems.push(`${at}: no data`);
        if (series.some(({ samples }) => samples.some(([, value]) => Number.isNaN(value) && !/quantile|\//.test(target.expr))))
          problems.push(`${at}: NaN`);
        for (const label of [...target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, one]) => one as string)) {
          // A model that was never judged has no version; all else is there.
          if (series.length > 0 && !series.some(({ labels }) => label in labels)) problems.push(`${at}: no label ${label}`);
        }
        if (panel.type === "table") problems.push(...columnsLacking(panel, series).map((column) => `${at}: no column ${column}`));
      }
    }
    expect(problems).toEqual([]);
  });

  test.each(files)("$name: every annotation marks something", async ({ board }) => {
    for (const { name, expr, textFormat, useValueForTime } of board.annotations.list) {
      const series = await prometheus.queryRange(substitute(expr, values(board)), startedAt, doneAt);
      expect(series.length, name).toBeGreaterThan(0);
      for (const [, label] of textFormat.matchAll(/\{\{(\w+)\}\}/g))
        for (const { labels } of series) expect(Object.keys(labels), name).toContain(label);
      // The value is the time, in milliseconds, of something that has just been.
      if (useValueForTime)
        for (const { samples } of series) expect(Math.abs((samples.at(-1)?.[1] ?? 0) / 1000 - doneAt), name).toBeLessThan(300);
    }
  });

  const ofDelay = ({ labels }: Series) => (labels["feature"] ?? "delay") === "delay";
  const lastOf = (series: readonly Series[]) => series.map(({ samples }) => samples.at(-1)?.[1] ?? Number.NaN);
  const at = (series: readonly Series[], seconds: number) =>
    series.flatMap(({ samples }) => samples.filter(([time]) => Math.abs(time - seconds) < 1).map(([, value]) => value));

  test("the planted drift is red in the matrix of the overview, and only that", async () => {
    const shares = await drawn("drift-overview", "Score as a share of its limit");
    expect(Math.max(...lastOf(shares.filter(ofDelay)))).toBeGreaterThan(1);
    expect(Math.max(...lastOf(shares.filter((one) => !ofDelay(one))))).toBeLessThanOrEqual(1);
    expect(Math.max(...at(shares, healthyAt))).toBeLessThanOrEqual(1); // orange at most
  });

  test("the planted drift is the first bar of the overview", async () => {
    const [first] = await drawn("drift-overview", "Farthest from the reference now");
    expect(first?.labels).toMatchObject({ model: MODEL, version: VERSION, feature: "delay" });
  });

  test("the feature turns from no drift to critical in its timelines", async () => {
    for (const [name, title] of [
      ["drift-overview", "Features that were in drift"],
      ["feature-detail", "Verdict over time"],
    ] as const) {
      const states = (await drawn(name, title)).filter(ofDelay);
      expect(at(states, healthyAt), title).toContain(0);
      expect(lastOf(states), title).toEqual([2]);
    }
    expect((await drawn("drift-overview", "Features that were in drift")).filter((one) => !ofDelay(one))).toEqual([]);
  });

  test("the score is over its dashed limit on the feature's page", async () => {
    const series = await drawn("feature-detail", "Score: $statistic");
    const score = lastOf(series.filter(({ labels }) => labels["statistic"] === "psi_excess" && labels["window"] === "1h"));
    const limits = lastOf(series.filter(({ labels }) => labels["statistic"] === "psi_excess" && labels["window"] === undefined));
    expect(limits).toHaveLength(2);
    expect(Math.min(...score)).toBeGreaterThan(Math.max(...limits));
  });

  test("a model without traffic cannot be judged, and is not shown as healthy", async () => {
    const states = await drawn("drift-overview", "Models");
    expect(states.filter(({ labels }) => labels["model"] === QUIET).map(({ samples }) => samples[0]?.[1])[0]).toBe(-1);
    expect(lastOf(await drawn("drift-overview", "Models that cannot be judged"))).toEqual([1]);
    expect(lastOf(await drawn("drift-overview", "Models in drift"))).toEqual([1]);
  });

  test("what was done shows: one retraining asked for, one held back, one finished, one message given up", async () => {
    expect(Math.round(lastOf(await drawn("actions", "Retrainings asked for, last 24 h"))[0] ?? 0)).toBe(1);
    expect(lastOf(await drawn("actions", "Given up"))).toEqual([1]);
    const [held] = (await drawn("actions", "Held back, by reason")).filter(({ labels }) => labels["model"] === MODEL && "reason" in labels);
    expect(held?.labels["reason"]).toBe("in_progress");
    const finished = (await drawn("actions", "Finished requests")).filter(({ labels }) => "status" in labels);
    expect(finished.map(({ labels }) => labels)).toEqual([{ model: MODEL, status: "succeeded" }]);
    expect(receiver.requests).toHaveLength(1);
  });
}

/** The flights before and after the fault; a few without a delay, and a few lines that cannot be read. */
async function records(): Promise<{ readonly before: readonly string[]; readonly after: readonly string[] }> {
  const [before, after]: [string[], string[]] = [["not json"], ["not json"]];
  let count = 0;
  for await (const record of flightRecords(TRAFFIC)) {
    const features = ++count % 2_000 === 0 ? { ...record.features, delay: null } : record.features;
    (record.timestamp < FAULT_FROM ? before : after).push(JSON.stringify({ ...record, features }));
  }
  return { before, after };
}

/** Labels that a table has a column for, and no series has. */
function columnsLacking({ transformations = [] }: Panel, series: readonly Series[]): readonly string[] {
  const columns = Object.keys(transformations.find(({ id }) => id === "organize")?.options["indexByName"] ?? {});
  const labels = new Set(series.flatMap((one) => Object.keys(one.labels)));
  // Each query of a table brings the labels that it groups by; those of all of them together are looked at for the first one.
  return columns.filter((column) => !column.startsWith("Value") && series.length > 0 && !labels.has(column));
}

/** For the eye: what a panel would draw. */
function show(name: string, { title, fieldConfig }: Panel, { refId }: Target, series: readonly Series[]): void {
  if (!process.env["SHOW_PANELS"]) return;
  const sample = series
    .slice(0, 3)
    .map(({ labels, samples }) => `${Object.values(labels).join("/") || "–"} = ${samples.at(-1)?.[1]}`)
    .join(" ; ");
  console.log(`${name} | ${title} ${refId} | ${fieldConfig?.defaults.unit} | ${series.length} series | ${sample}`);
}
