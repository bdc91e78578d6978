/**
 * The file source: a finite stream. NDJSON (also gzip, zstd, standard input) is handed over as borrowed bytes in the order in which it stands,
 * the files of a glob by name; tables (CSV, Parquet …) are sorted by event time and handed over as rows. Position = index of the record; one
 * partition, number 0.
 *
 * The source's name holds the path and a digest of the content: another file under the same name is another source. Standard input has no
 * content to look at beforehand: each run of it is a source of its own.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { findTableFiles, type TableFiles } from "../tables/files.ts";
import { openRows, type RowBatch, type RowsOptions } from "../tables/rows.ts";
import { fileBytes, unreadable } from "./file-bytes.ts";
import { createLineCutter, type LineBlock } from "./lines.ts";
import type { Chunk, Source, SourceHandler, SourceStatus } from "./source.ts";

/** Records of one chunk at most: 500 × ~5 µs = 2.5 ms of the event loop. */
const CHUNK_RECORDS = 500;

export type FileSourceOptions = {
  /** A path, a glob, or `-` for NDJSON on standard input. */
  readonly path: string;
  /** The column that holds the event time: tables are sorted by it. */
  readonly timestampColumn: string;
  /** What columns of a table are, whatever their values look like: the version `1.10` of a CSV file is not the number 1.1. */
  readonly kinds: NonNullable<RowsOptions["kinds"]>;
  /** Event seconds per second; 0 = as fast as it goes. */
  readonly speed: number;
  /** The event time reached so far, for pacing; undefined before the first record. */
  readonly eventTimeMs: () => number | undefined;
  readonly stdin?: Readable;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Makes the source of a file; no record is read before `start`. Throws what `findTableFiles` throws and `SOURCE_UNREADABLE`; later the latter
 * and what `openRows` throws go to the handler's `onFatal`.
 */
export async function openFileSource(options: FileSourceOptions): Promise<Source> {
  const { path, clock } = options;
  const files = path === "-" ? undefined : await findTableFiles(path);
  const source = files === undefined ? `file:-#${clock.nowMs().toString(36)}` : `file:${path}#${await digestOf(files)}`;
  const stopping = new AbortController();
  let reading: Promise<void> | undefined;
  let position = 0;
  let end: number | null = null;
  let problem: string | undefined;
  let resumed: { promise: Promise<void>; resolve: () => void } | undefined;

  const paced = createPacer(options, stopping.signal);

  async function handOver(handler: SourceHandler, chunk: Chunk): Promise<boolean> {
    while (resumed !== undefined && !stopping.signal.aborted) await resumed.promise;
    if (stopping.signal.aborted) return false;
    handler.onChunk(chunk);
    position = chunk.next;
    await nextTurn();
    await paced();
    return !stopping.signal.aborted;
  }

  async function read(handler: SourceHandler, from: number): Promise<void> {
    position = from;
    const chunks =
      files === undefined || isNdjson(files) ? lineChunks(source, streams(files, options), from) : rowChunks(source, options, from);
    for await (const chunk of chunks) if (!(await handOver(handler, chunk))) return;
    end = position;
    handler.onEnd({ source, partition: 0 }, position);
    handler.onFinished({ source, partition: 0 });
  }

  return {
    start: async (handler) => {
      if (reading !== undefined) throw new DriftdError("SOURCE_STARTED", `source ${source} was started twice`);
      handler.onPartitions(source, [0], [0]);
      const begin = handler.onAssign({ source, partition: 0 });
      const from = typeof begin === "object" && "offset" in begin ? begin.offset : 0;
      reading = read(handler, from).catch((thrown) => {
        problem = coerceError(thrown).message;
        if (!stopping.signal.aborted) handler.onFatal(coerceError(thrown));
      });
    },
    stop: async () => {
      stopping.abort();
      resumed?.resolve();
      // Standard input may be silent for ever: the wait for its next block must not hold the stop.
      if (path === "-") (options.stdin ?? process.stdin).destroy();
      await reading;
    },
    commit: async () => {},
    pause: () => {
      resumed ??= Promise.withResolvers<void>();
    },
    resume: () => {
      resumed?.resolve();
      resumed = undefined;
    },
    status: (): SourceStatus[] => [
      {
        source,
        connected: problem === undefined,
        ...(problem === undefined ? {} : { problem }),
        partitions: [{ partition: 0, next: position, end, assigned: true }],
      },
    ],
  };

  function createPacer({ speed, eventTimeMs }: FileSourceOptions, signal: AbortSignal): () => Promise<void> {
    if (speed <= 0) return async () => {};
    let began: { eventMs: number; atMs: number } | undefined;
    return async () => {
      const eventMs = eventTimeMs();
      if (eventMs === undefined) return;
      began ??= { eventMs, atMs: clock.monotonicMs() };
      const aheadMs = (eventMs - began.eventMs) / speed - (clock.monotonicMs() - began.atMs);
      if (aheadMs > 1) await clock.sleep(aheadMs, signal);
    };
  }
}

function isNdjson({ files }: TableFiles): boolean {
  return files.every((file) => /\.(ndjson|jsonl)(\.[^.]+)?$/i.test(file));
}

/** Over the content of all files, in their order. */
async function digestOf({ files }: TableFiles): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    try {
      for await (const block of createReadStream(file)) hash.update(block as Buffer);
    } catch (thrown) {
      throw unreadable(file, thrown);
    }
  }
  return hash.digest("hex").slice(0, 12);
}

function* streams(files: TableFiles | undefined, { stdin = process.stdin }: FileSourceOptions): Generator<AsyncIterable<Buffer>> {
  if (files === undefined) yield stdin;
  else for (const file of files.files) yield fileBytes(file, files.compression);
}

async function* lineChunks(source: string, files: Iterable<AsyncIterable<Buffer>>, from: number): AsyncGenerator<Chunk> {
  let index = 0;
  for (const file of files) {
    const cutter = createLineCutter();
    for await (const block of file) {
      for (const lines of cutter.push(block)) {
        yield* sliceLines(source, lines, index, from);
        index += lines.count;
      }
    }
    const rest = cutter.finish();
    if (rest === undefined) continue;
    yield* sliceLines(source, rest, index, from);
    index += rest.count;
  }
}

function* sliceLines(source: string, lines: LineBlock, base: number, from: number): Generator<Chunk> {
  for (const [begin, last] of slices(lines.count, from - base)) {
    yield {
      ...chunkAt(source, base + begin, base + last),
      kind: "bytes",
      format: "json",
      forEach: (visit) => {
        for (let i = begin; i < last; i++) visit(base + i, Number.NaN, lines.bytes, lines.starts[i] as number, lines.ends[i] as number);
      },
    };
  }
}

async function* rowChunks(source: string, options: FileSourceOptions, from: number): AsyncGenerator<Chunk> {
  let index = 0;
  for await (const batch of openRows(options.path, { orderBy: options.timestampColumn, kinds: options.kinds })) {
    yield* sliceRows(source, batch, index, from);
    index += batch.count;
  }
}

function* sliceRows(source: string, batch: RowBatch, base: number, from: number): Generator<Chunk> {
  for (const [begin, last] of slices(batch.count, from - base)) {
    yield {
      ...chunkAt(source, base + begin, base + last),
      kind: "rows",
      forEach: (visit) => {
        for (let i = begin; i < last; i++) visit(base + i, batch.row(i));
      },
    };
  }
}

/** Ranges of at most `CHUNK_RECORDS` within `[skip, count)`. */
function* slices(count: number, skip: number): Generator<[number, number]> {
  for (let first = Math.max(0, skip); first < count; first += CHUNK_RECORDS) yield [first, Math.min(first + CHUNK_RECORDS, count)];
}

function chunkAt(source: string, asked: number, next: number) {
  return { source, partition: 0, asked, next, end: Number.NaN };
}
