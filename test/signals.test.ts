/** Signals (`$latency`) and predictions (`$prediction`) from a table to a verdict: build, check, replay, the daemon, its metrics and API. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkConfigCommand } from "../src/cli/check-config.ts";
import { referenceCommand } from "../src/cli/reference.ts";
import { replayCommand } from "../src/cli/replay.ts";
import type { ReplayDocument } from "../src/cli/replay-report.ts";
import { loadSnapshot } from "../src/reference/load.ts";
import { createWorkspace, HOUR, MINUTE, ndjson, T0, type Workspace } from "./support/workspace.ts";

let space: Workspace;
beforeEach(async () => {
  space = await createWorkspace();
});
afterEach(() => space.close());

type Row = { readonly x: number; readonly latency: number | string | null; readonly score: number; readonly answer: string };
const row = (i: number, faulty = ""): Row => {
  const u = ((i * 7919) % 1000) / 1000;
  return {
    x: (100 * ((i * 104_729) % 1000)) / 1000,
    latency: 20 + (faulty === "latency" ? 300 : 80) * u,
    score: faulty === "score" ? u / 4 : u,
    answer: (faulty === "answer" ? ["no"] : ["yes", "no", "no"])[i % (faulty === "answer" ? 1 : 3)]!,
  };
};

async function run(command: typeof replayCommand, args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    stdout: (text: string) => void out.push(text),
    stderr: (text: string) => void err.push(text),
    isTTY: false,
    env: {},
    cwd: space.folder,
  };
  const code = await command(args, io);
  return { code, out: out.join(""), err: err.join("") };
}

/** A reference of healthy rows; `prediction` is a score or a class. */
async function reference(prediction: "score" | "answer") {
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    const { x, latency, [prediction]: predicted } = row(i);
    return `${i},${x},${latency},${predicted}`;
  });
  await space.write("train.csv", `id,x,latency_ms,prediction\n${lines.join("\n")}\n`);
  return run(referenceCommand, ["build", "--input", "train.csv", "--output", "m.json", "--signal", "latency=latency_ms"]);
}

/** Six hours, the last three with a fault. */
function records(faulty: string, prediction: "score" | "answer"): string[] {
  return Array.from({ length: 6 * 60 * 4 }, (_, i) => {
    const timeMs = T0 + i * (MINUTE / 4);
    const { x, latency, [prediction]: predicted } = row(i, timeMs >= T0 + 3 * HOUR ? faulty : "");
    return JSON.stringify({
      timestamp: new Date(timeMs).toISOString(),
      features: { x },
      prediction: predicted,
      timing: { latency_ms: latency },
    });
  });
}

const MODEL = `models:
  - { name: m, reference: m.json, thresholds: { psi: { warning: 0.2, critical: 0.4 } } }
`;
const CONFIG = `record: { signals: { latency: timing.latency_ms } }
${MODEL}`;

async function replay(input: string): Promise<ReplayDocument> {
  await space.write("driftd.yaml", CONFIG);
  const { out } = await run(replayCommand, ["--config", "driftd.yaml", "--input", input, "--format", "json"]);
  return JSON.parse(out) as ReplayDocument;
}

describe("reference build", () => {
  test("makes a signal of a column, which is then no feature, and keeps its role", async () => {
    expect(await reference("score")).toMatchObject({ code: 0, err: expect.stringContaining("left out: id (record_field)") });
    const { features } = await loadSnapshot(space.path("m.json"));
    expect(features.map(({ feature, role, kind }) => [feature, role, kind])).toEqual([
      ["x", "feature", "numeric"],
      ["$latency", "signal", "numeric"],
      ["$prediction", "prediction", "numeric"],
    ]);
  });

  test("takes a column of whole numbers without a repeat, and text in it is a wrong type", async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `${i % 7},${i === 9 ? "slow" : 1000 + i}`);
    await space.write("ids.csv", `x,micros_id\n${lines.join("\n")}\n`);
    await run(referenceCommand, ["build", "--input", "ids.csv", "--output", "ids.json", "--signal", "latency=micros_id"]);
    const { features } = await loadSnapshot(space.path("ids.json"));
    expect(features[1]).toMatchObject({ feature: "$latency", role: "signal", kind: "numeric", count: 199, wrong_type: 1 });
  });

  test.each([
    ["without a column", "latency"],
    ["with a name of driftd's own", "prediction=x"],
    ["with a name that no label can have", "a-b=x"],
    ["with a name twice", "a=x,a=y"],
    ["with a column twice", "a=x,b=x"],
  ])("refuses --signal %s", async (_name, signal) => {
    await space.write("train.csv", "x,y\n1,2\n");
    await expect(run(referenceCommand, ["build", "--input", "train.csv", "--output", "m.json", "--signal", signal])).rejects.toMatchObject({
      code: "USAGE",
    });
  });

  test("says which column of a signal the table lacks", async () => {
    await space.write("train.csv", "x,latency_ms\n1,2\n");
    await expect(
      run(referenceCommand, ["build", "--input", "train.csv", "--output", "m.json", "--signal", "latency=latency"]),
    ).rejects.toMatchObject({ code: "TABLE_COLUMN_MISSING" });
  });
});

describe("check-config", () => {
  const KAFKA = "kafka: { brokers: [localhost:9092], topics: [t] }\n";
  test.each([
    ["the signal is in both", CONFIG, undefined],
    ["the record does not name it", MODEL, "has a reference with $latency, which record.signals does not name"],
    ["no reference knows it", CONFIG.replace("latency:", "tokens: usage, latency:"), "is a signal that no reference knows"],
    ["its name is driftd's own", CONFIG.replace("latency:", "prediction: p, latency:"), "is a name of driftd's own"],
  ])("%s", async (_name, config, problem) => {
    await reference("score");
    await space.write("driftd.yaml", `${KAFKA}${config}`);
    const { code, out } = await run(checkConfigCommand, ["driftd.yaml"]);
    expect(code).toBe(problem === undefined ? 0 : 1);
    expect(out).toContain(problem ?? "fine");
    expect(out).toMatch(problem === undefined ? /fine/ : /: 1 problem\n/);
  });
});

describe.each([
  ["a score", "score"],
  ["a class", "answer"],
] as const)("with %s as prediction", (_name, prediction) => {
  test.each([
    ["", []],
    ["latency", ["$latency"]],
    [prediction, ["$prediction"]],
  ])("replay finds the fault %j alone", async (faulty, features) => {
    await reference(prediction);
    await space.write("log.ndjson", ndjson(records(faulty, prediction)));
    const { models } = await replay("log.ndjson");
    expect(models[0]!.episodes.map((episode) => episode.features)).toEqual(features.length === 0 ? [] : [features]);
  });

  test("a table gives the same episodes as NDJSON, its column being the last key of the path", async () => {
    await reference(prediction);
    const lines = records("latency", prediction);
    await space.write("log.ndjson", ndjson(lines));
    const cells = lines.map((line) => {
      const {
        timestamp,
        features,
        prediction: predicted,
        timing,
      } = JSON.parse(line) as { [key: string]: never } & {
        features: { x: number };
        timing: { latency_ms: number };
      };
      return `${timestamp},${features.x},${predicted},${timing.latency_ms}`;
    });
    await space.write("log.csv", `timestamp,x,prediction,latency_ms\n${cells.join("\n")}\n`);
    const [fromLines, fromTable] = [await replay("log.ndjson"), await replay("log.csv")];
    const told = ({ models }: ReplayDocument) => models.map((model) => model.episodes.map(({ id: _, ...episode }) => episode));
    expect(told(fromTable)).toEqual(told(fromLines));
    expect(told(fromTable)[0]).toHaveLength(1);
  });

  test("the daemon shows both with their roles in the metrics and the API", async () => {
    await reference(prediction);
    await space.write("log.ndjson", ndjson(records("latency", prediction)));
    const app = await space.start(
      `file: { path: log.ndjson }\nhttp: { listen: "127.0.0.1:0" }\nstore: { path: driftd.db }\nevent_time: { action_max_age: off }\n${CONFIG}`,
    );
    await app.finished;
    const metrics = await app.metrics();
    const kind = prediction === "score" ? "numeric" : "categorical";
    expect(metrics).toContain('driftd_feature_info{model="m",feature="$latency",role="signal",kind="numeric"} 1');
    expect(metrics).toContain(`driftd_feature_info{model="m",feature="$prediction",role="prediction",kind="${kind}"} 1`);
    expect(metrics).toContain('driftd_feature_drifted{model="m",version="",feature="$latency",severity="critical"} 1');
    expect(metrics).toContain('driftd_feature_drifted{model="m",version="",feature="$prediction",severity="critical"} 0');
    for (const [name, role, verdict] of [
      ["$latency", "signal", "drift"],
      ["$prediction", "prediction", "no_drift"],
    ]) {
      const { status, text } = await app.get(`/api/v1/models/m/features/${encodeURIComponent(name!)}?window=1h`);
      expect([status, JSON.parse(text)]).toMatchObject([200, { feature: name, role, verdict }]);
    }
    const list = JSON.parse((await app.get("/api/v1/models/m/features?window=1h")).text) as { items: { feature: string; role: string }[] };
    expect(list.items.map(({ feature, role }) => [feature, role])).toContainEqual(["$latency", "signal"]);
  });
});

test("a record without the signal, or with text in it, is counted so and harms no neighbour", async () => {
  await reference("score");
  const lines = records("", "score").map((line, i) =>
    i % 4 === 0 ? line.replace(/,"timing".*$/, "}") : i % 4 === 1 ? line.replace(/"latency_ms":[\d.]+/, '"latency_ms":"slow"') : line,
  );
  await space.write("log.ndjson", ndjson(lines));
  const app = await space.start(`file: { path: log.ndjson }\nhttp: { listen: "127.0.0.1:0" }\nstore: { path: driftd.db }\n${CONFIG}`);
  await app.finished;
  const metrics = await app.metrics();
  expect(metrics).toContain('driftd_feature_invalid_values_total{model="m",feature="$latency",reason="missing"} 360');
  expect(metrics).toContain('driftd_feature_invalid_values_total{model="m",feature="$latency",reason="wrong_type"} 360');
  expect(app.pipeline.ingest.stats().counted).toBe(1440);
});
