/** What Grafana's own dashboard-linter would ask (it cannot run here), and what it does not: places, metrics, labels, variables. */

import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { variable } from "../../dashboards/grafana.ts";
import { dashboards } from "../../dashboards/index.ts";
import { dashboardFiles } from "../../scripts/dashboards.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { catalog } from "../../src/metrics/catalog.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { type Board, files, labelValues, type Panel, panelsOf, variablesIn } from "./read.ts";

/** Where a rule of the linter does not hold, and why. By rule, then by what the query has. */
const EXCLUSIONS: Readonly<Record<string, readonly { readonly has: RegExp; readonly because: string }[]>> = {
  "target-instance-rule": [{ has: /ALERTS\{/, because: "the rules aggregate instances away, so an alert has no such label" }],
  "target-job-rule": [{ has: /ALERTS\{/, because: "the alert on an absent daemon may have no job: the matcher allows none" }],
  "target-rate-interval-rule": [
    { has: /\[(1h|24h)\]/, because: "counts of the last hour or day are what the panel says, not a rate" },
    { has: /\[\$__range\] @ end\(\)/, because: "the greatest of the whole time shown picks the rows" },
  ],
};

/** Grafana's own ids of units, of those that these dashboards use. */
const UNITS = ["none", "short", "percentunit", "s", "bytes", "Bps", "cps", "reqps", "dateTimeAsIso"];
/** Variables of Grafana itself. */
const BUILT_IN = ["__rate_interval", "__range", "__url_time_range", "__all"];
/** What Prometheus adds to each series of a scrape. */
const OF_SCRAPE = ["job", "instance"];
/** What a query groups and matches by. */
const GROUPING = /\b(?:by|on|without|ignoring|group_left|group_right) ?\(([^)]*)\)/g;
/** Series of Prometheus itself. */
const OF_PROMETHEUS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  scrape_duration_seconds: [],
  ALERTS: ["alertname", "alertstate", "severity", "model", "feature"],
};

const own = createMetrics({ buildInfo: { version: "v", revision: "r" }, clock: systemClock });
const nodeMetrics = new Set([...(await own.render()).matchAll(/^# TYPE ((?:process|nodejs)_\w+)/gm)].map(([, name]) => name as string));

/** Labels of a metric, histograms' parts too; undefined: there is no such metric. */
function labelsOf(name: string): readonly string[] | undefined {
  if (name in OF_PROMETHEUS) return OF_PROMETHEUS[name];
  if (nodeMetrics.has(name)) return [];
  const row = catalog.find((one) => one.name === name);
  if (row !== undefined && row.type !== "histogram") return Object.keys(row.labels);
  const [, base, part] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const histogram = catalog.find((one) => one.name === base && one.type === "histogram");
  return histogram === undefined ? undefined : [...Object.keys(histogram.labels), ...(part === "bucket" ? ["le"] : [])];
}

type Selector = { readonly name: string; readonly matchers: readonly string[]; readonly before: string };

/** The selectors of a query, each with its matchers' labels and what stands right before it. */
function selectorsIn(expr: string): readonly Selector[] {
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  return [...bare.matchAll(/([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})/g)].map(({ 1: name, 2: matchers, index }) => ({
    name: name as string,
    matchers: [...(matchers ?? "").matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label as string),
    before: bare.slice(0, index),
  }));
}

/** Labels by which a query groups and matches. */
function groupingIn(expr: string): readonly string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, labels]) =>
    (labels as string).split(",").flatMap((label) => (label.trim() === "" ? [] : [label.trim()])),
  );
}

const allowed = (rule: string, expr: string) => EXCLUSIONS[rule]?.some(({ has }) => has.test(expr)) ?? false;

function* targetsOf(
  board: Board,
): Generator<{ readonly at: string; readonly panel: Panel; readonly expr: string; readonly legend: string }> {
  for (const panel of panelsOf(board)) {
    for (const { refId, expr, legendFormat } of panel.targets ?? [])
      yield { at: `${panel.title} ${refId}`, panel, expr, legend: legendFormat };
  }
}

test("the committed dashboards are what the builders make", () => {
  for (const [path, text] of dashboardFiles())
    expect(files.find(({ name }) => path.endsWith(`/${name}.json`))?.text === text, `stale: ${path}; run: npm run docs`).toBe(true);
  const committed = readdirSync(new URL("../../dashboards", import.meta.url)).filter((name) => name.endsWith(".json"));
  expect(committed.sort()).toEqual(
    Object.keys(dashboards)
      .map((name) => `${name}.json`)
      .sort(),
  );
});

test("identities are one for each dashboard and short enough for Grafana", () => {
  const uids = files.map(({ board }) => board.uid);
  expect(new Set(uids).size).toBe(uids.length);
  for (const uid of uids) expect(uid).toMatch(/^[a-z-]{1,40}$/);
});

describe.each(files)("$name, by the rules of dashboard-linter", ({ board }) => {
  const variables = board.templating.list;
  const find = (name: string) => variables.find((one) => one.name === name);

  test("template-datasource-rule: one data source, called so", () => {
    expect(variables.filter(({ type }) => type === "datasource")).toMatchObject([
      { name: "datasource", label: "Data source", query: "prometheus" },
    ]);
  });

  test.each([
    ["job", "Job"],
    ["instance", "Instance"],
  ])("template-%s-rule: several or all of them", (name, label) => {
    expect(find(name)).toMatchObject({ type: "query", label, datasource: { uid: variable("datasource") }, multi: true, allValue: ".+" });
  });

  test("template-label-promql-rule: each asks for the values of a label that its metric has", () => {
    for (const one of variables.filter(({ type }) => type === "query")) {
      const asked = labelValues(one);
      expect(asked, one.name).toBeDefined();
      const name = /^\w+/.exec(asked?.selector ?? "")?.[0] ?? "";
      expect([...(labelsOf(name) ?? []), ...OF_SCRAPE], `${one.name}: ${name}`).toContain(asked?.label);
    }
  });

  test("template-on-time-change-reload-rule: what can be chosen follows the time shown", () => {
    for (const { name, type, refresh } of variables) if (type === "query") expect(refresh, name).toBe(2);
  });

  test("panel-datasource-rule and panel-no-targets-rule", () => {
    for (const { title, datasource, targets = [] } of panelsOf(board)) {
      for (const { uid } of [datasource ?? { uid: "" }, ...targets.map((target) => target.datasource)])
        expect(uid, title).toBe(variable("datasource"));
      expect(targets.length, title).toBeGreaterThan(0);
    }
  });

  test("panel-title-description-rule: every panel says what it shows, in sentences", () => {
    for (const { title, description } of panelsOf(board)) {
      expect(title).not.toBe("");
      expect(description, title).toMatch(/^[\w“].{20,}[.]$/);
    }
  });

  test("panel-units-rule: every panel has a unit that Grafana knows", () => {
    for (const { title, fieldConfig } of panelsOf(board)) expect(UNITS, title).toContain(fieldConfig?.defaults.unit);
  });

  test("target-job-rule and target-instance-rule: every selector keeps to the chosen scrape", () => {
    for (const { at, expr } of targetsOf(board)) {
      for (const { name, matchers } of selectorsIn(expr)) {
        for (const label of OF_SCRAPE) {
          if (!allowed(`target-${label}-rule`, expr)) expect(matchers, `${at}: ${name}`).toContain(label);
        }
      }
    }
  });

  test("target-rate-interval-rule: rates are over $__rate_interval", () => {
    for (const { at, expr } of targetsOf(board)) {
      for (const [range] of expr.matchAll(/\[[^\]]*\](?: @ end\(\))?/g)) {
        if (!allowed("target-rate-interval-rule", range)) expect(range, at).toBe("[$__rate_interval]");
      }
    }
  });

  test("target-counter-agg-rule: a counter is in rate or increase, and nothing else is", () => {
    for (const { at, expr } of targetsOf(board)) {
      for (const { name, before } of selectorsIn(expr)) {
        const counts = /_(total|bucket|sum|count)$/.test(name);
        expect(/(rate|increase)\($/.test(before), `${at}: ${name}`).toBe(counts);
      }
    }
  });

  test("uneditable-dashboard", () => {
    expect(board.editable).toBe(false);
  });
});

describe.each(files)("$name", ({ board }) => {
  test("is in the classic model that Grafana 10 to 13 load, with one crosshair", () => {
    expect(board).toMatchObject({ schemaVersion: 42, graphTooltip: 1, tags: ["driftd-mixin"] });
  });

  test("gives every panel an id of its own", () => {
    const ids = board.panels.flatMap((panel) => [panel.id, ...(panel.panels ?? []).map(({ id }) => id)]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("titles its panels apart within a row's reach, so that a marker and a report name one", () => {
    const titles = panelsOf(board).map(({ title }) => title);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });

  test("lays panels on 24 columns, none over another", () => {
    for (const level of [board.panels, ...board.panels.map(({ panels = [] }) => panels)]) {
      for (const [i, a] of level.entries()) {
        expect(a.gridPos.x + a.gridPos.w, a.title).toBeLessThanOrEqual(24);
        for (const b of level.slice(i + 1)) {
          const apart = a.gridPos.x + a.gridPos.w <= b.gridPos.x || b.gridPos.x + b.gridPos.w <= a.gridPos.x;
          const beneath = a.gridPos.y + a.gridPos.h <= b.gridPos.y || b.gridPos.y + b.gridPos.h <= a.gridPos.y;
          expect(apart || beneath, `${a.title} / ${b.title}`).toBe(true);
        }
      }
    }
  });

  test("leaves no hole at the end of a line", () => {
    for (const level of [board.panels, ...board.panels.map(({ panels = [] }) => panels)]) {
      const widths = new Map<number, number>();
      for (const { gridPos } of level) widths.set(gridPos.y, (widths.get(gridPos.y) ?? 0) + gridPos.w);
      for (const [y, width] of widths) expect(width, `at ${y}`).toBeGreaterThanOrEqual(23);
    }
  });

  test("names metrics and labels of the catalog only", () => {
    const asked = [...targetsOf(board), ...board.annotations.list.map(({ name: at, expr }) => ({ at, expr }))];
    for (const { at, expr } of asked) {
      const known = new Set<string>(OF_SCRAPE);
      for (const { name: metric, matchers } of selectorsIn(expr)) {
        const labels = labelsOf(metric);
        expect(labels, `${at}: no metric ${metric}`).toBeDefined();
        for (const label of labels ?? []) known.add(label);
        for (const label of matchers) expect([...(labels ?? []), ...OF_SCRAPE], `${at}: ${metric}`).toContain(label);
      }
      for (const label of groupingIn(expr)) expect([...known], at).toContain(label);
      // A metric without a selector would escape all of this.
      expect(
        expr
          .replace(/"[^"]*"/g, "")
          .replace(GROUPING, "")
          .match(/\b(driftd|process|nodejs)_\w+(?!\w*\{)/g),
        at,
      ).toBeNull();
    }
  });

  test("takes what other jobs have as well of driftd only, also where all jobs are chosen", () => {
    const asked = [...targetsOf(board), ...board.annotations.list.map(({ name: at, expr }) => ({ at, expr }))];
    for (const { at, expr } of asked) {
      const others = selectorsIn(expr).filter(({ name: metric }) => !metric.startsWith("driftd_") && metric !== "ALERTS");
      if (others.length > 0) expect(expr, at).toMatch(/ and on \(job, instance\) (?:max_over_time\()?driftd_build_info\{/);
    }
  });

  test("names series by labels that the query leaves", () => {
    for (const { at, expr, legend } of targetsOf(board)) {
      const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label as string);
      const selected = selectorsIn(expr).flatMap(({ name: metric }) => labelsOf(metric) ?? []);
      for (const label of labels) expect([...selected, ...OF_SCRAPE], at).toContain(label);
    }
  });

  test("uses variables that it has, and has none that it does not use", () => {
    const known = new Set(board.templating.list.map((variable) => variable.name));
    const used = new Set<string>();
    for (const text of strings(board)) {
      for (const variable of variablesIn(text)) {
        if (/^__(field\.labels|data\.fields)\.\w+$/.test(variable) || BUILT_IN.includes(variable)) continue;
        expect([...known], text).toContain(variable);
        used.add(variable);
      }
    }
    expect([...known].filter((variable) => !used.has(variable))).toEqual([]);
  });

  test("narrows each choice by those before it, and by none after", () => {
    const before = new Set<string>();
    for (const variable of board.templating.list) {
      const asked = typeof variable.query === "string" ? "" : variable.query.query;
      if (variable.type === "query") for (const used of variablesIn(asked)) expect([...before], variable.name).toContain(used);
      before.add(variable.name);
    }
  });

  test("leads to dashboards that there are, with variables that they have", () => {
    for (const text of strings(board)) {
      const [, uid] = /^\/d\/([\w-]+)\?/.exec(text) ?? [];
      if (uid === undefined) continue;
      const aim = files.find((file) => file.board.uid === uid)?.board;
      expect(aim, text).toBeDefined();
      for (const [, variable] of text.matchAll(/[?&]var-(\w+)=/g))
        expect(
          aim?.templating.list.map((one) => one.name),
          text,
        ).toContain(variable);
    }
  });

  test("hides no healthy state behind a colour: what cannot be told is never green", () => {
    const told = strings(board, (value) => JSON.stringify(value)).filter((text) => text.includes('"cannot tell"'));
    for (const text of told) expect(text).not.toMatch(/"text":"cannot tell","color":"[^"]*green/);
  });
});

test("every exclusion is needed", () => {
  const exprs = files.flatMap(({ board }) => [...targetsOf(board)].map(({ expr }) => expr));
  for (const [rule, list] of Object.entries(EXCLUSIONS)) {
    for (const { has, because } of list)
      expect(
        exprs.some((expr) => has.test(expr)),
        `${rule}: ${because}`,
      ).toBe(true);
  }
});

/** Every text in a value; `of` adds what it makes of each object. */
function strings(value: unknown, of?: (value: object) => string): string[] {
  if (typeof value === "string") return of === undefined ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return [...(of === undefined ? [] : [of(value)]), ...Object.values(value).flatMap((inner) => strings(inner, of))];
}
