/** Looks into answers: what presets expect to find in one whose status is a success. Pure. */

import type { HttpAnswer, Objection } from "../answer.ts";

/** The value at a path of a JSON answer, or undefined. */
export function valueIn(json: unknown, ...path: readonly (string | number)[]): unknown {
  let value = json;
  for (const key of path) {
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string | number, unknown>)[key]
        : undefined;
  }
  return value;
}

/** An answer must be JSON that holds a text or a number there, as whoever created something does; a login page does not. */
export function holds(...path: readonly (string | number)[]): (answer: HttpAnswer) => Objection | undefined {
  return ({ json }) => {
    const value = valueIn(json, ...path);
    if ((typeof value === "string" && value !== "") || typeof value === "number") return undefined;
    return { problem: `the answer has no ${path.join(".")}`, retry: true };
  };
}

/** An answer must be JSON that holds this very value there. */
export function holdsValue(expected: string, ...path: readonly (string | number)[]): (answer: HttpAnswer) => Objection | undefined {
  return ({ json }) =>
    valueIn(json, ...path) === expected ? undefined : { problem: `the answer's ${path.join(".")} is not ours`, retry: true };
}

/** An answer must be a JSON map. */
export function isJsonMap({ json }: HttpAnswer): Objection | undefined {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? undefined : { problem: "the answer is not JSON", retry: true };
}
