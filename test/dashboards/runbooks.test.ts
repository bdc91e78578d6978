import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { withBlocks } from "../../scripts/docs.ts";
import { alertingRules, alertTable, ruleGroups, runbook, seriesTable } from "../../scripts/operate-tables.ts";
import type { Command } from "../../src/cli/args.ts";
import { configRows } from "../../src/config/table.ts";
import { jsonRoutes } from "../../src/http/openapi.ts";
import { catalog } from "../../src/metrics/catalog.ts";

const root = new URL("../../", import.meta.url);
const alerts = alertingRules().map(({ alert }) => alert);
const pages = readdirSync(new URL("dashboards/runbooks/", root)).sort();
const keys = new Set(configRows().map(({ key }) => key));
const metrics = new Set([
  ...catalog.flatMap(({ name, type }) => (type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])),
  ...ruleGroups().flatMap(({ rules }) => rules.flatMap((rule) => ("record" in rule ? [rule.record] : []))),
]);
/** Of the scrape and of prom-client, where a page needs them. */
const FOREIGN = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_post_metric_relabeling",
  "process_cpu_seconds_total",
  "nodejs_eventloop_lag_p99_seconds",
];

/** The commands by their first word: `deliveries` is `deliveriesCommand` of src/cli/deliveries.ts. */
const WORDS = ["run", "check-config", "reference", "compare", "replay", "backtest", "power", "deliveries", "store"];

/** What `driftd COMMAND --help` prints. */
async function helpOf(command: string): Promise<string> {
  const [word = "", ...more] = command.split(" ");
  const name = `${word.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Command`;
  const commands = (await import(`../../src/cli/${word}.ts`)) as Record<string, Command>;
  let text = "";
  const stdout = (part: string) => {
    text += part;
  };
  await commands[name]?.([...more, "--help"], { stdout, stderr: () => {}, isTTY: false, env: {}, cwd: "/" });
  return text;
}

it("there is one page for each alert, and no other", () => {
  expect(pages).toEqual(alerts.map((alert) => `${alert}.md`).sort());
});

describe.each(alerts)("the page of %s", (alert) => {
  const page = runbook(alert);
  const code = [...page.matchAll(/```(\w+)\n(.*?)\n```/gs)].map(([, language = "", text = ""]) => ({ language, lines: text.split("\n") }));
  const inline = [...page.replaceAll(/```.*?```/gs, "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
  const commands = [...code.filter(({ language }) => language === "sh").flatMap(({ lines }) => lines), ...inline];

  it("says what it means, how to look and what to do", () => {
    const [title, meaning, ...rest] = page.split("\n\n");
    expect(title).toBe(`# ${alert}`);
    expect(meaning).toMatch(/^(driftd|[A-Z]).{60,}\.$/);
    expect(rest.filter((part) => part.startsWith("## "))).toEqual(["## How to look", "## What to do"]);
    expect(
      page
        .split("## What to do\n\n")[1]
        ?.trim()
        .split("\n")
        .every((line) => line.startsWith("- ")),
    ).toBe(true);
    expect(code.length).toBeGreaterThan(0);
  });

  it("names metrics, keys, addresses, commands and alerts that there are", () => {
    for (const [name] of page.matchAll(/(?<![\w:])(?:[a-z_]+:)?driftd_\w+(?::\w+)?/g)) expect(metrics, name).toContain(name);
    for (const line of code.filter(({ language }) => language === "promql").flatMap(({ lines }) => lines)) {
      const named = [...line.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)/g, "").matchAll(/[a-z][a-z_:0-9]{5,}|\bup\b/g)].map(
        ([name]) => name,
      );
      const functions = ["increase", "histogram_quantile", "max_over_time"];
      expect(
        named.some((name) => metrics.has(name) || FOREIGN.includes(name)),
        line,
      ).toBe(true);
      for (const name of named)
        expect(metrics.has(name) || FOREIGN.includes(name) || functions.includes(name), `${line}: ${name}`).toBe(true);
    }
    for (const text of inline) {
      const [key = ""] = /^[a-z_]+(\[\])?(\.(<name>|[a-z_]+)(\[\])?)+(?=: |$)/.exec(text) ?? [];
      if (key !== "") expect(keys, text).toContain(key);
    }
    for (const [, path = ""] of page.matchAll(/(\/(?:api|-)\/[\w/{}.%-]*)/g)) {
      const shape = (text: string) => text.split("/").length;
      const matches = jsonRoutes.filter((route) => shape(route.path) === shape(path) && fits(route.path, path));
      expect(matches.length, path).toBeGreaterThan(0);
    }
    for (const [name] of page.matchAll(/Driftd[A-Z]\w+/g)) expect(alerts, name).toContain(name);
  });

  it("names commands of driftd with flags that they have", async () => {
    for (const line of commands.filter((text) => text.startsWith("driftd "))) {
      const [, word = "", action = ""] = /^driftd ([a-z-]+)(?: (\w+))?/.exec(line) ?? [];
      expect(WORDS, line).toContain(word);
      const acts = ["reference", "deliveries", "store"].includes(word);
      const help = await helpOf(word !== "reference" ? word : `${word} ${action}${line.includes("--from-store") ? " --from-store" : ""}`);
      expect(help, line).toContain("Usage:");
      if (acts) expect(help, line).toContain(action);
      for (const [flag] of line.matchAll(/--[a-z-]+/g)) expect(help, line).toContain(flag);
    }
  });
});

it("docs/operate.md has the tables of the alerts and of the order in which series go (else run: npm run docs)", () => {
  const operate = readFileSync(new URL("docs/operate.md", root), "utf8");
  expect(operate).toContain(alertTable());
  expect(operate).toContain(seriesTable());
  expect(withBlocks(operate)).toBe(operate);
});

/** Whether an address is one of the route: `{id}` and names in capitals stand for anything. */
function fits(route: string, path: string): boolean {
  const given = path.split("/");
  return route.split("/").every((part, i) => part === given[i] || (part.startsWith("{") && /^(\{\w+\}|[A-Z]+|%\w+)$/.test(given[i] ?? "")));
}
