import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertingRules, ruleGroups } from "../../scripts/operate-tables.ts";
import { catalog, type MetricRow } from "../../src/metrics/catalog.ts";
import { needsTool, runTool } from "../support/tool.ts";

const RUNBOOKS = "https://driftd.example/runbooks";
const GRAFANA = "https://grafana.example/d";
/** Labels that the scrape gives. */
const TARGET = ["job", "instance", "pod"];

const rulesDir = new URL("../../dashboards/rules/", import.meta.url);
const alerts = alertingRules();
const rules = ruleGroups().flatMap(({ rules: all }) => all);
const recorded = new Map(rules.flatMap((rule) => ("record" in rule ? [[rule.record, rule.expr] as const] : [])));
const rows = new Map<string, MetricRow>(catalog.map((row) => [row.name, row]));

type UnitTest = {
  readonly name: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly { readonly exp_labels: object }[] }[];
};
const testFiles = readdirSync(new URL("tests/", rulesDir)).sort();
const unitTests = testFiles.flatMap(
  (file) => (parse(readFileSync(new URL(`tests/${file}`, rulesDir), "utf8")) as { tests: UnitTest[] }).tests,
);

/** Every metric of an expression with its matchers: `metric{a="b",c=~"d|e"}`. */
function selectors(expr: string) {
  return [...expr.matchAll(/(?<![\w:"])((?:[a-z]\w*:)?(?:driftd_\w+|up)(?::\w+)?)(?:\{([^}]*)\})?/g)].map(
    ([, name = "", matchers = ""]) => ({
      name,
      matchers: [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = "", op = "", value = ""]) => ({ label, op, value })),
    }),
  );
}

/** The catalog's rows that an expression rests on, those of recorded series among them. */
function rowsOf(expr: string): readonly MetricRow[] {
  return selectors(expr).flatMap(({ name }) => (recorded.has(name) ? rowsOf(recorded.get(name) as string) : (rows.get(name) ?? [])));
}

const labelsOf = (expr: string) => new Set([...rowsOf(expr).flatMap(({ labels }) => Object.keys(labels)), ...TARGET]);

describe("the rules", () => {
  it.each(rules.map((rule) => ["record" in rule ? rule.record : rule.alert, rule.expr] as const))(
    "%s rests on metrics and labels that there are",
    (_, expr) => {
      expect(selectors(expr)).not.toEqual([]);
      for (const { name, matchers } of selectors(expr)) {
        expect(name === "up" || rows.has(name) || recorded.has(name), name).toBe(true);
        const known = rowsOf(recorded.get(name) ?? name);
        for (const { label, op, value } of matchers) {
          expect([...known.flatMap(({ labels }) => Object.keys(labels)), ...TARGET], `${name}: ${label}`).toContain(label);
          const closed = known.map(({ labels }) => labels[label]).filter((values) => typeof values === "object");
          for (const one of closed.length === 0 || value === "" ? [] : op.endsWith("~") ? value.split("|") : [value])
            expect(closed.flat(), `${name}: ${label}`).toContain(one);
        }
      }
      for (const [, , list = ""] of expr.matchAll(/\b(without|by|on|ignoring)\s*\(([^)]*)\)/g))
        for (const label of list.split(",").map((text) => text.trim())) expect(labelsOf(expr), expr).toContain(label);
    },
  );

  it("have names that are each there once", () => {
    const names = rules.map((rule) => ("record" in rule ? rule.record : rule.alert));
    expect(new Set(names).size).toBe(names.length);
    for (const { alert } of alerts) expect(alert).toMatch(/^Driftd[A-Z][A-Za-z]+$/);
    for (const name of recorded.keys()) expect(name).toMatch(/^[a-z_]+:driftd_[a-z_]+:[a-z0-9_]+$/);
  });

  it("hold nothing that Prometheus 2.42 does not know", () => {
    for (const group of ruleGroups()) expect(Object.keys(group).sort()).toEqual(["name", "rules"]);
    const known = ["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"];
    for (const rule of rules) expect(known).toEqual(expect.arrayContaining(Object.keys(rule)));
  });

  it("make no second alert of a stand-by or a renamed pod, but where the process is meant", () => {
    const aboutProcess = ["DriftdDown", "DriftdAbsent", "DriftdConfigReloadFailed"];
    for (const { alert, expr } of alerts) {
      if (aboutProcess.includes(alert)) continue;
      for (const { name } of selectors(expr)) if (rows.has(name)) expect(expr, alert).toContain("without (instance, pod");
    }
  });
});

describe.each(alerts.map((rule) => [rule.alert, rule] as const))("%s", (alert, rule) => {
  const tests = unitTests.filter(({ alert_rule_test: cases }) => cases.some(({ alertname }) => alertname === alert));

  it("says how bad it is, what it is, and where to read on", () => {
    expect(["critical", "warning", "info"]).toContain(rule.labels["severity"]);
    const { summary, description, runbook_url: runbook, dashboard_url: dashboard, ...more } = rule.annotations;
    expect(more).toEqual({});
    for (const text of [summary, description]) expect(text).toMatch(/^[^ ].*\.$/s);
    expect(runbook).toBe(`${RUNBOOKS}/${alert}.md`);
    expect(dashboard).toMatch(new RegExp(`^${GRAFANA}/[a-z-]+(\\?|$)`));
  });

  it("names only labels that its series have", () => {
    for (const [, label = ""] of Object.values(rule.annotations)
      .join(" ")
      .matchAll(/\$labels\.(\w+)/g))
      expect(labelsOf(rule.expr), label).toContain(label);
  });

  it("has a dashboard that there is, with the variables it sets", () => {
    const [path = "", query = ""] = (rule.annotations["dashboard_url"] ?? "").slice(GRAFANA.length + 1).split("?");
    const folder = new URL("../../dashboards/", import.meta.url);
    type Board = { readonly uid: string; readonly templating: { readonly list: readonly { readonly name: string }[] } };
    const boards = readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Board);
    const board = boards.find(({ uid }) => uid === path);
    expect(board, path).toBeDefined();
    for (const [, variable] of query.matchAll(/var-(\w+)=/g)) expect(board?.templating.list.map(({ name }) => name)).toContain(variable);
  });

  it("has a unit test in which it fires and one in which it stays silent", () => {
    const fires = tests.map(({ alert_rule_test: cases }) => cases.some(({ exp_alerts: expected }) => expected.length > 0));
    expect(fires).toContain(true);
    expect(fires).toContain(false);
    for (const { name, alert_rule_test: cases } of tests)
      expect(name.startsWith("fires: "), name).toBe(cases.some(({ exp_alerts: expected }) => expected.length > 0));
  });

  it("does not fire before its time", () => {
    const early = tests.filter(({ alert_rule_test: cases }) => cases.length === 2 && cases[0]?.exp_alerts.length === 0);
    expect(early.some(({ alert_rule_test: [, then] }) => (then?.exp_alerts.length ?? 0) > 0)).toBe(true);
  });

  it("stays silent beside the very series that it looks at", () => {
    const needed = new Set(rowsOf(rule.expr).map(({ name }) => name));
    for (const { name, input_series: input, alert_rule_test: cases } of tests) {
      if (cases.some(({ exp_alerts: expected }) => expected.length > 0)) continue;
      const given = new Set(input.map(({ series }) => series.slice(0, series.indexOf("{"))));
      for (const metric of needed) expect(given, name).toContain(metric);
    }
  });
});

it("the unit tests feed series as driftd exports them", () => {
  for (const { name, input_series: input } of unitTests) {
    for (const { series } of input) {
      const [{ name: metric = "", matchers = [] } = {}] = selectors(series);
      if (metric === "up") continue;
      const row = rows.get(metric);
      expect(row, `${name}: ${series}`).toBeDefined();
      expect(matchers.map(({ label }) => label).sort(), series).toEqual(["instance", "job", ...Object.keys(row?.labels ?? {})].sort());
      for (const { label, value } of matchers) {
        const values = row?.labels[label];
        if (typeof values === "object") expect(values, series).toContain(value);
      }
    }
  }
});

describe("promtool", () => {
  const found = needsTool("promtool", "prometheus");
  const path = (name: string) => fileURLToPath(new URL(name, rulesDir));

  it.skipIf(!found).each(["driftd.yaml", "../alertmanager/retrain-rule.yaml"])("finds %s right, by every lint", (file) => {
    expect(existsSync(path(file))).toBe(true);
    expect(runTool("promtool", "check", "rules", "--lint=all", "--lint-fatal", path(file))).toMatchObject({ code: 0 });
  });

  it.skipIf(!found).each(testFiles)("passes the unit tests of %s", (file) => {
    const { code, text } = runTool("promtool", "test", "rules", path(`tests/${file}`));
    expect(code, text).toBe(0);
  });
});
