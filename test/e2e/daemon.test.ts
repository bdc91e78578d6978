/**
 * The whole job through a real broker: flights over four partitions, a daemon that is killed in mid-stream, a foreign member, a broker that
 * goes away. In the end every pane equals a recount of the topic, and exactly one retraining was asked for.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { flightRecords } from "../../src/demo/flights.ts";
import { type Receiver, startReceiver } from "../../src/demo/receiver.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { type Daemon, driftd, freePort, run, startDaemon, until } from "../support/daemon.ts";
import { writeFlightsReference } from "../support/flights.ts";
import { recount, type TopicRecord } from "../support/recount.ts";
import { describeWithBroker } from "./broker/broker.ts";

const SECRET = "whsec_ZW5kLXRvLWVuZC10ZXN0LXNlY3JldC1rZXk=";
const PARTITIONS = 4;
const BATCH = 500;
/** From three days before the fault of 5 February to half a day after it. */
const RANGE = { from: "2001-02-02T00:00:00Z", to: "2001-02-05T12:00:00Z" } as const;

type ExportedPane = {
  version: string;
  partition: number;
  pane_start: string;
  records: number;
  final: boolean;
  incomplete: boolean;
  ids_checked: number;
  offsets: { from: number; to: number };
  features: Record<string, Record<string, unknown> & { counts: number[] }>;
};

describeWithBroker("the daemon on a real broker", (broker) => {
  let folder: string;
  let snapshot: Snapshot;
  let receiver: Receiver;
  let topic: string;
  let config: string;
  let port: number;
  let daemon: Daemon;
  const group = `driftd-e2e-${process.pid}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "driftd-e2e-"));
    snapshot = await writeFlightsReference(folder);
    receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    topic = await broker().createTopic({ partitions: PARTITIONS });
    await writeFile(join(folder, "secret.txt"), SECRET);
    port = await freePort();
    config = join(folder, "driftd.yaml");
    await writeFile(
      config,
      `kafka: { brokers: [${broker()
        .brokers.map((b) => `"${b}"`)
        .join(", ")}], topics: [${topic}], group_id: ${group}, start: earliest, session_timeout: 6s }
store: { path: driftd.db }
http: { listen: "127.0.0.1:${port}" }
event_time: { action_max_age: off, idle_timeout: 2s }
models:
  - name: flights
    reference: flights.reference.json
    retrain: { webhook: { url: "${receiver.url}", secret_file: secret.txt } }
`,
    );
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(daemon?.log());
  });

  afterAll(async () => {
    await daemon?.kill();
    await receiver?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const counted = async () => {
    const { status, text } = await daemon.get("/api/v1/status");
    if (status !== 200) return 0;
    const { sources } = JSON.parse(text) as { sources: { partitions: { position: number | null }[] }[] };
    return sources.flatMap(({ partitions }) => partitions).reduce((sum, { position }) => sum + (position ?? 0), 0);
  };

  test("kills, a foreign member and a broker restart change no pane and no request", async () => {
    const records: string[] = [];
    for await (const record of flightRecords(RANGE)) records.push(JSON.stringify(record));
    const dirty = ["not json", "{}", JSON.stringify({ model: "nobody", timestamp: "2001-02-03T00:00:00Z", features: {} })];
    let sent = 0;
    // Dealt out unevenly, with hostile neighbours: a partition's share of the traffic must not matter.
    const produceUntil = async (share: number) => {
      const end = Math.floor(records.length * share);
      for (; sent < end; sent += BATCH) {
        const batch = records.slice(sent, Math.min(sent + BATCH, end));
        await broker().produce(topic, [
          ...batch.map((value, i) => ({ value, partition: i % 10 < 4 ? 0 : 1 + ((i * 7) % (PARTITIONS - 1)) })),
          { value: dirty[Math.floor(sent / BATCH) % dirty.length] as string, partition: Math.floor(sent / BATCH) % PARTITIONS },
          { value: null, partition: 1 },
        ]);
      }
      sent = end;
    };

    daemon = startDaemon(config, port);
    // Killed while records flow: at once after the first are counted, again and again.
    for (const share of [0.15, 0.3, 0.45]) {
      const before = await counted();
      const producing = produceUntil(share);
      await until(`the daemon counts on after ${before}`, 60_000, async () => (await counted()) > before);
      await daemon.kill();
      await producing;
      daemon = startDaemon(config, port);
    }

    // A foreign member: the daemon says so and judges nothing while it is there.
    await until("ready", 60_000, async () => (await daemon.get("/-/ready")).status === 200);
    const foreign = await broker().joinGroup(group, topic);
    await until("not ready: a foreign member", 30_000, async () => {
      const { status, text } = await daemon.get("/-/ready");
      return status === 503 && text.includes("group");
    });
    const evaluatedBefore = (await daemon.get("/metrics")).text.match(/driftd_evaluations_total\{[^}]*\} (\d+)/)?.[1];
    await produceUntil(0.55);
    await systemClock.sleep(3_000);
    const evaluatedAfter = (await daemon.get("/metrics")).text.match(/driftd_evaluations_total\{[^}]*\} (\d+)/)?.[1];
    expect(evaluatedAfter).toBe(evaluatedBefore);
    await foreign.leave();
    await until("ready again", 60_000, async () => (await daemon.get("/-/ready")).status === 200);

    if (broker().process !== undefined) {
      await broker().process?.kill();
      await systemClock.sleep(1_000);
      await broker().process?.start();
    }
    await produceUntil(0.8);
    await daemon.kill();
    daemon = startDaemon(config, port);
    await produceUntil(1);

    const total = (await broker().ends(topic)).reduce((sum, end) => sum + end, 0);
    await until(`all ${total} records are read`, 120_000, async () => (await counted()) === total);
    await until("the request is delivered", 60_000, () => receiver.requests.length > 0);
    // Open panes of idle partitions take part: nothing more may come of them.
    await systemClock.sleep(5_000);
    const beside = await driftd(["store", "export", "--config", config]);
    expect(beside.code).toBe(0);
    expect(await daemon.stop()).toBe(0);

    const exported = await driftd(["store", "export", "--config", config]);
    expect(exported.code).toBe(0);
    const panes = exported.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as ExportedPane);
    const expected = new Map<string, object>();
    for (const [partition, messages] of (await readTopic(broker().brokers, topic, PARTITIONS)).entries()) {
      for (const pane of recount(partition, messages, "flights", snapshot).panes.values()) {
        expected.set(`${partition} ${pane.startMs}`, {
          version: pane.version,
          records: pane.records,
          idsChecked: pane.idsChecked, // repeats across a kill are missed
          offsets: { from: pane.from, to: pane.to },
          features: pane.features,
        });
      }
    }
    const actual = new Map(
      panes.map((pane) => [
        `${pane.partition} ${Date.parse(pane.pane_start)}`,
        {
          version: pane.version,
          records: pane.records,
          idsChecked: pane.ids_checked,
          offsets: pane.offsets,
          features: Object.fromEntries(Object.entries(pane.features).map(([name, feature]) => [name, plain(feature)])),
        },
      ]),
    );
    expect(actual.size).toBe(panes.length);
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, pane] of expected) expect(actual.get(key), key).toEqual(pane);
    expect(panes.some((pane) => pane.incomplete)).toBe(false);

    const ids = new Set(receiver.requests.map(({ id }) => id));
    expect([...ids]).toHaveLength(1);
    expect(receiver.refused).toEqual([]);
    const { data } = JSON.parse(receiver.requests[0]?.body as string) as {
      data: { window: { end: string }; features: { feature: string }[] };
    };
    expect(data.features.map(({ feature }) => feature)).toContain("delay");
    expect(Date.parse(data.window.end)).toBeGreaterThan(Date.parse("2001-02-05T00:00:00Z"));
    expect(Date.parse(data.window.end)).toBeLessThanOrEqual(Date.parse("2001-02-05T06:00:00Z"));
  });
});

/** What the export says of a feature, with the zeros that it may leave out, without layout and moments. */
function plain(feature: Record<string, unknown> & { counts: number[] }): object {
  const zero = { unseen: 0, absent: 0, missing: 0, wrong_type: 0, nan: 0, positive_infinity: 0, negative_infinity: 0 };
  const { layout: _layout, moments: _moments, ...counts } = feature;
  return { ...zero, ...counts };
}

/** Every message of a topic, by partition. */
async function readTopic(brokers: readonly string[], topic: string, partitions: number): Promise<TopicRecord[][]> {
  const { code, stdout } = await run([fileURLToPath(new URL("../support/read-topic.ts", import.meta.url)), brokers.join(","), topic]);
  expect(code).toBe(0);
  const records: TopicRecord[][] = Array.from({ length: partitions }, () => []);
  for (const line of stdout.trim().split("\n")) {
    const { partition, ...record } = JSON.parse(line) as TopicRecord & { partition: number };
    records[partition]?.push(record);
  }
  return records;
}
