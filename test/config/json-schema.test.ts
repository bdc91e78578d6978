// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are what is tested
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";

import { withBlocks } from "../../scripts/docs.ts";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { parseConfig } from "../../src/config/load.ts";
import { configRows, configTable } from "../../src/config/table.ts";

const root = join(import.meta.dirname, "../..");
const example = readFileSync(join(root, "driftd.example.yaml"), "utf8");

test("the schema is JSON and refuses unknown keys everywhere", () => {
  const open: string[] = [];
  const visit = (part: unknown, path: string): void => {
    if (typeof part !== "object" || part === null) return;
    if ("properties" in part && !("additionalProperties" in part)) open.push(path);
    for (const [key, inner] of Object.entries(part)) visit(inner, `${path}/${key}`);
  };
  visit(JSON.parse(JSON.stringify(jsonSchema())), "");
  expect(open).toEqual([]);
});

test("a pattern of the schema takes a text with a variable", () => {
  const pane = jsonSchema().properties?.["event_time"]?.properties?.["pane"] as unknown as { readonly pattern: string };
  const pattern = new RegExp(pane.pattern);
  expect(["5m", "${PANE}", "5 minutes"].map((text) => pattern.test(text))).toEqual([true, true, false]);
});

test("a pattern says so once, also where the key has a default", () => {
  const text = JSON.stringify(jsonSchema());
  expect(text).toContain('|\\\\$\\\\{"');
  expect(text).not.toContain("|\\\\$\\\\{|");
});

test("every key of the table has a type, a description and a default or none to have", () => {
  const rows = configRows();
  expect(rows.filter(({ type, description }) => type === "" || !/[.…]$/.test(description))).toEqual([]);
  // Each type of output has required keys of its own.
  const ofTypes = (key: string) => key.startsWith("outputs.<name>.") && key !== "outputs.<name>.type";
  expect(rows.filter(({ key, fallback }) => fallback === "*required*" && !ofTypes(key)).map(({ key }) => key)).toEqual([
    "kafka.brokers",
    "kafka.topics",
    "file.path",
    "outputs.<name>.type",
    "models",
    "models[].name",
    "models[].compat.psi.bins.edges",
    "models[].outliers.path",
    "models[].notify.to",
  ]);
});

test("no cell of the table breaks it", () => {
  for (const line of configTable().split("\n")) expect(line.replaceAll("\\|", "").split("|")).toHaveLength(6);
});

test("the generated blocks of README.md are fresh (npm run docs)", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  expect(withBlocks(readme)).toBe(readme);
});

test("a block that begins and does not end is an error; one that is not there is left out", () => {
  expect(withBlocks("nothing")).toBe("nothing");
  expect(() => withBlocks("<!-- BEGIN:CONFIG -->")).toThrow("has no <!-- END:CONFIG -->");
});

test("the example is valid, without a variable set and without a warning", () => {
  const { config, warnings } = parseConfig(example, "driftd.example.yaml", {});
  expect(warnings).toEqual([]);
  expect(config.models.map(({ name }) => name)).toEqual(["fraud", "churn"]);
});

test("what the example calls a default is one", () => {
  const marked = new Set(example.split("\n").flatMap((line, i) => (/# default\b/.test(line) ? [i] : [])));
  const smallest =
    "kafka: { brokers: [localhost:9092], topics: [a] }\nmodels: [{ name: a, reference: a.json, retrain: { to: [o] } }]\noutputs: { o: { type: webhook, url: 'http://localhost/', secret: x } }\n";
  const defaults = flat(parseConfig(smallest, "f", {}).config.effective);
  const shown = flat(parseConfig(example, "f", {}).config.effective);
  const document = parseDocument(example);
  const checked = [...shown].filter(([path]) => {
    const node = document.getIn(
      path.split("/").map((key) => (/^\d+$/.test(key) ? Number(key) : key)),
      true,
    ) as { range?: number[] } | undefined;
    return node?.range !== undefined && marked.has(example.slice(0, node.range[0]).split("\n").length - 1);
  });
  expect(checked.length).toBeGreaterThan(15);
  for (const [path, value] of checked) {
    const path0 = path.replace("outputs/retrain-fraud", "outputs/o");
    expect([path, value]).toEqual([path, defaults.get(path0)]);
  }
});

function flat(value: unknown, path = ""): Map<string, unknown> {
  if (typeof value !== "object" || value === null) return new Map([[path, value]]);
  return new Map(Object.entries(value).flatMap(([key, item]) => [...flat(item, path === "" ? key : `${path}/${key}`)]));
}
