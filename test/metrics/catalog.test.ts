import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { catalog } from "../../src/metrics/catalog.ts";

const golden = readFileSync(new URL("../golden/metrics.txt", import.meta.url), "utf8");

describe("the metric table", () => {
  it("has the frozen names, types, labels and units", () => {
    const lines = catalog.map((row) => `${row.name} ${row.type} {${Object.keys(row.labels).join(",")}} ${row.unit}\n`);
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
      expect(["model", "topic", "target"], row.name).toContain(Object.keys(row.labels)[0]);
    }
  });

  it("gives a histogram no second label of user text, which prom-client would join without escaping", () => {
    for (const row of catalog) {
      if (row.type === "histogram")
        expect(Object.values(row.labels).filter((values) => values === "user").length, row.name).toBeLessThan(2);
    }
  });

  it("orders the per-feature families for dropping without a tie", () => {
    const order = catalog.flatMap((row) => (row.perFeature === undefined ? [] : [row.perFeature]));
    expect(new Set(order).size).toBe(order.length);
    expect(catalog.find((row) => row.perFeature === 1)?.name).toBe("driftd_feature_drifted");
  });
});
