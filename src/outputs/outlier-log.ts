/**
 * The worst records as lines of JSON, one file for each model that asks for it: ids and scores for people to look up, never a value. Bounded per
 * minute of the host's clock; what is beyond is counted. It never blocks and never fails the daemon. Rotation is the operator's: rename the
 * file, then reload.
 */

import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { FoundOutliers, OutlierRecord } from "../panes/outliers.ts";
import { createLineLog, type LineLog, openFileSink } from "./line-log.ts";

const MINUTE_MS = 60_000;
/** A longer id is no id that anyone looks up; a message may be megabytes. */
const ID_LENGTH = 512;
const WITHIN_MS = 1_000;

/** Why a worst record has no line: the closed list of `driftd_outlier_lines_dropped_total`. */
export const OUTLIER_DROPS = ["no_id", "rate_limit", "queue_full", "write_failed"] as const;
type Drop = (typeof OUTLIER_DROPS)[number];

export type OutlierLogOptions = { readonly clock: Clock; readonly metrics: Metrics; readonly log: Log };

/** A model that asks for lines: `perMinute` at most. */
export type OutlierTarget = { readonly model: string; readonly path: string; readonly perMinute: number };

export type OutlierLog = {
  /** Queues lines; returns at once. Records of a model that asks for none are passed over. */
  readonly write: (found: FoundOutliers) => void;
  /** Writes what is queued, for at most a second, then closes. */
  readonly close: () => Promise<void>;
};

/** Opens the file of every target. Rejects with OUTLIER_LOG_UNWRITABLE; then none is open. */
export async function openOutlierLog(targets: readonly OutlierTarget[], { clock, metrics, log }: OutlierLogOptions): Promise<OutlierLog> {
  const models = new Map<string, ReturnType<typeof targetOf>>();
  const close = async (): Promise<void> => {
    await Promise.all([...models.values()].map(({ lines }) => lines.close(WITHIN_MS)));
  };

  function targetOf(model: string, perMinute: number, lines: LineLog) {
    const drop = (reason: Drop, by: number): void => metrics.inc("driftd_outlier_lines_dropped_total", { model, reason }, by);
    let minute = Number.NaN;
    let left = 0;
    return {
      lines,
      drop,
      write: (records: readonly OutlierRecord[]): void => {
        const now = Math.floor(clock.monotonicMs() / MINUTE_MS);
        if (now !== minute) {
          minute = now;
          left = perMinute;
        }
        const named = records.filter(({ id }) => id !== undefined && id !== "" && id.length <= ID_LENGTH);
        const taken = named.slice(0, left);
        left -= taken.length;
        if (named.length < records.length) drop("no_id", records.length - named.length);
        if (taken.length < named.length) drop("rate_limit", named.length - taken.length);
        lines.write(taken.map(outlierLine));
      },
    };
  }

  try {
    for (const { model, path, perMinute } of targets) {
      const lines = await createLineLog({
        open: () => openFileSink(path, { what: `outliers of ${model} to`, code: "OUTLIER_LOG_UNWRITABLE" }),
        clock,
        onWritten: (written) => metrics.inc("driftd_outlier_lines_total", { model }, written),
        onDropped: (reason, dropped) => metrics.inc("driftd_outlier_lines_dropped_total", { model, reason }, dropped),
        onFailure: (err) => log.error({ err, model }, "outlier lines cannot be written"),
      });
      models.set(model, targetOf(model, perMinute, lines));
    }
  } catch (error) {
    await close();
    throw error;
  }

  return {
    write: ({ records, beyond }) => {
      for (const [model, target] of models) {
        const own = records.filter((record) => record.model === model);
        if (own.length > 0) target.write(own);
        const lost = beyond.get(model) ?? 0;
        if (lost > 0) target.drop("queue_full", lost);
      }
    },
    close,
  };
}

/** One record as its line. */
export function outlierLine({ model, version, id, eventTimeMs, score, limit, features }: OutlierRecord): string {
  return `${JSON.stringify({ model, version, id, event_time: new Date(eventTimeMs).toISOString(), score: short(score), limit: short(limit), features })}\n`;
}

function short(score: number): number {
  return Number(score.toFixed(4));
}
