/** The files of the chart that are made of other files are what `npm run chart` makes of them now. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { secretKeys, toDraft07 } from "../../scripts/chart/draft-07.ts";
import { describedValues } from "../../scripts/chart/values.ts";
import { chartFolder, madeFiles, strayCopies } from "../../scripts/chart.ts";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { root } from "./tools.ts";

it("the chart's rules, dashboards, schema and README are made of their originals (else run: npm run chart)", async () => {
  for (const [path, text] of await madeFiles()) expect(readFileSync(join(chartFolder, path), "utf8"), path).toBe(text);
  expect(await strayCopies()).toEqual([]);
});

it("the chart installs the driftd that it stands beside", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(parse(readFileSync(join(chartFolder, "Chart.yaml"), "utf8")).appVersion).toBe(version);
});

it("the schema of the values knows every key of the configuration", () => {
  const keys = (part: unknown): string[] => {
    if (typeof part !== "object" || part === null) return [];
    const own = "properties" in part ? Object.keys(part.properties as object) : [];
    return [...own, ...Object.values(part).flatMap(keys)];
  };
  const { properties } = JSON.parse(readFileSync(join(chartFolder, "values.schema.json"), "utf8"));
  expect(new Set(keys(properties.config))).toEqual(new Set(keys(jsonSchema())));
});

it("a key without a description is refused", () => {
  expect(() => describedValues("# -- One.\na: 1\nb: 2\n")).toThrow("values.yaml:3: b has no description");
  expect(() => describedValues("# -- One.\n# -- Two.\na: 1\n")).toThrow("describes no key");
  expect(describedValues("a:\n  # -- One.\n  b: { c: 1 }\n")).toEqual([{ path: ["a", "b"], description: "One.", default: { c: 1 } }]);
});

it("a pattern that looks ahead is loosened, and one that cannot be is left out", () => {
  expect(toDraft07({ pattern: "^(?=\\d)(\\d+d)?$" } as object)).toEqual({ pattern: "^(\\d+d)?$" });
  expect(toDraft07({ pattern: "^(?=(a|b))c$" } as object)).toEqual({});
});

it("a key with a twin that names a file is a secret, but for URLs", () => {
  const text = { type: "string" };
  expect(secretKeys({ properties: { token: text, token_file: text, url: text, url_file: text, name: text } })).toEqual(["token"]);
});
