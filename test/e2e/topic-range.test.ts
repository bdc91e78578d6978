/**
 * A stretch of a topic read without a group, on a real broker: as a source, by `driftd replay`, by `driftd reference build`; and what a daemon did
 * live against what replay of the topic and backtest of its store say afterwards.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import { backtestCommand } from "../../src/cli/backtest.ts";
import type { BacktestDocument } from "../../src/cli/backtest-report.ts";
import { referenceCommand } from "../../src/cli/reference.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import type { ModelReport, ReplayDocument } from "../../src/cli/replay-report.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { loadSnapshot } from "../../src/reference/load.ts";
import { type KafkaRange, openKafkaRange } from "../../src/sources/kafka-range.ts";
import type { Source, SourceHandler } from "../../src/sources/source.ts";
import { freePort, startDaemon, until } from "../support/daemon.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";
import { describeWithBroker, type ProducedRecord } from "./broker/broker.ts";

let space: Workspace;
const sources: Source[] = [];
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
  await space.close();
});

const MODELS = `models:
  - name: m
    reference: m.json
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    expectations: { x: { between: [0, 90] } }
    retrain: { webhook: { url: "http://127.0.0.1:9/never", secret: "whsec_c2VlbWluZ2x5LXNlY3JldC1zZWNyZXQta2V5" } }
`;

type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a command in this process; a rejection is `{ code, hint }` in `stderr`. */
async function run(command: typeof replayCommand, args: readonly string[]): Promise<Answer> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const io = {
    stdout: (text: string) => void stdout.push(text),
    stderr: (text: string) => void stderr.push(text),
    isTTY: false,
    env: {},
    cwd: space.folder,
  };
  const code = await command([...args], io).catch((error: { code: string; message: string; hint?: string }) => {
    if (error.code === undefined) throw error;
    stderr.push(`${error.code} ${error.message} | ${error.hint ?? ""}`);
    return 2;
  });
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

const record = (value: string, partition: number): ProducedRecord => ({
  value,
  partition,
  timestamp: Date.parse((JSON.parse(value) as { timestamp: string }).timestamp),
});
const shaped = ({ id, severity, features, pending_at, firing_at, resolved_at }: ModelReport["episodes"][number]) =>
  JSON.stringify({ id, severity, features, pending_at, firing_at, resolved_at });

describeWithBroker("a stretch of a topic", (broker) => {
  const config = (topic: string, more = "") =>
    `kafka: { brokers: [${broker()
      .brokers.map((one) => `"${one}"`)
      .join(", ")}], topics: [${topic}], group_id: g-${topic}, start: earliest, session_timeout: 6s }\n${more}${MODELS}`;

  /** Reads a range to its end. */
  async function read(topic: string, range: { fromMs?: number; toMs?: number } = {}, meanwhile = async (_: KafkaRange) => {}) {
    const source = await openKafkaRange({
      ...{ brokers: broker().brokers, clientId: "driftd-test", topic, clock: systemClock },
      ...{ fromMs: range.fromMs, toMs: range.toMs, log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } },
    });
    sources.push(source);
    const values: (string | null)[] = [];
    const lost: string[] = [];
    const next = new Map<number, number>();
    const finished: number[] = [];
    const done = Promise.withResolvers<void>();
    const handler: SourceHandler = {
      onAssign: () => "earliest",
      onPartitions: () => {},
      onChunk: (chunk) => {
        const expected = next.get(chunk.partition);
        if (expected !== undefined && chunk.asked > expected) lost.push(`${chunk.partition}: ${expected}-${chunk.asked}`);
        if (chunk.kind === "bytes")
          chunk.forEach((_offset, _time, bytes, start, end) => void values.push(start < 0 ? null : bytes.toString("utf8", start, end)));
        next.set(chunk.partition, chunk.next);
      },
      onEnd: () => {},
      onFinished: ({ partition }) => {
        finished.push(partition);
        if (finished.length === source.ranges.length) done.resolve();
      },
      onRecreated: () => "earliest",
      onForeignMember: () => {},
      onFatal: done.reject,
    };
    await meanwhile(source);
    await source.start(handler);
    await done.promise;
    return { values, lost, next, finished, ranges: source.ranges.map(({ begin, end }) => [begin, end]), status: source.status() };
  }

  it("is every record from the first time to the last, of every partition, and joins no group", async () => {
    const topic = await broker().createTopic({ partitions: 3 });
    // Partition 2 stays empty.
    await broker().produce(
      topic,
      Array.from({ length: 20 }, (_, i) => ({ value: `v${i}`, partition: i % 2, timestamp: 1_000 * i })),
    );
    const { values, ranges, finished, lost, status } = await read(topic, { fromMs: 5_000, toMs: 15_000 });
    expect(values.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `v${i + 5}`).toSorted());
    expect([ranges, finished, lost]).toEqual([[[3, 8], [2, 7], [0, 0]], [0, 1, 2], []]); // biome-ignore format: one look
    expect(status[0]).toMatchObject({ source: `kafka:${topic}`, connected: true, partitions: [{ next: 8, end: 8 }, { next: 7, end: 7 }, { next: 0, end: 0 }] }); // biome-ignore format: one look
    expect((await read(topic)).values).toHaveLength(20);
  });

  it("ends where the log ended when it was opened, in the middle of a batch too", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, Array.from({ length: 10 }, (_, i) => ({ value: `v${i}`, timestamp: 1_000 * i })), "zstd"); // biome-ignore format: short
    expect((await read(topic, { toMs: 4_000 })).values).toEqual(["v0", "v1", "v2", "v3"]);
    const late = await read(topic, {}, () => broker().produce(topic, [{ value: "later" }]));
    expect(late.values).toHaveLength(10);
  });

  it("passes over aborted transactions, their ends at the end of the log, and a beginning that was deleted", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, [{ value: "gone" }, { value: "plain" }]);
    await broker().produceTransaction(topic, [{ value: "aborted" }], "abort");
    await broker().produceTransaction(topic, [{ value: "committed" }], "commit");
    await broker().produceTransaction(topic, [{ value: "aborted too" }], "abort");
    await broker().deleteRecords(topic, 0, 1);
    const { values, ranges, lost, next } = await read(topic);
    expect([values, ranges, lost, next.get(0)]).toEqual([["plain", "committed"], [[1, 8]], [], 8]);
  });

  it("counts records that are deleted while it waits as lost, and reads the rest", async () => {
    const topic = await broker().createTopic();
    await broker().produce(topic, Array.from({ length: 10 }, (_, i) => ({ value: `v${i}` }))); // biome-ignore format: short
    const { values, lost } = await read(topic, {}, () => broker().deleteRecords(topic, 0, 7));
    expect([values, lost]).toEqual([["v7", "v8", "v9"], ["0: 0-7"]]);
  });

  it("says which topic was meant, when there is nothing in the range, and that no broker answers", async () => {
    const topic = await broker().createTopic({ name: `inference-log-${process.pid}` });
    await expect(read(`inference-lgo-${process.pid}`)).rejects.toMatchObject({
      code: "KAFKA_UNKNOWN_TOPIC",
      hint: `did you mean "${topic}"?`,
    });
    await expect(read(topic)).rejects.toMatchObject({ code: "KAFKA_RANGE_EMPTY", message: `topic ${topic} holds no record` });
    await broker().produce(topic, [{ value: "v", timestamp: T0 }]);
    await expect(read(topic, { fromMs: T0 + HOUR })).rejects.toMatchObject({
      code: "KAFKA_RANGE_EMPTY",
      message: expect.stringContaining(
        "from 2024-01-15T01:00:00Z by its Kafka timestamps; the first record that is still there has 2024-01-15T00:00:00Z",
      ),
    });
    await space.write("driftd.yaml", MODELS);
    const away = await run(replayCommand, ["--config", "driftd.yaml", "--input", `kafka://127.0.0.1:${await freePort()}/${topic}`]);
    expect([away.code, away.stderr]).toEqual([2, expect.stringContaining("KAFKA_UNREACHABLE")]);
  });

  it("is replayed as a file of the same records is, over several partitions", async () => {
    const topic = await broker().createTopic({ partitions: 3 });
    const lines = traffic({ hours: 6, perMinute: 6, faultMs: T0 + 3 * HOUR });
    const [first] = lines;
    for (const part of [0, 1, 2]) await broker().produce(topic, lines.filter((_, i) => i % 3 === part).map((line) => record(line, part)), "lz4"); // biome-ignore format: short
    await space.write("log.ndjson", ndjson(lines));
    await space.write("driftd.yaml", config(topic));
    const flags = ["--config", "driftd.yaml", "--format", "json", "--sweep", "psi.threshold=0.1,0.4,5", "--onset", "2024-01-15T03:00:00Z"];
    const file = await run(replayCommand, ["--input", "log.ndjson", ...flags]);
    const stretch = await run(replayCommand, ["--input", `kafka://${topic}`, ...flags]);
    expect(stretch.code).toBe(1);
    expect(stretch.stdout).toBe(file.stdout);
    const [address] = broker().brokers;
    await space.write("bare.yaml", MODELS);
    const half = await run(replayCommand, [
      ...["--config", "bare.yaml", "--input", `kafka://${address}/${topic}`, "--format", "json"],
      ...["--from", "2024-01-15T01:00:00Z", "--to", "2024-01-15T02:00:00"],
    ]);
    expect((JSON.parse(half.stdout) as ReplayDocument).records).toMatchObject({ read: 360, counted: 360 });
    expect((JSON.parse(half.stdout) as ReplayDocument).time).toEqual({ from: "2024-01-15T01:00:00Z", to: "2024-01-15T01:59:50Z" });
    expect(first).toContain("2024-01-15T00:00:00");
    // The coordinator may still be loading what it has never been asked for.
    await expect
      .poll(
        () =>
          broker()
            .groupOffsets(`g-${topic}`, topic)
            .catch(() => undefined),
        { timeout: 20_000 },
      )
      .toEqual([-1, -1, -1]);
  });

  it("makes the reference that a file of the same records makes", async () => {
    const topic = await broker().createTopic({ partitions: 2 });
    const day = 24 * HOUR;
    const lines = traffic({ hours: 26, perMinute: 2, model: "m", version: "1" }).map((line, i) => {
      const { id, features, ...rest } = JSON.parse(line) as { id: string; features: Record<string, unknown> };
      const whole = i % 7 === 0 ? "900719925474099312" : String(i % 5);
      // A number beyond 2^53, one too large for a double, a missing one, and a nested field.
      const text = JSON.stringify({
        id,
        ...rest,
        score: i % 100,
        meta: { ms: i % 50 },
        features: { ...features, whole: "W", gone: i % 3 === 0 ? null : i % 11 },
      });
      return text.replace('"W"', whole).replace('"x":5.5,', '"x":1e999,');
    });
    const flat = (line: string) =>
      line
        .replace(/"features":\{/, "")
        .replace(/\}\}$/, "}")
        .replace(/"meta":\{"ms":(\d+)\}/, '"ms":$1')
        .replace('"score":', '"prediction":');
    const strangers = [
      ...traffic({ hours: 1, perMinute: 1, model: "other" }),
      ...traffic({ hours: 1, perMinute: 1, model: "m", version: "2" }),
    ];
    const all = [...strangers, ...lines].map((line, i) => record(line, i % 2));
    const odd = [
      { value: "not json", partition: 0, timestamp: T0 + HOUR },
      { value: null, partition: 1, timestamp: T0 + HOUR },
    ];
    await broker().produce(topic, [...odd, ...all]);
    await space.write("log.ndjson", ndjson(lines.map(flat)));
    await space.write(
      "driftd.yaml",
      `record: { prediction: score, signals: { latency: meta.ms } }\n${config(topic)}  - { name: other, reference: o.json }\n`,
    );
    const period = [
      "--from",
      "2024-01-15T00:00:00Z",
      "--to",
      "2024-01-16T00:00:00Z",
      "--model",
      "m",
      "--version",
      "1",
      "--pca",
      "off",
      "--outliers",
      "off",
    ];
    const ofTopic = await run(referenceCommand, [
      "build",
      "--input",
      `kafka://${topic}`,
      "--config",
      "driftd.yaml",
      "--output",
      "topic.json",
      ...period,
    ]);
    expect([ofTopic.code, ofTopic.stderr]).toEqual([
      0,
      expect.stringContaining("60 of other models, 60 of other versions, 20 outside the period"),
    ]);
    for (const reason of ["left out: 1 decode_error", "1 tombstone"]) expect(ofTopic.stderr).toContain(reason);
    const ofFile = await run(referenceCommand, [
      ...["build", "--input", "log.ndjson", "--timestamp", "timestamp", "--signal", "latency=ms", "--output", "file.json", ...period],
    ]);
    expect(ofFile.code).toBe(0);
    const [a, b] = [await loadSnapshot(space.path("topic.json")), await loadSnapshot(space.path("file.json"))];
    expect(a.features.map(({ feature, role }) => `${feature} ${role}`).sort()).toEqual(
      b.features.map(({ feature, role }) => `${feature} ${role}`).sort(),
    );
    const sorted = (features: typeof a.features) => features.toSorted((p, q) => (p.feature < q.feature ? -1 : 1));
    expect(sorted(a.features)).toEqual(sorted(b.features));
    expect([a.records, a.time, a.calibration]).toEqual([b.records, b.time, b.calibration]);
    expect(a.records).toBe((day / MINUTE) * 2);
    expect(a.provenance.source).toBe(
      `kafka:${topic} from 2024-01-15T00:00:00Z to 2024-01-16T00:00:00Z, offsets ${a.provenance.source.split("offsets ")[1]}`,
    );
    const none = await run(referenceCommand, [
      "build",
      "--input",
      `kafka://${topic}`,
      "--config",
      "driftd.yaml",
      "--output",
      "t.json",
      "--model",
      "othr",
    ]);
    expect(none.stderr).toContain('--model othr is not configured | did you mean "other"?');
  });

  it("gives by replay and by backtest, byte for byte, the episodes of the daemon that was killed on the way", async () => {
    const topic = await broker().createTopic({ partitions: 3 });
    // Two faults, the second of them over in time to be resolved, in a day and a half of event time.
    const parts = [
      traffic({ hours: 10, perMinute: 4, faultMs: T0 + 6 * HOUR }),
      traffic({ hours: 20, perMinute: 4, fromMs: T0 + 10 * HOUR }),
      traffic({ hours: 12, perMinute: 4, fromMs: T0 + 30 * HOUR, faultMs: T0 + 38 * HOUR }),
    ];
    // Dealt out so that no partition is ever ahead of the others by more than a moment.
    let sent = 0;
    const produce = async (lines: readonly string[]) => {
      for (let at = 0; at < lines.length; at += 600)
        await broker().produce(
          topic,
          lines.slice(at, at + 600).map((line) => record(line, sent++ % 3)),
        );
    };
    const port = await freePort();
    const yaml = `store: { path: live.db }\nhttp: { listen: "127.0.0.1:${port}" }\nevent_time: { action_max_age: off, idle_timeout: 2s }\nwindows: [1h, 6h]\n`;
    const file = await space.write("driftd.yaml", config(topic, yaml));
    const position = async () => {
      const { text } = await daemon.get("/api/v1/status");
      const { sources: found } = JSON.parse(text || '{"sources":[]}') as { sources: { partitions: { position: number | null }[] }[] };
      return found.flatMap(({ partitions }) => partitions).reduce((sum, one) => sum + (one.position ?? 0), 0);
    };
    let daemon = startDaemon(file, port);
    await produce(parts[0]!);
    await until("it counts", 40_000, async () => (await position()) > 500);
    await daemon.kill();
    await produce([...parts[1]!, ...parts[2]!]);
    daemon = startDaemon(file, port);
    await until("it has read all", 60_000, async () => (await position()) === sent);
    type Items = { items: (ModelReport["episodes"][number] & { model: string; version: string })[] };
    const episodes = async (query = "") => (JSON.parse((await daemon.get(`/api/v1/episodes?limit=100${query}`)).text) as Items).items;
    await until("the second fault fires", 40_000, async () => (await episodes()).length >= 2);
    // Idle partitions let the last windows be judged.
    const gauge = async () => (await daemon.get("/metrics")).text.match(/^driftd_evaluations_total.*$/gm)?.join() ?? "";
    let before = "";
    await until("nothing more is judged", 40_000, async () => {
      const now = await gauge();
      const still = now === before && now !== "";
      before = now;
      if (!still) await systemClock.sleep(1_500);
      return still;
    });
    const live = (await episodes()).toReversed();
    const liveQuality = (await episodes("&kind=quality")).toReversed();
    expect(liveQuality.length).toBeGreaterThan(0);
    const beside = await run(backtestCommand, ["--config", "driftd.yaml", "--format", "json"]);
    expect(await daemon.stop()).toBe(0);
    expect(live.map(({ severity, features, resolved_at: end }) => [severity, features, end === null])).toEqual([
      ["critical", ["x"], false],
      ["critical", ["x"], true],
    ]);
    const replayed = await run(replayCommand, ["--config", "driftd.yaml", "--input", `kafka://${topic}`, "--format", "json"]);
    const after = await run(backtestCommand, ["--config", "driftd.yaml", "--format", "json"]);
    const [ofReplay] = (JSON.parse(replayed.stdout) as ReplayDocument).models;
    const [ofBacktest] = (JSON.parse(after.stdout) as BacktestDocument).models;
    for (const model of [ofReplay!, ofBacktest!]) {
      expect(model.episodes.map(shaped)).toEqual(live.map(shaped));
      expect(model.quality_episodes.map(shaped)).toEqual(liveQuality.map(shaped));
    }
    expect((JSON.parse(beside.stdout) as BacktestDocument).models[0]!.episodes.map(shaped)).toEqual(live.map(shaped));
    // The onset of the second fault, judged from the store alone; and a setting that finds nothing.
    const asked = await run(backtestCommand, [
      "--config",
      "driftd.yaml",
      "--format",
      "json",
      "--onset",
      "2024-01-16T14:00:00Z",
      "--sweep",
      "psi.threshold=0.4,50",
    ]);
    const { models, sweep } = JSON.parse(asked.stdout) as BacktestDocument;
    expect(models[0]!.summary!.onset).toMatchObject({
      before: { episodes: 1, critical: 1 },
      open: false,
      first_warning: { at: live[1]!.firing_at },
    });
    expect(sweep!.map(({ set, models: [own] }) => [set, own!.summary!.episodes])).toEqual([
      [{ "psi.threshold": 0.4 }, 2],
      [{ "psi.threshold": 50 }, 0],
    ]);
  });
});
