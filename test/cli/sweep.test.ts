/** `driftd replay --set/--sweep/--onset` and `driftd backtest` over small files; the same over a broker is in `e2e/topic-range.test.ts`. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { backtestCommand } from "../../src/cli/backtest.ts";
import type { BacktestDocument } from "../../src/cli/backtest-report.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import type { ReplayDocument } from "../../src/cli/replay-report.ts";
import { createWorkspace, HOUR, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
  await space.write(
    "log.ndjson",
    ndjson([...traffic({ hours: 12, faultMs: T0 + 10 * HOUR }), ...traffic({ hours: 12, fromMs: T0 + 12 * HOUR })]),
  );
  await space.write("driftd.yaml", CONFIG);
});
afterEach(() => space.close());

const CONFIG = `store: { path: live.db }
models:
  - name: m
    reference: m.json
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    expectations: { x: { between: [0, 90] } }
    retrain: { webhook: { url: "http://127.0.0.1:9/never", secret: "whsec_c2VlbWluZ2x5LXNlY3JldC1zZWNyZXQta2V5" } }
`;

type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function run(command: typeof replayCommand, args: readonly string[], signal?: AbortSignal): Promise<Answer> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const io = {
    ...{ stdout: (text: string) => void stdout.push(text), stderr: (text: string) => void stderr.push(text) },
    ...{ isTTY: false, env: {}, cwd: space.folder, ...(signal === undefined ? {} : { signal }) },
  };
  const code = await command([...args], io).catch((error: { code?: string; message: string; hint?: string }) => {
    if (error.code === undefined) throw error;
    stderr.push(`${error.code}: ${error.message} | ${error.hint ?? ""}`);
    return 2;
  });
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

const INPUT = ["--config", "driftd.yaml", "--input", "log.ndjson"];
const replay = async (...args: string[]) => {
  const answer = await run(replayCommand, [...INPUT, "--format", "json", ...args]);
  return { ...answer, document: (answer.stdout === "" ? undefined : JSON.parse(answer.stdout)) as ReplayDocument };
};
const backtest = async (...args: string[]) => {
  const answer = await run(backtestCommand, ["--config", "driftd.yaml", "--format", "json", ...args]);
  return { ...answer, document: (answer.stdout === "" ? undefined : JSON.parse(answer.stdout)) as BacktestDocument };
};

describe("a sweep", () => {
  test("has for each setting what a replay with that setting says, whatever it changes", async () => {
    const sweeps: [string, string[]][] = [
      ["psi.threshold", ["0.05", "50"]],
      ["false_alarms.budget", ["10"]],
      ["windows", ["1h", "2h,6h"]],
      ["for", ["1h"]],
      ["quality.growth", ["0.3"]],
    ];
    for (const [key, values] of sweeps) {
      const { document } = await replay("--sweep", `${key}=${values.join(";")}`);
      for (const [i, value] of values.entries()) {
        const alone = await replay(
          "--set",
          key === "psi.threshold" ? `thresholds.psi.threshold=${value}` : `${key}=${value}`,
          "--onset",
          "2024-01-15T10:00:00Z",
        );
        const { onset: _, ...summary } = alone.document.models[0]!.summary!;
        expect([key, value, document.sweep![i]!.models]).toEqual([key, value, [{ ...alone.document.models[0], summary }]]);
      }
    }
  });

  test("leaves everything else of the document as it is", async () => {
    const plain = await replay();
    const { document } = await replay("--sweep", "psi.threshold=0.1,0.2");
    const { sweep, models, ...rest } = document;
    expect(sweep!.map(({ set }) => set)).toEqual([{ "psi.threshold": 0.1 }, { "psi.threshold": 0.2 }]);
    expect({ ...rest, models: models.map(({ summary: _, ...model }) => model) }).toEqual(plain.document);
    expect(plain.document.models[0]).not.toHaveProperty("summary");
  });

  test("says how soon after the onset, and what fired before it", async () => {
    const { document, stderr } = await replay("--sweep", "psi.threshold=0.0001,0.3,50", "--onset", "2024-01-15T10:00:00Z");
    expect(stderr).toMatch(/^counted and judged in \d+\.\d s, 3 more settings in \d+\.\d s\n$/);
    const [nervous, good, deaf] = document.sweep!.map(({ models }) => models[0]!.summary!);
    expect(nervous!.onset).toMatchObject({ before: { episodes: 1, critical: 1 }, open: true, first_critical: null });
    expect(good!.onset).toMatchObject({ before: { episodes: 0, critical: 0 }, open: false });
    expect(good!.onset!.first_critical!.after_seconds).toBeGreaterThan(0);
    expect(good!.onset!.first_critical!.after_seconds).toBeLessThan(2 * 3600);
    expect(Date.parse(good!.onset!.first_critical!.at) - T0 - 10 * HOUR).toBe(good!.onset!.first_critical!.after_seconds * 1000);
    expect(deaf).toMatchObject({ episodes: 0, firing: 0, onset: { first_warning: null, first_critical: null } });
    expect(nervous!.firing).toBeGreaterThan(0.9);
    expect(good).toMatchObject({ episodes: 1, critical: 1, requests: 1, features: [{ feature: "x", episodes: 1 }] });
    expect(good!.per_30_days!.episodes).toBeCloseTo(30 / good!.days, 0);
  });

  test("is a table on a terminal", async () => {
    const { stdout } = await run(replayCommand, [...INPUT, "--sweep", "psi.threshold=0.3,50", "--onset", "2024-01-15T10:00:00"]);
    const table = stdout.slice(stdout.indexOf("\nm over")).split("\n").slice(2, -1);
    expect(table.map((line) => line.trim().split(/ {2,}/)[0])).toEqual([
      "setting",
      "as configured",
      "psi.threshold=0.3",
      "psi.threshold=50",
    ]);
    expect(table[3]).toMatch(/psi\.threshold=50 +0 +0 +0 +0 +0 % +0 +never +never$/);
  });

  test.each<[string, string[], string]>([
    [
      "an onset outside the data",
      ["--onset", "2024-02-01"],
      "USAGE: --onset 2024-02-01T00:00:00Z is outside the data, which is from 2024-01-15T00:00:00Z",
    ],
    ["an onset that is no time", ["--onset", "noon"], "USAGE: --onset noon: is no time"],
    ["a range beside a file", ["--from", "2024-01-15"], "USAGE: --from stands beside an input that is no topic"],
    ["brokers beside a file", ["--brokers", "localhost:9092"], "USAGE: --brokers stands beside an input that is no topic"],
  ])("%s is refused", async (_, args, message) => {
    const { code, stdout, stderr } = await run(replayCommand, [...INPUT, ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test.each<[string, string[], string]>([
    ["a broker without a topic", ["kafka://localhost:9092"], "names a broker and no topic"],
    ["nothing", ["kafka://"], "names no topic"],
    ["a topic that nobody names a broker for", ["kafka://inference-log"], "no broker is named"],
    ["an address that is none", ["kafka://log", "--brokers", "localhost"], '"localhost" is no address of a broker'],
    [
      "times the wrong way round",
      ["kafka://log", "--from", "2024-01-16", "--to", "2024-01-15"],
      "--from 2024-01-16 is not before --to 2024-01-15",
    ],
    ["a day that is none", ["kafka://log", "--from", "yesterday"], "--from yesterday: is no time"],
  ])("of an input that is %s nothing is read", async (_, [input, ...args], message) => {
    const { code, stderr } = await run(replayCommand, ["--config", "driftd.yaml", "--input", input!, ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^USAGE: /)]);
    expect(stderr).toContain(message);
  });
});

describe("a backtest", () => {
  beforeEach(async () => {
    expect((await replay("--store", "live.db")).code).toBe(1);
  });

  test("says of a store what a replay of its records says, and of each setting too", async () => {
    const { document: replayed } = await replay("--sweep", "psi.threshold=0.05,50", "--onset", "2024-01-15T10:00:00Z");
    const { code, document, stderr } = await backtest("--sweep", "psi.threshold=0.05,50", "--onset", "2024-01-15T10:00:00Z");
    expect([code, stderr.replace(/\d+\.\d s/, "")]).toEqual([1, "3 settings in \n"]);
    expect({ models: document.models, sweep: document.sweep }).toEqual({ models: replayed.models, sweep: replayed.sweep });
    expect(document).toMatchObject({
      schema: "driftd/backtest/v1",
      store: space.path("live.db"),
      time: { from: "2024-01-15T00:00:00Z", to: "2024-01-16T00:00:00Z" },
      notes: [],
    });
    expect((await backtest()).stdout).toBe((await backtest()).stdout);
  });

  test("judges a part of the time by what stands before it too", async () => {
    const { document } = await backtest("--from", "2024-01-15T09:00:00Z", "--to", "2024-01-15T14:00:00Z", "--set", "windows=1h");
    const [{ episodes, evaluations, insufficient }] = document.models as [BacktestDocument["models"][number]];
    // The first end after nine o'clock is a whole window.
    expect([evaluations, insufficient]).toEqual([60, 0]);
    expect(episodes.map(({ resolved_at }) => resolved_at)).toEqual(["2024-01-15T13:30:00Z"].map(() => expect.anything()));
    expect(document.time).toEqual({ from: "2024-01-15T09:00:00Z", to: "2024-01-15T14:00:00Z" });
  });

  test("says where the range goes beyond the store, and which panes were counted in other bins", async () => {
    const wide = await backtest("--from", "2023-12-01", "--to", "2024-03-01");
    expect(wide.document.notes).toEqual([
      "the store begins at 2024-01-15T00:00:00Z: earlier panes are gone (store.retention keeps 35 days) or were never counted",
      "the daemon has judged up to 2024-01-16T00:00:00Z: nothing later is judged here",
    ]);
    await space.writeReference("other.json", smallSnapshot("m", {}, 2));
    const { document } = await backtest("--set", "reference=other.json");
    expect(document.notes).toEqual([
      expect.stringMatching(/^m: panes between .* were counted in other bins than the reference has for x; /),
    ]);
    expect(document.models[0]!.episodes).toEqual([]);
  });

  test.each<[string, string[], string]>([
    ["a range without panes", ["--from", "2024-03-01"], "BACKTEST_EMPTY: store"],
    ["a store that is not there", ["--store", "none.db"], "STORE_NOT_FOUND"],
    ["what is counted", ["--set", "max_versions=3"], "max_versions decides what is counted"],
    ["an onset outside", ["--onset", "2025-01-01"], "is outside the data"],
  ])("%s is refused", async (_, args, message) => {
    const { code, stdout, stderr } = await run(backtestCommand, ["--config", "driftd.yaml", ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test("names the models that the store has when it has none of the configured ones", async () => {
    await space.write("driftd.yaml", CONFIG.replace("name: m", "name: mm"));
    const { stderr } = await run(backtestCommand, ["--config", "driftd.yaml"]);
    expect(stderr).toContain("has no pane of mm | known: m");
  });

  test("writes nothing", async () => {
    const before = await backtest();
    await backtest("--sweep", "psi.threshold=0.1,0.2");
    expect((await backtest()).stdout).toBe(before.stdout);
    expect((await run(backtestCommand, ["--config", "driftd.yaml"])).stdout).toContain(
      "event time 2024-01-15T00:00:00Z to 2024-01-16T00:00:00Z\n",
    );
  });

  test("ends when it is asked to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("asked to stop"));
    await expect(run(backtestCommand, ["--config", "driftd.yaml"], stop.signal)).rejects.toThrow("asked to stop");
  });
});
