/**
 * `driftd reference build --input kafka://…`: the records of a stretch of a topic, read with the daemon's own decoder and written as rows to a
 * temporary file, from which the reference is built as from any other table. Not here: the building.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { createZstdCompress } from "node:zlib";
import { decodersOf, timingOf } from "../assembly.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { byText } from "../decide/track.ts";
import { newRecord } from "../decode/record.ts";
import { systemClock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { createLogger } from "../lib/logger.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { BuildOptions } from "../reference/build.ts";
import type { Chunk, Source } from "../sources/source.ts";
import type { Io, ParsedArgs } from "./args.ts";
import { createRowWriter, signalColumn } from "./reference-topic-row.ts";
import { iso } from "./replay-report.ts";
import { configOfTopic, openTopic, type TopicInput, topicInput } from "./topic-input.ts";

/** The rows of a topic as a table, and what the builder has to know of them. */
export type TopicTable = {
  readonly options: Required<Pick<BuildOptions, "input" | "source" | "model" | "timestamp" | "signals">>;
  /** Removes the file. */
  readonly remove: () => Promise<void>;
};

/** Rows wait in memory up to this, then reading does. */
const BLOCK_CHARACTERS = 256 * 1024;
/** Of the temporary file, compressed: some thousand million values. Whoever needs more takes a sample of days. */
const MAX_FILE_BYTES = 16 * 1024 ** 3;

/**
 * Reads the topic that `--input` names into a temporary table. Says on standard error what was read and what was left out, by reason. Throws
 * `USAGE`, `CONFIG_*`, `KAFKA_*`; `REFERENCE_EMPTY` when no record is of the model, and `REFERENCE_DISK` when the rows do not fit.
 */
export async function readTopicTable(parsed: ParsedArgs, io: Io): Promise<TopicTable> {
  const topic = topicInput(parsed) as TopicInput;
  const file = parsed.text("config");
  if (file === undefined) {
    throw new DriftdError("USAGE", `--input kafka://${topic.topic} needs --config`, {
      hint: "the configuration says where the fields of a record stand, and how to reach the brokers",
    });
  }
  for (const flag of ["timestamp", "signal"]) {
    if (parsed.text(flag) === undefined) continue;
    throw new DriftdError("USAGE", `--${flag} stands beside a topic`, {
      hint: "the configuration says where event time and signals stand in a record: event_time.from, record.signals",
    });
  }
  const { config: given } = await loadConfig(resolve(io.cwd, file), io.env, { source: "optional" });
  const config = configOfTopic(given, topic);
  const model = modelOf(parsed, config);
  const log = createLogger({ level: "warn", format: "text", stderr: io.stderr });
  // Records of the period's last minutes may come a little later; what is not of the period is left out by its event time.
  const latenessMs = config.eventTime.from === "kafka" ? 0 : config.eventTime.allowedLatenessMs;
  const toMs = topic.toMs === undefined ? undefined : topic.toMs + latenessMs;
  const source = await openTopic(config, { ...topic, toMs }, { io, clock: systemClock, log });
  const folder = await mkdtemp(join(tmpdir(), "driftd-reference-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, "rows.ndjson.zst");
  try {
    const tally = await writeRows({ source, path, config, model, version: parsed.text("version"), topic, io });
    const offsets = source.ranges
      .filter(({ begin, end }) => end > begin)
      .map(({ partition, begin, end }) => `${partition}:${begin}-${end}`);
    const period = [
      topic.fromMs === undefined ? "" : ` from ${iso(topic.fromMs)}`,
      topic.toMs === undefined ? "" : ` to ${iso(topic.toMs)}`,
    ].join("");
    // By name: partitions come in no order.
    const left = [...tally.left]
      .filter(([, count]) => count > 0)
      .sort(([a], [b]) => byText(a, b))
      .map(([reason, count]) => `${count.toLocaleString("en")} ${reason}`);
    const said = `${tally.read.toLocaleString("en")} records read of topic ${topic.topic}${left.length === 0 ? "" : `, left out: ${left.join(", ")}`}`;
    if (tally.rows === 0) {
      throw new DriftdError("REFERENCE_EMPTY", `topic ${topic.topic}${period}: no record is of model ${model}; ${said}`, {
        hint: "check --model, --version and the period, and that record.* of the configuration says where the fields stand",
      });
    }
    io.stderr(`${said}\n`);
    for (const name of tally.hidden) io.stderr(`left out: ${name} (record_field)\n`);
    return {
      options: {
        input: path,
        source: `kafka:${topic.topic}${period}, offsets ${offsets.slice(0, 32).join(" ")}${offsets.length > 32 ? " …" : ""}`,
        model,
        timestamp: "timestamp",
        signals: new Map([...config.record.signals.keys()].map((name) => [name, signalColumn(name)])),
      },
      remove,
    };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}

/** The model that `--model` names, which must be configured: a slip would read the whole topic for nothing. */
function modelOf(parsed: ParsedArgs, { models }: Config): string {
  const names = models.map(({ name }) => name);
  const named = parsed.text("model");
  if (named === undefined && names.length === 1) return names[0]!;
  if (named === undefined)
    throw new DriftdError("USAGE", "--model is needed: the configuration has several", { hint: `one of ${names.join(", ")}` });
  if (names.includes(named)) return named;
  throw new DriftdError("USAGE", `--model ${named} is not configured`, { hint: didYouMean(named, names) });
}

type Tally = { read: number; rows: number; readonly left: Map<string, number>; readonly hidden: ReadonlySet<string> };

type WriteOptions = {
  readonly source: Source;
  readonly path: string;
  readonly config: Config;
  readonly model: string;
  readonly version: string | undefined;
  readonly topic: TopicInput;
  readonly io: Io;
};

/** Decodes every record and writes those of the model, version and period, a row each. */
async function writeRows({ source, path, config, model, version, topic, io }: WriteOptions): Promise<Tally> {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = topic;
  const decode = decodersOf(config).bytes;
  const only = config.models.length === 1 ? config.models[0]!.name : undefined;
  const { futureMs } = timingOf(config);
  const record = newRecord();
  const rows = createRowWriter([...config.record.signals.keys()]);
  const tally: Tally = { read: 0, rows: 0, left: new Map(), hidden: rows.hidden };
  const leave = (reason: string) => tally.left.set(reason, (tally.left.get(reason) ?? 0) + 1);

  const compress = createZstdCompress();
  const output = createWriteStream(path);
  const written = finished(compress.pipe(output));
  written.catch(() => {});
  compress.on("drain", source.resume);
  compress.on("error", (error) => output.destroy(error));
  const done = Promise.withResolvers<void>();
  const failed = written.then(
    () => {},
    (thrown: unknown) => done.reject(diskError(thrown)),
  );
  let block = "";

  const visit = (_offset: number, transportMs: number, bytes: Buffer, start: number, end: number): void => {
    tally.read++;
    const problem = start === -1 ? "tombstone" : decode(bytes, start, end, transportMs, record);
    if (problem !== undefined) return void leave(problem);
    if ((record.model ?? only) !== model) return void leave("of other models");
    if (version !== undefined && record.version !== version) return void leave("of other versions");
    if (record.eventTimeMs > transportMs + futureMs) return void leave("future");
    if (record.eventTimeMs < fromMs || record.eventTimeMs >= toMs) return void leave("outside the period");
    tally.rows++;
    block += rows.rowOf(record);
  };
  const onChunk = (chunk: Chunk): void => {
    if (chunk.kind === "bytes") chunk.forEach(visit);
    if (block.length < BLOCK_CHARACTERS) return;
    if (output.bytesWritten > MAX_FILE_BYTES)
      done.reject(diskError(new Error(`the rows need more than ${MAX_FILE_BYTES / 1024 ** 3} GiB`)));
    if (!compress.write(block)) source.pause();
    block = "";
  };
  const interrupt = () => done.reject(new DriftdError("INTERRUPTED", "reading the topic was interrupted"));
  if (io.signal?.aborted) interrupt();
  io.signal?.addEventListener("abort", interrupt, { once: true });
  try {
    await source.start({
      onAssign: () => "earliest",
      onPartitions: () => {},
      onChunk,
      onEnd: () => {},
      onFinished: () => done.resolve(),
      onRecreated: () => "earliest",
      onForeignMember: () => {},
      onFatal: done.reject,
    });
    await done.promise;
    compress.end(block);
    await written.catch((thrown: unknown) => {
      throw diskError(thrown);
    });
    return tally;
  } finally {
    await source.stop();
    compress.destroy();
    if (!output.closed) {
      output.destroy();
      await Promise.race([once(output, "close"), failed]);
    }
  }
}

function diskError(thrown: unknown): DriftdError {
  const cause = coerceError(thrown);
  return new DriftdError("REFERENCE_DISK", `the rows of the topic cannot be written to ${tmpdir()}: ${cause.message}`, {
    hint: "free some space, point TMPDIR to another disk, or take a shorter period",
    cause,
  });
}
