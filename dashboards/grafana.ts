/**
 * From a description of a dashboard to Grafana's classic JSON (schemaVersion 42, which Grafana 10 to 13 load): panel ids, places on the grid of
 * 24 columns, data sources. What a panel shows is in `panels.ts` and in the files of the four dashboards.
 */

/** A JSON object of Grafana's. */
export type Json = Readonly<Record<string, unknown>>;

/** One query of a panel. */
export type Target = {
  readonly expr: string;
  /** Name of a series, with `{{label}}`; left out in tables. */
  readonly legend?: string;
  /** Now only, and not over the time shown. */
  readonly instant?: boolean;
  readonly format?: "time_series" | "table";
};

/** A panel less its id and its place. */
export type Panel = {
  readonly type: "stat" | "timeseries" | "bargauge" | "table" | "state-timeline" | "status-history";
  readonly title: string;
  readonly description: string;
  /** Grafana's id of the unit. */
  readonly unit: string;
  /** Columns, of 24. */
  readonly width: number;
  /** Rows of the grid, 30 px each. Panels side by side have the same. */
  readonly height: number;
  readonly targets: readonly Target[];
  /** `fieldConfig.defaults`, less the unit. */
  readonly defaults?: Json;
  readonly overrides?: readonly Json[];
  readonly options?: Json;
  readonly transformations?: readonly Json[];
  /** More keys of the panel. */
  readonly more?: Json;
};

/** Panels that belong together, under a heading or (the first ones) under none. */
export type Row = { readonly title?: string; readonly collapsed?: boolean; readonly panels: readonly Panel[] };

/** A dashboard. */
export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Json[];
  readonly annotations: readonly Json[];
  readonly links: readonly Json[];
  readonly rows: readonly Row[];
};

/** What stands for a variable's value in a text; `format` says how it is written there, e.g. `queryparam`. */
export const variable = (name: string, format?: string) => `\${${name}${format === undefined ? "" : `:${format}`}}`;

/** The data source that the reader has chosen. */
export const DATASOURCE = { type: "prometheus", uid: variable("datasource") } as const;

/** All four dashboards carry it: the links between them go by it. */
export const TAG = "driftd-mixin";

const COLUMNS = 24;

/** The dashboard as an object for `JSON.stringify`, with every key in a fixed order. Throws when panels side by side differ in height. */
export function classicJson(dashboard: Dashboard): Json {
  const { uid, title, description, variables, annotations, links, rows } = dashboard;
  return {
    annotations: { list: annotations },
    description,
    editable: false,
    fiscalYearStartMonth: 0,
    graphTooltip: 1, // one crosshair over all panels
    id: null,
    links,
    liveNow: false,
    panels: placed(rows),
    refresh: "1m",
    schemaVersion: 42,
    tags: [TAG],
    templating: { list: variables },
    time: { from: "now-24h", to: "now" },
    timepicker: {},
    timezone: "browser",
    title,
    uid,
    version: 1,
    weekStart: "",
  };
}

/** The panels and rows with ids and places. */
function placed(rows: readonly Row[]): readonly Json[] {
  const all: Json[] = [];
  let id = 0;
  let top = 0;
  for (const { title, collapsed = false, panels } of rows) {
    const heading = title === undefined ? undefined : { id: ++id, title, collapsed, gridPos: { h: 1, w: COLUMNS, x: 0, y: top } };
    const inside = inLines(panels, heading === undefined ? top : top + 1);
    const shown = inside.panels.map(({ panel, gridPos }) => panelJson(panel, ++id, gridPos));
    if (heading !== undefined) all.push({ ...heading, type: "row", panels: collapsed ? shown : [] });
    if (!collapsed) all.push(...shown);
    // What is under a closed heading takes no room.
    top = collapsed ? top + 1 : inside.bottom;
  }
  return all;
}

type GridPos = { readonly h: number; readonly w: number; readonly x: number; readonly y: number };

/** Left to right; a panel that does not fit begins a new line. */
function inLines(panels: readonly Panel[], top: number): { panels: { panel: Panel; gridPos: GridPos }[]; bottom: number } {
  const result: { panel: Panel; gridPos: GridPos }[] = [];
  let [x, y, height] = [0, top, 0];
  for (const panel of panels) {
    if (x + panel.width > COLUMNS) [x, y, height] = [0, y + height, 0];
    if (height !== 0 && height !== panel.height) throw new Error(`${panel.title}: is ${panel.height} high, its neighbour ${height}`);
    height = panel.height;
    result.push({ panel, gridPos: { h: height, w: panel.width, x, y } });
    x += panel.width;
  }
  return { panels: result, bottom: y + height };
}

function panelJson(panel: Panel, id: number, gridPos: GridPos): Json {
  const { type, title, description, unit, targets, defaults = {}, overrides = [], options = {}, transformations, more = {} } = panel;
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, ...defaults }, overrides },
    options,
    targets: targets.map((target, i) => targetJson(target, String.fromCharCode(65 + i))),
    ...(transformations === undefined ? {} : { transformations }),
    ...more,
  };
}

function targetJson({ expr, legend, instant = false, format = "time_series" }: Target, refId: string): Json {
  return {
    refId,
    datasource: DATASOURCE,
    editorMode: "code",
    expr,
    format,
    instant,
    range: !instant,
    legendFormat: legend ?? "",
  };
}
