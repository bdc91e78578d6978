/**
 * The shape of the file, section by section and model by model, so that one slip hides no other. What is valid is handed on to
 * `semantics.ts`; so is a section with slips, without the parts that are wrong.
 */

import { didYouMean, nearest } from "../lib/suggest.ts";
import type { ConfigDocument } from "./document.ts";
import { type Slip, slipsOf, valueAt } from "./issues.ts";
import { jsonSchemaAt } from "./json-schema.ts";
import type { ConfigPath } from "./problem.ts";
import { modelSchema, sections } from "./schema.ts";
import type { Present, ValidParts } from "./semantics.ts";

type Schema = (typeof sections)[keyof typeof sections] | typeof modelSchema;
type Issues = Parameters<typeof slipsOf>[0];

export type CheckedSections = {
  readonly parts: ValidParts;
  readonly present: Present;
  readonly slips: Slip[];
  /** Values that were left out of `parts` because they are wrong: a rule that misses them there says nothing new. */
  readonly omitted: ConfigPath[];
};

/** Sections in which the good parts are worth checking when others are wrong. Rules over times would judge defaults that nobody asked for. */
const checkedInPart = new Set(["kafka", "outputs", "models"]);

/** Checks each section of the file by itself. Where the schema wants a number or a switch, text from a variable is put in as such. */
export function checkSections(root: Record<string, unknown>, document: ConfigDocument, sourceRequired: boolean): CheckedSections {
  const slips: Slip[] = [];
  const omitted: ConfigPath[] = [];
  const known = jsonSchemaAt([], root)?.keys ?? [];
  for (const key of Object.keys(root)) {
    if (!known.includes(key)) slips.push({ path: [key], at: "key", value: false, message: "unknown key", hint: didYouMean(key, known) });
  }

  const check = (schema: Schema, path: ConfigPath): unknown => {
    let result = schema.safeParse(valueAt(root, path));
    if (!result.success && readVariables(result.error.issues, path, root, document)) result = schema.safeParse(valueAt(root, path));
    if (result.success) return result.data;
    slips.push(...slipsOf(result.error.issues, path, root));
    if (!checkedInPart.has(String(path[0]))) return undefined;
    const pruned = prune(valueAt(root, path), result.error.issues);
    omitted.push(...pruned.omitted.map((inner) => [...path, ...inner]));
    const rest = schema.safeParse(pruned.value);
    return rest.success ? rest.data : undefined;
  };

  const models = root["models"];
  const parts = Object.fromEntries(
    Object.entries(sections).map(([key, schema]) => {
      if (key !== "models" || !Array.isArray(models) || models.length === 0) return [key, check(schema, [key])];
      return [key, models.map((_, index) => check(modelSchema, ["models", index]))];
    }),
  );
  parts["models"] ??= [];

  const outputs = root["outputs"];
  const present: Present = {
    sections: new Set(Object.keys(root)),
    outputNames: typeof outputs === "object" && outputs !== null ? Object.keys(outputs) : [],
  };
  if (sourceRequired && !present.sections.has("kafka") && !present.sections.has("file")) {
    slips.push({
      path: ["kafka"],
      at: "key",
      value: false,
      message: "is required",
      hint: "set kafka.brokers and kafka.topics (or file.path)",
    });
  }
  return { parts: parts as ValidParts, present, slips, omitted };
}

/**
 * Takes out what is an echo: "x is required" beside an unknown key that x was meant by, and what a rule says about a value that was omitted or
 * misses in a map that has an unknown key.
 */
export function withoutEchoes(slips: readonly Slip[], fromRules: readonly Slip[], omitted: readonly ConfigPath[]): Slip[] {
  const unknown = slips.filter(({ message }) => message === "unknown key").map(({ path }) => path);
  const meant = (path: ConfigPath, other: ConfigPath): boolean =>
    isSame(path.slice(0, -1), other.slice(0, -1)) && nearest(String(other.at(-1)), [String(path.at(-1))]) !== undefined;
  const rules = fromRules.filter(
    ({ path, value }) =>
      !omitted.some((other) => isWithin(path, other) || isWithin(other, path)) &&
      (value || !unknown.some((other) => isSame(path, other.slice(0, -1)))),
  );
  return [...slips, ...rules].filter(({ path, message }) => message !== "is required" || !unknown.some((other) => meant(path, other)));
}

function isSame(one: ConfigPath, other: ConfigPath): boolean {
  return one.length === other.length && isWithin(one, other);
}

function isWithin(path: ConfigPath, outer: ConfigPath): boolean {
  return outer.every((key, index) => path[index] === key);
}

/** A copy without what the issues name; a list goes as a whole, so that no index shifts. */
function prune(value: unknown, issues: Issues): { value: unknown; omitted: (string | number)[][] } {
  const copy: unknown = structuredClone(value);
  const omitted: (string | number)[][] = [];
  const remove = (path: (string | number)[]): void => {
    const holder = valueAt(copy, path.slice(0, -1));
    if (path.length > 0 && typeof holder === "object" && holder !== null) delete (holder as Record<string | number, unknown>)[path.at(-1)!];
  };
  for (const issue of issues) {
    const path = issue.path as (string | number)[];
    if (issue.code === "unrecognized_keys") for (const key of issue.keys) remove([...path, key]);
    else {
      const list = path.findIndex((key) => typeof key === "number");
      const gone = list === -1 ? path : path.slice(0, list);
      remove(gone);
      omitted.push(gone);
    }
  }
  return { value: copy, omitted };
}

/**
 * Variables are text, but a number or a switch may be meant: where the schema wants one and the text that came from a variable is one, it is
 * put in as such. Returns whether anything changed, so that the section is checked again.
 */
function readVariables(issues: Issues, prefix: ConfigPath, root: unknown, document: ConfigDocument): boolean {
  let changed = false;
  for (const issue of issues) {
    const path = [...prefix, ...(issue.path as (string | number)[])];
    if (issue.code === "invalid_union") for (const branch of issue.errors) changed = readVariables(branch, path, root, document) || changed;
    if (issue.code !== "invalid_type" || !document.substituted(path)) continue;
    const text = valueAt(root, path);
    const holder = valueAt(root, path.slice(0, -1));
    if (typeof text !== "string" || typeof holder !== "object" || holder === null) continue;
    const value = valueOfText(text, issue.expected);
    if (value === undefined) continue;
    (holder as Record<string | number, unknown>)[path.at(-1)!] = value;
    changed = true;
  }
  return changed;
}

function valueOfText(text: string, expected: string): number | boolean | undefined {
  if (expected === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  if (expected !== "number" && expected !== "int") return undefined;
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}
