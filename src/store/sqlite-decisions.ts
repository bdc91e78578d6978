/** Progress, evaluations, alert states, episodes, events and the outbox in SQLite: statements and rows. Synchronous; runs in the store's worker. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Episode } from "../decide/alert.ts";
import type { RetrainRecord } from "../decide/record.ts";
import { DriftdError } from "../lib/errors.ts";
import type { OutboxMessage } from "../outputs/output.ts";
import { createSqliteRequests } from "./sqlite-requests.ts";
import type { AlertStateRow, Attempt, Delivery, DeliveryStatus, EvaluatedThrough, EventRow, Store } from "./store.ts";

/** An evaluation on its way to the store: made text by the client, since a clone of the object costs more than its JSON. */
export type EvaluationRow = {
  readonly model: string;
  readonly version: string;
  readonly window: string;
  readonly endMs: number;
  readonly json: string;
};

export type DecisionBatch = Omit<Parameters<Store["commitDecision"]>[0], "evaluations"> & {
  readonly evaluations: readonly EvaluationRow[];
};

type Query<Name extends keyof Store> = Parameters<Store[Name] extends (...args: infer A) => unknown ? (...args: A) => unknown : never>[0];

export type SqliteDecisions = {
  readonly put: (decision: DecisionBatch) => void;
  readonly evaluatedThrough: () => EvaluatedThrough[];
  readonly alertStates: () => AlertStateRow[];
  readonly episodes: (query: Query<"episodes">) => Episode[];
  readonly lastEvaluations: () => string[];
  readonly evaluations: (query: Query<"evaluations">) => string[];
  readonly retrainRequests: (query: Query<"retrainRequests">) => RetrainRecord[];
  readonly events: (query: Query<"events">) => (EventRow & { number: number })[];
  readonly deliveries: (query: Query<"deliveries">) => Delivery[];
  readonly due: (output: string, nowMs: number, limit: number) => Delivery[];
  readonly recordAttempt: (attempt: Attempt, next: { readonly status: DeliveryStatus; readonly nextAttemptAtMs: number }) => void;
  readonly attempts: (id: string) => Attempt[];
  readonly setDelivery: (id: string, status: DeliveryStatus, nextAttemptAtMs: number, nowMs: number) => boolean;
  readonly getFact: (name: string) => string | undefined;
  readonly setFact: (name: string, value: string | undefined) => void;
  readonly prune: (model: string, beforeMs: number) => void;
};

const DELIVERY = `id, output, type, model, version, body, created_ms AS createdAtMs, status, attempts, next_attempt_ms AS nextAttemptAtMs,
  updated_ms AS updatedAtMs`;
/** Without a limit SQLite gives every row. */
const ALL = -1;

/** Statements are prepared when they are first needed. */
export function createSqliteDecisions(db: DatabaseSync): SqliteDecisions {
  const statements = new Map<string, StatementSync>();

  function sql(text: string): StatementSync {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  }

  function all<Row>(text: string, ...values: (string | number | null)[]): Row[] {
    return sql(text).all(...values) as unknown as Row[];
  }

  const requests = createSqliteRequests(sql);

  function putMessage(message: OutboxMessage): void {
    const { id, output, type, model, version, body, createdAtMs } = message;
    const found = sql("SELECT output, body FROM outbox WHERE id = ?").get(id) as { output: string; body: string } | undefined;
    if (found !== undefined) {
      // The same decision again (a crash after the commit): the row stands as it is. Anything else would lose a message.
      if (found.output === output && found.body === body) return;
      throw new DriftdError(
        "STORE_MESSAGE_ID_TAKEN",
        `outbox message ${id} for output ${output} has the id of another one, for output ${found.output}`,
      );
    }
    sql(`INSERT INTO outbox (id, output, type, model, version, body, created_ms, status, attempts, next_attempt_ms, updated_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?)`).run(id, output, type, model, version, body, createdAtMs, createdAtMs, createdAtMs);
  }

  function setFact(name: string, value: string | undefined): void {
    if (value === undefined) sql("DELETE FROM facts WHERE name = ?").run(name);
    else sql("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value").run(name, value);
  }

  return {
    put: ({ evaluatedThrough, evaluations, alertState, episodes, outbox, events, requests: records = [], facts = [] }) => {
      for (const { model, version, window, throughMs } of evaluatedThrough) {
        sql(`INSERT INTO evaluated (model, version, window, through_ms) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET through_ms = max(through_ms, excluded.through_ms)`).run(model, version, window, throughMs);
      }
      for (const { model, version, window, endMs, json } of evaluations) {
        sql(
          "INSERT INTO evaluations (model, version, window, end_ms, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
        ).run(model, version, window, endMs, zstdCompressSync(json));
      }
      for (const { model, version, state } of alertState) {
        sql("INSERT INTO alert_states (model, version, state) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state").run(
          model,
          version,
          state,
        );
      }
      for (const episode of episodes) {
        sql(`INSERT INTO episodes (id, model, pending_ms, resolved_ms, body) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET resolved_ms = excluded.resolved_ms, body = excluded.body`).run(
          episode.id,
          episode.model,
          episode.pendingAtMs,
          episode.resolvedAtMs,
          JSON.stringify(episode),
        );
      }
      for (const message of outbox) putMessage(message);
      for (const { atMs, type, model, version, body } of events) {
        sql("INSERT INTO events (at_ms, type, model, version, body) VALUES (?, ?, ?, ?, ?)").run(atMs, type, model, version, body);
      }
      for (const record of records) requests.put(record);
      for (const { name, value } of facts) setFact(name, value);
    },
    evaluatedThrough: () => all("SELECT model, version, window, through_ms AS throughMs FROM evaluated ORDER BY model, version, window"),
    alertStates: () => all("SELECT model, version, state FROM alert_states ORDER BY model, version"),
    episodes: ({ model = null, kind = null, limit = ALL }) =>
      // An episode without a kind is one of drift.
      all<{ body: string }>(
        `SELECT body FROM episodes WHERE (? IS NULL OR model = ?) AND (? IS NULL OR coalesce(body ->> '$.kind', 'drift') = ?)
          ORDER BY pending_ms DESC, id LIMIT ?`,
        ...[model, model, kind, kind, limit],
      ).map(({ body }) => JSON.parse(body) as Episode),
    lastEvaluations: () =>
      all<{
        body: Uint8Array;
      }>(`SELECT e.body FROM (SELECT model, version, window, max(end_ms) AS end_ms FROM evaluations GROUP BY model, version, window) l
        JOIN evaluations e USING (model, version, window, end_ms) ORDER BY model, version, window`).map(unpack),
    evaluations: ({ model, version, window, limit = ALL }) =>
      all<{ body: Uint8Array }>(
        `SELECT body FROM evaluations WHERE model = ? AND (? IS NULL OR version = ?) AND (? IS NULL OR window = ?)
          ORDER BY end_ms DESC, version, window LIMIT ?`,
        model,
        version ?? null,
        version ?? null,
        window ?? null,
        window ?? null,
        limit,
      ).map(unpack),
    retrainRequests: requests.list,
    events: ({ after, limit }) =>
      all("SELECT id AS number, at_ms AS atMs, type, model, version, body FROM events WHERE id > ? ORDER BY id LIMIT ?", after, limit),
    deliveries: ({ id = null, status = null, output = null, limit = ALL }) =>
      all(
        `SELECT ${DELIVERY} FROM outbox WHERE (? IS NULL OR id = ?) AND (? IS NULL OR status = ?) AND (? IS NULL OR output = ?)
          ORDER BY created_ms DESC, seq DESC LIMIT ?`,
        ...[id, id, status, status, output, output, limit],
      ),
    due: (output, nowMs, limit) =>
      all(
        `SELECT ${DELIVERY} FROM outbox WHERE status = 'pending' AND output = ? AND next_attempt_ms <= ? ORDER BY next_attempt_ms, seq LIMIT ?`,
        ...[output, nowMs, limit],
      ),
    recordAttempt: ({ id, atMs, ok, status, failure, latencyMs, excerpt }, next) => {
      sql("INSERT INTO attempts (id, at_ms, ok, status, failure, latency_ms, excerpt) VALUES (?, ?, ?, ?, ?, ?, ?)").run(
        ...[id, atMs, Number(ok), status, failure, latencyMs, excerpt],
      );
      sql("UPDATE outbox SET attempts = attempts + 1, status = ?, next_attempt_ms = ?, updated_ms = ? WHERE id = ?").run(
        ...[next.status, next.nextAttemptAtMs, atMs, id],
      );
    },
    attempts: (id) =>
      all<Omit<Attempt, "ok"> & { ok: number }>(
        "SELECT id, at_ms AS atMs, ok, status, failure, latency_ms AS latencyMs, excerpt FROM attempts WHERE id = ? ORDER BY seq",
        id,
      ).map((row) => ({ ...row, ok: row.ok === 1 })),
    setDelivery: (id, status, nextAttemptAtMs, nowMs) =>
      sql("UPDATE outbox SET status = ?, next_attempt_ms = ?, updated_ms = ? WHERE id = ?").run(status, nextAttemptAtMs, nowMs, id)
        .changes === 1,
    getFact: (name) => (sql("SELECT value FROM facts WHERE name = ?").get(name) as { value: string } | undefined)?.value,
    setFact,
    prune: (model, beforeMs) => {
      // The newest evaluation of a window stays: it is what the API shows of a model that has gone quiet.
      sql(`DELETE FROM evaluations WHERE model = ? AND end_ms < ? AND end_ms <
        (SELECT max(end_ms) FROM evaluations n WHERE n.model = evaluations.model AND n.version = evaluations.version AND n.window = evaluations.window)`).run(
        model,
        beforeMs,
      );
      sql("DELETE FROM episodes WHERE model = ? AND resolved_ms < ?").run(model, beforeMs);
      sql("DELETE FROM events WHERE model = ? AND at_ms < ?").run(model, beforeMs);
      requests.prune(model, beforeMs);
      const finished = "model = ? AND status IN ('delivered', 'cancelled', 'dead') AND updated_ms < ?";
      sql(`DELETE FROM attempts WHERE id IN (SELECT id FROM outbox WHERE ${finished})`).run(model, beforeMs);
      sql(`DELETE FROM outbox WHERE ${finished}`).run(model, beforeMs);
    },
  };
}

function unpack({ body }: { body: Uint8Array }): string {
  return zstdDecompressSync(body).toString("utf8");
}
