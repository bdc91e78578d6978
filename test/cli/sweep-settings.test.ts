import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../../src/cli/sweep-settings.ts";
import type { DriftdError } from "../../src/lib/errors.ts";
import { createWorkspace, type Workspace } from "../support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
});
afterEach(() => space.close());

// Two models share one map by an anchor: what is set for one must not reach the other through it.
const CONFIG = `outputs: { hook: { type: webhook, url: "http://127.0.0.1:9/never", secret: s } }
models:
  - { name: m, reference: m.json, false_alarms: &shared { budget: 3 }, retrain: { to: [hook] } }
  - { name: m.eu, reference: eu.json, false_alarms: *shared, thresholds: { psi: { warning: 0.1, critical: 0.2 } } }
`;

async function load(sets: readonly string[], sweeps: readonly string[] = [], { counted = false, config = CONFIG } = {}) {
  const file = await space.write("driftd.yaml", config);
  return loadSettings(file, { sets, sweeps, counted }, { env: {}, cwd: space.folder } as never, { source: "optional" });
}

async function failure(...args: Parameters<typeof load>): Promise<string> {
  const error = await load(...args).then(
    () => undefined,
    (thrown: DriftdError) => thrown,
  );
  expect(error?.code).toBe("USAGE");
  return `${error!.message} | ${error!.hint ?? ""}`;
}

describe("--set", () => {
  test("is for every model, or for the one that it names, dots and all", async () => {
    const { config, sweep } = await load([
      "false_alarms.budget=2",
      "models.m.eu.false_alarms.budget=9",
      "models.m.for=30m",
      "windows=2h,24h",
    ]);
    expect(config.models.map(({ falseAlarms, forMs }) => [falseAlarms.budget, forMs])).toEqual([[2, 1_800_000], [9, 0]]); // biome-ignore format: pairs
    expect(config.windows.map(({ name }) => name)).toEqual(["2h", "24h"]);
    expect(sweep).toEqual([]);
  });

  test.each<[string, string, unknown[]]>([
    [
      "a statistic without thresholds before it",
      "psi.critical=0.3",
      [{ psi: { critical: 0.3 } }, { psi: { warning: 0.1, critical: 0.3 } }],
    ],
    ["its whole limit", "ks.threshold=.1", [{ ks: { critical: 0.1 } }, { psi: { warning: 0.1, critical: 0.2 }, ks: { critical: 0.1 } }]],
    ["auto", "thresholds=auto", ["auto", "auto"]],
    ["JSON", 'thresholds={"kl":{"warning":1}}', [{ kl: { warning: 1 } }, { kl: { warning: 1 } }]],
  ])("takes %s", async (_, set, thresholds) => {
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    expect((await load([set])).config.models.map((model) => plain(model.thresholds))).toEqual(thresholds);
  });

  test("takes lists, switches and the long form of a reference", async () => {
    const { config } = await load(["features.exclude=a,b", "models.m.retrain.paused=true", "reference.renew.every=14d"]);
    expect(config.models[0]).toMatchObject({
      features: { exclude: ["a", "b"] },
      retrain: { paused: true },
      renew: { everyMs: 14 * 86_400_000 },
    });
    expect(config.models[0]!.reference).toEqual({ kind: "file", path: space.path("m.json") });
  });

  test.each([
    ["thresholds.psi.critcal=0.3", '--set thresholds.psi.critcal=0.3: unknown key | did you mean "critical"?'],
    ["false_alarm.budget=1", '--set false_alarm.budget=1: false_alarm: unknown key | did you mean "false_alarms"?'],
    ["psi.critical=high", '--set psi.critical=high: "high" is text, not a number | '],
    ["for=1", "--set for=1: 1 is a whole number, not text | add the unit, e.g. 1s"],
    ["windows=7m", '--set windows=7m: windows[0]: "7m" is not a multiple of 1h | write 1h (with pane 5m)'],
    [
      "windows=90d",
      "with --set windows=90d: store.retention: is shorter than the longest window and allowed_lateness together | at least 90d10m",
    ],
    ["psi.warning=0.5", "--set psi.warning=0.5: 0.5 is above critical, 0.2 | swap them, or lower the warning"],
    ["models.eu.for=1h", '--set models.eu.for=1h: no model "eu" is configured | did you mean "m.eu"?'],
    [
      "event_time.pane=1m",
      "--set event_time.pane=1m: event_time cannot be set here | only windows and keys of a model can; change it in the configuration",
    ],
    ["nonsense", "--set nonsense: has no form KEY=VALUE | write --set thresholds.psi.critical=0.2"],
    ["thresholds={psi}", "--set thresholds={psi}: the value is no JSON | a value that begins with a quote or a bracket is read as JSON"],
  ])("%s is told with the flag", async (set, message) => {
    expect(await failure([set])).toBe(message);
  });

  test("cannot change what was counted where the panes are there already", async () => {
    expect(await failure(["max_versions=3"], [], { counted: true })).toContain(
      "--set max_versions=3: max_versions decides what is counted",
    );
    await expect(load(["max_versions=3"])).resolves.toBeDefined();
    await expect(load(["for=1h"], [], { counted: true })).resolves.toBeDefined();
  });
});

describe("--sweep", () => {
  test("is a grid, the last key turning fastest, on top of what is set", async () => {
    const { config, sweep } = await load(["models.m.for=1h"], ["psi.threshold=0.1,0.2", "windows=1h;1h,24h"]);
    expect(config.models[1]!.thresholds).toMatchObject({ psi: { warning: 0.1 } });
    expect(sweep.map(({ set }) => set)).toEqual([
      { "psi.threshold": 0.1, windows: ["1h"] },
      { "psi.threshold": 0.1, windows: ["1h", "24h"] },
      { "psi.threshold": 0.2, windows: ["1h"] },
      { "psi.threshold": 0.2, windows: ["1h", "24h"] },
    ]);
    expect(sweep[3]!.config.windows).toHaveLength(2);
    expect(sweep[3]!.config.models.map(({ forMs, thresholds }) => [forMs, JSON.stringify(thresholds)])).toEqual([
      [3_600_000, '{"psi":{"critical":0.2}}'],
      [0, '{"psi":{"critical":0.2}}'],
    ]);
  });

  test.each<[string, string[], string]>([
    ["a key that does not exist", ["psi.treshold=0.1,0.2"], '--sweep psi.treshold=0.1: unknown key | did you mean "threshold"?'],
    ["a value that is none", ["false_alarms.budget=1,none"], '--sweep false_alarms.budget=none: "none" is text, not a number'],
    ["an empty value", ["psi.threshold=0.1,,0.2"], "--sweep psi.threshold=0.1,,0.2: a value is empty"],
    ["a key twice", ["psi.threshold=0.1", "thresholds.psi.threshold=0.2"], "--sweep thresholds.psi.threshold=0.2: this key is swept twice"],
    ["what is counted", ["reference=a.json,b.json"], "--sweep reference=a.json: reference decides what is counted"],
    [
      "101 settings",
      [`psi.threshold=${Array.from({ length: 101 }, (_, i) => i + 1).join(",")}`],
      "--sweep: 101 = 101 settings are too many; at most 100",
    ],
  ])("%s is refused", async (_, sweeps, message) => {
    expect(await failure([], sweeps)).toContain(message);
  });

  test("takes exactly 100 settings", async () => {
    const tens = Array.from({ length: 10 }, (_, i) => `0.${i + 1}1`).join(",");
    expect((await load([], [`psi.threshold=${tens}`, `ks.threshold=${tens}`])).sweep).toHaveLength(100);
  });
});

test("a slip of the file itself is told with its place, not with a flag", async () => {
  await expect(load(["for=1h"], [], { config: CONFIG.replace("budget: 3", "budget: none") })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/driftd\.yaml:3:\d+: models\[0\]\.false_alarms\.budget/),
  });
});
