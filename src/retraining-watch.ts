/**
 * Watches what was asked for: a request whose every delivery was given up has failed, one whose messages were all cancelled is cancelled, one
 * that nobody answers times out. It looks at the store, so that nothing is missed over a crash; the time of a pipeline begins with the delivery.
 */

import { messageIds, moved, type RetrainRecord } from "./decide/record.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Outbox } from "./outputs/outbox.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Delivery, Store } from "./store/store.ts";

export type RetrainingWatchOptions = {
  readonly store: Pick<Store, "retrainRequests" | "deliveries" | "attempts">;
  readonly pipeline: () => Pick<Pipeline, "between" | "openRequests" | "overdue" | "alerts">;
  readonly outbox: () => Pick<Outbox, "cancel" | "serves">;
  readonly clock: Clock;
  readonly log: Log;
};

export type RetrainingWatch = {
  /** Whether a request's message still waits for its first delivery, as far as is known. */
  readonly undelivered: (request: string) => boolean;
  /** Reads what waits, and cancels what a crash has left behind: before anything is judged or sent. */
  readonly prime: () => Promise<void>;
  /** Looks once; to be called every few seconds and when a delivery has ended. A look that is under way is not begun again, but repeated. */
  readonly look: () => Promise<void>;
  /** A message is sent again by hand: if its request had ended for want of a delivery, it is asked again. */
  readonly redelivered: (delivery: string) => Promise<void>;
};

/** Nothing is known before `prime`. */
export function createRetrainingWatch({ store, pipeline, outbox, clock, log }: RetrainingWatchOptions): RetrainingWatch {
  const waiting = new Set<string>();
  /** Delivered to somebody: nothing more is to be known. */
  const delivered = new Set<string>();
  let looking: Promise<void> | undefined;
  let again = false;

  async function rowsOf(record: RetrainRecord): Promise<Delivery[]> {
    const rows = await Promise.all(messageIds(record).map((id) => store.deliveries({ id })));
    return rows.flat();
  }

  /** What the deliveries of a request say: another record, that it waits, or that it waits for an output that is configured no longer. */
  async function judge(record: RetrainRecord): Promise<RetrainRecord | "waits" | "stranded"> {
    const rows = await rowsOf(record);
    const first = rows
      .filter(({ status }) => status === "delivered")
      .reduce((least, row) => Math.min(least, row.updatedAtMs), Number.POSITIVE_INFINITY);
    if (rows.length === 0 || first < Number.POSITIVE_INFINITY) {
      // Without rows they were pruned, so they are over.
      return rows.length === 0 || first <= record.updatedAtMs ? record : { ...record, updatedAtMs: first };
    }
    const pending = rows.filter(({ status }) => status === "pending");
    if (pending.length > 0) return pending.some(({ output }) => outbox().serves(output)) ? "waits" : "stranded";
    const dead = rows.find(({ status }) => status === "dead");
    if (dead === undefined) return moved(record, "cancelled", clock.nowMs(), { detail: "the episode was over before it was delivered" });
    const last = (await store.attempts(dead.id)).at(-1);
    const why = [last?.failure, last?.status].filter((part) => part !== null && part !== undefined).join(" ");
    return moved(record, "failed", clock.nowMs(), { detail: `the delivery to ${dead.output} was given up${why === "" ? "" : `: ${why}`}` });
  }

  async function lookAtDeliveries(): Promise<void> {
    const { between, openRequests } = pipeline();
    for (const record of openRequests()) {
      if (record.status !== "requested" || delivered.has(record.id)) continue;
      const found = await judge(record);
      if (found === "waits") {
        waiting.add(record.id);
        continue;
      }
      if (found === "stranded") {
        // Nobody will get it, unless the output comes back: its time runs, so that it does not hold the next one back for ever.
        waiting.delete(record.id);
        continue;
      }
      if (found !== record) {
        await between(async (decider) => {
          const current = openRequests().find(({ id }) => id === record.id);
          // The pipeline may have said something meanwhile.
          if (current?.status === "requested") await decider.commit(decider.move([found], clock.nowMs()));
        });
      }
      waiting.delete(record.id);
      if (found.status === "requested") delivered.add(record.id);
    }
    const open = new Set(openRequests().map(({ id }) => id));
    for (const known of [waiting, delivered]) for (const id of known) if (!open.has(id)) known.delete(id);
  }

  async function lookOnce(): Promise<void> {
    await lookAtDeliveries();
    const { between, overdue } = pipeline();
    if (!overdue(clock.nowMs())) return;
    await between(async (decider) => {
      const decision = decider.expire(clock.nowMs());
      if (decision.requests.length > 0) await decider.commit(decision);
    });
  }

  return {
    undelivered: (request) => waiting.has(request),
    prime: async () => {
      const firing = new Set(
        pipeline()
          .alerts()
          .map(({ episode }) => episode?.id),
      );
      for (const record of await store.retrainRequests({ open: true })) {
        if (record.status !== "requested" || (await judge(record)) !== "waits") continue;
        waiting.add(record.id);
        // The end of its episode was stored, and then the process ended before the messages were cancelled. One that was tried may have been
        // sent again by hand, and is left alone.
        const over = record.reason === "drift" && !firing.has(record.episode ?? undefined);
        if (over && (await rowsOf(record)).every(({ attempts }) => attempts === 0)) await outbox().cancel(messageIds(record));
      }
    },
    look: () => {
      if (looking !== undefined) {
        again = true;
        return looking;
      }
      looking = (async () => {
        try {
          do {
            again = false;
            await lookOnce();
          } while (again);
        } catch (thrown) {
          const err = coerceError(thrown);
          if (!(err instanceof DriftdError && err.code === "STOPPING"))
            log.warn({ err }, "requests could not be looked after: it will be tried again");
        } finally {
          looking = undefined;
        }
      })();
      return looking;
    },
    redelivered: async (delivery) => {
      const [row] = await store.deliveries({ id: delivery, limit: 1 });
      const record = row === undefined ? undefined : await askedAgain(store, row, clock.nowMs());
      if (record === undefined) return;
      waiting.add(record.id);
      await pipeline().between((decider) => decider.commit(decider.move([record], clock.nowMs())));
    },
  };
}

/** The request of a message that is sent again by hand, as `requested` again; undefined: there is none, or somebody else got it. */
export async function askedAgain(
  store: Pick<Store, "retrainRequests" | "deliveries">,
  delivery: Delivery,
  nowMs: number,
): Promise<RetrainRecord | undefined> {
  const id = requestOf(delivery);
  const [record] = id === undefined ? [] : await store.retrainRequests({ id, limit: 1 });
  if (record?.status !== "failed" && record?.status !== "cancelled") return undefined;
  // Its own row says nothing: it may be there already.
  const others = messageIds(record).filter((message) => message !== delivery.id);
  const rows = (await Promise.all(others.map((message) => store.deliveries({ id: message })))).flat();
  if (rows.some(({ status }) => status === "delivered")) return undefined;
  return moved(record, "requested", nowMs, { detail: "sent again by hand" });
}

/** The request that a message carries. */
function requestOf({ body, type }: Delivery): string | undefined {
  if (type !== "driftd.retrain.requested") return undefined;
  const { data } = JSON.parse(body) as { data?: { request_id?: unknown } };
  return typeof data?.request_id === "string" ? data.request_id : undefined;
}
