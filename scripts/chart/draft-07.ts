/** The configuration's JSON Schema (draft 2020-12, by zod) as the chart needs it: draft 07, which Helm 3 and Helm 4 both read. Pure. */

import type { JsonSchema } from "../../src/config/json-schema.ts";

type Loose = Readonly<Record<string, unknown>>;

/**
 * A copy in draft 07. Alternatives that `type` tells apart become conditions, so that an error names the key and not just the alternatives;
 * defaults are left out, because driftd itself fills them.
 */
export function toDraft07(schema: JsonSchema): JsonSchema {
  return convert(schema) as JsonSchema;
}

/** Names of keys that hold a secret in place of a file: those with a `…_file` twin, but for URLs, of which most are none. */
export function secretKeys(schema: JsonSchema): string[] {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    const properties = (part as JsonSchema).properties;
    for (const key of Object.keys(properties ?? {})) {
      if (Object.hasOwn(properties ?? {}, `${key}_file`) && !/(^|_)url$/.test(key)) found.add(key);
    }
    for (const inner of Object.values(part)) visit(inner);
  };
  visit(schema);
  return [...found].sort();
}

function convert(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(convert);
  if (typeof part !== "object" || part === null) return part;
  const { $schema: _, default: __, "x-default": ___, pattern, prefixItems, oneOf, properties, ...rest } = part as Loose;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, convert(value)]));
  return {
    ...inner,
    ...(typeof pattern === "string" ? withoutLookaround(pattern) : {}),
    // Names of keys are no keywords: `default` may be one of them.
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties as Loose).map(([key, value]) => [key, convert(value)])) }),
    ...(prefixItems === undefined ? {} : { items: convert(prefixItems) }),
    ...(oneOf === undefined ? {} : (byType(oneOf as readonly JsonSchema[]) ?? { oneOf: convert(oneOf) })),
  };
}

/** Helm's expressions (RE2) look neither ahead nor behind: what only narrows a pattern is left to driftd's own check. */
function withoutLookaround(pattern: string): Loose {
  const plain = pattern.replaceAll(/\(\?<?[=!][^()]*\)/g, "");
  return /\(\?<?[=!]/.test(plain) ? {} : { pattern: plain };
}

/** Undefined when `type` does not tell the branches apart. */
function byType(branches: readonly JsonSchema[]): Loose | undefined {
  const types = branches.map((branch) => branch.properties?.["type"]?.const);
  if (types.some((type) => typeof type !== "string")) return undefined;
  return {
    type: "object",
    required: ["type"],
    properties: { type: { enum: types } },
    allOf: branches.map((branch, index) => ({
      if: { required: ["type"], properties: { type: { const: types[index] } } },
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
      then: convert(branch),
    })),
  };
}
