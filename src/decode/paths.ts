/** Paths into a record: `a.b.c` names a field; the empty path or `.` is the record itself. A dot inside a key is written `\.`. */

export type FieldPath = readonly string[];

/** Splits `a.b.c` into its keys. */
export function parsePath(text: string): FieldPath {
  if (text === "" || text === ".") return [];
  return text.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
}

/** The value at a path, own keys only; undefined when there is none. */
export function valueAt(root: unknown, path: FieldPath): unknown {
  let value = root;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] as string;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
