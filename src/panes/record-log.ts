/**
 * How many records a model had, pane by pane, over weeks: numbers alone, read from the pane log once and kept up with what is put into it. A
 * cache, as the window reader is: it answers as a fresh one would.
 */

import type { RecordCount, Store } from "../store/store.ts";
import type { Pane } from "./pane.ts";

/** One question to the store goes so far beyond the time that is asked for. */
const AHEAD_MS = 7 * 86_400_000;

/** Records of one version in one source partition. */
type Series = { readonly version: string; readonly source: string; readonly partition: number; counts: Float64Array };

/** The records of one model between two times. */
export type Records = {
  /** Records of panes that start in `[startMs, endMs)`, of all versions. */
  readonly sum: (startMs: number, endMs: number) => number;
  /** The first pane start in `[startMs, endMs)` with a record. */
  readonly first: (startMs: number, endMs: number) => number | undefined;
  /** The version with the most records in `[startMs, endMs)`; where there is none, that of the last record before. */
  readonly mainVersion: (startMs: number, endMs: number) => string | undefined;
  /** Every partition that had a record, with its own sums. */
  readonly partitions: () => readonly {
    readonly source: string;
    readonly partition: number;
    readonly sum: (startMs: number, endMs: number) => number;
  }[];
};

export type RecordLog = {
  /** Waits until the records of `[fromMs, toMs)` are known; undefined: they are. Rejects with `STORE_*`. */
  readonly ready: (model: string, fromMs: number, toMs: number) => Promise<void> | undefined;
  /** What is known; `ready` says of which times. */
  readonly of: (model: string) => Records;
  /** These panes were put into the log: to be called after each commit. */
  readonly invalidate: (panes: Iterable<Pick<Pane, "key">>) => void;
};

/** What is kept of one model, by slot of one pane's length. */
type Kept = {
  /** Slots `[from, through)` are known but for `dirty`. */
  from: number;
  through: number;
  dirty: { from: number; through: number } | undefined;
  readonly series: Map<string, Series>;
  readonly total: { counts: Float64Array };
  reading: Promise<void> | undefined;
};

/** A log over the store; `paneMs` is the configured length of a pane. Panes of another length stand where they start. */
export function createRecordLog({ store, paneMs }: { readonly store: Pick<Store, "recordCounts">; readonly paneMs: number }): RecordLog {
  const models = new Map<string, Kept>();
  const slotOf = (ms: number) => Math.floor(ms / paneMs);

  function keptOf(model: string): Kept {
    let kept = models.get(model);
    if (kept === undefined) {
      const total = { counts: new Float64Array(0) };
      kept = { from: 0, through: 0, dirty: undefined, series: new Map(), total, reading: undefined };
      models.set(model, kept);
    }
    return kept;
  }

  /** The slots that have to be read so that `[from, through)` is known. */
  function lacking(kept: Kept, from: number, through: number): { from: number; through: number } | undefined {
    const ahead = slotOf(AHEAD_MS);
    if (from < kept.from || kept.through === kept.from || from > kept.through) return { from, through: through + ahead };
    if (through > kept.through) return { from: Math.min(kept.dirty?.from ?? kept.through, kept.through), through: through + ahead };
    return kept.dirty !== undefined && kept.dirty.from < through ? kept.dirty : undefined;
  }

  async function read(model: string, kept: Kept, from: number, through: number): Promise<void> {
    for (;;) {
      const part = lacking(kept, from, through);
      if (part === undefined) return;
      // What is put while the store answers is dirty anew.
      kept.dirty = undefined;
      let found: RecordCount[];
      try {
        found = await store.recordCounts(model, part.from * paneMs, part.through * paneMs);
      } catch (thrown) {
        kept.through = kept.from;
        throw thrown;
      }
      place(kept, part, from);
      for (const { startMs, version, source, partition, records } of found) {
        const slot = slotOf(startMs) - kept.from;
        kept.total.counts[slot]! += records;
        seriesOf(kept, version, source, partition).counts[slot]! += records;
      }
    }
  }

  /** Makes room for a part that was read, empties it, and lets go of what lies before `from`. */
  function place(kept: Kept, part: { from: number; through: number }, from: number): void {
    const isNew = part.from < kept.from || part.from > kept.through || kept.through === kept.from;
    const all = [kept.total, ...kept.series.values()];
    if (isNew) {
      kept.series.clear();
      kept.total.counts = new Float64Array(part.through - part.from);
      kept.from = part.from;
      kept.through = part.through;
    } else if (part.through > kept.through) {
      // Not at once: another asks for a little earlier.
      const dropped = Math.max(0, Math.min(from - slotOf(AHEAD_MS), part.from) - kept.from);
      for (const one of all) {
        const grown = new Float64Array(part.through - kept.from - dropped);
        grown.set(one.counts.subarray(dropped));
        one.counts = grown;
      }
      kept.from += dropped;
      kept.through = part.through;
      for (const [key, { counts }] of kept.series) if (counts.every((count) => count === 0)) kept.series.delete(key);
    }
    for (const one of [kept.total, ...kept.series.values()]) one.counts.fill(0, part.from - kept.from, part.through - kept.from);
  }

  function seriesOf(kept: Kept, version: string, source: string, partition: number): Series {
    const key = JSON.stringify([version, source, partition]);
    let series = kept.series.get(key);
    if (series === undefined) {
      series = { version, source, partition, counts: new Float64Array(kept.through - kept.from) };
      kept.series.set(key, series);
    }
    return series;
  }

  function sumOf(kept: Kept, counts: Float64Array, startMs: number, endMs: number): number {
    let sum = 0;
    const end = Math.min(kept.through, Math.ceil(endMs / paneMs)) - kept.from;
    for (let i = Math.max(kept.from, Math.ceil(startMs / paneMs)) - kept.from; i < end; i++) sum += counts[i]!;
    return sum;
  }

  return {
    ready: (model, fromMs, toMs) => {
      const kept = keptOf(model);
      const from = slotOf(fromMs);
      const through = Math.ceil(toMs / paneMs);
      if (kept.reading === undefined && lacking(kept, from, through) === undefined) return undefined;
      const before = kept.reading ?? Promise.resolve();
      const reading = before
        .catch(() => {})
        .then(() => read(model, kept, from, through))
        .finally(() => {
          if (kept.reading === reading) kept.reading = undefined;
        });
      kept.reading = reading;
      return reading;
    },
    of: (model) => {
      const kept = keptOf(model);
      const { total } = kept;
      return {
        sum: (startMs, endMs) => sumOf(kept, total.counts, startMs, endMs),
        first: (startMs, endMs) => {
          const end = Math.min(kept.through, Math.ceil(endMs / paneMs));
          for (let slot = Math.max(kept.from, Math.ceil(startMs / paneMs)); slot < end; slot++)
            if (total.counts[slot - kept.from]! > 0) return slot * paneMs;
          return undefined;
        },
        mainVersion: (startMs, endMs) => {
          const sums = new Map<string, number>();
          let [fromMs, toMs] = [startMs, endMs];
          if (sumOf(kept, total.counts, startMs, endMs) === 0) {
            let last = Math.min(kept.through, Math.ceil(endMs / paneMs)) - 1;
            while (last >= kept.from && total.counts[last - kept.from] === 0) last--;
            [fromMs, toMs] = [last * paneMs, (last + 1) * paneMs];
          }
          for (const { version, counts } of kept.series.values()) {
            const records = sumOf(kept, counts, fromMs, toMs);
            if (records > 0) sums.set(version, (sums.get(version) ?? 0) + records);
          }
          let main: string | undefined;
          for (const [version, records] of sums) {
            const most = main === undefined ? 0 : sums.get(main)!;
            if (main === undefined || records > most || (records === most && version < main)) main = version;
          }
          return main;
        },
        partitions: () => {
          const parts = new Map<string, { source: string; partition: number; series: Series[] }>();
          for (const series of kept.series.values()) {
            const { source, partition } = series;
            const key = `${partition} ${source}`;
            const part = parts.get(key) ?? { source, partition, series: [] };
            part.series.push(series);
            parts.set(key, part);
          }
          return [...parts.values()].map(({ source, partition, series }) => ({
            source,
            partition,
            sum: (startMs: number, endMs: number) => series.reduce((sum, { counts }) => sum + sumOf(kept, counts, startMs, endMs), 0),
          }));
        },
      };
    },
    invalidate: (panes) => {
      for (const { key } of panes) {
        const kept = models.get(key.model);
        if (kept === undefined) continue;
        const slot = slotOf(key.startMs);
        // What lies beyond is read when its time comes, what lies before is no longer asked for.
        if (slot < kept.from || slot >= kept.through) {
          if (kept.reading === undefined) continue;
        }
        const { dirty } = kept;
        kept.dirty =
          dirty === undefined
            ? { from: slot, through: slot + 1 }
            : { from: Math.min(dirty.from, slot), through: Math.max(dirty.through, slot + 1) };
      }
    },
  };
}
