import { copyFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceCommand } from "../../src/cli/reference.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import type { ReplayDocument } from "../../src/cli/replay-report.ts";
import { silentLog } from "../../src/lib/log.ts";
import { compileLayout } from "../../src/reference/compile.ts";
import { loadSnapshot } from "../../src/reference/load.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { numericFeature, snapshotOf } from "../reference/snapshots.ts";
import { createWorkspace, HOUR, ndjson, smallSnapshot, T0, traffic, type Workspace } from "../support/workspace.ts";

const DAY = 24 * HOUR;
const CONFIG = `store: { path: driftd.db }
windows: [6h, 24h]
models:
  - name: m
    reference: { path: m.json, renew: { every: 7d, days: 28 } }
    thresholds: { psi: { warning: 0.2, critical: 0.4 } }
`;

let space: Workspace;
let replayed: ReplayDocument;
beforeAll(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
  await space.write("driftd.yaml", CONFIG);
  // Nine days of traffic, with an episode on the ninth.
  await space.write("log.ndjson", ndjson(traffic({ hours: 9 * 24, perMinute: 1, faultMs: T0 + 8 * DAY })));
  const { out } = await command(replayCommand, [
    "--config",
    "driftd.yaml",
    "--input",
    "log.ndjson",
    "--store",
    "driftd.db",
    "--format",
    "json",
  ]);
  replayed = JSON.parse(out) as ReplayDocument;
}, 120_000);
afterAll(() => space.close());

async function command(run: typeof referenceCommand, args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const io = {
    stdout: (text: string) => {
      out += text;
    },
    stderr: (text: string) => {
      err += text;
    },
    ...{ isTTY: false, env: {}, cwd: space.folder },
  };
  const code = await run([...args], io);
  return { code, out, err };
}

const build = (...args: string[]) => command(referenceCommand, ["build", ...args]);
const day = (n: number) => new Date(T0 + n * DAY).toISOString().slice(0, 10);

it("replay renews the reference when it is due, and its report says from which days", () => {
  expect(replayed.models[0]?.renewals).toMatchObject([{ at: `${day(7)}T00:00:00Z`, status: "renewed", days: 7, days_left_out: [] }]);
});

describe("driftd reference build --from-store", () => {
  it("makes a snapshot of closed panes in the same bins, without the days of an episode", async () => {
    const { code, out, err } = await build("--from-store", "--config", "driftd.yaml", "--model", "m", "--output", "new.json.gz");
    expect(code).toBe(0);
    expect(out).toMatch(/^new\.json\.gz: 10,080 records of 7 days, 2 features\nsha256:[0-9a-f]{64}\n$/);
    expect(err).toContain(`left out: ${day(7)}, ${day(8)} (days of an episode)\n`);
    expect(err).not.toContain("no calibration");
    const [first, snapshot] = [await loadSnapshot(space.path("m.json")), await loadSnapshot(space.path("new.json.gz"))];
    expect(compileLayout(snapshot).row).toEqual(compileLayout(first).row);
    expect(snapshot).toMatchObject({
      model: "m",
      records: 7 * 1440,
      provenance: { source: `store:${day(0)}/${day(9)} without ${day(7)}, ${day(8)}`, bins_of: first.digest },
      calibration: { days: 7 },
    });
    // A person has built it: it is a first reference, whatever was renewed meanwhile.
    expect(snapshot.renewal).toBeUndefined();
    expect(snapshot.version).toBeUndefined();
  });

  it("of a range of fewer than 7 days is built, with a warning", async () => {
    const { code, err } = await build(
      ...["--from-store", "--config", "driftd.yaml", "--from", day(1), "--to", day(4), "--output", "three.json"],
    );
    expect(code).toBe(0);
    expect(err).toContain("warning: no calibration on own days: 3 days of closed panes, 7 needed\n");
    expect(err).not.toContain("calendar days are fewer");
    expect(await loadSnapshot(space.path("three.json"))).toMatchObject({ records: 3 * 1440 });
  });

  it("reads another store that is named, while a daemon has it open", async () => {
    await copyFile(space.path("driftd.db"), space.path("copy.db"));
    const daemon = await openSqliteStore({ path: space.path("copy.db"), log: silentLog, driftdVersion: "0" });
    try {
      const { code } = await build("--from-store", "copy.db", "--config", "driftd.yaml", "--to", day(7), "--output", "copy.json");
      expect(code).toBe(0);
    } finally {
      await daemon.close();
    }
    const [copy, own] = [await loadSnapshot(space.path("copy.json")), await loadSnapshot(space.path("new.json.gz"))];
    expect(copy.features.map(({ counts }) => counts)).toEqual(own.features.map(({ counts }) => counts));
  });

  it("takes the features whose bins are the same, and says which it left out", async () => {
    const first = smallSnapshot("m");
    const x = numericFeature("x", [1, 2, 3]);
    await space.writeReference("other.json", snapshotOf([x, first.features[1]!], { model: "m" }));
    await space.write("other.yaml", CONFIG.replace("m.json", "other.json"));
    const { err } = await build("--from-store", "--config", "other.yaml", "--to", day(7), "--output", "other.out.json");
    expect(err).toContain("left out: x (no value in these panes and bins)\n");
    expect((await loadSnapshot(space.path("other.out.json"))).features.map(({ feature }) => feature)).toEqual(["c"]);
  });

  it.each<[string, string[], string, RegExp]>([
    ["a model that is not configured", ["--model", "n"], "MODEL_UNKNOWN", /model "n" is not in the configuration/],
    ["a range without panes", ["--from", "2030-01-01", "--to", "2030-02-01"], "REFERENCE_NO_PANES", /no closed panes/],
    [
      "a range of an episode alone",
      ["--from", day(8)],
      "REFERENCE_NO_PANES",
      /no closed panes with records are left without the days of an episode, 1 of them/,
    ],
    ["a version without panes", ["--version", "7"], "REFERENCE_NO_PANES", /version "7": the store: there are no closed panes/],
    ["a range that ends before it begins", ["--from", day(3), "--to", day(3)], "USAGE", /is not after/],
    ["what is no time", ["--from", "yesterday"], "USAGE", /--from yesterday/],
    ["a store that is not there", ["--store", "nowhere.db"], "STORE_NOT_FOUND", /nowhere\.db/],
  ])("with %s says what is wrong", async (_, args, code, message) => {
    const answer = build("--from-store", "--config", "driftd.yaml", "--output", "never.json", ...args);
    await expect(answer).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it("needs the configuration, and has a help of its own", async () => {
    await expect(build("--from-store", "--output", "x.json")).rejects.toMatchObject({ code: "USAGE" });
    expect((await build("--from-store", "--help")).out).toContain("Usage: driftd reference build --from-store");
  });
});
