/**
 * The event log outside the store: one JSON line for each event, to a file or to standard output. It never blocks and never fails the daemon:
 * lines wait in a bounded queue, and what does not fit is dropped and counted. The store has every event all the same.
 * Rotation is the operator's: rename the file, then reload (`reopen`).
 */

import { type FileHandle, open } from "node:fs/promises";

import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { EventRow } from "../store/store.ts";

/** 8192 lines of about 500 bytes: 4 MB. */
export const QUEUE_LINES = 8192;

/** Where lines go. */
export type LineSink = {
  /** Writes whole lines. */
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type EventLogOptions = {
  /** Opens the sink: at start and at `reopen`. */
  readonly open: () => Promise<LineSink>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
};

export type EventLog = {
  /** Queues events; returns at once. */
  readonly write: (events: readonly EventRow[]) => void;
  /** Closes the file and opens its path again; the queue stays. Rejects, with the old file kept, when it cannot be opened. */
  readonly reopen: () => Promise<void>;
  /** Writes what is queued, for at most `withinMs`, then closes. */
  readonly close: (withinMs: number) => Promise<void>;
};

/** The sink of a file, opened for appending (mode 0640). Rejects with EVENT_LOG_UNWRITABLE. */
export async function openFileSink(path: string): Promise<LineSink> {
  let file: FileHandle;
  try {
    file = await open(path, "a", 0o640);
  } catch (thrown) {
    const cause = coerceError(thrown);
    throw new DriftdError("EVENT_LOG_UNWRITABLE", `cannot write the event log ${path}: ${cause.message}`, {
      hint: "check that its folder exists and that this user may write it",
      cause,
    });
  }
  return { write: (text) => file.appendFile(text), close: () => file.close() };
}

/** The sink of a stream such as `process.stdout`, which is never closed. */
export function streamSink(stream: { write: (text: string, done: (error?: Error | null) => void) => unknown }): LineSink {
  return {
    write: (text) => new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve()))),
    close: () => Promise.resolve(),
  };
}

/** One event as its line. */
export function eventLine(event: EventRow): string {
  const head = { time: new Date(event.atMs).toISOString(), type: event.type, model: event.model, version: event.version };
  return `${JSON.stringify({ ...(JSON.parse(event.body) as object), ...head })}\n`;
}

/** Opens the log. Rejects with what `open` rejects with. */
export async function createEventLog({ open: openSink, clock, metrics, log }: EventLogOptions): Promise<EventLog> {
  let sink = await openSink();
  const queue: string[] = [];
  let writing: Promise<void> | undefined;
  let failing = false;
  let closed = false;
  for (const reason of ["queue_full", "write_failed"]) metrics.inc("driftd_event_log_dropped_total", { reason }, 0);

  async function flush(): Promise<void> {
    while (queue.length > 0) {
      const lines = queue.splice(0);
      try {
        await sink.write(lines.join(""));
        metrics.inc("driftd_event_log_lines_total", {}, lines.length);
        failing = false;
      } catch (thrown) {
        metrics.inc("driftd_event_log_dropped_total", { reason: "write_failed" }, lines.length);
        if (!failing) log.error({ err: coerceError(thrown) }, "event log cannot be written");
        failing = true;
      }
    }
    // In the same turn as the last look at the queue: a line that comes after it begins a new flush.
    writing = undefined;
  }

  return {
    write: (events) => {
      for (const event of events) {
        if (closed || queue.length >= QUEUE_LINES) metrics.inc("driftd_event_log_dropped_total", { reason: "queue_full" });
        else queue.push(eventLine(event));
      }
      if (queue.length > 0) writing ??= flush();
    },
    reopen: async () => {
      const next = await openSink();
      const old = sink;
      sink = next;
      // The write that may still run goes to the old file.
      await writing;
      await old.close();
    },
    close: async (withinMs) => {
      closed = true;
      const over = new AbortController();
      await Promise.race([writing ?? Promise.resolve(), clock.sleep(withinMs, over.signal)]);
      over.abort();
      await sink.close().catch(() => undefined);
    },
  };
}
