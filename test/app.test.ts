import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LoadedConfig, loadConfig } from "../src/config/load.ts";
import { startReceiver } from "../src/demo/receiver.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLog } from "../src/lib/log.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { categoricalFeature, snapshotOf } from "./reference/snapshots.ts";
import { until } from "./support/daemon.ts";
import { createWorkspace, HOUR, ndjson, SECRET, smallSnapshot, T0, type TestApp, traffic, type Workspace } from "./support/workspace.ts";

let space: Workspace;
const servers: Server[] = [];

beforeEach(async () => {
  space = await createWorkspace();
  await space.writeReference("m.json", smallSnapshot("m"));
  await space.write("log.ndjson", ndjson(traffic()));
});

afterEach(async () => {
  await space.close();
  for (const server of servers.splice(0)) server.close();
});

/** A configuration with one model, `m`; `more` goes into its entry, `sections` beside. */
function yaml({ file = "log.ndjson", speed = 0, more = "", sections = "", models = "" } = {}): string {
  return `file: { path: ${file}, speed: ${speed} }
http: { listen: "127.0.0.1:0" }
store: { path: driftd.db }
event_time: { action_max_age: off }
${sections}
models:
  - { name: m, reference: m.json, thresholds: { psi: { warning: 0.2, critical: 0.4 } }${more} }
${models}`;
}

/** So slow that the source never ends: its first chunk of records comes at once. */
const ENDLESS = { speed: 0.001 };

/** A peer that takes connections and never says anything. */
async function silentPeer(): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return (server.address() as { port: number }).port;
}

async function storeIsFree(): Promise<boolean> {
  const store = await openSqliteStore({ path: space.path("driftd.db"), log: silentLog, driftdVersion: "test" }).catch(() => undefined);
  await store?.close();
  return store !== undefined;
}

async function listens(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

const counted = (app: TestApp) => app.pipeline.ingest.stats().counted;

describe("start and stop", () => {
  test("it starts, judges, serves and stops, and leaves nothing open", async () => {
    const app = await space.start(yaml());
    await app.finished;
    expect(counted(app)).toBe(480);
    expect((await app.get("/-/ready")).status).toBe(200);
    await app.stop();
    expect([await listens(app.url), await storeIsFree()]).toEqual([false, true]);
  });

  test.each([
    ["a misspelt name under features.sensitive is warned of", "[lattency]", true],
    ["no name under features.sensitive, no warning", "[]", false],
  ])("%s", async (_, sensitive, warned) => {
    const app = await space.start(yaml({ more: `, features: { sensitive: ${sensitive} }` }));
    await app.finished;
    expect(app.log().includes("features.sensitive names features that the reference does not have")).toBe(warned);
    await app.stop();
  });

  test("a second stop gives the first one's answer", async () => {
    const clock = { ...systemClock, every: () => () => Promise.reject(new Error("will not end")) as never };
    const app = await space.start(yaml(), { clock });
    const first = await app.stop().catch((error: unknown) => error);
    expect(await app.stop().catch((error: unknown) => error)).toBe(first);
  });

  test("a step of the stop that fails does not skip the others, and is named", async () => {
    const clock = { ...systemClock, every: () => () => Promise.reject(new Error("will not end")) as never };
    const app = await space.start(yaml(), { clock });
    await expect(app.stop()).rejects.toMatchObject({ code: "CLOSE_FAILED", message: expect.stringContaining("measuring (will not end)") });
    expect([await listens(app.url), await storeIsFree()]).toEqual([false, true]);
  });

  test("a stop ends in time although a receiver never answers, and its request is delivered after the restart", async () => {
    await space.write("log.ndjson", ndjson(traffic({ hours: 6, faultMs: T0 + 3 * HOUR })));
    const hung = await silentPeer();
    const hook = (port: number) => `, retrain: { webhook: { url: "http://127.0.0.1:${port}/", secret: "${SECRET}" } }`;
    const app = await space.start(yaml({ more: hook(hung) }));
    await app.finished;
    const beganMs = systemClock.monotonicMs();
    await app.stop();
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(9_000);
    const receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    const again = await space.start(yaml({ more: hook(receiver.port).replace('/"', '/retrain"') }));
    await until("the request comes", 10_000, () => receiver.requests.length > 0);
    const listed = JSON.parse((await again.get("/api/v1/deliveries")).text) as { items: { id: string }[] };
    expect(receiver.requests.map(({ id }) => id)).toEqual(listed.items.map(({ id }) => id));
    await receiver.close();
  });

  test("a start that waits for a silent broker can be stopped", async () => {
    const port = await silentPeer();
    const stop = new AbortController();
    const config = yaml().replace(/^file: .*$/m, `kafka: { brokers: ["127.0.0.1:${port}"], topics: [t] }`);
    const starting = space.start(config, { signal: stop.signal });
    const outcome = starting.catch((error: unknown) => error);
    await systemClock.sleep(300);
    const beganMs = systemClock.monotonicMs();
    stop.abort();
    expect(await outcome).toMatchObject({ code: "STOPPED" });
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(9_000);
    expect(await storeIsFree()).toBe(true);
  });

  test("two daemons run in one process and count apart", async () => {
    const other = await createWorkspace();
    await other.writeReference("m.json", smallSnapshot("m"));
    await other.write("log.ndjson", ndjson(traffic({ hours: 1 })));
    const [one, two] = await Promise.all([space.start(yaml()), other.start(yaml())]);
    await Promise.all([one.finished, two.finished]);
    expect([counted(one), counted(two)]).toEqual([480, 240]);
    await two.stop();
    expect((await one.get("/-/ready")).status).toBe(200);
    await other.close();
  });
});

describe("a start that cannot be", () => {
  const refuses = async (config: string, expected: object) => {
    await expect(space.start(config)).rejects.toMatchObject(expected);
    expect(await storeIsFree()).toBe(true);
  };

  test("a reference that is not there is one clear error", async () => {
    await refuses(yaml().replace("m.json", "none.json"), { code: "REFERENCE_NOT_FOUND", message: expect.stringContaining("none.json") });
  });

  test.each([
    ["cut short", (text: string) => text.slice(0, 500)],
    ["of another content than its digest", (text: string) => text.replace('"records":10000', '"records":10001')],
    ["no snapshot at all", () => "hello\n"],
  ])("a reference that is %s is refused", async (_, damage) => {
    const { readFile } = await import("node:fs/promises");
    await space.write("m.json", damage(await readFile(space.path("m.json"), "utf8")));
    await refuses(yaml(), { code: expect.stringMatching(/^REFERENCE_/), message: expect.stringContaining("m.json") });
  });

  test("a port that is taken is refused, and nothing stays open", async () => {
    const port = await silentPeer();
    await refuses(yaml().replace("127.0.0.1:0", `127.0.0.1:${port}`), {
      code: "HTTP_LISTEN",
      message: expect.stringContaining("the port is in use"),
    });
  });

  test("a store that another daemon has is refused, and the other one goes on", async () => {
    const one = await space.start(yaml(ENDLESS));
    await expect(space.start(yaml(ENDLESS))).rejects.toMatchObject({ code: "STORE_IN_USE" });
    expect((await one.get("/-/ready")).status).toBe(200);
  });

  test("a token that cannot be read is found at start, and by a reload, not by the first pipeline", async () => {
    const guarded = (file: string) => yaml(ENDLESS).replace('listen: "127.0.0.1:0"', `listen: "127.0.0.1:0", token_file: ${file}`);
    await refuses(guarded("gone.txt"), { code: "SECRET_UNREADABLE", message: expect.stringContaining("gone.txt") });
    await space.write("token.txt", "one");
    const app = await space.start(guarded("token.txt"));
    await space.write("token.txt", "");
    await expect(app.reload()).rejects.toMatchObject({ code: "SECRET_EMPTY" });
  });

  test("a store that is no database is refused", async () => {
    await space.write("driftd.db", "not a database, but longer than the header of one would be: ".repeat(20));
    await expect(space.start(yaml())).rejects.toMatchObject({ code: "STORE_CORRUPT", message: expect.stringContaining("driftd.db") });
  });

  test("a store of a newer driftd is refused", async () => {
    const { DatabaseSync } = await import("node:sqlite");
    await (await space.start(yaml())).stop();
    const db = new DatabaseSync(space.path("driftd.db"));
    db.exec("PRAGMA user_version = 999");
    db.close();
    await expect(space.start(yaml())).rejects.toMatchObject({ code: "STORE_TOO_NEW", message: expect.stringContaining("999") });
  });

  test("an input that is not there is refused", async () => {
    await refuses(yaml({ file: "none.ndjson" }), { code: "TABLE_NOT_FOUND", message: expect.stringContaining("none.ndjson") });
  });
});

describe("reload", () => {
  const series = async (app: TestApp, matching: string) =>
    (await app.metrics()).split("\n").filter((line) => line.includes(matching) && !line.startsWith("#"));

  beforeEach(async () => {
    await space.writeReference("n.json", smallSnapshot("n"));
    const both = traffic({ hours: 3 }).map((line, i) => line.replace("{", `{"model":"${i % 2 ? "m" : "n"}",`));
    await space.write("both.ndjson", ndjson(both));
  });
  const withN = { ...ENDLESS, file: "both.ndjson", models: "  - { name: n, reference: n.json }\n" };
  const untilCounted = (app: TestApp) =>
    until("the first chunk is judged", 20_000, () => (app.pipeline.evaluatedThroughMs("m", "", "1h") ?? 0) > T0 + HOUR);

  test("a bad file keeps the old configuration, and the metric says so", async () => {
    const app = await space.start(yaml(ENDLESS));
    const before = (await app.get("/api/v1/config")).text;
    for (const bad of ["models: [", yaml({ ...ENDLESS, sections: "unknown: 1" }), yaml(ENDLESS).replace("m.json", "none.json")]) {
      await space.write("driftd.yaml", bad);
      await expect(app.reload()).rejects.toThrow();
      expect(await series(app, "driftd_config_last_reload_successful")).toEqual(["driftd_config_last_reload_successful 0"]);
    }
    expect((await app.get("/api/v1/config")).text).toBe(before);
    const answer = await app.get("/-/reload", { method: "POST" });
    expect([answer.status, answer.text]).toEqual([500, expect.stringContaining("none.json")]);
    await space.write("driftd.yaml", yaml(ENDLESS));
    await app.reload();
    expect(await series(app, "driftd_config_last_reload_successful")).toEqual(["driftd_config_last_reload_successful 1"]);
  });

  test.each([
    ["http.listen", (text: string) => text.replace("127.0.0.1:0", "127.0.0.1:1")],
    ["file", (text: string) => text.replace("log.ndjson", "both.ndjson")],
    ["event_time.allowed_lateness", (text: string) => text.replace("action_max_age: off", "action_max_age: off, allowed_lateness: 1m")],
    ["metrics", (text: string) => `${text}metrics: { features: none }\n`],
  ])("%s cannot change while it runs", async (key, change) => {
    const app = await space.start(yaml(ENDLESS));
    await space.write("driftd.yaml", change(yaml(ENDLESS)));
    await expect(app.reload()).rejects.toMatchObject({ code: "RELOAD_NEEDS_RESTART", message: expect.stringContaining(key) });
  });

  test("a model that was removed leaves no series behind, and one that was added is judged", async () => {
    const app = await space.start(yaml(withN));
    await untilCounted(app);
    expect(await series(app, 'model="n"')).not.toEqual([]);
    await space.write("driftd.yaml", yaml({ ...withN, models: "" }));
    await app.reload();
    expect(await series(app, 'model="n"')).toEqual([]);
    expect((await app.get("/api/v1/models/n")).status).toBe(404);
    await space.write("driftd.yaml", yaml(withN));
    await app.reload();
    const back = await series(app, "driftd_drift_score");
    expect(back.filter((line) => line.includes('model="n"'))).toHaveLength(back.filter((line) => line.includes('model="m"')).length);
  });

  test("closing the panes of a removed model brings none of its series back", async () => {
    const app = await space.start(yaml({ ...withN, speed: 3_600 }));
    await untilCounted(app);
    await space.write("driftd.yaml", yaml({ ...withN, speed: 3_600, models: "" }));
    await app.reload();
    const closed = await series(app, "driftd_panes_closed_total");
    await until("more panes close", 20_000, async () => (await series(app, "driftd_panes_closed_total")).join() !== closed.join());
    expect(await series(app, 'model="n"')).toEqual([]);
  });

  test("under new bins a feature is reference_changed, the others go on, and nothing of the old reference is left", async () => {
    const app = await space.start(yaml(ENDLESS));
    await untilCounted(app);
    const old = smallSnapshot("m");
    const [x] = smallSnapshot("m", {}, 2).features;
    await space.writeReference("new.json", { ...smallSnapshot("m", { features: [x!, old.features[1]!], records: 9_999 }) });
    await space.write("driftd.yaml", yaml(ENDLESS).replace("m.json", "new.json"));
    await app.reload();
    const feature = async (name: string) =>
      JSON.parse((await app.get(`/api/v1/models/m/features/${name}?window=1h`)).text) as { verdict: string; reason: string };
    expect(await feature("x")).toMatchObject({ verdict: "insufficient_data", reason: "reference_changed" });
    expect(await feature("c")).toMatchObject({ verdict: "no_drift" });
    const info = await series(app, "driftd_reference_info");
    expect(info).toEqual([expect.stringContaining("new.json")]);
    expect(await series(app, 'feature="x",statistic="psi",window="1h"')).toEqual([]);
    expect(await series(app, 'feature="c",statistic="psi",window="1h"')).toHaveLength(1);
  });

  test("windows can change: the new ones are judged, series of the old ones vanish", async () => {
    const app = await space.start(yaml(ENDLESS));
    await untilCounted(app);
    await space.write("driftd.yaml", yaml({ ...ENDLESS, sections: "windows: [1h, 2h]" }));
    await app.reload();
    expect(await series(app, 'window="6h"')).toEqual([]);
    expect(await series(app, 'driftd_window_samples{model="m",version="",window="1h"')).toHaveLength(1);
    const { windows } = JSON.parse((await app.get("/api/v1/models/m")).text) as { windows: string[] };
    expect(windows).toEqual(["1h", "2h"]);
  });

  test("an output that a reload brings delivers what is decided from then on", async () => {
    const receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    await space.write("log.ndjson", ndjson(traffic({ hours: 12, faultMs: T0 + 3 * HOUR })));
    const slow = { speed: 7_200 };
    const app = await space.start(yaml(slow));
    await space.write("driftd.yaml", yaml({ ...slow, more: `, retrain: { webhook: { url: "${receiver.url}", secret: "${SECRET}" } }` }));
    await app.reload();
    await until("the request comes", 20_000, () => receiver.requests.length > 0);
    await receiver.close();
  });

  test("reloads at once are done one after the other, and the last one holds", async () => {
    const [one, both] = await Promise.all([
      loadConfig(await space.write("one.yaml", yaml({ ...withN, models: "" })), {}),
      loadConfig(await space.write("both.yaml", yaml(withN)), {}),
    ]);
    const slow = Promise.withResolvers<LoadedConfig>();
    const answers = [slow.promise, Promise.resolve(both)];
    const app = await space.start(yaml(withN), { load: () => answers.shift() as Promise<LoadedConfig> });
    const reloads = [app.reload(), app.reload()];
    slow.resolve(one);
    await Promise.all(reloads);
    expect((await app.get("/api/v1/models/n")).status).toBe(200);
  });

  test("while it stops it is refused", async () => {
    const app = await space.start(yaml(ENDLESS));
    const stopped = app.stop();
    await expect(app.reload()).rejects.toMatchObject({ code: "STOPPING" });
    await stopped;
  });
});

describe("names and values that nobody chose kindly", () => {
  const NAMES = [
    'a"quote',
    "com,ma",
    "new\nline",
    "emoji 😀",
    "__proto__",
    "constructor",
    "toString",
    "back\\slash",
    "slash/and?query#hash%25",
    "{brace}",
    " blanks ",
    "..",
    "ctrl\u0007",
  ];
  const CATEGORIES = ["__proto__", "constructor", 'x"y', "n\nl", "😀", "", "null"];

  beforeEach(async () => {
    const categories = Object.fromEntries(CATEGORIES.map((category) => [category, 100]));
    await space.writeReference(
      "m.json",
      snapshotOf(
        NAMES.map((name) => categoricalFeature(name, categories)),
        { model: "m", records: 700 },
      ),
    );
    const lines = Array.from({ length: 480 }, (_, i) => {
      const features = NAMES.map((name) => `${JSON.stringify(name)}:${JSON.stringify(CATEGORIES[i % CATEGORIES.length])}`);
      return `{"timestamp":"${new Date(T0 + i * 15_000).toISOString()}","features":{${features.join(",")}}}`;
    });
    await space.write("log.ndjson", ndjson(lines));
  });

  test("every feature is counted, judged, and found by its name in the API", async () => {
    const app = await space.start(yaml());
    await app.finished;
    // Clients take `..` for a step upwards in the path, however it is encoded.
    for (const name of NAMES.filter((name) => name !== "..")) {
      const { status, text } = await app.get(`/api/v1/models/m/features/${encodeURIComponent(name)}?window=1h`);
      expect([name, status]).toEqual([name, 200]);
      expect(JSON.parse(text)).toMatchObject({ verdict: "no_drift", current: { count: 240 } });
    }
  });

  test("the metrics stay readable: one series a feature, whatever its name", async () => {
    const app = await space.start(yaml());
    await app.finished;
    const page = (await app.get("/metrics")).text;
    expect(samplesOf(page)).toBeGreaterThan(200);
    expect(page.match(/^driftd_drift_score\{.*statistic="psi",window="1h"\}/gm)).toHaveLength(NAMES.length);
  });
});

/** How many samples a page holds; throws at a line that the text format does not know. */
function samplesOf(page: string): number {
  const seen = new Set<string>();
  for (const line of page.trimEnd().split("\n")) {
    if (/^# (HELP|TYPE) [a-z_:][a-z0-9_:]* /i.test(line)) continue;
    const sample =
      /^([a-z_:][a-z0-9_:]*(?:\{(?:[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (?:[-+]?[0-9.]+(?:e[-+]?[0-9]+)?|\+Inf)$/i.exec(line);
    if (sample === null) throw new Error(`not a sample: ${JSON.stringify(line)}`);
    if (seen.has(sample[1]!)) throw new Error(`twice: ${line}`);
    seen.add(sample[1]!);
  }
  return seen.size;
}

describe("what it shows", () => {
  const URL_PATH = "/hooks/T0PS3CRET/retrain";

  test("a delivery is listed with its attempts, and can be sent again under its id", async () => {
    const receiver = await startReceiver({ secret: SECRET, clock: systemClock, port: 0 });
    await space.write("log.ndjson", ndjson(traffic({ hours: 6, faultMs: T0 + 3 * HOUR })));
    const app = await space.start(yaml({ more: `, retrain: { webhook: { url: "${receiver.url}", secret: "${SECRET}" } }` }));
    await app.finished;
    await app.settle(5_000);
    const list = JSON.parse((await app.get("/api/v1/deliveries")).text) as { items: { id: string; status: string }[] };
    expect(list.items).toMatchObject([{ status: "delivered" }]);
    const id = list.items[0]!.id;
    expect((await app.get(`/api/v1/deliveries/${id}/replay`, { method: "POST" })).status).toBeLessThan(300);
    await until("it comes again", 5_000, () => receiver.requests.length === 2);
    expect(receiver.requests.map((request) => [request.id, request.repeated])).toEqual([
      [id, false],
      [id, true],
    ]);
    await receiver.close();
  });

  test("no secret and no webhook address is in any answer, log line or metric", async () => {
    await space.write("log.ndjson", ndjson(traffic({ hours: 6, faultMs: T0 + 3 * HOUR })));
    const hook = `url: "http://127.0.0.1:9${URL_PATH}", secret: "${SECRET}", headers: { authorization: "Bearer T0PS3CRET" }`;
    const app = await space.start(yaml({ more: `, retrain: { webhook: { ${hook} } }` }));
    await app.finished;
    await app.reload();
    await until("an attempt has failed", 10_000, async () => (await app.metrics()).includes('reason="connection"} 1'));
    const paths = ["config", "status", "models", "models/m", "deliveries", "episodes", "events"];
    const answers = await Promise.all(paths.map((path) => app.get(`/api/v1/${path}`)));
    await space.write("driftd.yaml", `${yaml({ more: `, retrain: { webhook: { ${hook}, nonsense: 1 } }` })}`);
    const refused = await app.get("/-/reload", { method: "POST" });
    const everything = [...answers.map(({ text }) => text), refused.text, app.log(), await app.metrics()].join("\n");
    for (const secret of ["T0PS3CRET", SECRET, SECRET.slice("whsec_".length)]) expect(everything).not.toContain(secret);
  });

  test("bad records are counted by reason in the status and on the metrics page, and harm no neighbour", async () => {
    const good = traffic();
    const at = (more: string) => `{"timestamp":"${new Date(T0 + HOUR).toISOString()}",${more}}`;
    const bad: Record<string, string[]> = {
      decode_error: ["not json", '{"a":', at('"features":{"x":NaN}'), "[".repeat(100_000), "\u0000\u0001"],
      schema_error: ["[]", "null", "5", "{}", at('"features":[]'), at('"features":{},"model":{}'), at('"features":{},"version":[]')],
      no_timestamp: [
        '{"features":{}}',
        '{"timestamp":"yesterday","features":{}}',
        '{"timestamp":1e400,"features":{}}',
        '{"timestamp":8.64e15,"features":{}}',
      ],
      unknown_model: [at('"model":"__proto__","features":{}'), at('"model":"other","features":{}')],
      too_large: [at(`"features":{"x":"${"A".repeat(10 * 1024 * 1024)}"}`)],
    };
    const mixed = [...good];
    for (const line of Object.values(bad).flat()) mixed.splice(Math.floor(mixed.length * 0.7), 0, line);
    await space.write("log.ndjson", Buffer.concat([Buffer.from(ndjson(mixed)), Buffer.from([0xff, 0xfe, 0x0a])]));
    const app = await space.start(yaml());
    await app.finished;
    const { records } = JSON.parse((await app.get("/api/v1/status")).text) as {
      records: { counted: number; dropped: Record<string, number> };
    };
    expect(records.counted).toBe(good.length);
    const page = await app.metrics();
    for (const [reason, lines] of Object.entries(bad)) {
      const count = lines.length + (reason === "decode_error" ? 1 : 0);
      expect([reason, records.dropped[reason]]).toEqual([reason, count]);
      expect(page).toContain(`driftd_messages_dropped_total{topic="file",reason="${reason}"} ${count}`);
    }
  });
});
