import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replayCommand } from "../../src/cli/replay.ts";
import type { ReplayDocument } from "../../src/cli/replay-report.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, smallSnapshot, T0, type Workspace } from "../support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m", { ignored: ["id"] }));
});
afterEach(() => space.close());

const CONFIG = `windows: [1h]
models:
  - name: m
    reference: m.json
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
    retrain: { webhook: { url: "http://127.0.0.1:9/never", secret: "whsec_c2VlbWluZ2x5LXNlY3JldC1zZWNyZXQta2V5" } }
`;

type Features = Record<string, unknown>;

/** Healthy records of `hours` hours, 20 a minute, each changed by `change` (hours since the start, number of the record). */
function records(hours: number, change: (features: Features, hour: number, i: number) => Features = (features) => features): string {
  const colours = ["red", "green", "blue", "red", "green", "blue", "red", "green", "blue", "red"];
  const lines = Array.from({ length: hours * 1200 }, (_, i) => {
    const timeMs = T0 + (i * MINUTE) / 20;
    const features = { x: ((i * 7919) % 10_000) / 100, c: colours[i % 10] };
    return JSON.stringify({ timestamp: new Date(timeMs).toISOString(), features: change(features, (timeMs - T0) / HOUR, i) });
  });
  return ndjson(lines);
}

const burst = (hour: number) => hour >= 2 && hour < 3;

async function replay(input: string, config = CONFIG) {
  await space.write("driftd.yaml", config);
  await space.write("log.ndjson", input);
  const out: string[] = [];
  const io = { stdout: (text: string) => void out.push(text), stderr: () => {}, isTTY: false, env: {}, cwd: space.folder };
  const run = (format: string) => replayCommand(["--config", "driftd.yaml", "--input", "log.ndjson", "--format", format], io);
  const code = await run("json");
  const [model] = (JSON.parse(out.join("")) as ReplayDocument).models;
  out.length = 0;
  return {
    code,
    model: model!,
    text: async () => {
      await run("text");
      return out.join("");
    },
  };
}

describe("a burst of nulls", () => {
  test("is one episode of quality, none of drift, and no request", async () => {
    const { code, model, text } = await replay(records(6, (all, hour, i) => (burst(hour) && i % 2 === 0 ? { ...all, x: null } : all)));
    expect(model.episodes).toEqual([]);
    expect([...model.retrain_requests, ...model.suppressed]).toEqual([]);
    expect(code).toBe(0);
    expect(model.quality_episodes).toEqual([
      {
        id: expect.stringMatching(/^ep_[0-9a-f]{24}$/),
        severity: "warning",
        features: ["x"],
        checks: [{ feature: "x", check: "missing" }],
        pending_at: "2024-01-15T02:05:00Z",
        firing_at: "2024-01-15T02:15:00Z",
        resolved_at: expect.stringMatching(/^2024-01-15T0[45]/),
      },
    ]);
    expect(await text()).toContain("  warning quality episode ep_");
  });

  test("hides no fault in the values that are left; what is asked for waits until the data is mended", async () => {
    const { code, model } = await replay(
      records(6, (all, hour, i) => {
        const x = hour >= 2 ? (all["x"] as number) / 10 : all["x"];
        return { ...all, x: burst(hour) && i % 2 === 0 ? null : x };
      }),
    );
    expect(code).toBe(1);
    expect(model.quality_episodes).toHaveLength(1);
    expect(model.episodes).toMatchObject([{ severity: "critical", features: ["x"] }]);
    expect(model.suppressed.map(({ guard }) => guard)).toContain("quality");
    expect(model.retrain_requests).toHaveLength(1);
    expect(model.retrain_requests[0]!.at > "2024-01-15T03:00:00Z").toBe(true);
  });
});

describe("a change of the schema", () => {
  test.each<[string, (all: Features, hour: number) => Features, string, { feature: string; check: string }[]]>([
    [
      "a key that vanished",
      ({ c, ...rest }, hour) => (hour >= 2 ? rest : { ...rest, c }),
      "critical",
      [
        { feature: "c", check: "missing" },
        { feature: "c", check: "vanished" },
      ],
    ],
    ["a new key", (all, hour) => (hour >= 2 ? { ...all, fresh: 1 } : all), "warning", [{ feature: "$schema", check: "appeared" }]],
  ])("%s", async (_, change, severity, checks) => {
    const { model } = await replay(records(4, change));
    expect(model.episodes).toEqual([]);
    expect(model.quality_episodes).toMatchObject([{ severity, checks }]);
  });

  test("is not seen in a key that the reference was built without", async () => {
    const { model } = await replay(records(3, (all, _, i) => ({ ...all, id: i })));
    expect(model.quality_episodes).toEqual([]);
  });
});

describe("declared expectations", () => {
  const expecting = (text: string) => `${CONFIG}    expectations:\n      ${text}\n`;

  test.each<[string, string, boolean]>([
    ["kept", "x: { between: [0, 100], type: number, not_null: true }", false],
    ["broken within what is tolerated", "x: { between: [1, 100], tolerate: 0.05 }", false],
    ["broken", "x: { between: [10, 100], tolerate: 0.05 }", true],
    ["of a set, broken", "c: { in_set: [red, green] }", true],
    ["of a pattern, kept", 'c: { matches: "^[a-z]+$" }', false],
    ["of a feature that the reference does not have, broken", "y: { not_null: true, tolerate: 0.5 }", true],
    ["of a type that the reference does not have, broken", "x: { type: integer, tolerate: 0.5 }", true],
  ])("%s", async (_, expectations, fails) => {
    const { code, model } = await replay(records(3), expecting(expectations));
    expect(code).toBe(0);
    expect(model.quality_episodes).toHaveLength(fails ? 1 : 0);
    // Nothing tolerated is found at once; a share above the tolerated one has to be more than chance.
    if (fails) expect(model.quality_episodes[0]!.pending_at).toMatch(/^2024-01-15T00:[0-3]/);
  });

  test("change no verdict and no bin of a feature", async () => {
    const faulty = records(4, (all, hour) => (hour >= 2 ? { ...all, x: (all["x"] as number) / 10 } : all));
    const plain = await replay(faulty);
    const { model } = await replay(faulty, expecting("x: { between: [0, 1000] }"));
    expect(model.episodes).toEqual(plain.model.episodes);
    expect(model.retrain_requests).toEqual(plain.model.retrain_requests);
  });
});
