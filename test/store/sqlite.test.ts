import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { APPLICATION_ID, migrations } from "../../src/store/migrations.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite.ts";
import { cursor, decision, layout, MINUTE, outboxMessage, pane, request, T0 } from "./rows.ts";
import { storeSuite } from "./store.suite.ts";

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-store-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const freshPath = () => join(folder, `${++files}.db`);
const openAt = (path: string, rest: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ path, log: silentLog, driftdVersion: "0.0.0", ...rest });

storeSuite("sqlite", async () => {
  const path = freshPath();
  return { open: () => openAt(path), remove: async () => {} };
});

describe("one daemon", () => {
  it("a second one on the same file is refused at once", async () => {
    const path = freshPath();
    const first = await openAt(path);
    await expect(openAt(path)).rejects.toMatchObject({ code: "STORE_IN_USE", hint: expect.stringContaining("stop the other one") });
    await first.close();
    await (await openAt(path)).close();
  });

  it("readers and a short writer work beside it", async () => {
    const path = freshPath();
    const daemon = await openAt(path);
    await daemon.commit({ panes: [pane()], layouts: [layout.row], cursors: [cursor()] });
    await daemon.commitDecision(decision({ outbox: [outboxMessage()] }));
    const reader = await openAt(path, { readOnly: true });
    const writer = await openAt(path, { beside: true });
    expect(await reader.panes({})).toEqual([pane()]);
    await writer.setDelivery("msg_1", "cancelled", T0, T0);
    expect(await daemon.deliveries({})).toMatchObject([{ status: "cancelled" }]);
    await expect(reader.setFact("a", "b")).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
    for (const store of [reader, writer, daemon]) await store.close();
  });

  it("a reader's pages are of one moment", async () => {
    const path = freshPath();
    const daemon = await openAt(path);
    await daemon.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
    const reader = await openAt(path, { readOnly: true });
    const seen: number[] = [];
    await reader.eachPane({}, async (page) => {
      seen.push(page.length);
      await daemon.commit({ panes: [pane({ startMs: T0 + 5 * MINUTE })], layouts: [], cursors: [] });
      expect(await reader.panes({})).toHaveLength(1);
    });
    expect(seen).toEqual([1]);
    expect(await reader.panes({})).toHaveLength(2);
    await reader.close();
    await daemon.close();
  });
});

describe("kill −9 in the middle of commits", () => {
  it("leaves a store in which panes, cursor and decisions agree", { timeout: 60_000 }, async () => {
    const path = freshPath();
    let told = 0;
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [fileURLToPath(new URL("./crash.fixture.ts", import.meta.url)), path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = new Promise((resolve) => child.once("exit", resolve));
      // Somewhere in the work that follows its tenth-odd answer.
      let answers = 0;
      await new Promise<void>((resolve) => {
        child.stdout.on("data", (text: Buffer) => {
          const lines = text.toString().trim().split("\n");
          answers += lines.length;
          told = Number(lines.at(-1));
          if (answers >= 10 + round * 7) resolve();
        });
        child.once("exit", () => resolve());
      });
      child.kill("SIGKILL");
      await exited;

      const store = await openAt(path);
      const [at] = await store.cursors();
      const n = at?.processedThrough as number;
      expect(n).toBeGreaterThanOrEqual(told);
      const panes = await store.panes({ model: "m" });
      expect(panes).toHaveLength(3 * n);
      for (const { key, counts } of panes) expect(new Set(counts)).toEqual(new Set([(key.startMs - T0) / (5 * MINUTE)]));
      const [state] = await store.alertStates();
      const decided = Number(state?.state);
      expect([n, n - 1]).toContain(decided);
      expect(await store.evaluatedThrough()).toMatchObject([{ throughMs: decided }]);
      expect(await store.deliveries({})).toHaveLength(decided);
      // A decision that was lost with its process is made again before the next commit.
      if (decided < n) {
        const through = { model: "m", version: "1", window: "1h", throughMs: n };
        await store.commitDecision(
          decision({
            evaluatedThrough: [through],
            alertState: [{ model: "m", version: "1", state: String(n) }],
            outbox: [outboxMessage({ id: `msg_${n}` })],
          }),
        );
      }
      await store.close();
    }
  });
});

describe("files that are not a store of ours", () => {
  it.each<[string, (path: string) => Promise<void>, Partial<SqliteStoreOptions>, string, string]>([
    ["text", (path) => writeFile(path, "model,version\n".repeat(500)), {}, "STORE_CORRUPT", "move it away"],
    ["a damaged head", (path) => damage(path, 0, 90), {}, "STORE_CORRUPT", "move it away"],
    ["a damaged schema page", (path) => damage(path, 100, 4000), {}, "STORE_CORRUPT", "move it away"],
    ["another program's database", async (path) => sql(path, "CREATE TABLE t (a)"), {}, "STORE_FOREIGN", "store.path"],
    ["a store of a newer driftd", (path) => asStore(path, "PRAGMA user_version = 99"), {}, "STORE_TOO_NEW", "newer driftd"],
    [
      "a store of a newer driftd, to read",
      (path) => asStore(path, "PRAGMA user_version = 99"),
      { readOnly: true },
      "STORE_TOO_NEW",
      "newer driftd",
    ],
    [
      "a store of an older driftd, to read",
      (path) => asStore(path, "PRAGMA user_version = 0"),
      { readOnly: true },
      "STORE_TOO_OLD",
      "driftd run",
    ],
    ["no file, to read", async () => {}, { readOnly: true }, "STORE_NOT_FOUND", "store.path"],
    ["no file, to write beside", async () => {}, { beside: true }, "STORE_NOT_FOUND", "store.path"],
    ["a folder", async (path) => void (await mkdir(path)), {}, "STORE_UNREADABLE", "folder"],
  ])("%s: one clear message", async (_, make, rest, code, hint) => {
    const path = freshPath();
    await make(path);
    await expect(openAt(path, rest)).rejects.toMatchObject({
      code,
      hint: expect.stringContaining(hint),
      message: expect.stringContaining(path),
    });
  });

  it("a folder that is not there", async () => {
    const path = join(folder, "nowhere", "driftd.db");
    await expect(openAt(path)).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
  });

  it("a refused file is not changed", async () => {
    const path = freshPath();
    await writeFile(path, "x".repeat(5000));
    await openAt(path).catch(() => {});
    expect((await stat(path)).size).toBe(5000);
  });

  it("a pane's bytes that do not fit their layout are damage, found when they are read", async () => {
    const path = freshPath();
    const store = await openAt(path);
    await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
    await store.close();
    sql(path, "UPDATE panes SET counts = x'ff'");
    const again = await openAt(path);
    await expect(again.panes({})).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await again.close();
  });
});

describe("migrations", () => {
  it("a new store is at the newest format, and an empty file becomes one", async () => {
    const path = freshPath();
    await (await open(path, "w")).close();
    await (await openAt(path)).close();
    const db = new DatabaseSync(path);
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: migrations.length });
    db.close();
  });
});

describe("a store of an older driftd", () => {
  /** A store as the driftd of `format` made it. */
  function older(format: number, fill: (db: DatabaseSync) => void): string {
    const path = freshPath();
    const db = new DatabaseSync(path);
    for (const step of migrations.slice(0, format)) db.exec(step);
    db.exec(`PRAGMA user_version = ${format}; PRAGMA application_id = ${APPLICATION_ID}`);
    fill(db);
    db.close();
    return path;
  }
  const put = (
    db: DatabaseSync,
    id: string,
    output: string,
    status: string,
    body: string,
    type = "driftd.retrain.requested",
    updatedMs = T0 + 5,
  ) =>
    db
      .prepare(
        `INSERT INTO outbox (id, output, type, model, version, body, created_ms, status, attempts, next_attempt_ms, updated_ms)
          VALUES (?, ?, ?, 'm', '1', ?, ?, ?, 0, 0, ?)`,
      )
      .run(id, output, type, body, T0, status, updatedMs);

  it("opens, and what it has asked for is among the requests", async () => {
    const body = (id: string) =>
      JSON.stringify({ type: "driftd.retrain.requested", data: { request_id: id, severity: "critical", episode: "e1" } });
    const now = systemClock.nowMs();
    const path = older(2, (db) => {
      put(db, "msg_a", "hook", "delivered", body("msg_a"));
      put(db, "msg_a-mirror", "mirror", "dead", body("msg_a"));
      put(db, "msg_b", "hook", "cancelled", body("msg_b"));
      put(db, "msg_c", "hook", "dead", body("msg_c"));
      put(db, "msg_d", "hook", "pending", "no JSON");
      put(db, "msg_e", "hook", "pending", '{"a":1}', "driftd.test");
      put(db, "msg_f", "hook", "delivered", body("msg_f"), "driftd.retrain.requested", now);
      put(db, "msg_g", "hook", "pending", body("msg_g"));
      put(db, "msg_h", "hook", "cancelled", body("msg_h"));
      put(db, "msg_h-mirror", "mirror", "pending", body("msg_h"));
      put(db, "msg_i", "hook", "dead", body("msg_i"));
      put(db, "msg_i-mirror", "mirror", "delivered", body("msg_i"), "driftd.retrain.requested", now);
    });
    const store = await openAt(path);
    const common = { severity: "critical", episode: "e1", updatedAtMs: T0 + 5 } as const;
    const two = ["hook", "mirror"];
    expect(await store.retrainRequests({})).toEqual([
      request({ ...common, id: "msg_i", status: "requested", updatedAtMs: now, outputs: two, body: body("msg_i") }),
      request({ ...common, id: "msg_h", status: "requested", outputs: two, body: body("msg_h") }),
      request({ ...common, id: "msg_g", status: "requested", body: body("msg_g") }),
      request({ ...common, id: "msg_f", status: "requested", updatedAtMs: now, body: body("msg_f") }),
      request({ ...common, id: "msg_c", status: "failed", body: body("msg_c") }),
      request({ ...common, id: "msg_b", status: "cancelled", body: body("msg_b") }),
      request({ ...common, id: "msg_a", status: "timed_out", outputs: two, body: body("msg_a") }),
    ]);
    expect(await store.deliveries({})).toHaveLength(12);
    await store.close();
  });

  it.each(migrations.map((_, format) => [format]).slice(1))("of format %i opens with what it holds", async (format) => {
    const path = older(format, (db) => db.exec("INSERT INTO facts (name, value) VALUES ('a', 'b')"));
    const store = await openAt(path);
    expect(await store.getFact("a")).toBe("b");
    await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
    expect(await store.panes({})).toEqual([pane()]);
    await store.close();
  });
});

describe("closing", () => {
  it("leaves one file that can be copied", async () => {
    const path = freshPath();
    const store = await openAt(path);
    await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
    await store.close();
    const names = (await readdir(folder)).filter((name) => name.startsWith(`${files}.db`));
    expect(names.sort()).toEqual([`${files}.db`, `${files}.db-lock`]);
    const copy = freshPath();
    await copyFile(path, copy);
    const again = await openAt(copy);
    expect(await again.panes({})).toEqual([pane()]);
    await again.close();
  });

  it("a store that nobody closes does not keep its process alive", async () => {
    const path = freshPath();
    const module = new URL("../../src/store/sqlite.ts", import.meta.url).href;
    const code = `const { openSqliteStore } = await import(${JSON.stringify(module)});
      const store = await openSqliteStore({ path: ${JSON.stringify(path)}, log: console, driftdVersion: "0" });
      console.log((await store.cursors()).length);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    const exit = await new Promise((resolve) => child.once("exit", resolve));
    expect(exit).toBe(0);
  });
});

async function damage(path: string, from: number, length: number): Promise<void> {
  const store = await openAt(path);
  await store.commit({ panes: [pane()], layouts: [layout.row], cursors: [] });
  await store.close();
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(length, 0xa5), 0, length, from);
  await file.close();
}

async function asStore(path: string, statement: string): Promise<void> {
  await (await openAt(path)).close();
  sql(path, statement);
}

function sql(path: string, statement: string): void {
  const db = new DatabaseSync(path);
  db.exec(statement);
  db.close();
}
