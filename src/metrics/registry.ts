/**
 * Makes the catalog's series and renders the page for `/metrics`. The only importer of prom-client, which keeps histograms, families without
 * user text and the `process_*` and `nodejs_*` families on a private registry; families labelled with user text are `lines.ts`.
 * Always the text format 0.0.4: one rendering as OpenMetrics would rename the registry's counters for good.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import type { MetricRow } from "./catalog.ts";
import { catalog } from "./catalog.ts";
import type { LineFamily, WritableRow } from "./lines.ts";
import { firstLabel, header, misuse, newSeries, sampleLines, seriesKey, wellFormed, writableRow } from "./lines.ts";
import type { Labels, Metrics } from "./metrics.ts";
import type { FeatureMode } from "./per-feature.ts";
import { createPerFeature } from "./per-feature.ts";

/** Between two looks at the event loop's delay: prom-client's own 10 ms wake an idle process so often that it takes 0.6 % of a core. */
const EVENT_LOOP_LOOK_MS = 50;
/** Sample lines made in one turn of the event loop: about 2 ms. */
const LINES_PER_TURN = 2500;

type BuildInfo = { readonly version: string; readonly revision: string };

export type MetricsOptions = {
  readonly buildInfo: BuildInfo;
  /** Only `monotonicMs` is used: to time the rendering. */
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Upper bound of all per-feature series together. Default 20,000. */
  readonly maxSeries?: number;
  /** Which features get series of their own. Default `all`. */
  readonly features?: FeatureMode;
  /** Add prom-client's `process_*` and `nodejs_*` families. Default true. */
  readonly nodeMetrics?: boolean;
  /** Is told of a write that cannot be right (unknown name or label, a value that is not finite): our bug. Default: throw it. */
  readonly onMisuse?: (error: DriftdError) => void;
};

export type MetricsRegistry = Metrics & {
  /** The whole page in text format 0.0.4. Never rejects; gives the event loop a turn every few thousand lines. Calls at the same time share one rendering. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
  /** Gives every counter and histogram with exactly these user labels its closed label sets at 0: `{ topic }`, `{ model }`, `{ model, version }`, `{ target }`. */
  readonly initialise: (labels: Readonly<Record<string, string>>) => void;
  /** Removes every series of a model; what is written of it later goes nowhere, until it is initialised again. So with an output. */
  readonly removeModel: (model: string) => void;
  /** Removes the per-feature series of a model whose reference or windows changed, and the gauges that they bear on; its other counters go on. */
  readonly removeGauges: (model: string) => void;
  /** Removes every series of one version; it may be written again. */
  readonly removeVersion: (model: string, version: string) => void;
  /** Removes every series of these features of a model. */
  readonly removeFeatures: (model: string, features: ReadonlySet<string>) => void;
  /** Removes every series with this topic. */
  readonly removeTopic: (topic: string) => void;
  /** Removes every series with this output. */
  readonly removeTarget: (target: string) => void;
  /** Calls `collect` at the start of each scrape (it must be synchronous; a throw is counted and the rest goes on). Returns how to stop it. */
  readonly onScrape: (collect: () => void) => () => void;
};

type PromMetric = WritableRow & { readonly metric: Counter | Gauge | Histogram };

/** Metrics over the catalog. Throws METRICS_MISUSE from a write unless `onMisuse` is given. */
export function createMetrics(options: MetricsOptions): MetricsRegistry {
  const { clock } = options;
  const registry = new Registry();
  const families = new Map<string, LineFamily>();
  const proms = new Map<string, PromMetric>();
  const collectors = new Set<() => void>();
  /** What still runs for a while after it was removed (a look, an attempt) must not bring its series back. */
  const removed = { model: new Set<string>(), target: new Set<string>() };
  /** Keys of the histograms' series that there are. */
  const born = new Set<string>();
  let rendering: Promise<string> | undefined;

  for (const row of catalog) {
    if (isLineFamily(row)) families.set(row.name, { ...writableRow(row), series: new Map() });
    else proms.set(row.name, { ...writableRow(row), metric: createPromMetric(row, registry) });
  }
  if (options.nodeMetrics ?? true) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS });

  const perFeatureFamilies = [...families.values()].filter((family) => family.row.perFeature !== undefined);
  const perFeature = createPerFeature({
    families: perFeatureFamilies,
    mode: options.features ?? "all",
    maxSeries: options.maxSeries ?? 20_000,
    onDropped: (family, series) => write("driftd_metrics_series_dropped_total", { family }, series, "counter"),
  });

  /** Runs a write; what cannot be right goes to `onMisuse`, or up. */
  const guarded = (act: () => void) => {
    if (options.onMisuse === undefined) return act();
    try {
      act();
    } catch (error) {
      if (!(error instanceof DriftdError)) throw error;
      options.onMisuse(error);
    }
  };

  const find = (name: string): LineFamily | PromMetric => {
    const found = families.get(name) ?? proms.get(name);
    if (found === undefined) throw misuse(`${name}: no such metric`);
    return found;
  };

  const isRemoved = ({ model, target }: Labels): boolean =>
    (removed.model.size > 0 && removed.model.has(String(model))) || (removed.target.size > 0 && removed.target.has(String(target)));

  const write = (name: string, labels: Labels, value: number, type: MetricRow["type"]) => {
    if (isRemoved(labels)) return;
    const found = find(name);
    if (found.row.type !== type) throw misuse(`${name}: is a ${found.row.type}, used as a ${type}`);
    if ("series" in found && found.row.perFeature !== undefined && perFeature.refuses(found)) return;
    const key = seriesKey(found, labels);
    if (!Number.isFinite(value) || (type === "counter" && value < 0)) {
      if (type === "gauge") remove(name, labels);
      throw misuse(`${name}: the value ${value} cannot be exported`);
    }
    if ("metric" in found) {
      if (type === "histogram") born.add(key);
      return writeProm(found, labels, value);
    }
    if (found.row.perFeature !== undefined) return perFeature.write(found, key, labels, value, type === "counter");
    let series = found.series.get(key);
    if (series === undefined) {
      series = newSeries(found.row, key, labels);
      found.series.set(key, series);
    }
    series.value = type === "counter" ? series.value + value : value;
  };

  const remove = (name: string, labels: Labels) => {
    const found = find(name);
    const key = seriesKey(found, labels);
    if ("metric" in found) {
      found.metric.remove(promLabels(labels));
      born.delete(key);
    } else if (found.row.perFeature === undefined) found.series.delete(key);
    else perFeature.remove(found, key);
  };

  /** Removes the series of an owner from every family that is labelled with it first; in a histogram it is the only label. */
  const removeOwner = (label: "model" | "topic" | "target", owner: string, version?: string, only?: (row: MetricRow) => boolean) => {
    for (const { row, series } of families.values()) {
      if (firstLabel(row) !== label || only?.(row) === false) continue;
      for (const one of series.values()) {
        if (one.owner === owner && (version === undefined || one.version === version)) series.delete(one.key);
      }
    }
    if (version !== undefined || only !== undefined) return;
    for (const found of proms.values()) {
      if (firstLabel(found.row) !== label) continue;
      found.metric.remove(promLabels({ [label]: owner }));
      born.delete(seriesKey(found, { [label]: owner }));
    }
  };

  const render = async (): Promise<string> => {
    const startedMs = clock.monotonicMs();
    const failed = () => write("driftd_metrics_collect_failures_total", {}, 1, "counter");
    for (const collect of collectors) {
      try {
        collect();
      } catch {
        failed();
      }
    }
    for (const { row, series } of perFeatureFamilies) write("driftd_metrics_series", { family: row.name }, series.size, "gauge");
    const pages: string[] = [];
    let others = 0;
    for (const { row, series } of families.values()) {
      const all = [...series.values()];
      let text = header(row);
      for (let from = 0; from < all.length; from += LINES_PER_TURN) {
        if (from > 0) await nextTurn();
        text += sampleLines(all, from, Math.min(all.length, from + LINES_PER_TURN));
      }
      pages.push(text);
      if (row.perFeature === undefined) others += all.length;
      else if (all.length > LINES_PER_TURN / 2) await nextTurn();
    }
    await nextTurn();
    const own = ["driftd_metrics_series", "driftd_metrics_render_duration_seconds"];
    for (const metric of registry.getMetricsAsArray()) {
      if (own.includes(metric.name)) continue;
      const rendered = await registry.getSingleMetricAsString(metric.name).catch(() => void failed());
      if (rendered === undefined) continue;
      // The event-loop lags of prom-client are "Nan" until there is one: absent is what that means.
      const text = rendered.replace(/\n.* Nan$/gm, "");
      pages.push(`${text}\n`);
      others += samplesIn(text);
    }
    // These two count and time the rest, so they come last; `+ 2` for the lines that they add themselves.
    write("driftd_metrics_series", { family: "other" }, others + perFeatureFamilies.length + 2, "gauge");
    write("driftd_metrics_render_duration_seconds", {}, (clock.monotonicMs() - startedMs) / 1000, "gauge");
    for (const name of own) pages.push(`${await registry.getSingleMetricAsString(name)}\n`);
    await nextTurn();
    return pages.join("");
  };

  /** A histogram's series at 0, for a rate sees the first observation only if there was a sample before it; one that is there goes on. */
  const giveBirth = (name: string, labels: Labels) => {
    const found = proms.get(name);
    if (!(found?.metric instanceof Histogram)) return;
    const key = seriesKey(found, labels);
    if (!born.has(key)) found.metric.zero(promLabels(labels));
    born.add(key);
  };

  const initialise = (labels: Readonly<Record<string, string>>) => {
    for (const label of ["model", "target"] as const) if (labels[label] !== undefined) removed[label].delete(labels[label]);
    for (const row of catalog) {
      if (row.type === "gauge" || row.perFeature !== undefined) continue;
      const open = Object.keys(row.labels).filter((label) => typeof row.labels[label] !== "object");
      if (open.length !== Object.keys(labels).length || !open.every((label) => label in labels)) continue;
      for (const set of closedSets(row)) {
        if (row.type === "histogram") giveBirth(row.name, { ...labels, ...set });
        else write(row.name, { ...labels, ...set }, 0, "counter");
      }
    }
  };

  initialise({});
  for (const { row } of perFeatureFamilies) write("driftd_metrics_series_dropped_total", { family: row.name }, 0, "counter");
  write("driftd_build_info", { ...options.buildInfo, nodejs_version: process.version }, 1, "gauge");

  return {
    inc: (name, labels = {}, by = 1) => guarded(() => write(name, labels, by, "counter")),
    set: (name, labels, value) => guarded(() => write(name, labels, value, "gauge")),
    remove: (name, labels) => guarded(() => remove(name, labels)),
    observe: (name, labels, value) => guarded(() => write(name, labels, value, "histogram")),
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    initialise,
    render: () => {
      rendering ??= render().finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
    removeModel: (model) => {
      perFeature.forget(model);
      removeOwner("model", model);
      removed.model.add(model);
    },
    removeGauges: (model) => {
      perFeature.forget(model);
      removeOwner("model", model, undefined, ({ type, outlivesReference }) => type === "gauge" && outlivesReference !== true);
    },
    removeVersion: (model, version) => {
      perFeature.forget(model, version);
      removeOwner("model", model, version);
    },
    removeFeatures: perFeature.forgetFeatures,
    removeTopic: (topic) => removeOwner("topic", topic),
    removeTarget: (target) => {
      removeOwner("target", target);
      removed.target.add(target);
    },
    onScrape: (collect) => {
      collectors.add(collect);
      return () => void collectors.delete(collect);
    },
  };
}

const isLineFamily = (row: MetricRow) => row.type !== "histogram" && Object.values(row.labels).includes("user");

function createPromMetric(row: MetricRow, registry: Registry): Counter | Gauge | Histogram {
  const common = { name: row.name, help: row.help, labelNames: Object.keys(row.labels), registers: [registry] };
  if (row.type === "histogram") return new Histogram({ ...common, buckets: [...row.bounds!] });
  if (row.type === "counter") return new Counter(common);
  const gauge = new Gauge(common);
  // prom-client gives an unlabelled gauge the value 0 at birth, and `time() - 0` would alert at once: absent until set.
  if (common.labelNames.length === 0) gauge.remove();
  return gauge;
}

function writeProm({ metric }: PromMetric, labels: Labels, value: number): void {
  if (metric instanceof Counter) metric.inc(promLabels(labels), value);
  else if (metric instanceof Gauge) metric.set(promLabels(labels), value);
  else metric.observe(promLabels(labels), value);
}

function promLabels(labels: Labels): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const label in labels) clean[label] = wellFormed(String(labels[label]));
  return clean;
}

/** Every combination of the row's closed lists. */
function closedSets(row: MetricRow): Labels[] {
  let sets: Labels[] = [{}];
  for (const [label, values] of Object.entries(row.labels)) {
    if (typeof values === "object") sets = sets.flatMap((set) => values.map((value) => ({ ...set, [label]: value })));
  }
  return sets;
}

function samplesIn(text: string): number {
  let samples = 0;
  for (const line of text.split("\n")) if (line !== "" && !line.startsWith("#")) samples++;
  return samples;
}
