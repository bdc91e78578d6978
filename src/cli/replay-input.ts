/** What `driftd replay` reads: a file, standard input, or a stretch of a topic, opened as the source of the daemon's own pipeline. */

import { resolve } from "node:path";
import { decodersOf, tableColumns } from "../assembly.ts";
import type { Config } from "../config/config.ts";
import type { BytesDecoder, RowDecoder } from "../decode/record.ts";
import type { Judges } from "../judges.ts";
import type { Clock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { openFileSource } from "../sources/file.ts";
import type { Source } from "../sources/source.ts";
import type { Store } from "../store/store.ts";
import type { Io, ParsedArgs } from "./args.ts";
import { configOfTopic, openTopic, type TopicInput, topicInput } from "./topic-input.ts";

export type ReplayInput = {
  readonly source: Source;
  readonly decoders: { readonly bytes: BytesDecoder; readonly row: RowDecoder };
};

export type ReplayInputOptions = {
  readonly parsed: ParsedArgs;
  readonly config: Config;
  readonly judges: Judges;
  readonly store: Store;
  readonly io: Io;
  readonly clock: Clock;
  readonly log: Log;
};

/** The topic that the input is, or undefined for a file. Throws `USAGE` for flags that say nothing, before anything is opened. */
export function replayTopic(parsed: ParsedArgs): TopicInput | undefined {
  const topic = topicInput(parsed);
  for (const flag of topic === undefined ? ["from", "to"] : []) {
    if (parsed.text(flag) === undefined) continue;
    throw new DriftdError("USAGE", `--${flag} stands beside an input that is no topic`, {
      hint: "a file is replayed whole; write --input kafka://TOPIC, or cut the file",
    });
  }
  return topic;
}

/**
 * Opens the input; nothing is read of it before the source's `start`. Throws `USAGE`, the `KAFKA_*` errors of a topic, those of `openFileSource`, and
 * `REPLAY_STORE_USED` for a kept store that has records of the topic already: another stretch of it would be counted beside them.
 */
export async function openReplayInput({ parsed, config, judges, store, io, clock, log }: ReplayInputOptions): Promise<ReplayInput> {
  const topic = replayTopic(parsed);
  if (topic !== undefined) {
    const withTopic = configOfTopic(config, topic);
    const name = `kafka:${topic.topic}`;
    if ((await store.cursors()).some(({ source }) => source === name)) {
      throw new DriftdError("REPLAY_STORE_USED", `the store ${parsed.text("store")} has counted records of topic ${topic.topic} already`, {
        hint: "name a new file with --store, or leave it out; a daemon's store is judged by driftd backtest",
      });
    }
    return { source: await openTopic(withTopic, topic, { io, clock, log }), decoders: decodersOf(withTopic) };
  }
  const input = parsed.text("input") as string;
  const source = await openFileSource({
    path: input === "-" ? "-" : resolve(io.cwd, input),
    ...tableColumns(config, judges),
    speed: 0,
    eventTimeMs: () => undefined,
    clock,
    log,
  });
  const names = source.status().map((status) => status.source);
  if ((await store.cursors()).some((cursor) => cursor.finished && names.includes(cursor.source))) {
    log.warn({ store: parsed.text("store") }, "the store has read this very input to its end before: nothing is left to be replayed");
  }
  return { source, decoders: decodersOf({ ...config, kafka: undefined }) };
}
