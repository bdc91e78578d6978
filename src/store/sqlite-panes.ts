/** The pane log and the cursors in SQLite: statements and rows. Synchronous; runs in the store's worker. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Cursor, Pane, PaneKey } from "../panes/pane.ts";
import type { RowLayout } from "../reference/layout.ts";
import { decodeCounts, decodeMoments, encodeCounts, encodeMoments } from "./pane-blob.ts";
import type { PaneQuery, RecordCount, Store } from "./store.ts";

/** Where a page of panes ended. */
export type PageToken = { readonly series: number; readonly startMs: number };

/** A page holds about this many slots (4 bytes each). */
const PAGE_SLOTS = 1_000_000;

type PaneRow = {
  readonly series: number;
  readonly start_ms: number;
  readonly final: number;
  readonly incomplete: number;
  readonly upto: number;
  readonly offset_from: number;
  readonly offset_to: number;
  readonly records: number;
  readonly late: number;
  readonly lost: number;
  readonly counts: Uint8Array;
  readonly moments: Uint8Array;
  readonly driftd: string;
  readonly ids_checked: number | null;
  readonly ids_repeated: number | null;
};

type SeriesRow = Omit<PaneKey, "startMs" | "paneMs"> & { readonly id: number; readonly pane_ms: number };

export type SqlitePanes = {
  readonly put: (batch: Parameters<Store["commit"]>[0]) => void;
  readonly cursors: () => Cursor[];
  readonly layouts: () => RowLayout[];
  readonly panes: (query: PaneQuery) => Pane[];
  readonly page: (query: PaneQuery, after: PageToken | undefined) => { readonly panes: Pane[]; readonly next: PageToken | undefined };
  readonly firstPane: (model: string, version: string, fromMs?: number) => number | undefined;
  readonly recordCounts: (model: string, fromMs: number, toMs: number) => RecordCount[];
  readonly openPanes: () => Pane[];
  readonly versions: () => { model: string; version: string }[];
  readonly prune: (model: string, beforeMs: number) => number;
  /** A transaction was rolled back: what it had taught the caches did not happen. */
  readonly forget: () => void;
};

/** Prepares nothing before it is needed: a read-only store has no statement that writes. */
export function createSqlitePanes(db: DatabaseSync): SqlitePanes {
  const statements = new Map<string, StatementSync>();
  const layoutOf = new Map<string, RowLayout>();
  const seriesOf = new Map<number, SeriesRow>();
  const seriesIds = new Map<string, number>();

  function sql(text: string): StatementSync {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  }

  function layout(hash: string): RowLayout {
    let row = layoutOf.get(hash);
    if (row === undefined) {
      const found = sql("SELECT body FROM layouts WHERE hash = ?").get(hash) as { body: string } | undefined;
      if (found === undefined) throw new RangeError(`layout ${hash} of a pane is not in the store`);
      row = JSON.parse(found.body) as RowLayout;
      layoutOf.set(hash, row);
    }
    return row;
  }

  function seriesId({ model, version, segment, source, partition, epoch, layout: hash, paneMs }: PaneKey): number {
    const fields = [model, version, segment, source, partition, epoch, hash, paneMs];
    const key = JSON.stringify(fields);
    let id = seriesIds.get(key);
    if (id === undefined) {
      layout(hash); // a pane that nobody could read is never written
      const found =
        sql(`SELECT id FROM series WHERE model = ? AND version = ? AND segment = ? AND source = ? AND partition = ? AND epoch = ?
        AND layout = ? AND pane_ms = ?`).get(...fields) as { id: number } | undefined;
      id =
        found?.id ??
        Number(
          sql(
            "INSERT INTO series (model, version, segment, source, partition, epoch, layout, pane_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          ).run(...fields).lastInsertRowid,
        );
      seriesIds.set(key, id);
    }
    return id;
  }

  function putPane(pane: Pane): void {
    // A closed pane is closed for good, and among puts of one key the greatest position holds: what comes again changes nothing.
    sql(`INSERT INTO panes (series, start_ms, final, incomplete, upto, offset_from, offset_to, records, late, lost, counts, moments, driftd,
        ids_checked, ids_repeated)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (series, start_ms) DO UPDATE SET final = excluded.final, incomplete = excluded.incomplete, upto = excluded.upto,
        offset_from = excluded.offset_from, offset_to = excluded.offset_to, records = excluded.records, late = excluded.late,
        lost = excluded.lost, counts = excluded.counts, moments = excluded.moments, driftd = excluded.driftd,
        ids_checked = excluded.ids_checked, ids_repeated = excluded.ids_repeated
      WHERE excluded.upto >= panes.upto AND excluded.final >= panes.final`).run(
      seriesId(pane.key),
      pane.key.startMs,
      Number(pane.final),
      Number(pane.incomplete),
      pane.upto,
      pane.offsetFrom,
      pane.offsetTo,
      pane.records,
      pane.late,
      pane.lost,
      encodeCounts(pane.counts),
      encodeMoments(pane.moments),
      pane.driftd,
      pane.ids?.checked ?? null,
      pane.ids?.repeated ?? null,
    );
  }

  function series(id: number): SeriesRow {
    let row = seriesOf.get(id);
    if (row === undefined) {
      row = sql("SELECT * FROM series WHERE id = ?").get(id) as unknown as SeriesRow;
      seriesOf.set(id, row);
    }
    return row;
  }

  function paneOf(row: PaneRow): Pane {
    const { id: _, pane_ms: paneMs, ...key } = series(row.series);
    const rowLayout = layout(key.layout);
    return {
      key: { ...key, paneMs, startMs: row.start_ms },
      final: row.final === 1,
      incomplete: row.incomplete === 1,
      upto: row.upto,
      offsetFrom: row.offset_from,
      offsetTo: row.offset_to,
      records: row.records,
      late: row.late,
      lost: row.lost,
      ...(row.ids_checked === null ? {} : { ids: { checked: row.ids_checked, repeated: row.ids_repeated ?? 0 } }),
      counts: decodeCounts(row.counts, rowLayout.slots),
      moments: decodeMoments(row.moments, rowLayout),
      driftd: row.driftd,
    };
  }

  function filter(query: PaneQuery): { where: string; values: (string | number)[] } {
    const parts: string[] = [];
    const values: (string | number)[] = [];
    const add = (part: string, value: string | number | undefined) => {
      if (value === undefined) return;
      parts.push(part);
      values.push(value);
    };
    add("s.model = ?", query.model);
    add("s.version = ?", query.version);
    add("p.start_ms >= ?", query.fromMs);
    add("p.start_ms < ?", query.toMs);
    if (query.finalOnly) parts.push("p.final = 1");
    return { where: parts.length === 0 ? "TRUE" : parts.join(" AND "), values };
  }

  return {
    put: ({ panes, layouts, cursors }) => {
      for (const row of layouts)
        sql("INSERT INTO layouts (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING").run(row.hash, JSON.stringify(row));
      for (const pane of panes) putPane(pane);
      for (const cursor of cursors) {
        sql("INSERT INTO cursors (source, partition, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body").run(
          cursor.source,
          cursor.partition,
          JSON.stringify(cursor),
        );
      }
    },
    cursors: () =>
      sql("SELECT body FROM cursors ORDER BY source, partition")
        .all()
        .map(({ body }) => JSON.parse(body as string) as Cursor),
    layouts: () =>
      sql("SELECT hash FROM layouts ORDER BY hash")
        .all()
        .map(({ hash }) => layout(hash as string)),
    panes: (query) => {
      const { where, values } = filter(query);
      return (
        sql(`SELECT p.* FROM series s JOIN panes p ON p.series = s.id WHERE ${where}
          ORDER BY p.start_ms, s.source, s.partition, s.epoch, s.layout, s.id`).all(...values) as unknown as PaneRow[]
      ).map(paneOf);
    },
    page: (query, after) => {
      const { where, values } = filter(query);
      const rows = sql(`SELECT p.* FROM panes p JOIN series s ON s.id = p.series WHERE (p.series, p.start_ms) > (?, ?) AND ${where}
        ORDER BY p.series, p.start_ms`).iterate(after?.series ?? -1, after?.startMs ?? 0, ...values) as Iterable<unknown>;
      const panes: Pane[] = [];
      let slots = 0;
      for (const row of rows as Iterable<PaneRow>) {
        const pane = paneOf(row);
        panes.push(pane);
        slots += pane.counts.length;
        if (slots >= PAGE_SLOTS || panes.length >= 1_000) return { panes, next: { series: row.series, startMs: row.start_ms } };
      }
      return { panes, next: undefined };
    },
    firstPane: (model, version, fromMs = Number.MIN_SAFE_INTEGER) => {
      const { first } =
        sql(`SELECT min(found) AS first FROM (SELECT (SELECT min(start_ms) FROM panes WHERE series = s.id AND start_ms >= ?) AS found
        FROM series s WHERE s.model = ? AND s.version = ?)`).get(fromMs, model, version) as { first: number | null };
      return first ?? undefined;
    },
    recordCounts: (model, fromMs, toMs) =>
      sql(`SELECT p.start_ms AS startMs, s.version, s.source, s.partition, sum(p.records) AS records FROM series s JOIN panes p ON p.series = s.id
        WHERE s.model = ? AND p.start_ms >= ? AND p.start_ms < ? AND p.records > 0
        GROUP BY p.start_ms, s.version, s.source, s.partition ORDER BY p.start_ms, s.version, s.source, s.partition`).all(
        model,
        fromMs,
        toMs,
      ) as unknown as RecordCount[],
    openPanes: () => (sql("SELECT * FROM panes WHERE final = 0 ORDER BY series, start_ms").all() as unknown as PaneRow[]).map(paneOf),
    versions: () =>
      sql(`SELECT DISTINCT model, version FROM series s WHERE EXISTS (SELECT 1 FROM panes WHERE series = s.id) ORDER BY model, version`)
        .all()
        .map(({ model, version }) => ({ model: model as string, version: version as string })),
    prune: (model, beforeMs) => {
      const { changes } = sql(`DELETE FROM panes WHERE final = 1 AND series IN (SELECT id FROM series WHERE model = ?)
        AND start_ms < ? AND start_ms + (SELECT pane_ms FROM series WHERE id = panes.series) <= ?`).run(model, beforeMs, beforeMs);
      return Number(changes);
    },
    forget: () => {
      layoutOf.clear();
      seriesOf.clear();
      seriesIds.clear();
    },
  };
}
