/** The tables of the SQLite store, as steps forward. A step that was released is never changed: a new one is added below it. */

/** Marks the file as ours ("drft" in ASCII), so that another program's database is never migrated. */
export const APPLICATION_ID = 0x64726674;

/** `migrations[n]` brings a store from `user_version` n to n + 1. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE layouts (hash TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

  -- Everything of a pane's key but its start: written once, so that a pane's own key is two integers.
  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL, version TEXT NOT NULL, segment TEXT NOT NULL, source TEXT NOT NULL, partition INTEGER NOT NULL,
    epoch INTEGER NOT NULL, layout TEXT NOT NULL REFERENCES layouts (hash), pane_ms INTEGER NOT NULL,
    UNIQUE (model, version, segment, source, partition, epoch, layout, pane_ms)
  );
  CREATE TABLE panes (
    series INTEGER NOT NULL REFERENCES series (id), start_ms INTEGER NOT NULL,
    final INTEGER NOT NULL, incomplete INTEGER NOT NULL, upto INTEGER NOT NULL, offset_from INTEGER NOT NULL, offset_to INTEGER NOT NULL,
    records INTEGER NOT NULL, late INTEGER NOT NULL, lost INTEGER NOT NULL, counts BLOB NOT NULL, moments BLOB NOT NULL, driftd TEXT NOT NULL,
    PRIMARY KEY (series, start_ms)
  );
  CREATE INDEX open_panes ON panes (series, start_ms) WHERE final = 0;
  CREATE TABLE cursors (source TEXT NOT NULL, partition INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (source, partition)) WITHOUT ROWID;

  CREATE TABLE evaluated (
    model TEXT NOT NULL, version TEXT NOT NULL, window TEXT NOT NULL, through_ms INTEGER NOT NULL,
    PRIMARY KEY (model, version, window)
  ) WITHOUT ROWID;
  -- body: JSON, zstd.
  CREATE TABLE evaluations (
    model TEXT NOT NULL, version TEXT NOT NULL, window TEXT NOT NULL, end_ms INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (model, version, window, end_ms)
  );
  CREATE TABLE alert_states (model TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (model, version)) WITHOUT ROWID;
  CREATE TABLE episodes (id TEXT PRIMARY KEY, model TEXT NOT NULL, pending_ms INTEGER NOT NULL, resolved_ms INTEGER, body TEXT NOT NULL);
  CREATE INDEX episodes_by_time ON episodes (pending_ms);
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, type TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL
  );

  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, output TEXT NOT NULL, type TEXT NOT NULL,
    model TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL, created_ms INTEGER NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
  );
  CREATE INDEX outbox_due ON outbox (output, next_attempt_ms) WHERE status = 'pending';
  CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at_ms INTEGER NOT NULL, ok INTEGER NOT NULL, status INTEGER, failure TEXT,
    latency_ms REAL NOT NULL, excerpt TEXT NOT NULL
  );
  CREATE INDEX attempts_of ON attempts (id);
  `,
  `
  -- NULL: no id was looked at.
  ALTER TABLE panes ADD COLUMN ids_checked INTEGER;
  ALTER TABLE panes ADD COLUMN ids_repeated INTEGER;
  -- Weeks of record counts are read without touching the rows' blobs.
  CREATE INDEX pane_records ON panes (series, start_ms, records);
  `,
  `
  -- outputs: JSON list of names. message: the body that goes out, JSON.
  CREATE TABLE retrain_requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, version TEXT NOT NULL, reason TEXT NOT NULL, severity TEXT,
    episode TEXT, status TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, outputs TEXT NOT NULL, new_version TEXT,
    detail TEXT, dedup_key TEXT UNIQUE, message TEXT NOT NULL
  );
  CREATE INDEX retrain_requests_by_time ON retrain_requests (created_ms);
  CREATE INDEX open_retrain_requests ON retrain_requests (model) WHERE status IN ('awaiting_approval', 'requested', 'running');
  -- What an older driftd has asked: a pipeline that is still at work (for six hours, the default of in_progress_timeout) may report back, and holds
  -- the next request back. The first output's row has the request's id; what became of
  -- it is what became of the rows of all its outputs.
  INSERT INTO retrain_requests (id, model, version, reason, severity, episode, status, created_ms, updated_ms, outputs, message)
  WITH asked AS (SELECT *, body ->> '$.data.request_id' AS request FROM outbox WHERE type = 'driftd.retrain.requested' AND json_valid(body)),
  told AS (
    SELECT request, max(status = 'pending') AS waits, max(status = 'dead') AS dead, min(updated_ms) FILTER (WHERE status = 'delivered') AS delivered_ms,
      json_group_array(output ORDER BY seq) AS outputs FROM asked GROUP BY request
  )
  SELECT a.id, a.model, a.version, 'drift', a.body ->> '$.data.severity', a.body ->> '$.data.episode',
    CASE WHEN t.delivered_ms < (unixepoch() - 21600) * 1000 THEN 'timed_out' WHEN t.delivered_ms IS NOT NULL OR t.waits THEN 'requested'
      WHEN t.dead THEN 'failed' ELSE 'cancelled' END, a.created_ms, coalesce(t.delivered_ms, a.updated_ms), t.outputs, a.body
  FROM asked a JOIN told t USING (request) WHERE a.id = a.request ORDER BY a.seq;
  `,
];
