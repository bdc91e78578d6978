import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { silentLog } from "../../src/lib/log.ts";
import { type Metrics, noMetrics } from "../../src/metrics/metrics.ts";
import { createEventLog, eventLine, openEventFile, streamSink } from "../../src/outputs/event-log.ts";
import { type LineSink, QUEUE_LINES } from "../../src/outputs/line-log.ts";
import type { EventRow } from "../../src/store/store.ts";
import { createManualClock } from "./manual-clock.ts";

const event = (n: number): EventRow => ({
  atMs: Date.UTC(2026, 0, 10) + n,
  type: "driftd.drift.firing",
  model: "fraud",
  version: "1",
  body: `{"reason":"sustained","n":${n},"type":"forged"}`,
});
const clock = createManualClock(0);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-events-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("an event is one JSON line; its body cannot forge its head", () => {
  const line = eventLine({ ...event(1), model: 'a"b\nc' });
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({
    time: "2026-01-10T00:00:00.001Z",
    type: "driftd.drift.firing",
    model: 'a"b\nc',
    version: "1",
    reason: "sustained",
    n: 1,
  });
});

test("events are appended to the file in their order, and `close` writes what is queued", async () => {
  const path = join(folder, "events.ndjson");
  for (const from of [0, 100]) {
    const log = await createEventLog({ open: () => openEventFile(path), clock, metrics: noMetrics, log: silentLog });
    for (let i = 0; i < 100; i++) log.write([event(from + i)]);
    await log.close(1000);
  }
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test("after a rename, `reopen` begins a new file and loses nothing", async () => {
  const path = join(folder, "events.ndjson");
  const log = await createEventLog({ open: () => openEventFile(path), clock, metrics: noMetrics, log: silentLog });
  log.write([event(1)]);
  await rename(path, `${path}.1`);
  await log.reopen();
  log.write([event(2)]);
  await log.close(1000);
  expect(await readFile(`${path}.1`, "utf8")).toBe(eventLine(event(1)));
  expect(await readFile(path, "utf8")).toBe(eventLine(event(2)));
});

test("`reopen` closes the old file, but not under a write that still runs", async () => {
  const steps: string[] = [];
  const slow = Promise.withResolvers<void>();
  const sink: LineSink = {
    write: async () => {
      await slow.promise;
      steps.push("written");
    },
    close: async () => void steps.push("closed"),
  };
  const log = await createEventLog({ open: () => Promise.resolve(sink), clock, metrics: noMetrics, log: silentLog });
  log.write([event(1)]);
  const reopened = log.reopen();
  await new Promise((resolve) => setImmediate(resolve));
  slow.resolve();
  await reopened;
  expect(steps).toEqual(["written", "closed"]);
});

test("a `reopen` that fails keeps the old file", async () => {
  const path = join(folder, "events.ndjson");
  let opened = 0;
  const open = () => (opened++ === 0 ? openEventFile(path) : openEventFile(join(folder, "missing", "events.ndjson")));
  const log = await createEventLog({ open, clock, metrics: noMetrics, log: silentLog });
  await expect(log.reopen()).rejects.toMatchObject({ code: "EVENT_LOG_UNWRITABLE" });
  log.write([event(1)]);
  await log.close(1000);
  expect(await readFile(path, "utf8")).toBe(eventLine(event(1)));
});

test("a file that cannot be opened is said so at start", async () => {
  const starting = createEventLog({ open: () => openEventFile(join(folder, "missing", "e")), clock, metrics: noMetrics, log: silentLog });
  await expect(starting).rejects.toMatchObject({ code: "EVENT_LOG_UNWRITABLE" });
});

describe("a sink that fails", () => {
  function counting() {
    const counts: Record<string, number> = {};
    const metrics: Metrics = {
      ...noMetrics,
      inc: (name, labels, by = 1) => {
        const key = `${name} ${labels?.["reason"] ?? ""}`.trim();
        counts[key] = (counts[key] ?? 0) + by;
      },
    };
    return { counts, metrics };
  }

  test("or hangs keeps the queue bounded: what does not fit is dropped and counted", async () => {
    const { counts, metrics } = counting();
    const released = Promise.withResolvers<void>();
    const written: string[] = [];
    const sink: LineSink = {
      write: async (text) => {
        await released.promise;
        written.push(text);
      },
      close: () => Promise.resolve(),
    };
    const log = await createEventLog({ open: () => Promise.resolve(sink), clock, metrics, log: silentLog });
    log.write([event(0)]);
    for (let i = 0; i < QUEUE_LINES + 10; i++) log.write([event(i)]);
    released.resolve();
    await log.close(1000);
    expect(counts["driftd_event_log_dropped_total queue_full"]).toBe(10);
    expect(counts["driftd_event_log_lines_total"]).toBe(QUEUE_LINES + 1);
    expect(written).toHaveLength(2);
  });

  test("costs those lines, which are counted, and no more", async () => {
    const { counts, metrics } = counting();
    let fails = true;
    const written: string[] = [];
    const sink: LineSink = {
      write: (text) => (fails ? Promise.reject(new Error("ENOSPC")) : Promise.resolve(void written.push(text))),
      close: () => Promise.resolve(),
    };
    const log = await createEventLog({ open: () => Promise.resolve(sink), clock, metrics, log: silentLog });
    log.write([event(1)]);
    // Two turns: the write has failed and was counted.
    await new Promise((resolve) => setImmediate(resolve));
    fails = false;
    log.write([event(2)]);
    await log.close(1000);
    expect(counts["driftd_event_log_dropped_total write_failed"]).toBe(1);
    expect(written).toEqual([eventLine(event(2))]);
  });

  test("does not keep `close` from returning", async () => {
    const sink: LineSink = { write: () => new Promise(() => {}), close: () => Promise.resolve() };
    const log = await createEventLog({ open: () => Promise.resolve(sink), clock, metrics: noMetrics, log: silentLog });
    log.write([event(1)]);
    const closed = log.close(500);
    clock.advance(500);
    await closed;
  });
});

test("a stream gets whole lines", async () => {
  const parts: string[] = [];
  const sink = streamSink({
    write: (text, done) => {
      parts.push(text);
      done();
    },
  });
  const log = await createEventLog({ open: () => Promise.resolve(sink), clock, metrics: noMetrics, log: silentLog });
  log.write([event(1), event(2)]);
  await log.close(1000);
  expect(parts.join("")).toBe(eventLine(event(1)) + eventLine(event(2)));
});
