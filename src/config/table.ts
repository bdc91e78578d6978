/** The table of all configuration keys, made from the JSON Schema: for the README. */

import { type JsonSchema, jsonSchema } from "./json-schema.ts";

/** One key. `fallback` is what holds when it is not given: JSON, words, or `required`. */
export type ConfigRow = { readonly key: string; readonly type: string; readonly fallback: string; readonly description: string };

/** All keys in the order of the schema; `[]` stands for each entry of a list, `<name>` for each of a map. */
export function configRows(): ConfigRow[] {
  return rowsOf(jsonSchema(), "");
}

/** The rows as a Markdown table. */
export function configTable(): string {
  const lines = configRows().map(
    ({ key, type, fallback, description }) => `| \`${key}\` | ${cell(type)} | ${cell(fallback)} | ${cell(description)} |`,
  );
  return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

function rowsOf(schema: JsonSchema, prefix: string): ConfigRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, part]) => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const required = schema.required?.includes(key) === true;
    const row = { key: path, type: part.title ?? "", fallback: fallback(part, required), description: part.description ?? "" };
    return [row, ...children(part, path)];
  });
}

function children(part: JsonSchema, path: string): ConfigRow[] {
  if (part.items?.properties !== undefined) return rowsOf(part.items, `${path}[]`);
  if (typeof part.additionalProperties === "object")
    return (part.additionalProperties.oneOf ?? []).flatMap((type) => rowsOf(type, `${path}.<name>`));
  const map = part.properties === undefined ? part.anyOf?.find((branch) => branch.properties !== undefined) : part;
  // Limits per statistic are all alike, and their row says so.
  if (map === undefined || path.endsWith(".thresholds")) return [];
  // The shorthand has the keys of an output, and its row says so.
  return path.endsWith(".webhook") ? [] : rowsOf(map, path);
}

function fallback(part: JsonSchema, required: boolean): string {
  if (part["x-default"] !== undefined) return part["x-default"];
  if (part.default === undefined) return required ? "*required*" : "";
  const { default: value } = part;
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value).replaceAll('"', "").replaceAll(",", ", ")}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
