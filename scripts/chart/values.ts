/** values.yaml as its comments describe it: each key with a `# --` comment, its default and its place. Pure. */

import { parse } from "yaml";

/** A key that a user may set. `path` is its place, outermost first. */
export type DescribedValue = { readonly path: readonly string[]; readonly description: string; readonly default: unknown };

/**
 * The described keys in the file's order. What stands below a described key is part of its default.
 * Throws when a key has no description, or a comment that begins with `# --` describes none.
 */
export function describedValues(text: string): DescribedValue[] {
  const root: unknown = parse(text);
  const found: DescribedValue[] = [];
  const place: { readonly key: string; readonly indent: number }[] = [];
  let comment: string | undefined;
  let describedIndent = Number.POSITIVE_INFINITY;
  for (const [index, line] of text.split("\n").entries()) {
    const described = /^\s*# -- (.+)$/.exec(line)?.[1];
    if (described !== undefined) {
      if (comment !== undefined) throw new Error(`values.yaml:${index + 1}: the comment before describes no key`);
      comment = described;
      continue;
    }
    const [, space, key] = /^( *)([A-Za-z]\w*):/.exec(line) ?? [];
    if (space === undefined || key === undefined || space.length > describedIndent) continue;
    describedIndent = Number.POSITIVE_INFINITY;
    while ((place.at(-1)?.indent ?? -1) >= space.length) place.pop();
    place.push({ key, indent: space.length });
    const path = place.map((outer) => outer.key);
    // `config` is described and has described keys: its own schema comes from elsewhere.
    if (comment === undefined) {
      if (!/^ *\w+: *$/.test(line)) throw new Error(`values.yaml:${index + 1}: ${path.join(".")} has no description`);
      continue;
    }
    found.push({ path, description: comment, default: valueAt(root, path) });
    comment = undefined;
    if (path.join(".") !== "config") describedIndent = space.length;
  }
  return found;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], root);
}
