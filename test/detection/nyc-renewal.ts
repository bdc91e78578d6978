/**
 * Renewal measured on real seasons, at the level of counts and with the daemon's own functions: bins and reference from the first days, windows
 * judged by `evaluateWindow`, episodes by `transition`, and the reference renewed from panes as `src/renewal.ts` does it.
 *
 *     node test/detection/nyc-renewal.ts            every starting month, reference of 14 and 28 days, with and without renewal
 *     node test/detection/nyc-renewal.ts --us       the same on flights-3m
 *     node test/detection/nyc-renewal.ts --ramp     +0.5 % and +0.3 % of a standard deviation a day: found, and by what?
 *
 * For the table of `npm run detection`: `nycRenewal()` gives its rows, or what is missing in words.
 */

import { inactiveState, sustained, transition } from "../../src/decide/transition.ts";
import { type PreparedReference, prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import { slideOf } from "../../src/evaluate/evaluator.ts";
import { firstCounts } from "../../src/evaluate/first-reference.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { binOf, fineBinsOf, padEdges } from "../../src/reference/bins.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { daysKnown, daysToCarry } from "../../src/reference/carried.ts";
import { coarseOfCategorical, coarseOfNumeric } from "../../src/reference/coarse.ts";
import { featureLayoutHash, rowLayoutOf } from "../../src/reference/compile.ts";
import { DAY_MS, sumPanes } from "../../src/reference/from-panes.ts";
import { SPECIAL_SLOTS } from "../../src/reference/layout.ts";
import { episodeDays, firstDue, leastDays, nextDue, nextTry, renewalDays } from "../../src/reference/renewal.ts";
import type { Snapshot, SnapshotFeature } from "../../src/reference/snapshot.ts";
import { type Log, type LogColumn, NYC_COMMAND, rampLog, readNyc, readUs } from "./renewal-log.ts";

const MINUTE = 60_000;
const PANE = 5 * MINUTE;
const SLOT = 30 * MINUTE;
const UNSEEN = SPECIAL_SLOTS.indexOf("unseen");
const MISSING = SPECIAL_SLOTS.indexOf("missing");

export type Renew = { readonly everyMs: number; readonly days: number; readonly maxDistance: number };
export const DEFAULT_RENEW: Renew = { everyMs: 7 * DAY_MS, days: 28, maxDistance: 0.2 };

export type RunOptions = {
  readonly fromMs: number;
  readonly referenceDays: number;
  readonly toMs: number;
  /** Undefined: the first reference stays. */
  readonly renew?: Renew | undefined;
  readonly policy?: Policy;
  /** What becomes of a value: a fault. */
  readonly change?: (column: string, value: number, timeMs: number) => number;
};

export type RunResult = {
  readonly days: number;
  readonly critical: readonly string[];
  readonly warnings: readonly string[];
  /** Features that drifted for the reason `slow` while their track was sustained: first moment of each. */
  readonly slow: ReadonlyMap<string, number>;
  readonly firstFound: ReadonlyMap<string, { readonly atMs: number; readonly reason: string }>;
  readonly renewals: number;
  readonly postponed: number;
};

/** One reference, and everything after it. */
export async function runRenewal(log: Log, options: RunOptions): Promise<RunResult> {
  const { fromMs, toMs, referenceDays, renew, change } = options;
  const policy: Policy = { ...DEFAULT_POLICY, ...options.policy, ...(renew === undefined ? {} : { maxDistance: renew.maxDistance }) };
  const beginMs = fromMs + referenceDays * DAY_MS;
  const first = await snapshotOf(log, fromMs, beginMs);
  const layout = rowLayoutOf(first.features);
  const panes = panesOf(log, first, fromMs, toMs, change);
  let reference: PreparedReference = prepareReference(first, policy);
  let snapshot = first;
  let state = inactiveState;
  const longestMs = Math.max(...policy.windows.map(({ lengthMs }) => lengthMs));
  const rule = { forMs: 0, keepFiringForMs: longestMs, windows: policy.windows.map(({ name }) => name) };
  const episodes = new Map<
    string,
    { id: string; severity: string; pendingAtMs: number; resolvedAtMs: number | null; features: readonly string[] }
  >();
  const slow = new Map<string, number>();
  const firstFound = new Map<string, { atMs: number; reason: string }>();
  let dueMs = renew === undefined ? Number.POSITIVE_INFINITY : firstDue(beginMs, renew.everyMs);
  let tryMs = dueMs;
  let renewals = 0;
  let postponed = 0;

  const sums = policy.windows.map((window) => ({ window, slideMs: slideOf(window.lengthMs), counts: new Uint32Array(layout.slots) }));
  const firstPane = 0;
  const monitored = Math.round((beginMs - fromMs) / PANE);
  for (let pane = firstPane; pane < panes.length; pane++) {
    const endMs = fromMs + (pane + 1) * PANE;
    const batch: Evaluation[] = [];
    for (const { window, slideMs, counts } of sums) {
      const length = window.lengthMs / PANE;
      panes.add(counts, pane, 1);
      if (pane >= length) panes.add(counts, pane - length, -1);
      // The first window is full of what came after the reference.
      if (pane + 1 - monitored < length || endMs % slideMs !== 0) continue;
      batch.push(evaluateWindow(windowAt(window, endMs, counts, pane, length), reference));
    }
    if (batch.length > 0) {
      const moved = transition(state, batch, rule, (parts) => parts.join("/"));
      state = moved.state;
      if (moved.episode !== null && moved.episode.firingAtMs !== null) episodes.set(moved.episode.id, { ...moved.episode });
      if (state.phase === "firing") note(batch, endMs);
    }
    if (endMs === tryMs && renew !== undefined) await tryRenewal(endMs, renew);
  }
  const fired = [...episodes.values()];
  const label = ({ pendingAtMs, features }: { pendingAtMs: number; features: readonly string[] }) =>
    `${new Date(pendingAtMs).toISOString().slice(0, 10)} ${features.join("+")}`;
  return {
    days: (toMs - beginMs) / DAY_MS,
    critical: fired.filter(({ severity }) => severity === "critical").map(label),
    warnings: fired.filter(({ severity }) => severity !== "critical").map(label),
    slow,
    firstFound,
    renewals,
    postponed,
  };

  function note(batch: readonly Evaluation[], endMs: number): void {
    for (const { feature, window } of sustained(state)) {
      const found = batch.find((evaluation) => evaluation.window === window)?.features.find((one) => one.feature === feature);
      if (found?.verdict !== "drift") continue;
      if (!firstFound.has(feature)) firstFound.set(feature, { atMs: endMs, reason: found.reason });
      if (found.reason === "slow" && !slow.has(feature)) slow.set(feature, endMs);
    }
  }

  async function tryRenewal(atMs: number, { days, everyMs }: Renew): Promise<void> {
    tryMs = nextTry(atMs);
    if (state.phase !== "inactive") {
      postponed++;
      return;
    }
    const reach = { longestWindowMs: longestMs, clearMs: rule.keepFiringForMs };
    const range = renewalDays(atMs, days, [...episodes.values()], reach);
    const summed = sumPanes(snapshot);
    const firstPaneMs = Math.max(range.fromMs, beginMs);
    // Half hours instead of panes: the same sums.
    for (let slotMs = firstPaneMs; slotMs < range.toMs; slotMs += SLOT) {
      if (range.leftOut.has(Math.floor(slotMs / DAY_MS))) continue;
      const counts = new Uint32Array(layout.slots);
      let records = 0;
      const from = (slotMs - fromMs) / PANE;
      for (let pane = from; pane < from + SLOT / PANE; pane++) {
        panes.add(counts, pane, 1);
        records += panes.records(pane);
      }
      summed.add({ key: { startMs: slotMs, paneMs: SLOT }, records, counts, moments: NO_MOMENTS }, layout);
    }
    const taken = summed.days();
    const spoilt = episodeDays({ fromMs: 0, toMs: atMs }, [...episodes.values()], reach);
    await summed.carry(daysToCarry(daysKnown(snapshot), { dueMs: atMs, days, taken, spoilt }));
    if (taken.length === 0 || summed.days().length < leastDays(days, snapshot.calibration?.days ?? 0)) {
      postponed++;
      return;
    }
    snapshot = await summed.snapshot({
      source: "store:measured",
      createdAtMs: atMs,
      driftd: "0",
      version: undefined,
      empty: "keep",
      renewal: {
        ordinal: renewals + 1,
        previous: snapshot.digest,
        first: { digest: first.digest, created_at: first.provenance.created_at, features: firstCounts(first) },
      },
    });
    reference = prepareReference(snapshot, policy);
    renewals++;
    dueMs = nextDue(dueMs, everyMs);
    while (dueMs <= atMs) dueMs = nextDue(dueMs, everyMs);
    tryMs = dueMs;
  }

  function windowAt(window: Policy["windows"][number], endMs: number, counts: Uint32Array, pane: number, length: number): WindowCounts {
    let held = 0;
    let records = 0;
    const blocks: { startMs: number; values: Uint32Array }[] = [];
    for (let at = pane - length + 1; at <= pane; at++) {
      const rows = panes.records(at);
      records += rows;
      if (rows === 0) continue;
      held++;
      const blockMs = Math.floor((fromMs + at * PANE) / SLOT) * SLOT;
      let block = blocks[blocks.length - 1];
      if (block?.startMs !== blockMs) {
        block = { startMs: blockMs, values: new Uint32Array(layout.features.length) };
        blocks.push(block);
      }
      panes.values(at, block.values);
    }
    return {
      model: "m",
      version: "",
      window,
      startMs: endMs - window.lengthMs,
      endMs,
      layout,
      counts,
      records,
      coverage: held / length,
      blocks,
      changedFeatures: NONE,
      incomplete: false,
      lost: 0,
      offsets: [],
    };
  }
}

const NONE: ReadonlySet<string> = new Set();
const NO_MOMENTS = new Float64Array(500);

/** First row at or after an instant. */
function rowAt({ minute, rows }: Log, ms: number): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (minute[middle]! * MINUTE < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A snapshot of `[fromMs, toMs)` as `driftd reference build` makes it: bins from the values, then counted through panes. */
async function snapshotOf(log: Log, fromMs: number, toMs: number): Promise<Snapshot> {
  const from = rowAt(log, fromMs);
  const to = rowAt(log, toMs);
  const content = {
    schema: "driftd/reference/v1" as const,
    model: "m",
    records: to - from,
    provenance: { source: log.name, driftd: "0", created_at: new Date(toMs).toISOString(), quantiles: "exact" },
    features: log.columns.map((column) => featureOf(column, from, to)),
  };
  const bins: Snapshot = { ...content, digest: digestOf(content) };
  const layout = rowLayoutOf(bins.features);
  const panes = panesOf(log, bins, fromMs, toMs);
  const summed = sumPanes(bins);
  for (let pane = 0; pane < panes.length; pane++) {
    const counts = new Uint32Array(layout.slots);
    panes.add(counts, pane, 1);
    const key = { startMs: fromMs + pane * PANE, paneMs: PANE };
    summed.add({ key, records: panes.records(pane), counts, moments: NO_MOMENTS }, layout);
  }
  return summed.snapshot({ source: log.name, createdAtMs: toMs, driftd: "0", version: undefined, empty: "keep" });
}

function featureOf(column: LogColumn, from: number, to: number): SnapshotFeature {
  const common = { feature: column.name, role: "feature" as const, missing: 0, wrong_type: 0 };
  if (column.kind === "numeric") {
    const values = column.values.subarray(from, to).filter((value) => !Number.isNaN(value));
    const { edges, counts, means, seenOnce } = fineBinsOf(values);
    const shape = { kind: "numeric" as const, edges, round: null };
    return {
      ...common,
      ...shape,
      layout: featureLayoutHash(shape),
      count: values.length,
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      counts,
      means,
      coarse: coarseOfNumeric({ edges, counts, seenOnce }),
      moments: { count: values.length, mean: 0, m2: 0 },
    };
  }
  const all = new Array<number>(column.names.length).fill(0);
  for (const code of column.values.subarray(from, to)) if (code >= 0) all[code]! += 1;
  const codes = all.flatMap((count, code) => (count > 0 ? [code] : [])).sort((a, b) => all[b]! - all[a]!);
  const counts = codes.map((code) => all[code]!);
  const count = counts.reduce((sum, one) => sum + one, 0);
  const shape = { kind: "categorical" as const, categories: codes.map((code) => column.names[code]!) };
  return {
    ...common,
    ...shape,
    layout: featureLayoutHash(shape),
    count,
    counts,
    coarse: coarseOfCategorical(counts, count),
    seen_once: counts.filter((one) => one === 1).length,
  };
}

/** The log's panes of `[fromMs, toMs)`, binned once: each value is a slot of the row. */
function panesOf(log: Log, bins: Snapshot, fromMs: number, toMs: number, change?: RunOptions["change"]) {
  const layout = rowLayoutOf(bins.features);
  const width = layout.features.length;
  const firstRow = rowAt(log, fromMs);
  const lastRow = rowAt(log, toMs);
  const slots = new Int32Array((lastRow - firstRow) * width);
  const judged = new Uint8Array(slots.length);
  for (const [place, feature] of bins.features.entries()) {
    const { offset } = layout.features[place]!;
    const column = log.columns[place]!;
    const count = feature.counts.length;
    const edges = feature.kind === "numeric" ? padEdges(feature.edges) : undefined;
    const known = feature.kind === "categorical" ? new Map(feature.categories.map((name, bin) => [name, bin])) : undefined;
    const binOfCode = column.kind === "categorical" ? column.names.map((name) => known?.get(name) ?? count + UNSEEN) : undefined;
    for (let row = firstRow; row < lastRow; row++) {
      const raw = column.values[row]!;
      const value = change === undefined ? raw : change(column.name, raw, log.minute[row]! * MINUTE);
      const missing = column.kind === "numeric" ? Number.isNaN(value) : value < 0;
      const bin = missing ? count + MISSING : edges === undefined ? binOfCode![value]! : binOf(edges, value);
      slots[(row - firstRow) * width + place] = offset + bin;
      judged[(row - firstRow) * width + place] = missing ? 0 : 1;
    }
  }
  const length = Math.round((toMs - fromMs) / PANE);
  const starts = Int32Array.from({ length: length + 1 }, (_, pane) => rowAt(log, fromMs + pane * PANE) - firstRow);
  return {
    length,
    records: (pane: number) => starts[pane + 1]! - starts[pane]!,
    add: (counts: Uint32Array, pane: number, by: 1 | -1): void => {
      const end = starts[pane + 1]! * width;
      for (let i = starts[pane]! * width; i < end; i++) counts[slots[i]!]! += by;
    },
    /** Adds the values judged of each feature. */
    values: (pane: number, into: Uint32Array): void => {
      for (let row = starts[pane]!; row < starts[pane + 1]!; row++)
        for (let place = 0; place < width; place++) into[place]! += judged[row * width + place]!;
    },
  };
}

export type RenewalRow = {
  readonly log: string;
  readonly start: string;
  readonly referenceDays: number;
  readonly renewed: boolean;
  readonly days: number;
  /** Episodes per 30 days. */
  readonly critical: number;
  readonly warning: number;
  readonly result: RunResult;
};

/** Every starting month of a log, with 14 and 28 days of reference, with and without renewal; a start leaves at least 30 days to be judged. */
export async function renewalTable(
  log: Log,
  renew: Renew | undefined,
  referenceDays: number,
  starts = monthsOf(log),
): Promise<RenewalRow[]> {
  const toMs = (Math.floor((log.minute[log.rows - 1]! * MINUTE) / DAY_MS) + 1) * DAY_MS;
  const rows: RenewalRow[] = [];
  for (const fromMs of starts) {
    if (toMs - fromMs - referenceDays * DAY_MS < 30 * DAY_MS) continue;
    const result = await runRenewal(log, { fromMs, toMs, referenceDays, renew });
    const months = result.days / 30;
    rows.push({
      log: log.name,
      start: new Date(fromMs).toISOString().slice(0, 10),
      referenceDays,
      renewed: renew !== undefined,
      days: result.days,
      critical: result.critical.length / months,
      warning: result.warnings.length / months,
      result,
    });
  }
  return rows;
}

/** First days of the log's months. */
export function monthsOf(log: Log): number[] {
  const first = new Date(log.minute[0]! * MINUTE);
  const lastMs = log.minute[log.rows - 1]! * MINUTE;
  const months: number[] = [];
  for (let month = first.getUTCMonth(); ; month++) {
    const ms = Date.UTC(first.getUTCFullYear(), month, 1);
    if (ms > lastMs) return months;
    months.push(ms);
  }
}

/** The rows for NYC 2013, or why there are none. */
export async function nycRenewal(): Promise<RenewalRow[] | string> {
  const log = await readNyc();
  if (log === undefined) return `NYC 2013 is not there: ${NYC_COMMAND}`;
  const rows: RenewalRow[] = [];
  for (const days of [14, 28]) for (const renew of [undefined, DEFAULT_RENEW]) rows.push(...(await renewalTable(log, renew, days)));
  return rows;
}

export type RampRow = {
  /** Standard deviations a day. */
  readonly perDay: number;
  readonly maxDistance: number;
  /** Days after its begin: first sustained at all, with the reason; and first for the reason `slow`. Undefined: never in 186 days. */
  readonly found: { readonly day: number; readonly reason: string } | undefined;
  readonly slowDay: number | undefined;
  readonly warnings: number;
  readonly critical: number;
};

/**
 * A drift of `perDay` standard deviations a day, against a reference of 14 days renewed each week. With `maxDistance` out of reach there is nothing
 * but the renewed reference, which learns it away.
 */
export async function runRamp(perDay: number, maxDistance: number): Promise<RampRow> {
  const days = 200;
  const log = rampLog({ days, perDay, fromDay: 14 });
  const fromMs = log.minute[0]! * MINUTE;
  const renew = { ...DEFAULT_RENEW, maxDistance };
  const result = await runRenewal(log, { fromMs, toMs: fromMs + days * DAY_MS, referenceDays: 14, renew });
  const dayOf = (ms: number | undefined) => (ms === undefined ? undefined : Math.floor((ms - fromMs) / DAY_MS) - 14);
  const found = result.firstFound.get("moving");
  return {
    perDay,
    maxDistance,
    found: found && { day: dayOf(found.atMs)!, reason: found.reason },
    slowDay: dayOf(result.slow.get("moving")),
    warnings: result.warnings.length,
    critical: result.critical.length,
  };
}

/** Worst start, and mean over all days, of the episodes in 30 days. */
export function summaryOf(rows: readonly RenewalRow[]): { readonly worst: number; readonly critical: number; readonly warning: number } {
  const months = rows.reduce((sum, { days }) => sum + days / 30, 0);
  const mean = (count: (row: RenewalRow) => number) => rows.reduce((sum, row) => sum + count(row), 0) / months;
  return {
    worst: Math.max(...rows.map(({ critical }) => critical)),
    critical: mean(({ result }) => result.critical.length),
    warning: mean(({ result }) => result.warnings.length),
  };
}

function print(rows: readonly RenewalRow[], verbose: boolean): void {
  for (const { start, referenceDays, renewed, critical, warning, days, result } of rows) {
    const rates = `critical ${critical.toFixed(2)}, warning ${warning.toFixed(2)} in 30 d`;
    const tries = renewed ? `, ${result.renewals} renewals, ${result.postponed} postponed` : "";
    console.log(`${start} ${referenceDays} d ${renewed ? "renewed" : "kept   "} ${rates} (${days} d)${tries}`);
    if (verbose) console.log(JSON.stringify({ critical: result.critical, warnings: result.warnings, slow: [...result.slow.keys()] }));
  }
  const { worst, critical, warning } = summaryOf(rows);
  console.log(`all starts: critical ${critical.toFixed(2)}, at worst ${worst.toFixed(2)}, warning ${warning.toFixed(2)} in 30 d`);
}

if (import.meta.main) {
  const has = (flag: string) => process.argv.includes(flag);
  const log = has("--ramp") ? undefined : has("--us") ? await readUs() : await readNyc();
  if (has("--ramp")) {
    for (const perDay of [0.005, 0.003])
      for (const limit of [DEFAULT_RENEW.maxDistance, 1_000]) console.log(JSON.stringify(await runRamp(perDay, limit)));
  } else if (log === undefined) console.log(`NYC 2013 is not there: ${NYC_COMMAND}`);
  else {
    for (const days of has("--14") ? [14] : has("--28") ? [28] : [14, 28]) {
      if (!has("--renewed")) print(await renewalTable(log, undefined, days), has("-v"));
      print(await renewalTable(log, DEFAULT_RENEW, days), has("-v"));
    }
  }
}
