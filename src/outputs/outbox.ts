/**
 * The outbox worker: carries messages from the store to their outputs. A message stands in the store, durable, before its first attempt, and
 * every attempt has its id, so delivery is at least once under one id: a crash between an attempt and its record sends it again.
 * One loop per output, one attempt at a time; a slow or dead receiver delays nobody else, and never the pipeline, which only commits rows.
 *
 * - A 410 disables the output: a fact in the store. Its messages wait until somebody replays one, which is to say that it works again.
 * - When an episode is over, its waiting messages are cancelled, attempted before or not: nobody wants a training for a drift that is gone.
 *   An attempt in flight ends first, and a success counts.
 * - `stop` ends an attempt in flight without recording it; it is made again after the next start.
 */

import type { Clock } from "../lib/clock.ts";
import { coerceError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Delivery, Store } from "../store/store.ts";
import { ATTEMPT_FAILURES, type AttemptResult, type Output } from "./output.ts";
import { MAX_RETRY_AFTER_MS, nextStep } from "./schedule.ts";

/** The store is asked at least this often, whoever forgot to wake the loop. */
const POLL_MS = 60_000;
/** Waits between failures of the store itself. */
const STORE_BACKOFF_MS = [1_000, 5_000, 30_000, 60_000] as const;
/** How long `stop` waits for an output that does not heed its signal. */
const STOP_MS = 2_000;
/** Rows looked at for the gauges; more than this is "very many" all the same. */
const GAUGE_ROWS = 10_000;

export type OutboxStore = Pick<Store, "due" | "recordAttempt" | "deliveries" | "setDelivery" | "getFact" | "setFact">;

export type OutboxOptions = {
  readonly store: OutboxStore;
  readonly outputs: readonly Output[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** After an attempt was recorded or a message cancelled. */
  readonly onMoved?: () => void;
};

export type Outbox = {
  /** Begins to deliver what is due. Once. */
  readonly start: () => void;
  /** Says that rows were committed. */
  readonly wake: () => void;
  /** Cancels messages that still wait; returns how many. Unknown and finished ids are passed over. */
  readonly cancel: (ids: readonly string[]) => Promise<number>;
  /**
   * Cancels `earlier` and `last` when all of `earlier` that there is still waits and was never attempted: whoever was not told that something
   * began need not be told that it is over. Else `last` goes out, and what of `earlier` waits to be tried again is cancelled: told after the
   * end, it would begin anew. True when all were cancelled.
   */
  readonly withdraw: (earlier: readonly string[], last: string) => Promise<boolean>;
  /** Sends a message again now, under its old id, and enables its output. */
  readonly replay: (id: string) => Promise<"replayed" | "unknown_delivery" | "unknown_output">;
  /** Whether there is an output of this name: messages to one that is configured no longer wait until it is again. */
  readonly serves: (output: string) => boolean;
  /** Names of outputs that a 410 has disabled. */
  readonly disabled: () => Promise<readonly string[]>;
  /** Resolves once nothing is due any more, after `withinMs` at the latest: what is retried later is not waited for. */
  readonly drain: (withinMs: number) => Promise<void>;
  /** Ends the loops and closes the outputs; a second call waits for the first. */
  readonly stop: () => Promise<void>;
};

/** The fact that disables an output: the time of the 410, ISO 8601. */
export function disabledFact(output: string): string {
  return `output_disabled:${output}`;
}

type Worker = {
  readonly output: Output;
  /** Aborts the rest between two rounds. */
  rest: AbortController;
  woken: boolean;
  /** The receiver asked for a pause (`Retry-After`): it is meant for all messages. */
  notBeforeMs: number;
  inFlight: string | undefined;
  /** Cancelled during this round, whose rows may already have been read. */
  readonly cancelled: Set<string>;
  /** What failed last: a repeating failure is logged once. */
  lastFailure: string | undefined;
  /** Who waits for a round to end with nothing due. */
  readonly idle: (() => void)[];
};

/** Makes the outbox; nothing is sent before `start`. */
export function createOutbox({ store, outputs, clock, metrics, log, random, onMoved }: OutboxOptions): Outbox {
  const stopping = new AbortController();
  const workers = new Map<string, Worker>();
  for (const output of outputs) {
    const worker: Worker = {
      output,
      rest: new AbortController(),
      woken: false,
      notBeforeMs: 0,
      inFlight: undefined,
      cancelled: new Set(),
      lastFailure: undefined,
      idle: [],
    };
    workers.set(output.name, worker);
    metrics.inc("driftd_webhook_attempts_total", { target: output.name }, 0);
    for (const reason of ATTEMPT_FAILURES) metrics.inc("driftd_webhook_attempt_failures_total", { target: output.name, reason }, 0);
  }
  let loops: Promise<unknown> | undefined;
  let stopped: Promise<void> | undefined;

  async function run(worker: Worker): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      let restMs: number;
      try {
        // Whoever waits from now on waits for the next round: this one may have asked the store already.
        const idle = worker.idle.splice(0);
        try {
          restMs = await round(worker);
        } catch (thrown) {
          worker.idle.push(...idle);
          throw thrown;
        }
        for (const done of idle) done();
        failures = 0;
      } catch (thrown) {
        // The store failed: the rows are safe in it, or there are none.
        if (failures === 0) log.error({ err: coerceError(thrown), target: worker.output.name }, "outbox cannot use the store");
        restMs = STORE_BACKOFF_MS[Math.min(failures++, STORE_BACKOFF_MS.length - 1)]!;
      }
      if (!worker.woken && !stopping.signal.aborted) {
        worker.rest = new AbortController();
        await clock.sleep(restMs, worker.rest.signal);
      }
      worker.woken = false;
    }
  }

  /** Attempts everything that is due; returns how long there is nothing to do. */
  async function round(worker: Worker): Promise<number> {
    const { name } = worker.output;
    let disabled = await isDisabled(name);
    while (!disabled && !stopping.signal.aborted && clock.nowMs() >= worker.notBeforeMs) {
      // One at a time, asked anew: a row may have been cancelled or replayed while the last attempt ran.
      const [row] = await store.due(name, clock.nowMs(), 1);
      if (row === undefined) break;
      disabled = await attempt(worker, row);
    }
    const pending = await refreshGauges(name, disabled);
    worker.cancelled.clear();
    if (disabled) return POLL_MS;
    const nowMs = clock.nowMs();
    const nextMs = pending.reduce((earliest, row) => Math.min(earliest, row.nextAttemptAtMs), nowMs + POLL_MS);
    return Math.min(POLL_MS, Math.max(0, Math.max(nextMs, worker.notBeforeMs) - nowMs));
  }

  /** Makes one attempt and records it; true when the output is disabled by it. */
  async function attempt(worker: Worker, row: Delivery): Promise<boolean> {
    const { output } = worker;
    const target = output.name;
    if (worker.cancelled.has(row.id)) return false;
    worker.inFlight = row.id;
    try {
      const atMs = clock.nowMs();
      const beganMs = clock.monotonicMs();
      const result = await output.send(row, stopping.signal).catch((thrown: unknown): AttemptResult => {
        log.error({ err: coerceError(thrown), target, delivery: row.id }, "output failed by itself");
        return { ok: false, failure: "connection", retry: true, excerpt: "internal error" };
      });
      if (stopping.signal.aborted && !result.ok) return false;
      const latencyMs = clock.monotonicMs() - beganMs;
      const step = nextStep(result, row, output, clock.nowMs(), random);
      const cancelled = step.status === "pending" && worker.cancelled.has(row.id);
      // Disabled first: after a crash in between, the message would be sent once more, and told 410 once more.
      const disable = !result.ok && result.disable === true;
      if (disable) await store.setFact(disabledFact(target), new Date(clock.nowMs()).toISOString());
      await store.recordAttempt(
        {
          id: row.id,
          atMs,
          ok: result.ok,
          status: result.status ?? null,
          failure: result.ok ? null : result.failure,
          latencyMs,
          excerpt: result.excerpt,
        },
        {
          status: cancelled ? "cancelled" : step.status,
          nextAttemptAtMs: step.status === "pending" ? step.atMs : atMs,
        },
      );
      metrics.inc("driftd_webhook_attempts_total", { target });
      metrics.observe("driftd_webhook_attempt_duration_seconds", { target }, latencyMs / 1000);
      if (result.ok) metrics.set("driftd_webhook_last_success_timestamp_seconds", { target }, atMs / 1000);
      else metrics.inc("driftd_webhook_attempt_failures_total", { target, reason: result.failure });
      if (!result.ok && result.retryAfterMs !== undefined) {
        worker.notBeforeMs = clock.nowMs() + Math.min(result.retryAfterMs, MAX_RETRY_AFTER_MS);
      }
      report(worker, row, result, cancelled ? "cancelled" : step.status, disable);
      onMoved?.();
      return disable;
    } finally {
      worker.inFlight = undefined;
    }
  }

  function report(worker: Worker, row: Delivery, result: AttemptResult, status: string, disable: boolean): void {
    const fields = {
      target: worker.output.name,
      delivery: row.id,
      model: row.model,
      attempt: row.attempts + 1,
      status: result.status ?? null,
    };
    if (result.ok) {
      worker.lastFailure = undefined;
      log.info(fields, "delivered");
      return;
    }
    const failed = { ...fields, failure: result.failure, excerpt: result.excerpt };
    if (disable) log.error(failed, "output disabled: the receiver answered 410");
    else if (status === "dead") log.error(failed, "delivery given up");
    else if (worker.lastFailure !== result.failure) log.warn(failed, "delivery failed, will be tried again");
    worker.lastFailure = result.failure;
  }

  async function refreshGauges(target: string, disabled: boolean): Promise<readonly Delivery[]> {
    const pending = await store.deliveries({ output: target, status: "pending", limit: GAUGE_ROWS });
    const dead = await store.deliveries({ output: target, status: "dead", limit: GAUGE_ROWS });
    metrics.set("driftd_webhook_queue_length", { target }, pending.length);
    metrics.set("driftd_webhook_dead_letters", { target }, dead.length);
    metrics.set("driftd_webhook_target_disabled", { target }, disabled ? 1 : 0);
    const oldest = pending.reduce((earliest, row) => Math.min(earliest, row.createdAtMs), Number.POSITIVE_INFINITY);
    if (pending.length === 0) metrics.remove("driftd_webhook_oldest_pending_timestamp_seconds", { target });
    else metrics.set("driftd_webhook_oldest_pending_timestamp_seconds", { target }, oldest / 1000);
    return pending;
  }

  async function isDisabled(name: string): Promise<boolean> {
    return (await store.getFact(disabledFact(name))) !== undefined;
  }

  function wake(worker: Worker): void {
    worker.woken = true;
    worker.rest.abort();
  }

  function stop(): Promise<void> {
    stopped ??= (async () => {
      stopping.abort();
      for (const worker of workers.values()) wake(worker);
      const over = new AbortController();
      await Promise.race([loops ?? Promise.resolve(), clock.sleep(STOP_MS, over.signal)]);
      over.abort();
      await Promise.allSettled(outputs.map((output) => output.close()));
    })();
    return stopped;
  }

  return {
    start: () => {
      if (loops !== undefined || stopping.signal.aborted) throw new Error("outbox: started twice, or after its stop");
      loops = Promise.all([...workers.values()].map(run));
    },
    wake: () => {
      for (const worker of workers.values()) wake(worker);
    },
    cancel: async (ids) => {
      let cancelled = 0;
      for (const id of ids) {
        const [row] = await store.deliveries({ id });
        if (row?.status !== "pending") continue;
        const worker = workers.get(row.output);
        worker?.cancelled.add(id);
        // The record of an attempt in flight writes the status.
        if (worker?.inFlight !== id) await store.setDelivery(id, "cancelled", row.nextAttemptAtMs, clock.nowMs());
        cancelled++;
        log.info({ target: row.output, delivery: id, model: row.model }, "delivery cancelled: its episode is over");
      }
      if (cancelled > 0) {
        for (const worker of workers.values()) wake(worker);
        onMoved?.();
      }
      return cancelled;
    },
    withdraw: async (earlier, last) => {
      const rows = (await Promise.all([...earlier, last].map((id) => store.deliveries({ id })))).flat();
      const first = rows.filter(({ id }) => id !== last);
      // From here to the calls of the store nothing else runs: an attempt has begun, or it will see that it is cancelled.
      const untouched = first.every(
        ({ id, status, attempts, output }) => status === "pending" && attempts === 0 && workers.get(output)?.inFlight !== id,
      );
      const nowMs = clock.nowMs();
      if (first.length === 0 || !untouched) {
        const waiting = first.filter(({ status }) => status === "pending");
        for (const { id, output } of waiting) workers.get(output)?.cancelled.add(id);
        // The record of an attempt in flight writes the status.
        const resting = waiting.filter(({ id, output }) => workers.get(output)?.inFlight !== id);
        await Promise.all(resting.map((row) => store.setDelivery(row.id, "cancelled", row.nextAttemptAtMs, nowMs)));
        if (waiting.length > 0) for (const worker of workers.values()) wake(worker);
        return false;
      }
      for (const row of rows) workers.get(row.output)?.cancelled.add(row.id);
      await Promise.all(rows.map((row) => store.setDelivery(row.id, "cancelled", row.nextAttemptAtMs, nowMs)));
      for (const { id, output, model } of rows) log.info({ target: output, delivery: id, model }, "notice withdrawn: its episode is over");
      for (const worker of workers.values()) wake(worker);
      return true;
    },
    replay: async (id) => {
      const [row] = await store.deliveries({ id });
      if (row === undefined) return "unknown_delivery";
      const worker = workers.get(row.output);
      if (worker === undefined) return "unknown_output";
      await store.setFact(disabledFact(row.output), undefined);
      const nowMs = clock.nowMs();
      worker.notBeforeMs = 0;
      worker.cancelled.delete(id);
      await store.setDelivery(id, "pending", nowMs, nowMs);
      wake(worker);
      return "replayed";
    },
    serves: (output) => workers.has(output),
    disabled: async () => {
      const found: string[] = [];
      for (const name of workers.keys()) if (await isDisabled(name)) found.push(name);
      return found;
    },
    drain: async (withinMs) => {
      if (loops === undefined || stopping.signal.aborted) return;
      const idle = [...workers.values()].map((worker) => new Promise<void>((resolve) => worker.idle.push(resolve)));
      for (const worker of workers.values()) wake(worker);
      const over = new AbortController();
      await Promise.race([Promise.all(idle), clock.sleep(withinMs, over.signal)]);
      over.abort();
    },
    stop,
  };
}
