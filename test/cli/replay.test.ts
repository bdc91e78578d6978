import { readFile } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replayCommand } from "../../src/cli/replay.ts";
import type { ReplayDocument } from "../../src/cli/replay-report.ts";
import { storeCommand } from "../../src/cli/store.ts";
import { driftd, freePort, startDaemon, until } from "../support/daemon.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
});
afterEach(() => space.close());

const CONFIG = `models:
  - name: m
    reference: m.json
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    retrain: { webhook: { url: "http://127.0.0.1:9/never", secret: "whsec_c2VlbWluZ2x5LXNlY3JldC1zZWNyZXQta2V5" } }
`;

type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function run(command: typeof replayCommand, args: string[]): Promise<Answer> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const io = {
    stdout: (text: string) => void stdout.push(text),
    stderr: (text: string) => void stderr.push(text),
    isTTY: false,
    env: {},
    cwd: space.folder,
  };
  const code = await command(args, io);
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

async function replay(
  input: string,
  { config = CONFIG, more = [] as string[] } = {},
): Promise<Answer & { readonly document: ReplayDocument }> {
  await space.write("driftd.yaml", config);
  const answer = await run(replayCommand, ["--config", "driftd.yaml", "--input", input, "--format", "json", ...more]);
  return { ...answer, document: JSON.parse(answer.stdout) as ReplayDocument };
}

const faulty = () => traffic({ hours: 6, faultMs: T0 + 3 * HOUR });

describe("guards that wait for a pipeline", () => {
  /** Two models that drift in the same hours, one of them a little later. */
  const both = () =>
    [...traffic({ model: "m", hours: 6, faultMs: T0 + 3 * HOUR }), ...traffic({ model: "n", hours: 6, faultMs: T0 + 2 * HOUR })].sort(
      (a, b) => (JSON.parse(a) as { timestamp: string }).timestamp.localeCompare((JSON.parse(b) as { timestamp: string }).timestamp),
    );
  const config = (more: string) => `outputs: { pipeline: { type: webhook, url: "http://127.0.0.1:9/never", secret: s${more} } }
models:
${["m", "n"].map((name) => `  - { name: ${name}, reference: ${name}.json, thresholds: { psi: { warning: 0.2, critical: 0.4 } }, retrain: { to: [pipeline] } }`).join("\n")}
`;

  test("see the models in the order of event time, so that the first to drift is the first to ask", async () => {
    await space.writeReference("n.json", smallSnapshot("n"));
    await space.write("log.ndjson", ndjson(both()));
    const asks = ({ document }: { readonly document: ReplayDocument }) =>
      document.models.map(({ model, retrain_requests, suppressed }) => [
        model,
        retrain_requests.length,
        suppressed.map(({ guard }) => guard).filter((guard) => guard !== "below_severity"),
      ]);
    const limited = await replay("log.ndjson", { config: config(", concurrency: 1") });
    expect(asks(limited)).toEqual([
      ["m", 0, ["target_busy"]],
      ["n", 1, []],
    ]);
    expect(asks(await replay("log.ndjson", { config: config("") }))).toEqual([
      ["m", 1, []],
      ["n", 1, []],
    ]);
    expect((await replay("log.ndjson", { config: config(", concurrency: 1") })).stdout).toBe(limited.stdout);
  });

  test("let the lock end by its timeout, with the window's end for a clock", async () => {
    const twice = [
      ...traffic({ hours: 5, faultMs: T0 + 3 * HOUR }),
      ...traffic({ fromMs: T0 + 5 * HOUR, hours: 3 }),
      ...traffic({ fromMs: T0 + 8 * HOUR, hours: 2, faultMs: T0 }),
    ];
    await space.write("log.ndjson", ndjson(twice));
    const guards = async (timeout: string) => {
      const set = `windows: [1h]\n${CONFIG.replace("retrain: {", `retrain: { in_progress_timeout: ${timeout},`)}`;
      const [model] = (await replay("log.ndjson", { config: set })).document.models;
      return [model!.retrain_requests.length, model!.suppressed.map(({ guard }) => guard).filter((guard) => guard !== "below_severity")];
    };
    expect(await guards("30d")).toEqual([1, ["in_progress"]]);
    expect(await guards("1h")).toEqual([2, []]);
    expect(await guards("off")).toEqual([2, []]);
  });
});

describe("the document", () => {
  test("has exactly the fields of the contract, and says what would have been sent", async () => {
    await space.write("log.ndjson", ndjson([...faulty(), "not json"]));
    const { code, document, stdout } = await replay("log.ndjson");
    expect(code).toBe(1);
    expect(stdout.endsWith("}\n")).toBe(true);
    const [model] = document.models;
    const [episode] = model!.episodes;
    expect(document).toEqual({
      schema: "driftd/replay/v1",
      records: { read: 1441, counted: 1440, late: 0, future: 0, dropped: { decode_error: 1 } },
      time: { from: "2024-01-15T00:00:00Z", to: "2024-01-15T05:59:45Z" },
      models: [
        {
          model: "m",
          version: "",
          evaluations: 72 + 12 + 12,
          evaluations_drift: expect.any(Number),
          insufficient: expect.any(Number),
          insufficient_reasons: expect.any(Object),
          episodes: [
            {
              id: expect.stringMatching(/^ep_[0-9a-f]{24}$/),
              severity: "critical",
              features: ["x"],
              pending_at: expect.stringMatching(/^2024-01-15T03:\d\d:00Z$/),
              firing_at: expect.stringMatching(/^2024-01-15T03:\d\d:00Z$/),
              resolved_at: null,
            },
          ],
          quality_episodes: [],
          retrain_requests: [
            {
              id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
              at: "2024-01-15T03:30:00Z",
              reason: "drift",
              status: "would_send",
              guard: "first_of_episode",
              features: ["x"],
            },
          ],
          suppressed: [{ at: episode!.firing_at, reason: "drift", status: "suppressed", guard: "below_severity", features: [] }],
        },
      ],
    });
  });

  test("is the same bytes for the same input and configuration", async () => {
    // Versions that fall silent, and times far ahead: what depends on how fast records come would show here.
    const lines = [
      ...traffic({ version: "1", hours: 3 }),
      ...traffic({ version: "2", fromMs: T0 + 3 * HOUR, hours: 2 }),
      ...traffic({ version: "3", fromMs: T0 + 100 * HOUR, hours: 2 }),
      ...traffic({ version: "3", fromMs: Date.parse("2100-01-01T00:00:00Z"), hours: 1 }),
    ];
    await space.write("log.ndjson", ndjson(lines));
    const first = await replay("log.ndjson");
    expect(first.document.models.map(({ version }) => version)).toEqual(["1", "2", "3"]);
    for (let i = 0; i < 3; i++) expect((await replay("log.ndjson")).stdout).toBe(first.stdout);
  });

  test("is the same for NDJSON, gzip, zstd, a glob, CSV and a JSON array of the same records", async () => {
    const lines = traffic({ version: "1.10", hours: 6, faultMs: T0 + 3 * HOUR });
    type Line = { id: string; version: string; timestamp: string; features: { x: number; c: string } };
    const rows = lines.map((line) => JSON.parse(line) as Line).map(({ features, ...rest }) => ({ ...rest, ...features }));
    const half = lines.length / 2;
    await space.write("log.ndjson", ndjson(lines));
    await space.write("log.ndjson.gz", gzipSync(ndjson(lines)));
    await space.write("log.ndjson.zst", zstdCompressSync(ndjson(lines)));
    await space.write("part-1.ndjson", ndjson(lines.slice(0, half)));
    await space.write("part-2.ndjson", ndjson(lines.slice(half)));
    await space.write("log.csv", ["id,version,timestamp,x,c", ...rows.map((row) => Object.values(row).join(","))].join("\n"));
    await space.write("log.json", JSON.stringify(rows));
    const { stdout } = await replay("log.ndjson");
    for (const input of ["log.ndjson.gz", "log.ndjson.zst", "part-*.ndjson", "log.csv", "log.json"]) {
      expect([input, (await replay(input)).stdout]).toEqual([input, stdout]);
    }
  });

  test("names its records' fields as the configuration does, in a table by the last key", async () => {
    const config = `record: { model: meta.model, version: meta.release }\nevent_time: { from: meta.at }\n${CONFIG}`;
    await space.write(
      "log.csv",
      `at,release,x,c\n${Array.from({ length: 30 }, (_, i) => `${T0 / 1000 + i * 60},2,${i},red`).join("\n")}\n`,
    );
    const { document } = await replay("log.csv", { config });
    expect(document.records.counted).toBe(30);
    expect(document.models.map(({ version }) => version)).toEqual(["2"]);
  });
});

describe("models and versions", () => {
  const three = `models:
  - { name: a, reference: a.json }
  - { name: b, references: { "1": b1.json, "2": b2.json } }
  - { name: c, reference: "c-{version}.json", max_versions: 2 }
`;
  const versionsOf = (document: ReplayDocument, name: string) =>
    document.models
      .filter(({ model }) => model === name)
      .map(({ version, evaluations, insufficient }) => [version, evaluations > insufficient]);

  test("three models in one file: each version is judged by its own reference, one without is counted and cannot be told", async () => {
    await space.writeReference("a.json", smallSnapshot("a"));
    await space.writeReference("b1.json", smallSnapshot("b", { version: "1" }));
    await space.writeReference("b2.json", smallSnapshot("b", { version: "2" }));
    await space.writeReference("c-7.json", smallSnapshot("c", { version: "7" }));
    const of = (model: string, version?: string) =>
      traffic({ model, ...(version === undefined ? {} : { version }), hours: 26, perMinute: 2 });
    const all = [of("a"), of("b", "1"), of("b", "2"), of("b", "3"), of("c", "7"), of("unknown")];
    const mixed = all[0]!.flatMap((_, i) => all.map((lines) => lines[i]!));
    await space.write("log.ndjson", ndjson(mixed));
    const { document } = await replay("log.ndjson", { config: three });
    expect(document.records.dropped).toEqual({ unknown_model: all[0]!.length });
    expect(versionsOf(document, "a")).toEqual([["", true]]);
    expect(versionsOf(document, "b")).toEqual([
      ["1", true],
      ["2", true],
      ["3", false],
    ]);
    expect(versionsOf(document, "c")).toEqual([["7", true]]);
  });

  test("versions beyond max_versions are counted as such, but one that has a reference is never too many", async () => {
    await space.writeReference("c-7.json", smallSnapshot("c", { version: "7" }));
    const config = three
      .split("\n")
      .filter((line) => !/name: [ab]/.test(line))
      .join("\n");
    const lines = ["x", "y", "z", "7"].map(
      (version, i) => traffic({ model: "c", version, fromMs: T0 + i * MINUTE, hours: 1, perMinute: 1 })[0]!,
    );
    await space.write("log.ndjson", ndjson(lines));
    const { document } = await replay("log.ndjson", { config });
    expect(document.models.map(({ version }) => version)).toEqual(["7", "x", "y"]);
    expect(document.records.dropped).toEqual({ too_many_versions: 1 });
  });
});

describe("odd input", () => {
  test.each([
    ["five records", ndjson(traffic().slice(0, 5)), 5],
    ["nothing", "", 0],
    ["only garbage", "\u0000\u0001\n[]\nnull\n", 3],
  ])("of %s gives a document and the exit code of `cannot tell`", async (_, text, readRecords) => {
    await space.write("log.ndjson", text);
    const { code, document, stderr } = await replay("log.ndjson");
    expect([code, document.records.read, stderr]).toEqual([3, readRecords, ""]);
  });

  test("from 1970 and 2100 harms no neighbour", async () => {
    const lines = traffic({ hours: 3 });
    const stray = (time: string | number) => JSON.stringify({ timestamp: time, features: { x: 50, c: "red" } });
    await space.write("clean.ndjson", ndjson(lines));
    const { stdout } = await replay("clean.ndjson");
    lines.splice(100, 0, stray("2100-01-01T00:00:00Z"), stray(0), stray(4_102_444_800), stray("1970-01-01"));
    await space.write("log.ndjson", ndjson(lines));
    const { document } = await replay("log.ndjson");
    expect(document.records).toMatchObject({ read: 724, counted: 722, late: 2 });
    expect(document.models[0]?.evaluations).toBe((JSON.parse(stdout) as ReplayDocument).models[0]?.evaluations);
  });

  test("that is not sorted is said, since most of it is late", async () => {
    await space.write("log.ndjson", ndjson(traffic({ hours: 4 }).reverse()));
    const { stderr, document } = await replay("log.ndjson");
    expect(document.records.late).toBeGreaterThan(500);
    expect(stderr).toContain("too late");
    expect(stderr).toContain("sorted by event time");
  });

  test("numbers that JSON cannot hold and moments that overflow give finite numbers or nothing", async () => {
    const at = (i: number) => new Date(T0 + i * 15_000).toISOString();
    const values = ["1e999", "-1e999", "1e308", "-1e308", "1e308", "null", '"12"', "true", "[1]", "{}", "0", "-0"];
    const lines = Array.from({ length: 720 }, (_, i) => `{"timestamp":"${at(i)}","features":{"x":${values[i % values.length]},"c":"red"}}`);
    await space.write("log.ndjson", ndjson(lines));
    await replay("log.ndjson", { more: ["--store", "kept.db"] });
    await space.write("kept.yaml", `file: { path: log.ndjson }\nstore: { path: kept.db }\n${CONFIG}`);
    const { stdout } = await run(storeCommand, ["export", "--config", "kept.yaml"]);
    expect(stdout).not.toMatch(/NaN|Infinity|:null/);
    const pane = JSON.parse(stdout.split("\n")[0]!) as { features: { x: Record<string, unknown> } };
    expect(pane.features.x).toMatchObject({ wrong_type: 6, missing: 2, moments: { count: 8, reason: "overflow" } });
  });

  test("ten thousand features in one record cost nothing but themselves", async () => {
    const wide = `{"timestamp":"${new Date(T0).toISOString()}","features":{${Array.from({ length: 10_000 }, (_, i) => `"f${i}":${i}`).join(",")},"x":1}}`;
    await space.write("log.ndjson", ndjson([wide, ...traffic({ hours: 1 })]));
    expect((await replay("log.ndjson")).document.records.counted).toBe(241);
  });
});

describe("what cannot be done", () => {
  test.each([
    ["an input that is not there", ["--input", "none.ndjson"], "none.ndjson"],
    ["a folder", ["--input", "."], "folder"],
    ["a store whose folder is not there", ["--input", "log.ndjson", "--store", "none/kept.db"], "kept.db"],
    ["a store that is no database", ["--input", "log.ndjson", "--store", "m.json"], "m.json"],
  ])("%s is one message that names it, and nothing on standard output", async (_, args, named) => {
    await space.write("log.ndjson", ndjson(traffic()));
    await space.write("driftd.yaml", CONFIG);
    const { code, stdout, stderr } = await driftd([
      "replay",
      "--config",
      space.path("driftd.yaml"),
      "--format",
      "json",
      ...args.map((arg) => (arg.startsWith("--") ? arg : space.path(arg))),
    ]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(named);
    expect(stderr).toMatch(/^driftd: .+\nhint: .+\n$/);
  });
});

test("a daemon that is killed again and again ends with the panes and the episodes of one replay", async () => {
  const lines = traffic({ hours: 30, perMinute: 10, faultMs: T0 + 20 * HOUR });
  for (let i = 0; i < lines.length; i += 97)
    lines.splice(i, 0, i % 2 === 0 ? "not json" : '{"model":"nobody","timestamp":0,"features":{}}');
  await space.write("log.ndjson", ndjson(lines));
  const port = await freePort();
  const live = `file: { path: log.ndjson, speed: 30000 }\nhttp: { listen: "127.0.0.1:${port}" }\nevent_time: { action_max_age: off }\n`;
  const config = await space.write("live.yaml", `${live}store: { path: live.db }\n${CONFIG}`);
  const status = async () => {
    const { text } = await daemon.get("/api/v1/status");
    const { sources } = JSON.parse(text || '{"sources":[]}') as {
      sources: { partitions: { position: number | null; end: number | null }[] }[];
    };
    return sources[0]?.partitions[0] ?? { position: 0, end: null };
  };
  let daemon = startDaemon(config, port);
  let reached = 0;
  for (let kill = 0; kill < 2; kill++) {
    await until("it counts on", 30_000, async () => ((await status()).position ?? 0) > reached + 2_000);
    reached = (await status()).position ?? 0;
    await daemon.kill();
    daemon = startDaemon(config, port);
  }
  await until("it has read all", 60_000, async () => (await status()).end === lines.length);
  type Episodes = { items: { id: string }[] };
  const episodes = async () => (JSON.parse((await daemon.get("/api/v1/episodes")).text) as Episodes).items.map(({ id }) => id);
  await until("the episode is told", 30_000, async () => (await episodes()).length > 0);
  const seen = await episodes();
  expect(await daemon.stop()).toBe(0);

  const { document } = await replay("log.ndjson", { more: ["--store", "replay.db"] });
  expect(document.records.read).toBe(lines.length);
  expect(document.models[0]?.episodes.map(({ id }) => id)).toEqual(seen);
  const panes = async (name: string) => {
    await space.write("export.yaml", `file: { path: log.ndjson }\nstore: { path: ${name} }\n${CONFIG}`);
    return (await run(storeCommand, ["export", "--config", "export.yaml"])).stdout.split("\n").sort();
  };
  expect(await panes("live.db")).toEqual(await panes("replay.db"));
  expect((await readFile(space.path("live.db"))).length).toBeGreaterThan(0);
});
