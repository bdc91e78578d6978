import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseConfig } from "../src/config/load.ts";
import { createReferenceCache } from "../src/reference/addresses/cache.ts";
import type { FetchedReferences } from "../src/reference/models.ts";
import { createReferenceWatch, type ReferenceWatch } from "../src/reference-watch.ts";
import type { EventRow } from "../src/store/store.ts";
import { type FakeServer, startFakeServer } from "./outputs/fake-server.ts";
import { createManualClock, type ManualClock } from "./outputs/manual-clock.ts";
import { snapshotAt } from "./reference/addresses/serving.ts";

const T0 = Date.parse("2026-01-15T12:00:00Z");
const MINUTE = 60_000;
const OLD = snapshotAt("2026-01-01T00:00:00Z");
const NEW = snapshotAt("2026-01-02T00:00:00Z");

let server: FakeServer;
let folder: string;
let clock: ManualClock;
beforeEach(async () => {
  server = await startFakeServer();
  folder = await mkdtemp(join(tmpdir(), "driftd-watch-"));
  clock = createManualClock(T0);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Serves a snapshot under its digest as ETag. */
const serve = (snapshot: object & { readonly digest: string }) =>
  server.play(({ headers }) =>
    headers["if-none-match"] === `"${snapshot.digest}"`
      ? { status: 304 }
      : { status: 200, headers: { etag: `"${snapshot.digest}"` }, body: JSON.stringify(snapshot) },
  );

type Started = {
  readonly watch: ReferenceWatch;
  /** Digests in force by version, and how often they were swapped. */
  readonly inForce: () => Readonly<Record<string, string>>;
  readonly swaps: () => number;
  readonly events: EventRow[];
  readonly metric: (name: string, labels?: object) => number | undefined;
  readonly warnings: string[];
  /** A judge that refuses: what it throws. */
  refuse: Error | undefined;
};

async function start(reference = `${server.url}/r.json`, { needed = false, at = folder, more = "" } = {}): Promise<Started> {
  const { config } = parseConfig(
    `file: { path: a.ndjson }\nmodels: [{ name: m, reference: { path: "${reference}", timeout: 5s, refresh: 5m }${more} }]\n`,
    join(folder, "driftd.yaml"),
    {},
  );
  let inForce: FetchedReferences = new Map();
  let swaps = 0;
  const events: EventRow[] = [];
  const warnings: string[] = [];
  const metrics = new Map<string, number>();
  const keyOf = (name: string, labels: object = {}) => `${name}${JSON.stringify(labels)}`;
  const note = (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const started: Started = {
    watch: createReferenceWatch({
      store: { commitDecision: async (rows) => void events.push(...rows.events) },
      cache: createReferenceCache(join(at, "cache")),
      swap: (step) =>
        step(async (fetched) => {
          if (started.refuse !== undefined) throw started.refuse;
          inForce = fetched.get("m") ?? new Map();
          swaps += 1;
        }),
      onEvents: () => {},
      version: "test",
      metrics: {
        inc: (name, labels, by = 1) => void metrics.set(keyOf(name, labels), (metrics.get(keyOf(name, labels)) ?? 0) + by),
        set: (name, labels, value) => void metrics.set(keyOf(name, labels), value),
        remove: (name, labels) => void metrics.delete(keyOf(name, labels)),
        observe: () => {},
      },
      clock,
      log: {
        debug: () => {},
        info: () => {},
        warn: (fields, message) => note(fields, message),
        error: (fields, message) => note(fields, message),
      },
      random: () => 0.5,
    }),
    inForce: () => Object.fromEntries([...inForce].map(([version, { snapshot }]) => [version ?? "", snapshot.digest])),
    swaps: () => swaps,
    events,
    metric: (name, labels = { model: "m" }) => metrics.get(keyOf(name, labels)),
    warnings,
    refuse: undefined,
  };
  const prepared = await started.watch.prepare(config, { reason: "start" }, needed);
  inForce = prepared.of("m");
  await started.watch.adopt(prepared, { reason: "start" });
  return started;
}

const bodies = ({ events }: Started) => events.map(({ type, version, body }) => ({ type, version, ...(JSON.parse(body) as object) }));
const failures = (started: Started, reason: string) => started.metric("driftd_reference_fetch_failures_total", { model: "m", reason });

test("the first snapshot is in force from the start, and said", async () => {
  serve(OLD);
  const started = await start();
  expect(started.inForce()).toEqual({ "": OLD.digest });
  expect(bodies(started)).toMatchObject([
    {
      type: "driftd.reference.replaced",
      reason: "start",
      address: `${server.url}/r.json`,
      reference: OLD.digest,
      previous: null,
      records: 10_000,
    },
  ]);
  expect(started.metric("driftd_reference_from_cache")).toBe(0);
  expect(started.metric("driftd_reference_fetch_last_success_timestamp_seconds")).toBe(T0 / 1000);
});

test("an address is asked when it is due, not before, and swapped only when its snapshot is another one", async () => {
  serve(OLD);
  const started = await start();
  clock.advance(5 * MINUTE - 1);
  await started.watch.look();
  expect(server.received.length).toBe(1);
  clock.advance(1);
  await started.watch.look();
  expect(server.received[1]?.headers["if-none-match"]).toBe(`"${OLD.digest}"`);
  expect(started.metric("driftd_reference_fetch_last_success_timestamp_seconds")).toBe(T0 / 1000 + 300);
  // Under another ETag the same snapshot is the same.
  server.play(() => ({ status: 200, headers: { etag: '"other"' }, body: JSON.stringify(OLD) }));
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect(started.swaps()).toBe(0);
  serve(NEW);
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect([started.swaps(), started.inForce()]).toEqual([1, { "": NEW.digest }]);
  expect(bodies(started).at(-1)).toMatchObject({
    type: "driftd.reference.replaced",
    reason: "refresh",
    reference: NEW.digest,
    previous: OLD.digest,
  });
});

test.each([
  ["gone", () => ({ status: 404 }), "not_found"],
  ["forbidden", () => ({ status: 401 }), "unauthorized"],
  ["half-written", () => ({ status: 200, body: JSON.stringify(NEW).slice(0, 900) }), "unreadable"],
  ["no snapshot", () => ({ status: 200, body: "{}" }), "invalid"],
  ["another model's", () => ({ status: 200, body: JSON.stringify(snapshotAt("2026-01-02T00:00:00Z", {}, "other")) }), "wrong_model"],
])("an address that is %s leaves the old reference in force: counted, said once, asked again soon", async (_, answer, reason) => {
  serve(OLD);
  const started = await start();
  server.play(answer);
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect([started.swaps(), started.inForce(), failures(started, reason)]).toEqual([0, { "": OLD.digest }, 1]);
  expect(bodies(started).at(-1)).toMatchObject({
    type: "driftd.reference.fetch_failed",
    failure: reason,
    in_force: [OLD.digest],
    from_cache: false,
  });
  clock.advance(9_999);
  await started.watch.look();
  expect(failures(started, reason)).toBe(1);
  clock.advance(1);
  await started.watch.look();
  expect(failures(started, reason)).toBe(2);
  expect(started.events.length).toBe(2);
  expect(started.warnings.length).toBe(1);
  expect(started.watch.facts()).toMatchObject([
    { model: "m", waiting: false, fromCache: false, problem: expect.stringContaining(`${server.url}/r.json`) },
  ]);
  serve(NEW);
  clock.advance(30_000);
  await started.watch.look();
  expect(started.inForce()).toEqual({ "": NEW.digest });
  expect(started.watch.facts()).toMatchObject([{ problem: undefined }]);
});

test("a snapshot that the model cannot be judged by is refused, and the old one stays", async () => {
  serve(OLD);
  const started = await start();
  serve(NEW);
  started.refuse = new Error("expectations do not fit");
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect([started.inForce(), failures(started, "invalid")]).toEqual([{ "": OLD.digest }, 1]);
  started.refuse = undefined;
  clock.advance(10_000);
  await started.watch.look();
  expect(started.inForce()).toEqual({ "": NEW.digest });
});

test("after a restart with the address gone the last good snapshot is in force: said in the log, an event and a metric", async () => {
  serve(OLD);
  const first = await start();
  serve(NEW);
  clock.advance(5 * MINUTE);
  await first.watch.look();
  await first.watch.stop();
  expect((await readdir(join(folder, "cache"))).length).toBe(2);
  server.play(() => ({ status: 503 }));
  const again = await start();
  expect(again.inForce()).toEqual({ "": NEW.digest });
  expect(bodies(again)).toMatchObject([
    { type: "driftd.reference.fetch_failed", reason: "start", failure: "answer", in_force: [NEW.digest], from_cache: true },
  ]);
  expect(again.warnings).toEqual([expect.stringContaining("fetching a reference failed: the reference in force stays")]);
  expect(again.metric("driftd_reference_from_cache")).toBe(1);
  // Back again, and unchanged: by the ETag of before the restart.
  serve(NEW);
  clock.advance(10_000);
  await again.watch.look();
  expect(again.metric("driftd_reference_from_cache")).toBe(0);
  expect([again.swaps(), server.received.map(({ headers }) => headers["if-none-match"])]).toEqual([0, [`"${NEW.digest}"`]]);
});

test("a copy that was damaged is not used, and said", async () => {
  serve(OLD);
  await (await start()).watch.stop();
  const [copy] = (await readdir(join(folder, "cache"))).filter((name) => name.endsWith(".snapshot"));
  await writeFile(join(folder, "cache", copy!), "{");
  server.play(() => ({ status: 503 }));
  const again = await start();
  expect(again.inForce()).toEqual({});
  expect(again.warnings[0]).toContain("the copy of the last reference cannot be used");
});

test("at the first start with the address gone the model waits for it, and gets it as soon as it answers", async () => {
  server.play(() => ({ status: 404 }));
  const started = await start();
  expect(started.inForce()).toEqual({});
  expect(started.watch.facts()).toMatchObject([{ waiting: true }]);
  expect(bodies(started)).toMatchObject([{ type: "driftd.reference.fetch_failed", in_force: [] }]);
  expect(started.warnings).toEqual([expect.stringContaining("the model has no reference until it answers")]);
  serve(NEW);
  clock.advance(10_000);
  await started.watch.look();
  expect(started.inForce()).toEqual({ "": NEW.digest });
  expect(bodies(started).at(-1)).toMatchObject({ type: "driftd.reference.replaced", previous: null });
});

test("where nothing can wait, an address that has never answered is an error", async () => {
  server.play(() => ({ status: 404 }));
  await expect(start(undefined, { needed: true })).rejects.toMatchObject({ code: "REFERENCE_FETCH_FAILED", reason: "not_found" });
});

test("the versions of a directory are each replaced for themselves; one whose file is broken keeps its reference", async () => {
  const one = snapshotAt("2026-01-01T00:00:00Z", { version: "1" });
  const two = snapshotAt("2026-01-01T00:00:00Z", { version: "2" });
  const next = snapshotAt("2026-01-03T00:00:00Z", { version: "1" });
  const put = (name: string, text: string) => writeFile(join(folder, name), text);
  await put("1.json", JSON.stringify(one));
  await put("2.json", JSON.stringify(two));
  const started = await start(`${folder}/`);
  expect(started.inForce()).toEqual({ "1": one.digest, "2": two.digest });
  await put("1-next.json", JSON.stringify(next));
  await put("2.json", JSON.stringify(two).slice(0, 700));
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect([started.inForce(), failures(started, "unreadable")]).toEqual([{ "1": next.digest, "2": two.digest }, 1]);
  expect(
    bodies(started)
      .filter(({ type }) => type === "driftd.reference.replaced")
      .map((event) => [event.version, "reference" in event && event.reference]),
  ).toEqual([
    ["1", one.digest],
    ["2", two.digest],
    ["1", next.digest],
  ]);
  // Read again although nothing has moved: it may have been broken by us.
  await put("2.json", JSON.stringify(two));
  clock.advance(5 * MINUTE);
  await started.watch.look();
  expect([started.inForce(), failures(started, "unreadable")]).toEqual([{ "1": next.digest, "2": two.digest }, 1]);
});

test("asked from outside, an address is asked at once, and the event says which version was told of", async () => {
  serve(OLD);
  const started = await start();
  serve(NEW);
  await started.watch.refresh(["other"], { reason: "calendar" });
  expect(server.received.length).toBe(0);
  await started.watch.refresh(["m"], { reason: "model_version", modelVersion: "7" });
  expect(bodies(started).at(-1)).toMatchObject({ reason: "model_version", told_version: "7", reference: NEW.digest });
});

test("a copy that cannot be written is counted, and the reference is in force all the same", async () => {
  await writeFile(join(folder, "file"), "");
  serve(OLD);
  const started = await start(undefined, { at: join(folder, "file") });
  expect([started.inForce(), failures(started, "cache")]).toEqual([{ "": OLD.digest }, 1]);
});
