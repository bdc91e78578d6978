/** Requests for retraining in SQLite: statements and rows. Synchronous; runs in the store's worker, inside the transactions of `sqlite-decisions.ts`. */

import type { StatementSync } from "node:sqlite";
import type { RetrainRecord } from "../decide/record.ts";
import { DriftdError } from "../lib/errors.ts";
import type { Store } from "./store.ts";

export type SqliteRequests = {
  /** Puts a request under its id; its place in the order stays. */
  readonly put: (record: RetrainRecord) => void;
  readonly list: (query: Parameters<Store["retrainRequests"]>[0]) => RetrainRecord[];
  /** Removes what is over and was last moved before the time. */
  readonly prune: (model: string, beforeMs: number) => void;
};

type Row = Omit<RetrainRecord, "outputs"> & { readonly outputs: string };

const COLUMNS = `id, model, version, reason, severity, episode, status, created_ms AS createdAtMs, updated_ms AS updatedAtMs, outputs,
  new_version AS newVersion, detail, dedup_key AS dedupKey, message AS body`;
const OPEN = "status IN ('awaiting_approval', 'requested', 'running')";
/** Without a limit SQLite gives every row. */
const ALL = -1;

/** `sql` gives a prepared statement. */
export function createSqliteRequests(sql: (text: string) => StatementSync): SqliteRequests {
  return {
    put: (record) => {
      const {
        id,
        model,
        version,
        reason,
        severity,
        episode,
        status,
        createdAtMs,
        updatedAtMs,
        outputs,
        newVersion,
        detail,
        dedupKey,
        body,
      } = record;
      const taken =
        dedupKey === null ? undefined : sql("SELECT id FROM retrain_requests WHERE dedup_key = ? AND id <> ?").get(dedupKey, id);
      if (taken !== undefined) {
        throw new DriftdError(
          "STORE_REQUEST_KEY_TAKEN",
          `request ${id} was asked by what request ${(taken as { id: string }).id} was asked by`,
        );
      }
      sql(`INSERT INTO retrain_requests
          (id, model, version, reason, severity, episode, status, created_ms, updated_ms, outputs, new_version, detail, dedup_key, message)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_ms = excluded.updated_ms, outputs = excluded.outputs,
          new_version = excluded.new_version, detail = excluded.detail, message = excluded.message`).run(
        ...[id, model, version, reason, severity, episode, status, createdAtMs, updatedAtMs],
        ...[JSON.stringify(outputs), newVersion, detail, dedupKey, body],
      );
    },
    list: ({ id = null, model = null, status = null, open = false, dedupKey = null, limit = ALL }) => {
      // Open ones are asked for often, and are few: by their index.
      const where = open ? ` AND ${OPEN}` : "";
      const rows =
        sql(`SELECT ${COLUMNS} FROM retrain_requests WHERE (? IS NULL OR id = ?) AND (? IS NULL OR model = ?) AND (? IS NULL OR status = ?)
        AND (? IS NULL OR dedup_key = ?)${where} ORDER BY created_ms DESC, seq DESC LIMIT ?`).all(
          ...[id, id, model, model, status, status, dedupKey, dedupKey, limit],
        ) as unknown as Row[];
      return rows.map((row) => ({ ...row, outputs: JSON.parse(row.outputs) as string[] }));
    },
    prune: (model, beforeMs) => {
      sql(`DELETE FROM retrain_requests WHERE model = ? AND NOT ${OPEN} AND updated_ms < ?`).run(model, beforeMs);
    },
  };
}
