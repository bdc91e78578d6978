/**
 * The number of records and their ids, judged beside the features of the shortest window: joins the record log, the references and the policies
 * to findings. Of several versions of a model the one with the most records speaks for all, so that a version that is replaced is no collapse.
 *
 * A pure function of the pane log, so a replay finds the same: what is usual is read from the four weeks before the window, the spread of
 * healthy traffic from those before the window's day.
 */

import { normalIsf } from "../detectors/index.ts";
import { DAY_MS } from "./evaluate/cells.ts";
import type { QualityFinding, WindowCounts } from "./evaluate/evaluation.ts";
import { alphaOf, DEFAULT_VOLUME, type Policy } from "./evaluate/policy.ts";
import { QUALITY_TESTS } from "./evaluate/quality.ts";
import { type Spread, spreadOf, type Traffic, usualAt } from "./evaluate/traffic.ts";
import { duplicatesFinding, judgeVolume, type Volume, volumeFinding } from "./evaluate/volume.ts";
import type { Judges } from "./judges.ts";
import type { RecordLog, Records } from "./panes/record-log.ts";
import type { Snapshot } from "./reference/snapshot.ts";

/** What is usual is read from so much time before a window, or what the store keeps. */
const HISTORY_MS = 28 * DAY_MS;

export type RecordFindings = { readonly volume?: Volume; readonly findings: readonly QualityFinding[] };

export type Volumes = {
  /** Waits for the weeks before a window; undefined: they are known. */
  readonly ready: (model: string, window: string, endMs: number) => Promise<void> | undefined;
  /** What is found in the records of a window; nothing in any but the shortest. To be called after `ready`. */
  readonly judge: (counts: WindowCounts) => RecordFindings;
  /** Whether no record at all between two times would be out of the ordinary (`collapse`), by the same hours before. Rejects with `STORE_*`. */
  readonly zeroBetween: (model: string, startMs: number, endMs: number) => Promise<Volume | undefined>;
};

const NOTHING: RecordFindings = { findings: [] };

type Between = { readonly model: string; readonly startMs: number; readonly endMs: number };

/** What is counted: all records of a model (`key` empty) or those of a partition, how many it was at other times and how many it is now. */
type Counted = { readonly key: string; readonly sum: Traffic["sum"]; readonly records: number };

/** Volumes under the references and policies of `judges`; `retentionMs`: how long panes are kept. */
export function createVolumes(options: {
  readonly records: RecordLog;
  /** The judges of now: a reload changes them. */
  readonly judges: () => Judges;
  readonly retentionMs: number;
  /** Sources that are read: what another one once brought (a file, a topic of another name) is no partition that fell silent. Absent: all. */
  readonly sources?: readonly string[];
}): Volumes {
  const { records, judges, retentionMs } = options;
  const reads = options.sources && new Set(options.sources);
  const spreads = new Map<string, { readonly stamp: string; readonly spread: Spread | undefined }>();
  const references = new WeakMap<Snapshot, { readonly traffic: Traffic | undefined }>();

  function historyMs(policy: Policy): number {
    const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
    return Math.min(HISTORY_MS + policy.windows[0]!.lengthMs, Math.max(retentionMs, longestMs));
  }

  /** The spread under a stamp, such as a day: it is not made for each window, since it takes a millisecond. */
  function spreadAt(key: readonly unknown[], stamp: string, make: () => Spread | undefined): Spread | undefined {
    const name = JSON.stringify(key);
    let known = spreads.get(name);
    if (known?.stamp !== stamp) {
      known = { stamp, spread: make() };
      spreads.set(name, known);
    }
    return known.spread;
  }

  /** Judges a count against the same hours before it; the spread is that of windows of `lengthMs`. */
  function againstHistory(counted: Counted, policy: Policy, window: Between, lengthMs: number, limit: number): Volume {
    const { startMs, endMs } = window;
    const model = records.of(window.model);
    const spanMs = historyMs(policy);
    const within = (fromMs: number, toMs: number): Traffic => ({ fromMs: model.first(fromMs, toMs) ?? toMs, toMs, sum: counted.sum });
    const usual = usualAt(within(endMs - spanMs, startMs), endMs, endMs - startMs);
    if ("lack" in usual) return judgeVolume(counted.records, usual, undefined, limit);
    const dayMs = Math.floor(endMs / DAY_MS) * DAY_MS;
    const spread = spreadAt([window.model, usual.rhythm, counted.key, lengthMs], String(dayMs), () =>
      spreadOf(within(dayMs + DAY_MS - spanMs, dayMs), lengthMs, usual.rhythm),
    );
    return judgeVolume(counted.records, usual, spread, limit);
  }

  /** The same against the reference's own days. */
  function againstReference(
    counted: Counted,
    snapshot: Snapshot | undefined,
    { model, startMs, endMs }: Between,
    lengthMs: number,
    limit: number,
  ): Volume {
    if (snapshot !== undefined && !references.has(snapshot)) references.set(snapshot, { traffic: trafficOf(snapshot) });
    const traffic = snapshot && references.get(snapshot)?.traffic;
    if (snapshot === undefined || traffic === undefined) {
      return { verdict: "insufficient_data", reason: "no_calibration", records: counted.records };
    }
    const usual = usualAt(traffic, endMs, endMs - startMs);
    if ("lack" in usual) return judgeVolume(counted.records, usual, undefined, limit);
    const spread = spreadAt([model, usual.rhythm, "reference", lengthMs], snapshot.digest, () => spreadOf(traffic, lengthMs, usual.rhythm));
    return judgeVolume(counted.records, usual, spread, limit);
  }

  /** A partition without any record although it had many at this hour, while others go on. */
  function silentPartition(policy: Policy, window: WindowCounts, counted: Records, alpha: number): Volume | undefined {
    const { startMs, endMs } = window;
    const all = counted.partitions().filter(({ source }) => reads?.has(source) ?? true);
    const limit = normalIsf(alpha / 2 / Math.max(1, all.length));
    for (const { source, partition, sum } of all) {
      if (all.length === 1 || sum(startMs, endMs) > 0) continue;
      const name = `${source}/${partition}`;
      const volume = againstHistory({ key: name, sum, records: 0 }, policy, window, endMs - startMs, limit);
      if (volume.verdict === "drift") return { ...volume, severity: "warning", reason: "partition_silent", partition: name };
    }
    return undefined;
  }

  function volumeOf(policy: Policy, window: WindowCounts, alpha: number): Volume | undefined {
    const { against } = policy.volume ?? DEFAULT_VOLUME;
    const { model, version, startMs, endMs } = window;
    const counted = records.of(model);
    if (against === "off" || counted.mainVersion(startMs, endMs) !== version) return undefined;
    const limit = normalIsf(alpha / 2);
    const lengthMs = endMs - startMs;
    const all = { key: "", sum: counted.sum, records: counted.sum(startMs, endMs) };
    if (against === "reference") {
      return againstReference(all, judges().find(model, version)?.reference.snapshot, window, lengthMs, limit);
    }
    const whole = againstHistory(all, policy, window, lengthMs, limit);
    return whole.verdict === "drift" ? whole : (silentPartition(policy, window, counted, alpha) ?? whole);
  }

  function levelOf(policy: Policy, model: string, version: string): number {
    const features = judges().find(model, version)?.prepared.features.length ?? 0;
    return alphaOf(policy, policy.windows[0]!, features, QUALITY_TESTS);
  }

  return {
    zeroBetween: async (model, startMs, endMs) => {
      const policy = judges().policy(model);
      if (policy === undefined) return undefined;
      const { lengthMs } = policy.windows[0]!;
      await records.ready(model, endMs - historyMs(policy), endMs);
      const counted = records.of(model);
      const version = counted.mainVersion(startMs, endMs);
      if (version === undefined) return { verdict: "insufficient_data", reason: "short_history", records: 0, days: 0 };
      const limit = normalIsf(levelOf(policy, model, version));
      const { against } = policy.volume ?? DEFAULT_VOLUME;
      const snapshot = judges().find(model, version)?.reference.snapshot;
      const window = { model, startMs, endMs };
      // A key of its own: by the wall clock the last panes of a day may still be open, and verdicts must not rest on that.
      const nothing = { key: "now", sum: counted.sum, records: 0 };
      return against === "reference"
        ? againstReference(nothing, snapshot, window, lengthMs, limit)
        : againstHistory(nothing, policy, window, lengthMs, limit);
    },
    ready: (model, window, endMs) => {
      const policy = judges().policy(model);
      if (policy === undefined || policy.windows[0]?.name !== window || (policy.volume ?? DEFAULT_VOLUME).against === "off")
        return undefined;
      return records.ready(model, endMs - historyMs(policy), endMs);
    },
    judge: (window) => {
      const policy = judges().policy(window.model);
      const shortest = policy?.windows[0];
      if (policy === undefined || shortest === undefined || shortest.name !== window.window.name) return NOTHING;
      const alpha = levelOf(policy, window.model, window.version);
      const { duplicates } = policy.volume ?? DEFAULT_VOLUME;
      const findings: QualityFinding[] = [];
      const volume = volumeOf(policy, window, alpha);
      const found = volume && volumeFinding(volume);
      if (found !== undefined) findings.push(found);
      const repeats = duplicates === null || window.ids === undefined ? undefined : duplicatesFinding(window.ids, duplicates, alpha);
      if (repeats !== undefined) findings.push(repeats);
      return { ...(volume === undefined ? {} : { volume }), findings };
    },
  };
}

/** The records of a reference by half hour; its first and last half hour are cut. Undefined: it does not know. */
function trafficOf({ calibration }: Snapshot): Traffic | undefined {
  const counts = calibration?.records;
  if (calibration === undefined || counts === undefined || counts.length < 3) return undefined;
  const slotMs = calibration.slot_seconds * 1000;
  const fromMs = Date.parse(calibration.from);
  return {
    fromMs: fromMs + slotMs,
    toMs: fromMs + (counts.length - 1) * slotMs,
    sum: (startMs, endMs) => {
      let sum = 0;
      for (let slot = Math.floor((startMs - fromMs) / slotMs); fromMs + slot * slotMs < endMs; slot++) {
        const atMs = fromMs + slot * slotMs;
        // A window may begin inside a half hour: that part of it counts.
        sum += (counts[slot] ?? 0) * (Math.min(endMs, atMs + slotMs) - Math.max(startMs, atMs));
      }
      return sum / slotMs;
    },
  };
}
