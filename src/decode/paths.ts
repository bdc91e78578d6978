/** Paths into a record: the keys from its root down to a field. */

/** Keys from the root down; the empty path is the record itself. */
export type FieldPath = readonly string[];

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
