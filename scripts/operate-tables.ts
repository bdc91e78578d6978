/** The generated tables of docs/operate.md: each alert's meaning out of the rules and their runbooks, and the order in which series are dropped. */

import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { catalog } from "../src/metrics/catalog.ts";
import { dropOrder } from "../src/metrics/per-feature.ts";

/** One alert of the rules file, as far as it is used here. */
export type AlertingRule = {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly keep_firing_for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};
type RecordingRule = { readonly record: string; readonly expr: string };

const dashboards = new URL("../dashboards/", import.meta.url);

/** The rules as they are in the file. */
export function ruleGroups(): readonly { readonly name: string; readonly rules: readonly (AlertingRule | RecordingRule)[] }[] {
  return (parse(readFileSync(new URL("rules/driftd.yaml", dashboards), "utf8")) as { groups: ReturnType<typeof ruleGroups> }).groups;
}

/** Every alert, in the order of the file. */
export function alertingRules(): readonly AlertingRule[] {
  return ruleGroups().flatMap(({ rules }) => rules.filter((rule) => "alert" in rule));
}

/** The page of an alert. Throws when there is none. */
export function runbook(alert: string): string {
  return readFileSync(new URL(`runbooks/${alert}.md`, dashboards), "utf8");
}

/** Alerts with severity, how long they wait, and the first paragraph of their page. */
export function alertTable(): string {
  const rows = alertingRules().map(({ alert, for: wait, keep_firing_for: keep, labels }) => {
    const meaning = runbook(alert).split("\n\n")[1] ?? "";
    return `| [${alert}](../dashboards/runbooks/${alert}.md) | ${labels["severity"]} | ${wait}${keep === undefined ? "" : ` / ${keep}`} | ${meaning.replaceAll("|", "\\|")} |`;
  });
  return ["| alert | severity | for / keep | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** What `metrics.max_series` takes, first to last. */
export function seriesTable(): string {
  const steps = dropOrder(catalog.map((row) => ({ row })));
  const last = steps.length - 1;
  const rows = steps.map(({ family, calm }, i) => {
    const what = calm ? "its series of features that do not drift" : i === last ? "cut, features that do not drift first" : "all of it";
    return `| ${i + 1} | \`${family.row.name}\` | ${what} |`;
  });
  return ["| | family | what goes |", "| --- | --- | --- |", ...rows].join("\n");
}
