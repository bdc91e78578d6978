/** The JSON Schema of the configuration file: for editors (`driftd.schema.json`), for hints, and as the source of the README's table. */

import * as z from "zod";

import type { ConfigPath } from "./problem.ts";
import { configSchema } from "./schema.ts";

/** The part of JSON Schema that the configuration uses. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly "x-default"?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
};

/** Where the published schema lives in the package. */
export const schemaFile = "driftd.schema.json";

/** Ends every pattern: a variable is put in before the value is checked. */
const VARIABLE = "|\\$\\{";

let made: JsonSchema | undefined;

/** Makes the schema of what a user writes (draft 2020-12), once. A text with a variable in it satisfies every pattern. */
export function jsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ jsonSchema: part }) => {
      // A part with a default comes by twice.
      if (typeof part.pattern === "string" && !part.pattern.endsWith(VARIABLE)) part.pattern += VARIABLE;
    },
  }) as JsonSchema;
  return made;
}

/** What a map at a path of the file may hold: its keys, and the names of its types where `type` tells them apart. */
export type SchemaAt = {
  readonly keys: readonly string[];
  readonly types: readonly string[];
  readonly description: string | undefined;
  readonly title: string | undefined;
};

/** Looks up a path; the value of the file chooses among alternatives. Undefined when the schema knows no such place. */
export function jsonSchemaAt(path: ConfigPath, root: unknown): SchemaAt | undefined {
  let schema: JsonSchema | undefined = jsonSchema();
  let value = root;
  for (const key of path) {
    const from: JsonSchema | undefined = choose(schema, value);
    schema = typeof key === "number" ? from?.items : (from?.properties?.[key] ?? asSchema(from?.additionalProperties));
    value = typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
    if (schema === undefined) return undefined;
  }
  const types = (schema.oneOf ?? []).map((branch) => String(branch.properties?.["type"]?.const));
  return { keys: Object.keys(choose(schema, value)?.properties ?? {}), types, description: schema.description, title: schema.title };
}

/** The alternative that fits: by `type` where that tells them apart, else the one that is a map. */
function choose(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  const branches = schema?.oneOf ?? schema?.anyOf;
  if (branches === undefined) return schema;
  const maps = branches.filter((branch) => branch.properties !== undefined);
  const type = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["type"] : undefined;
  return maps.find((branch) => type !== undefined && branch.properties?.["type"]?.const === type) ?? maps[0];
}

function asSchema(additional: boolean | JsonSchema | undefined): JsonSchema | undefined {
  return typeof additional === "object" ? additional : undefined;
}
