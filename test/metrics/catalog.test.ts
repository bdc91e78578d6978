import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { catalog } from "../../src/metrics/catalog.ts";

const golden = readFileSync(new URL("../golden/metrics.txt", import.meta.url), "utf8");

describe("the metric table", () => {
  it("has the frozen names, types, labels, units and directions", () => {
    const lines = catalog.map(
      ({ name, type, labels, unit, worse = "-" }) => `${name} ${type} {${Object.keys(labels).join(",")}} ${unit} ${worse}\n`,
    );
    // Changing this file is a [CHANGE] line of the CHANGELOG: dashboards and rules rely on it.
    expect(lines.sort().join("")).toBe(golden);
  });

  it("names every metric once", () => {
    expect(new Set(catalog.map((row) => row.name)).size).toBe(catalog.length);
  });

  it("names no label that the scrape or the text format owns", () => {
    const reserved = new Set([
      "job",
      "instance",
      "le",
      "quantile",
      "type",
      "service",
      "env",
      "stage",
      "region",
      "zone",
      "cluster",
      "owner",
    ]);
    expect(catalog.flatMap((row) => Object.keys(row.labels)).filter((label) => reserved.has(label))).toEqual([]);
  });

  it("gives bounds to histograms, ascending, and to nothing else", () => {
    for (const row of catalog) {
      expect(row.bounds !== undefined, row.name).toBe(row.type === "histogram");
      expect([...(row.bounds ?? [])].sort((a, b) => a - b)).toEqual(row.bounds ?? []);
    }
  });

  it("labels a series with user text by its owner first, so that the owner's series can be removed", () => {
    for (const row of catalog) {
      if (!Object.values(row.labels).includes("user")) continue;
      expect(["model", "topic", "target", "alertmanager"], row.name).toContain(Object.keys(row.labels)[0]);
    }
  });

  it("gives a histogram no second label of user text, which prom-client would join without escaping", () => {
    for (const row of catalog) {
      if (row.type === "histogram")
        expect(Object.values(row.labels).filter((values) => values === "user").length, row.name).toBeLessThan(2);
    }
  });

  it("says the unit in the name", () => {
    for (const { name, type, unit } of catalog) {
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(name.endsWith("_info"), name).toBe(unit === "1" && name !== "driftd_config_hash");
      for (const word of ["seconds", "bytes", "ratio"]) expect(name.split("_").includes(word), name).toBe(unit === word);
      if (name.includes("timestamp")) expect(name).toMatch(/_timestamp_seconds$/);
    }
  });

  it("gives a direction to every count of losses, failures and things that wait", () => {
    for (const { name, worse } of catalog) {
      if (/_(failures|errors|dropped|lost|skipped|dead_letters|queue_length|lag)(_|$)/.test(name)) expect(worse, name).toBe("high");
      if (/last_(?!action|reload).*timestamp/.test(name)) expect(worse, name).toBe("low");
    }
  });

  it("orders the per-feature families for dropping without a tie", () => {
    const order = catalog.flatMap((row) => (row.perFeature === undefined ? [] : [row.perFeature]));
    expect(new Set(order).size).toBe(order.length);
    expect(catalog.find((row) => row.perFeature === 1)?.name).toBe("driftd_feature_drifted");
  });
});
