import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type FileSourceOptions, openFileSource } from "../../src/sources/file.ts";
import type { Chunk, Source, SourceHandler, Start } from "../../src/sources/source.ts";

let folder: string;
const sources: Source[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-file-"));
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.stop();
  await rm(folder, { recursive: true, force: true });
});

const write = async (name: string, content: string | Buffer) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};

type Read = {
  readonly records: [number, unknown][];
  readonly chunks: { asked: number; next: number }[];
  readonly ended: Promise<"finished" | Error>;
  readonly finished: () => boolean;
  readonly source: Source;
};

/** Opens and reads; `onChunk` sees each chunk first. */
async function read(
  options: Partial<FileSourceOptions> & { path: string },
  start: Start = "earliest",
  onChunk?: (chunk: Chunk) => void,
): Promise<Read> {
  const source = await openFileSource({
    timestampColumn: "timestamp",
    kinds: new Map(),
    speed: 0,
    eventTimeMs: () => undefined,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
  sources.push(source);
  const records: [number, unknown][] = [];
  const chunks: { asked: number; next: number }[] = [];
  const ended = Promise.withResolvers<"finished" | Error>();
  let finished = false;
  const handler: SourceHandler = {
    onAssign: () => start,
    onPartitions: () => {},
    onChunk: (chunk) => {
      onChunk?.(chunk);
      chunks.push({ asked: chunk.asked, next: chunk.next });
      if (chunk.kind === "bytes")
        chunk.forEach((offset, _, bytes, from, to) => void records.push([offset, bytes.toString("utf8", from, to)]));
      else chunk.forEach((offset, row) => void records.push([offset, row]));
    },
    onEnd: () => {},
    onFinished: () => {
      finished = true;
      ended.resolve("finished");
    },
    onRecreated: () => "earliest",
    onForeignMember: () => {},
    onFatal: (error) => ended.resolve(error),
  };
  await source.start(handler);
  return { records, chunks, ended: ended.promise, finished: () => finished, source };
}

async function readAll(options: Partial<FileSourceOptions> & { path: string }, start?: Start): Promise<unknown[]> {
  const { records, ended } = await read(options, start);
  expect(await ended).toBe("finished");
  expect(records.map(([offset]) => offset)).toEqual(records.map((_, i) => i + (records[0]?.[0] ?? 0)));
  return records.map(([, record]) => record);
}

describe("NDJSON", () => {
  test.each([
    ["plain", "a.ndjson", (text: string) => Buffer.from(text)],
    ["gzip", "a.ndjson.gz", (text: string) => gzipSync(text)],
    ["zstd", "a.jsonl.zst", (text: string) => zstdCompressSync(text)],
    ["gzip under a name in capitals", "A.NDJSON.GZ", (text: string) => gzipSync(text)],
    ["gzip of several members", "b.ndjson.gz", (text: string) => Buffer.concat([gzipSync(text.slice(0, 3)), gzipSync(text.slice(3))])],
    [
      "zstd of several frames",
      "b.ndjson.zst",
      (text: string) => Buffer.concat([zstdCompressSync(text.slice(0, 3)), zstdCompressSync(text.slice(3))]),
    ],
  ])("%s is read line by line in its order", async (_, name, pack) => {
    const path = await write(name, pack("1\n\n  \n2\r\n3"));
    expect(await readAll({ path })).toEqual(["1", "2\r", "3"]);
  });

  test("the files of a glob are read by name, each to its own end", async () => {
    await write("log-2.ndjson", "3\n");
    await write("log-1.ndjson", "1\n2");
    expect(await readAll({ path: join(folder, "log-*.ndjson") })).toEqual(["1", "2", "3"]);
  });

  test("reading goes on at a position, across the files of a glob", async () => {
    await write("log-1.ndjson", "0\n1\n2\n");
    await write("log-2.ndjson", "3\n4\n");
    expect(await readAll({ path: join(folder, "log-*.ndjson") }, { offset: 2 })).toEqual(["2", "3", "4"]);
  });

  test("standard input is read to its end, and each run of it is a source of its own", async () => {
    const stdin = new PassThrough();
    stdin.end("1\n2\n");
    expect(await readAll({ path: "-", stdin })).toEqual(["1", "2"]);
    const clock = (nowMs: number) => ({ ...systemClock, nowMs: () => nowMs });
    const names = await Promise.all(
      [1, 2].map(async (nowMs) => (await read({ path: "-", stdin: new PassThrough(), clock: clock(nowMs) })).source.status()[0]?.source),
    );
    expect(new Set(names).size).toBe(2);
  });

  test("a stop does not wait for a silent standard input", async () => {
    const { source, finished } = await read({ path: "-", stdin: new PassThrough() });
    await source.stop();
    expect(finished()).toBe(false);
  });

  test.each([
    ["cut short", gzipSync("1\n".repeat(5_000)).subarray(0, 30), "a.ndjson.gz"],
    ["not compressed at all", Buffer.from("1\n2\n"), "a.ndjson.zst"],
  ])("a compressed file that is %s ends in an error that names it, after the records before the damage", async (_, content, name) => {
    const { ended } = await read({ path: await write(name, content) });
    expect(await ended).toMatchObject({ code: "SOURCE_UNREADABLE", message: expect.stringContaining(name) });
  });
});

describe("tables", () => {
  const csv = "timestamp,version,x\n2024-01-01T00:00:02Z,1.10,b\n2024-01-01T00:00:01Z,1.9,a\n";

  test("rows come by event time", async () => {
    expect(await readAll({ path: await write("a.csv", csv) })).toMatchObject([{ x: "a" }, { x: "b" }]);
  });

  test("a column that is demanded verbatim is not read as a number", async () => {
    const path = await write("a.csv", csv);
    expect(await readAll({ path, kinds: new Map([["version", "verbatim"]]) })).toMatchObject([{ version: "1.9" }, { version: "1.10" }]);
  });

  test("reading goes on at a position of that order", async () => {
    expect(await readAll({ path: await write("a.csv", csv) }, { offset: 1 })).toMatchObject([{ x: "b" }]);
  });

  test("a table without the event time's column ends in an error that names the columns", async () => {
    const { ended } = await read({ path: await write("a.csv", "time,x\n1,2\n") });
    expect(await ended).toMatchObject({ code: "TABLE_COLUMN_MISSING", hint: expect.stringContaining("time") });
  });
});

describe("identity", () => {
  const nameOf = async (path: string) => (await read({ path })).source.status()[0]?.source;

  test("another content under the same name is another source", async () => {
    const before = await nameOf(await write("a.ndjson", "1\n"));
    expect(await nameOf(await write("a.ndjson", "1\n"))).toBe(before);
    expect(await nameOf(await write("a.ndjson", "2\n"))).not.toBe(before);
  });

  test("another content of one file of a glob is another source too", async () => {
    await write("a-1.ndjson", "1\n");
    await write("a-2.ndjson", "2\n");
    const before = await nameOf(join(folder, "a-*.ndjson"));
    await write("a-2.ndjson", "3\n");
    expect(await nameOf(join(folder, "a-*.ndjson"))).not.toBe(before);
  });
});

test.each([
  ["that is not there", "none.ndjson", "TABLE_NOT_FOUND"],
  ["that matches nothing", "none-*.ndjson", "TABLE_NOT_FOUND"],
  ["that is a folder", ".", "TABLE_UNREADABLE"],
  ["of an unknown extension", "a.xyz", "TABLE_FORMAT_UNKNOWN"],
])("a path %s is refused before anything is read", async (_, name, code) => {
  await write("a.xyz", "1\n");
  await expect(read({ path: join(folder, name) })).rejects.toMatchObject({ code });
});

test("an empty file is finished at once", async () => {
  expect(await readAll({ path: await write("a.ndjson", "") })).toEqual([]);
});

test("while it is paused nothing is handed over; then it goes on where it was", async () => {
  const path = await write("a.ndjson", "1\n".repeat(1_200));
  const first = Promise.withResolvers<void>();
  let source: Source | undefined;
  const reading = await read({ path }, "earliest", () => {
    source?.pause();
    first.resolve();
  });
  source = reading.source;
  await first.promise;
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect([reading.chunks.length, reading.finished()]).toEqual([1, false]);
  const running = source;
  source = undefined;
  running.resume();
  expect(await reading.ended).toBe("finished");
  expect(reading.records).toHaveLength(1_200);
});

test("a stop ends a paused source, and its handler is never called again", async () => {
  const path = await write("a.ndjson", "1\n".repeat(1_200));
  const reading = await read({ path });
  reading.source.pause();
  await reading.source.stop();
  const { length } = reading.chunks;
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect([reading.chunks.length, reading.finished()]).toEqual([length, false]);
});

test("with a speed, event time passes that many times faster than the clock", async () => {
  const sleeps: number[] = [];
  let nowMs = 0;
  const clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      sleeps.push(ms);
      nowMs += ms;
    },
  };
  let eventMs = 0;
  const path = await write("a.ndjson", "1\n".repeat(1_500));
  const { ended } = await read({ path, speed: 60, clock, eventTimeMs: () => eventMs }, "earliest", () => {
    eventMs += 600_000;
  });
  expect(await ended).toBe("finished");
  expect(sleeps).toEqual([10_000, 10_000]);
});
