/** Outliers through the whole daemon: from records of a file to lines about the worst of them. */

import { readFile, rename } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkConfigCommand } from "../src/cli/check-config.ts";
import { digestOf } from "../src/reference/canonical.ts";
import { featureLayoutHash } from "../src/reference/compile.ts";
import type { Snapshot } from "../src/reference/snapshot.ts";
import { normal, seedRandom } from "./detection/random.ts";
import { buildOf } from "./reference/derived-data.ts";
import { createWorkspace, MINUTE, ndjson, smallSnapshot, T0, type Workspace } from "./support/workspace.ts";

let space: Workspace;
let snapshot: Snapshot;

beforeAll(async () => {
  const random = seedRandom(31);
  const column = () => Array.from({ length: 3000 }, () => normal(random));
  ({ snapshot } = await buildOf({ x: column(), y: column(), z: column() }));
});
beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", snapshot);
});
afterEach(() => space.close());

const yaml = (outliers = "{ path: worst.ndjson, share: 0.001 }") => `file: { path: log.ndjson, speed: 0 }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
event_time: { action_max_age: off }
models:
  - { name: m, reference: m.json${outliers === "" ? "" : `, outliers: ${outliers}`} }
`;

function records(count: number): string[] {
  const random = seedRandom(32);
  return Array.from({ length: count }, (_, i) => {
    const worst = i % 100 === 42;
    const features = worst ? { x: 50, y: normal(random), z: -50 } : { x: normal(random), y: normal(random), z: normal(random) };
    return JSON.stringify({ ...(i === 142 ? {} : { id: `r${i}` }), timestamp: new Date(T0 + i * MINUTE).toISOString(), features });
  });
}

const lines = async () => {
  const text = await readFile(space.path("worst.ndjson"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { id: string; features: string[]; score: number; limit: number });
};

describe("a model that asks for its worst records", () => {
  it("gets a line for each, without values, once although the daemon restarts; derived features are in the panes", async () => {
    await space.write("log.ndjson", ndjson(records(600)));
    const app = await space.start(yaml());
    await app.finished;
    const metrics = await app.metrics();
    await app.stop();
    const again = await space.start(yaml());
    await again.finished;
    await again.stop();
    const found = await lines();
    for (const id of ["r42", "r242", "r342", "r442", "r542"]) expect(found.filter((line) => line.id === id)).toHaveLength(1);
    const [first] = found.filter(({ id }) => id === "r42");
    expect(first).toMatchObject({ model: "m", version: "", event_time: new Date(T0 + 42 * MINUTE).toISOString() });
    expect(first!.features.slice(0, 2).sort()).toEqual(["x", "z"]);
    expect(first!.score).toBeGreaterThan(first!.limit);
    expect(Object.keys(first!).sort()).toEqual(["event_time", "features", "id", "limit", "model", "score", "version"]);
    expect(metrics).toMatch(/^driftd_outlier_lines_total\{model="m"\} [5-9]$/m);
    expect(metrics).toMatch(/^driftd_outlier_lines_dropped_total\{model="m",reason="no_id"\} 1$/m);
  });

  it("gets a new file when the old one was renamed and the configuration read again", async () => {
    await space.write("log.ndjson", ndjson(records(100)));
    const app = await space.start(yaml());
    await app.finished;
    await rename(space.path("worst.ndjson"), space.path("worst.1"));
    await app.reload();
    expect(await lines()).toEqual([]);
    await app.stop();
  });

  it("whose file cannot be written is refused at the start", async () => {
    await space.write("log.ndjson", ndjson(records(10)));
    await expect(space.start(yaml("{ path: no/such/folder.ndjson }"))).rejects.toMatchObject({ code: "OUTLIER_LOG_UNWRITABLE" });
  });
});

describe("a reference without an outlier score", () => {
  it("does for a model that does not ask, and is refused for one that does, with what to do", async () => {
    await space.writeReference("m.json", smallSnapshot("m"));
    await space.write("log.ndjson", ndjson(records(10)));
    const quiet = await space.start(yaml(""));
    await quiet.stop();
    await expect(space.start(yaml())).rejects.toMatchObject({
      code: "REFERENCE_WITHOUT_OUTLIER",
      hint: expect.stringContaining("--outliers on"),
    });
  });

  it("is told by check-config", async () => {
    await space.writeReference("m.json", smallSnapshot("m"));
    await space.write("log.ndjson", ndjson(records(10)));
    const file = await space.write("check.yaml", yaml());
    let out = "";
    const stdout = (text: string) => {
      out += text;
    };
    const io = { stdout, stderr: () => {}, isTTY: false, env: {}, cwd: space.folder };
    expect(await checkConfigCommand([file], io)).toBe(1);
    expect(out).toMatch(/outliers are asked for, but .*m\.json has no outlier score/);
  });
});

it("a layout says by what a derived feature is computed: panes of two definitions never add", () => {
  const feature = snapshot.features.find(({ feature: name }) => name === "$outlier")!;
  if (feature.kind !== "numeric") throw new Error("it is a number");
  expect(featureLayoutHash({ ...feature, definition: "another" })).not.toBe(feature.layout);
  expect(digestOf(snapshot)).toBe(snapshot.digest);
});
