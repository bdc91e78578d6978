/**
 * Lines on their way to a file or a stream: they wait in a bounded queue and are written in their order; nobody ever waits for them. What does
 * not fit, or cannot be written, is told and gone. What the lines say is the caller's.
 */

import { type FileHandle, open } from "node:fs/promises";

import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";

/** 8192 lines of about 500 bytes: 4 MB. */
export const QUEUE_LINES = 8192;

/** Where lines go. */
export type LineSink = {
  /** Writes whole lines. */
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type LineLogOptions = {
  /** Opens the sink: at start and at `reopen`. */
  readonly open: () => Promise<LineSink>;
  readonly clock: Clock;
  readonly onWritten: (lines: number) => void;
  readonly onDropped: (reason: "queue_full" | "write_failed", lines: number) => void;
  /** The first failure after a success. */
  readonly onFailure: (error: Error) => void;
};

export type LineLog = {
  /** Queues lines, each with its line end; returns at once. */
  readonly write: (lines: readonly string[]) => void;
  /** Closes the file and opens its path again; the queue stays. Rejects, with the old file kept, when it cannot be opened. */
  readonly reopen: () => Promise<void>;
  /** Writes what is queued, for at most `withinMs`, then closes. */
  readonly close: (withinMs: number) => Promise<void>;
};

/** Opens the log. Rejects with what `open` rejects with. */
export async function createLineLog({ open: openSink, clock, onWritten, onDropped, onFailure }: LineLogOptions): Promise<LineLog> {
  let sink = await openSink();
  const queue: string[] = [];
  let writing: Promise<void> | undefined;
  let failing = false;
  let closed = false;

  async function flush(): Promise<void> {
    while (queue.length > 0) {
      const lines = queue.splice(0);
      try {
        await sink.write(lines.join(""));
        onWritten(lines.length);
        failing = false;
      } catch (thrown) {
        onDropped("write_failed", lines.length);
        if (!failing) onFailure(coerceError(thrown));
        failing = true;
      }
    }
    // In the same turn as the last look at the queue: a line that comes after it begins a new flush.
    writing = undefined;
  }

  return {
    write: (lines) => {
      for (const line of lines) {
        if (closed || queue.length >= QUEUE_LINES) onDropped("queue_full", 1);
        else queue.push(line);
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

/** The sink of a file, opened for appending (mode 0640). Rejects with `code`; `what` names the file in the message. */
export async function openFileSink(path: string, { what, code }: { readonly what: string; readonly code: string }): Promise<LineSink> {
  let file: FileHandle;
  try {
    file = await open(path, "a", 0o640);
  } catch (thrown) {
    const cause = coerceError(thrown);
    throw new DriftdError(code, `cannot write the ${what} ${path}: ${cause.message}`, {
      hint: "check that its folder exists and that this user may write it",
      cause,
    });
  }
  return { write: (text) => file.appendFile(text), close: () => file.close() };
}
