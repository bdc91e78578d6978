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
  if (typeof part.additionalProperties === "object") {
    const { oneOf: types } = part.additionalProperties;
    return types === undefined ? [] : rowsOfTypes(types, `${path}.<name>`);
  }
  const map = part.properties === undefined ? part.anyOf?.find((branch) => branch.properties !== undefined) : part;
  // Limits per statistic are all alike, and their row says so.
  if (map === undefined || path.endsWith(".thresholds")) return [];
  // An output reaches brokers as the source does.
  if (/^outputs\..*\.(ssl|sasl)$/.test(path)) return [];
  // The shorthand has the keys of an output, and its row says so.
  return path.endsWith(".webhook") ? [] : rowsOf(map, path);
}

/** Alternatives by `type`: a key is one row, whatever number of types has it; where they differ, the row says what it is for which. */
function rowsOfTypes(types: readonly JsonSchema[], path: string): ConfigRow[] {
  const kinds: string[] = [];
  const merged = new Map<string, { readonly row: ConfigRow; readonly meanings: Map<string, string[]> }>();
  for (const type of types) {
    const name = String(type.properties?.["type"]?.const);
    for (const row of rowsOf(type, path)) {
      if (row.key === `${path}.type`) {
        kinds.push(`\`${name}\`: ${lowerFirst(row.description)}`);
        continue;
      }
      const same = JSON.stringify({ ...row, description: "" });
      const { meanings } = merged.get(same) ?? { meanings: new Map<string, string[]>() };
      merged.set(same, { row, meanings });
      meanings.set(row.description, [...(meanings.get(row.description) ?? []), name]);
    }
  }
  const rows = [...merged.values()].map(({ row, meanings }) => ({ ...row, description: meaningOf(meanings, types.length / 2) }));
  const type = { key: `${path}.type`, type: "type", fallback: "*required*", description: `${kinds.map(withoutStop).join("; ")}.` };
  return [type, ...rows.sort((a, b) => Number(b.description.startsWith("`")) - Number(a.description.startsWith("`")))];
}

/** What most types have needs no names. */
function meaningOf(meanings: ReadonlyMap<string, readonly string[]>, most: number): string {
  const all = [...meanings];
  const [only] = all;
  if (all.length === 1 && only !== undefined && only[1].length > most) return only[0];
  return `${all.map(([text, names]) => `${names.map((name) => `\`${name}\``).join(", ")}: ${withoutStop(lowerFirst(text))}`).join("; ")}.`;
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, "");
}

function lowerFirst(text: string): string {
  // Names and the like stay as they are.
  return /^[A-Z][a-z' ]/.test(text) ? `${text[0]!.toLowerCase()}${text.slice(1)}` : text;
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
