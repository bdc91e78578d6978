import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeCommand } from "../../src/cli/store.ts";
import { silentLog } from "../../src/lib/log.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { layoutOf, type Sketch } from "../panes/layouts.ts";
import { MINUTE, pane, T0 } from "../store/rows.ts";

// A map: an object would put "1" first.
const layout = layoutOf(
  new Map<string, Sketch>([
    ["delay", { edges: [0, 10] }],
    ["origin", { categories: ["ATL", "JFK"] }],
    ["1", { edges: [5] }],
  ]),
);

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-export-"));
  store = await openSqliteStore({ path: join(folder, "driftd.db"), log: silentLog, driftdVersion: "0.0.0" });
  const [delay, origin] = layout.row.features as [(typeof layout.row.features)[0], (typeof layout.row.features)[0]];
  const counts = new Uint32Array(layout.row.slots);
  counts.set([0, 3, 1], delay.offset);
  counts.set([7, 0], origin.offset);
  counts[delay.offset + delay.bins + SPECIAL_SLOTS.indexOf("missing")] = 2;
  counts[origin.offset + origin.bins + SPECIAL_SLOTS.indexOf("unseen")] = 4;
  const none = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const moments = Float64Array.from([4, 3.1, 80.2, -9, 40]);
  await store.commit({
    panes: [
      pane({ of: layout, counts, moments: Float64Array.from([...moments.subarray(0, 5), ...none]), records: 11, late: 1 }),
      pane({
        of: layout,
        model: "other",
        startMs: T0 + 5 * MINUTE,
        final: false,
        incomplete: true,
        lost: 3,
        ids: { checked: 8, repeated: 2 },
        moments: Float64Array.from([2, Number.NaN, Number.POSITIVE_INFINITY, -1e308, 1e308, ...none]),
      }),
    ],
    layouts: [layout.row],
    cursors: [],
  });
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function exported(...args: string[]) {
  let text = "";
  const io = { stdout: (more: string) => (text += more), stderr: () => {}, isTTY: false, env: {}, cwd: folder };
  const code = await storeCommand(["export", ...args], io);
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  return { code, lines, panes: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("store export", () => {
  it("prints each pane as the contract says, beside the daemon that holds the store", async () => {
    const { code, panes, lines } = await exported("--store", "driftd.db", "--model", "m");
    expect(code).toBe(0);
    expect(panes).toEqual([
      {
        ...{
          model: "m",
          version: "1",
          segment: "",
          source: "kafka:t",
          partition: 0,
          epoch: 0,
          pane_start: "2001-01-15T10:00:00Z",
          pane_seconds: 300,
        },
        ...{ final: true, incomplete: false, upto: 10, offsets: { from: 1, to: 9 }, records: 11, late: 1, lost: 0 },
        ...{ ids_checked: 0, ids_repeated: 0 },
        features: {
          delay: {
            ...{
              layout: layout.row.features[0]?.layout,
              counts: [0, 3, 1],
              absent: 0,
              missing: 2,
              nan: 0,
              positive_infinity: 0,
              negative_infinity: 0,
              wrong_type: 0,
            },
            moments: { count: 4, mean: 3.1, m2: 80.2, min: -9, max: 40 },
          },
          origin: { layout: layout.row.features[1]?.layout, counts: [7, 0], unseen: 4, absent: 0, missing: 0, wrong_type: 0 },
          "1": {
            ...{
              layout: layout.row.features[2]?.layout,
              counts: [0, 0],
              absent: 0,
              missing: 0,
              nan: 0,
              positive_infinity: 0,
              negative_infinity: 0,
              wrong_type: 0,
            },
            moments: { count: 0 },
          },
        },
      },
    ]);
    // The order of the snapshot, also for a name that looks like a number.
    expect(lines[0]?.match(/"(delay|origin|1)":/g)).toEqual(['"delay":', '"origin":', '"1":']);
  });

  it("writes no NaN or Infinity: moments that overflowed are absent, with the reason", async () => {
    const { lines, panes } = await exported("--store", "driftd.db", "--model", "other");
    expect(lines[0]).not.toMatch(/NaN|Infinity|null/);
    expect(panes).toMatchObject([
      {
        final: false,
        incomplete: true,
        lost: 3,
        ids_checked: 8,
        ids_repeated: 2,
        features: { delay: { moments: { count: 2, min: -1e308, max: 1e308, reason: "overflow" } } },
      },
    ]);
  });

  it("leaves open panes out with --final", async () => {
    expect((await exported("--store", "driftd.db")).panes).toHaveLength(2);
    expect((await exported("--store", "driftd.db", "--final")).panes).toMatchObject([{ model: "m" }]);
  });

  it("finds the store by the configuration", async () => {
    await writeFile(join(folder, "driftd.yaml"), "models:\n  - name: m\n    reference: m.reference.json\nstore:\n  path: driftd.db\n");
    expect((await exported("--config", "driftd.yaml")).panes).toHaveLength(2);
  });

  it.each([
    ["nothing that names a store", ["export"], "USAGE"],
    ["no action", [], "USAGE"],
    ["an unknown action", ["import", "--store", "driftd.db"], "USAGE"],
    ["a store that is not there", ["export", "--store", "none.db"], "STORE_NOT_FOUND"],
  ])("says what is wrong: %s", async (_, args, code) => {
    const io = { stdout: () => {}, stderr: () => {}, isTTY: false, env: {}, cwd: folder };
    await expect(storeCommand(args, io)).rejects.toMatchObject({ code });
  });
});
