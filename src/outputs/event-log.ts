/**
 * The event log outside the store: one JSON line for each event, to a file or to standard output. It never blocks and never fails the daemon:
 * lines wait in a bounded queue, and what does not fit is dropped and counted. The store has every event all the same.
 * Rotation is the operator's: rename the file, then reload (`reopen`).
 */

import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { EventRow } from "../store/store.ts";
import { createLineLog, type LineLog, type LineSink, openFileSink } from "./line-log.ts";

export type EventLogOptions = {
  /** Opens the sink: at start and at `reopen`. */
  readonly open: () => Promise<LineSink>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
};

export type EventLog = Omit<LineLog, "write"> & {
  /** Queues events; returns at once. */
  readonly write: (events: readonly EventRow[]) => void;
};

/** The sink of the event log's file. Rejects with EVENT_LOG_UNWRITABLE. */
export function openEventFile(path: string): Promise<LineSink> {
  return openFileSink(path, { what: "event log", code: "EVENT_LOG_UNWRITABLE" });
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
export async function createEventLog({ open, clock, metrics, log }: EventLogOptions): Promise<EventLog> {
  for (const reason of ["queue_full", "write_failed"]) metrics.inc("driftd_event_log_dropped_total", { reason }, 0);
  const lines = await createLineLog({
    open,
    clock,
    onWritten: (written) => metrics.inc("driftd_event_log_lines_total", {}, written),
    onDropped: (reason, dropped) => metrics.inc("driftd_event_log_dropped_total", { reason }, dropped),
    onFailure: (err) => log.error({ err }, "event log cannot be written"),
  });
  return { ...lines, write: (events) => lines.write(events.map(eventLine)) };
}
