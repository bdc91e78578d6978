/**
 * JSON templates: any JSON value whose texts may hold `{{ … }}` over a message. There is no code in them. Pure.
 *
 * | in a text                          | gives                                                                            |
 * | ---------------------------------- | -------------------------------------------------------------------------------- |
 * | `{{ data.model }}`                 | the value at a path: keys joined by dots, numbers for places of a list           |
 * | `"{{ data.window.records }}"` alone | the value itself: a number stays a number, a map a map                           |
 * | `model {{ data.model }} drifts`    | text; numbers as JSON writes them; a map or a list only as `{{ data \| json }}`  |
 * | `{{ data.version ?? "none" }}`     | a value (JSON) where the path is not in the message                              |
 * | `{{ "{{" }}`                       | the text itself                                                                  |
 *
 * The root is the message: `id`, `type`, `timestamp`, `model`, `version`, `data`. A dot inside a key is written `\.`.
 */

import { splitRecordPath } from "../config/scalars.ts";
import { DriftdError } from "../lib/errors.ts";

/** What a template can name. */
export type TemplateRoot = Readonly<Record<string, unknown>>;

/** A message to try a template with; `about` names it. */
export type TemplateSample = { readonly about: string; readonly root: TemplateRoot };

export type TemplateProblem = {
  /** Where in the template, from its root down. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
};

type Expression = { readonly literal: string } | { readonly path: string; readonly fallback: { readonly value: unknown } | undefined };
type Piece = string | { readonly expression: Expression; readonly asJson: boolean };

const EXPRESSION = /\{\{(.*?)\}\}/gs;
const INSIDE = /^(?<path>(?:[^\s.\\|?"{}]|\\[.\\])+(?:\.(?:[^\s.\\|?"{}]|\\[.\\])+)*)(?:\s*\?\?\s*(?<fallback>.+?))?$/s;

/** Fills a template. Throws TEMPLATE_INVALID for what is none, TEMPLATE_MISSING for a path that the message does not have. */
export function render(template: unknown, root: TemplateRoot): unknown {
  if (typeof template === "string") return renderLeaf(template, root, (value) => value);
  if (Array.isArray(template)) return template.map((item) => render(item, root));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, render(value, root)]));
}

/** Fills a text: the result is always text. `encode` is put on what expressions give, e.g. for a URL. Throws as `render`. */
export function renderText(template: string, root: TemplateRoot, encode: (text: string) => string = (text) => text): string {
  return textOf(renderLeaf(template, root, encode));
}

/** Fills a map whose values must be texts, as many targets want them: null is empty, what else is no text is written as JSON. Throws as `render`. */
export function renderTexts(template: Readonly<Record<string, unknown>>, root: TemplateRoot): Record<string, string> {
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, textOf(render(value, root) ?? "")]));
}

/** What is wrong with a template, seen with sample messages: every text in it, at once. Empty when it can be filled for all of them. */
export function checkTemplate(template: unknown, samples: readonly TemplateSample[]): readonly TemplateProblem[] {
  if (typeof template === "string") {
    for (const { about, root } of samples) {
      try {
        renderLeaf(template, root, (text) => text, about);
      } catch (thrown) {
        if (!(thrown instanceof DriftdError)) throw thrown;
        return [{ path: [], message: thrown.message, hint: thrown.hint ?? "" }];
      }
    }
    return [];
  }
  if (typeof template !== "object" || template === null) return [];
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(template)
    ? template.map((item, index) => [index, item] as const)
    : Object.entries(template);
  return entries.flatMap(([key, value]) => checkTemplate(value, samples).map((problem) => ({ ...problem, path: [key, ...problem.path] })));
}

function renderLeaf(text: string, root: TemplateRoot, encode: (text: string) => string, about = String(root["type"])): unknown {
  const pieces = split(text);
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined && typeof only !== "string") {
    const value = lookUp(only.expression, root, about);
    return only.asJson ? encode(JSON.stringify(value)) : typeof value === "string" ? encode(value) : value;
  }
  return pieces
    .map((piece) => {
      if (typeof piece === "string") return piece;
      const value = lookUp(piece.expression, root, about);
      if (typeof value === "object" && value !== null && !piece.asJson) {
        throw new DriftdError(
          "TEMPLATE_INVALID",
          `${shown(piece.expression)} is ${Array.isArray(value) ? "a list" : "a map"} inside a text`,
          {
            hint: "let it stand alone, or write {{ … | json }}",
          },
        );
      }
      return encode(piece.asJson ? JSON.stringify(value) : textOf(value));
    })
    .join("");
}

function split(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(EXPRESSION)) {
    if (match.index > from) pieces.push(text.slice(from, match.index));
    pieces.push(parse(match[1] ?? ""));
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

function parse(inside: string): Exclude<Piece, string> {
  const trimmed = inside.trim();
  const asJson = /\|\s*json$/.test(trimmed);
  const expression = trimmed.replace(/\s*\|\s*json$/, "");
  const invalid = (message: string, hint: string) => new DriftdError("TEMPLATE_INVALID", `{{ ${trimmed} }} ${message}`, { hint });
  if (expression.startsWith('"')) {
    const literal = asJsonValue(expression);
    if (typeof literal?.value !== "string") throw invalid("is not a text in JSON", 'write {{ "text" }}');
    return { expression: { literal: literal.value }, asJson };
  }
  const { path, fallback } = INSIDE.exec(expression)?.groups ?? {};
  if (path === undefined) throw invalid("is not a path", 'write e.g. {{ data.model }} or {{ data.version ?? "none" }}');
  const value = fallback === undefined ? undefined : asJsonValue(fallback);
  if (fallback !== undefined && value === undefined) throw invalid("has no JSON value behind ??", 'write e.g. ?? "none" or ?? 0');
  return { expression: { path, fallback: value }, asJson };
}

function asJsonValue(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function lookUp(expression: Expression, root: TemplateRoot, about: string): unknown {
  if ("literal" in expression) return expression.literal;
  let value: unknown = root;
  for (const key of splitRecordPath(expression.path)) {
    value = typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  if (value !== undefined) return value;
  if (expression.fallback !== undefined) return expression.fallback.value;
  throw new DriftdError("TEMPLATE_MISSING", `${shown(expression)} is not in ${about}`, {
    hint: `see the body of the message, or give a default: {{ ${expression.path} ?? "…" }}`,
  });
}

function shown(expression: Expression): string {
  return `{{ ${"literal" in expression ? JSON.stringify(expression.literal) : expression.path} }}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
