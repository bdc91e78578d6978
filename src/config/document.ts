/**
 * YAML 1.2 with positions: text to a plain value, and from a path of it back to line and column. Environment variables are put in after
 * parsing, inside string scalars only, so that a variable's value can never become YAML. (Only importer of `yaml`, with `print.ts`.)
 */

import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Scalar, visit } from "yaml";

import { coerceError } from "../lib/errors.ts";
import { substitute } from "./environment.ts";
import type { ConfigPath, Place } from "./problem.ts";

/** A slip that concerns the document itself. */
type DocumentProblem = Place & {
  readonly message: string;
  readonly hint?: string;
  readonly path?: ConfigPath;
  readonly value?: unknown;
};

export type ConfigDocument = {
  readonly value: unknown;
  readonly problems: readonly DocumentProblem[];
  readonly warnings: readonly DocumentProblem[];
  /** Where the value of a path stands, or its key; the nearest parent that is in the file when it is not. */
  readonly place: (path: ConfigPath, what: "key" | "value") => Place;
  /** Whether the text at the path came (in part) from a variable. */
  readonly substituted: (path: ConfigPath) => boolean;
};

/** Parses the text; every slip is in `problems`, and `value` is what could be read all the same (undefined when nothing could). */
export function parseDocument(text: string, env: Readonly<Record<string, string | undefined>>): ConfigDocument {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, uniqueKeys: true, logLevel: "error" });
  const documents = Array.isArray(parsed) ? parsed : [];
  const problems: DocumentProblem[] = [];
  const warnings: DocumentProblem[] = [];
  const nowhere = { value: undefined, problems, warnings, place: () => ({ line: 1, column: 1 }), substituted: () => false };

  const [document, second] = documents;
  if (document === undefined || document.contents === null) {
    problems.push({ line: 1, column: 1, message: "the file is empty", hint: "it needs at least kafka.brokers, kafka.topics and models" });
    return nowhere;
  }
  if (second !== undefined) {
    problems.push({ ...at(second.range?.[0] ?? 0), message: "a second YAML document begins here", hint: "remove the line ---" });
  }
  let readable = true;
  for (const error of document.errors) {
    if (error.code !== "DUPLICATE_KEY") readable = false;
    const message = error.code === "DUPLICATE_KEY" ? "this key stands twice in the same map" : `not YAML: ${error.message}`;
    const hint = error.code === "DUPLICATE_KEY" ? "keep one of them" : hintFor(error.code);
    problems.push({ ...at(error.pos[0]), message, ...(hint === undefined ? {} : { hint }) });
  }
  for (const warning of document.warnings) warnings.push({ ...at(warning.pos[0]), message: warning.message });
  if (!readable) return nowhere;

  const fromVariable = new Set<unknown>();
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      const result = substitute(node.value, env);
      if (result.problem !== undefined)
        problems.push({ ...at(node.range?.[0] ?? 0), ...result.problem, path: pathOf(node, ancestors), value: node.value });
      else if (result.text !== node.value) {
        node.value = result.text;
        fromVariable.add(node);
      }
    },
    Pair(_, pair, ancestors) {
      if (isScalar(pair.key) && typeof pair.key.value === "number" && pair.key.source !== String(pair.key.value)) {
        problems.push({
          ...at(pair.key.range?.[0] ?? 0),
          message: `the key ${pair.key.source} is a number and would become "${pair.key.value}"`,
          hint: `write "${pair.key.source}"`,
          path: pathOf(pair, ancestors),
        });
      }
    },
  });

  const find = (path: ConfigPath): { key: Node | undefined; value: Node | undefined; found: boolean } => {
    let key: Node | undefined;
    let value: Node | undefined = document.contents as Node;
    for (const step of path) {
      const target: unknown = isAlias(value) ? value.resolve(document) : value;
      let next: Node | undefined;
      if (isMap(target)) {
        const pair = target.items.find((item) => isPair(item) && String((item.key as Scalar | null)?.value) === String(step));
        if (pair === undefined) return { key, value, found: false };
        key = pair.key as Node;
        next = (pair.value ?? pair.key) as Node;
      } else if (isSeq(target) && typeof step === "number" && target.items[step] !== undefined) {
        next = target.items[step] as Node;
        key = next;
      }
      if (next === undefined) return { key, value, found: false };
      value = next;
    }
    return { key, value, found: true };
  };

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    problems.push({ line: 1, column: 1, message: `cannot be read: ${coerceError(thrown).message}` });
    return nowhere;
  }
  return {
    value,
    problems,
    warnings,
    place: (path, what) => {
      const { key, value: node, found } = find(path);
      // What is missing is best shown at the key of the map that lacks it.
      const shown = what === "key" || !found ? (key ?? node) : node;
      return at(shown?.range?.[0] ?? 0);
    },
    substituted: (path) => {
      const { value: node, found } = find(path);
      return found && fromVariable.has(isAlias(node) ? node.resolve(document) : node);
    },
  };
}

/** The path of a node from the nodes above it. */
function pathOf(node: unknown, ancestors: readonly unknown[]): ConfigPath {
  const line = [...ancestors, node];
  return line.flatMap((one, i): (string | number)[] => {
    if (isPair(one)) return isScalar(one.key) ? [String(one.key.value)] : [];
    return isSeq(one) && i + 1 < line.length ? [one.items.indexOf(line[i + 1])] : [];
  });
}

function hintFor(code: string): string | undefined {
  if (code === "TAB_AS_INDENT") return "indent with blanks";
  if (code === "BAD_INDENT" || code === "MULTILINE_IMPLICIT_KEY") return "check the indentation, and quote text that holds a colon";
  return undefined;
}
