/** The kinds of panels that the dashboards use, with the settings that are the same everywhere. */

import type { Json, Panel, Target } from "./grafana.ts";
import { byThreshold, COLOURS, stateMappings, steps } from "./look.ts";

/** What every panel must say. */
type Said = Pick<Panel, "title" | "description" | "unit" | "width" | "height"> & {
  readonly overrides?: readonly Json[];
  readonly links?: readonly Json[];
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly mappings?: readonly Json[];
  readonly thresholds?: Json;
};

/** A query and the name of its series; of a stat and a table only what holds now is asked. */
export type Asked = readonly [expr: string, legend: string];

const LEGEND = { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] };
const NEUTRAL = steps(COLOURS.neutral);

function common({ links, decimals, min, max, mappings, thresholds = NEUTRAL }: Said): Json {
  return {
    thresholds,
    noValue: "no data",
    ...(links === undefined ? {} : { links }),
    ...(decimals === undefined ? {} : { decimals }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(mappings === undefined ? {} : { mappings }),
  };
}

const base = (said: Said) => ({
  title: said.title,
  description: said.description,
  unit: said.unit,
  width: said.width,
  height: said.height,
  overrides: said.overrides ?? [],
});

const overTime = (asked: readonly Asked[]): readonly Target[] => asked.map(([expr, legend]) => ({ expr, legend }));
const now = (asked: readonly Asked[]): readonly Target[] => asked.map(([expr, legend]) => ({ expr, legend, instant: true }));

/** One number, or a few. Colour only where a threshold or a mapping gives one. */
export function stat(said: Said, ...asked: readonly Asked[]): Panel {
  return {
    ...base(said),
    type: "stat",
    targets: now(asked),
    defaults: { ...common(said), color: byThreshold },
    options: {
      colorMode: "value",
      graphMode: "none",
      justifyMode: "auto",
      orientation: "auto",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      textMode: asked.length > 1 ? "value_and_name" : "auto",
      wideLayout: true,
    },
  };
}

/** Lines over time. `bars`: what is counted in each step. `lines: "dashed"` draws the thresholds. */
export function timeseries(
  said: Said & { readonly bars?: boolean; readonly stacked?: boolean; readonly lines?: "dashed"; readonly repeat?: string },
  ...asked: readonly Asked[]
): Panel {
  const { bars = false, stacked = false, lines, repeat } = said;
  return {
    ...base(said),
    type: "timeseries",
    targets: overTime(asked),
    defaults: {
      ...common(said),
      color: { mode: "palette-classic-by-name" }, // the same label has the same colour everywhere
      custom: {
        drawStyle: bars ? "bars" : "line",
        lineInterpolation: "linear",
        lineWidth: bars ? 0 : 1,
        fillOpacity: bars ? 80 : stacked ? 30 : 5,
        showPoints: "auto",
        spanNulls: false, // a gap is a gap
        stacking: { mode: stacked ? "normal" : "none", group: "A" },
        thresholdsStyle: { mode: lines ?? "off" },
        axisSoftMin: 0,
      },
    },
    options: { legend: LEGEND, tooltip: { mode: "multi", sort: "desc" } },
    more: {
      // A step of four scrapes or more: then the range of a bar is hardly longer than its step, and nothing is counted twice.
      ...(bars ? { interval: "2m" } : {}),
      ...(repeat === undefined ? {} : { repeat, repeatDirection: "h", maxPerRow: 2 }),
    },
  };
}

/** The greatest of something, as bars. */
export function bargauge(said: Said, ...asked: readonly Asked[]): Panel {
  return {
    ...base(said),
    type: "bargauge",
    targets: now(asked),
    defaults: { ...common(said), color: byThreshold },
    options: {
      displayMode: "basic",
      orientation: "horizontal",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      valueMode: "color",
      showUnfilled: true,
      namePlacement: "auto",
      sizing: "auto",
      minVizWidth: 8,
      minVizHeight: 16,
      maxVizHeight: 32,
    },
  };
}

/** States over time, a row for each series. */
export function timeline(said: Omit<Said, "unit">, ...asked: readonly Asked[]): Panel {
  const full: Said = { ...said, unit: "none", mappings: said.mappings ?? stateMappings };
  return {
    ...base(full),
    type: "state-timeline",
    targets: overTime(asked),
    defaults: { ...common(full), color: byThreshold, custom: { fillOpacity: 80, lineWidth: 0, insertNulls: false } },
    options: { mergeValues: true, rowHeight: 0.85, showValue: "never", alignValue: "left", legend: LEGEND, tooltip: { mode: "single" } },
    more: { maxDataPoints: 300 },
  };
}

/** Values over time as cells of colour, a row for each series. */
export function history(said: Said, ...asked: readonly Asked[]): Panel {
  return {
    ...base(said),
    type: "status-history",
    targets: overTime(asked),
    defaults: { ...common(said), color: byThreshold, custom: { fillOpacity: 85, lineWidth: 0 } },
    options: { rowHeight: 0.9, colWidth: 0.95, showValue: "never", legend: { ...LEGEND, showLegend: false }, tooltip: { mode: "single" } },
    more: { maxDataPoints: 72 }, // more cells than fit are not drawn at all
  };
}

/** A column of a table: what it is called, and how it looks. A label's column has its name as `field`, a query's is `Value #A`, or `Value` if it is the only one. */
type Column = { readonly field: string; readonly title?: string; readonly properties?: readonly Json[] };

/** What holds now, a row for each set of labels: those that the queries aggregate by. `hidden`: columns that say nothing; `sortBy`: the column whose greatest comes first. */
export function table(
  said: Said & { readonly columns: readonly Column[]; readonly hidden?: readonly string[]; readonly sortBy?: string },
  ...asked: readonly string[]
): Panel {
  const { columns, hidden = [], sortBy } = said;
  const renamed = columns.filter(({ title }) => title !== undefined).map(({ field, title }) => [field, title]);
  return {
    ...base(said),
    type: "table",
    targets: asked.map((expr) => ({ expr, instant: true, format: "table" })),
    defaults: {
      ...common(said),
      color: byThreshold,
      custom: { align: "auto", cellOptions: { type: "auto" }, filterable: true, inspect: false },
    },
    overrides: [
      ...columns
        .filter(({ properties }) => properties !== undefined)
        .map(({ field, title, properties }) => ({ matcher: { id: "byName", options: title ?? field }, properties })),
      ...(said.overrides ?? []),
    ],
    options: { cellHeight: "sm", showHeader: true, ...(sortBy === undefined ? {} : { sortBy: [{ displayName: sortBy, desc: true }] }) },
    transformations: [
      ...(asked.length > 1 ? [{ id: "merge", options: {} }] : []),
      {
        id: "organize",
        options: {
          excludeByName: Object.fromEntries(["Time", ...hidden].map((name) => [name, true])),
          indexByName: Object.fromEntries(columns.map(({ field }, i) => [field, i])),
          renameByName: Object.fromEntries(renamed),
        },
      },
    ],
  };
}

/** Properties of columns. */
export const column = {
  unit: (unit: string, decimals?: number): readonly Json[] => [
    { id: "unit", value: unit },
    ...(decimals === undefined ? [] : [{ id: "decimals", value: decimals }]),
  ],
  coloured: (thresholds: Json): readonly Json[] => [
    { id: "thresholds", value: thresholds },
    { id: "custom.cellOptions", value: { type: "color-text" } },
  ],
  filled: (mappings: readonly Json[]): readonly Json[] => [
    { id: "mappings", value: mappings },
    { id: "custom.cellOptions", value: { type: "color-background", mode: "basic" } },
  ],
  links: (links: readonly Json[]): readonly Json[] => [{ id: "links", value: links }],
  width: (width: number): readonly Json[] => [{ id: "custom.width", value: width }],
} as const;
