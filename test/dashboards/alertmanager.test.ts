import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertingRules } from "../../scripts/operate-tables.ts";
import { jsonRoutes } from "../../src/http/openapi.ts";
import { needsTool, runTool } from "../support/tool.ts";

const file = fileURLToPath(new URL("../../dashboards/alertmanager/alertmanager.yaml", import.meta.url));
const text = readFileSync(file, "utf8");
type Receiver = { readonly name: string; readonly webhook_configs?: readonly Record<string, unknown>[] };
type Inhibition = {
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal: readonly string[];
};
const config = parse(text) as { receivers: readonly Receiver[]; inhibit_rules: readonly Inhibition[] };
const alerts = alertingRules();
/** What the scrape gives, with or without the Prometheus operator. */
const OF_SCRAPE = ["job", "namespace", "service"];

describe("the example for Alertmanager", () => {
  it("names alerts that there are", () => {
    const names = [...text.replaceAll(/^\s*#.*$/gm, "").matchAll(/Driftd[\w.+]+/g)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names)
      expect(
        alerts.some(({ alert }) => new RegExp(`^${name}$`).test(alert)),
        name,
      ).toBe(true);
  });

  it("inhibits by labels that both alerts have, so that none silences what it knows nothing of", () => {
    for (const { source_matchers: source, target_matchers: target, equal } of config.inhibit_rules) {
      // `absent()` keeps the job alone.
      expect(equal).toEqual(expect.arrayContaining(target.includes('alertname="DriftdAbsent"') ? ["job"] : OF_SCRAPE));
      const shared = equal.filter((label) => !OF_SCRAPE.includes(label));
      const named = source.filter((matcher) => matcher.startsWith("alertname")).flatMap((matcher) => matching(matcher));
      expect(named.length).toBeGreaterThan(0);
      for (const { alert, expr, annotations } of named) {
        for (const label of shared)
          expect(`${expr}${Object.values(annotations).join("")}`, `${alert}: ${label}`).toMatch(
            new RegExp(`\\b${label}\\b|driftd_(model|feature|webhook)`),
          );
      }
    }
  });

  it("posts to driftd with a token from a file, and only what begins", () => {
    const [webhook] = config.receivers.find(({ name }) => name === "driftd-retrain")?.webhook_configs ?? [];
    const path = new URL(String(webhook?.["url"])).pathname;
    expect(jsonRoutes.filter((route) => route.path === path && route.methods.includes("post"))).toHaveLength(1);
    expect(webhook).toMatchObject({
      send_resolved: false,
      http_config: { authorization: { type: "Bearer", credentials_file: expect.any(String) } },
    });
  });
});

describe("amtool", () => {
  const found = needsTool("amtool", "prometheus-alertmanager");

  it.skipIf(!found)("finds the example right", () => {
    const { code, text: said } = runTool("amtool", "check-config", file);
    expect(said).toContain("SUCCESS");
    expect(code).toBe(0);
  });

  const model = ["model=fraud", "version=3", "job=driftd"];
  it.skipIf(!found).each([
    [
      "an alert that asks for retraining reaches driftd and the people",
      ["alertname=ModelAccuracyLow", "driftd_action=retrain", "severity=warning", ...model],
      "driftd-retrain,ml-team",
    ],
    [
      "one of driftd's own with that label, too",
      ["alertname=DriftdModelDrift", "driftd_action=retrain", "severity=critical", ...model],
      "driftd-retrain,ml-oncall",
    ],
    ["without a model it asks no retraining", ["alertname=ModelAccuracyLow", "driftd_action=retrain"], "ml-team"],
    ["critical drift pages", ["alertname=DriftdFeatureDriftCritical", "severity=critical", "feature=amount", ...model], "ml-oncall"],
    ["drift below that is told", ["alertname=DriftdFeatureDriftWarning", "severity=warning", "feature=amount", ...model], "ml-team"],
    ["what is only to be known goes the same way, more slowly", ["alertname=DriftdReferenceStale", "severity=info", ...model], "ml-team"],
    [
      "what driftd itself lacks goes to those who run it",
      ["alertname=DriftdDecodeErrors", "severity=warning", "topic=inference", "job=driftd"],
      "platform-team",
    ],
    ["a daemon that is down pages them", ["alertname=DriftdDown", "severity=critical", "job=driftd", "instance=a"], "platform-oncall"],
    [
      "an undelivered request pages them",
      ["alertname=DriftdWebhookDeadLetter", "severity=critical", "target=airflow", "job=driftd"],
      "platform-oncall",
    ],
    ["alerts of others go where they went before", ["alertname=NodeDown", "severity=critical"], "default"],
  ])("%s", (_, labels, receivers) => {
    const { code, text: said } = runTool(
      "amtool",
      "config",
      "routes",
      "test",
      `--config.file=${file}`,
      `--verify.receivers=${receivers}`,
      ...labels,
    );
    expect(code, said).toBe(0);
  });
});

/** The rules whose name an `alertname` matcher takes. */
function matching(matcher: string) {
  const [, op, value] = /^alertname(=~|=)"(.*)"$/.exec(matcher) ?? [];
  return alerts.filter(({ alert }) => (op === "=~" ? new RegExp(`^(?:${value})$`).test(alert) : alert === value));
}
