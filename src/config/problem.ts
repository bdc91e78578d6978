/** What is wrong with a configuration: a place, a path, the value, the fact, the next action; all of them at once. */

import { DriftdError } from "../lib/errors.ts";
import { secretText } from "./secret.ts";

/** Keys of the document from its root down. */
export type ConfigPath = readonly (string | number)[];

/** Line and column count from 1; 0 when the problem has no place in the file. */
export type Place = { readonly line: number; readonly column: number };

export type Problem = Place & {
  readonly file: string;
  /** As in `models[2].reference`; empty for the whole document. */
  readonly path: string;
  /** The bad value as JSON, cut at 80 characters, `<secret>` for a secret; undefined when there is none. */
  readonly value: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
};

/** A DriftdError with code CONFIG_INVALID that holds every problem. */
export type ConfigError = DriftdError & { readonly problems: readonly Problem[] };

/** Makes the error of a file from all its problems (at least one), in the order of the file. */
export function configError(file: string, problems: readonly Problem[]): ConfigError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const count = sorted.length === 1 ? "1 problem" : `${sorted.length} problems`;
  const error = new DriftdError("CONFIG_INVALID", [`${file} is not valid: ${count}`, ...sorted.map(formatProblem)].join("\n"), {
    hint: `nothing was started; mend the file and try \`driftd check-config ${file}\``,
  });
  return Object.assign(error, { problems: sorted });
}

/** Whether something thrown is a ConfigError. */
export function isConfigError(thrown: unknown): thrown is ConfigError {
  return thrown instanceof DriftdError && thrown.code === "CONFIG_INVALID" && "problems" in thrown;
}

/** One line: `file:line:column: path: message; hint`. Control characters of names and values are escaped: they could forge a line or move a cursor. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const value = problem.value === undefined ? "" : `${problem.value} `;
  const hint = problem.hint === undefined ? "" : `; ${problem.hint}`;
  const line = `${place}: ${path}${value}${problem.message}${hint}`;
  return line.replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** `["models", 2, "references", "1.0"]` → `models[2].references["1.0"]`. */
export function formatPath(path: ConfigPath): string {
  return path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(key)) return `[${JSON.stringify(key)}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join("");
}

const secretKeys = new Set([
  ...["password", "token", "secret", "url", "routing_key"],
  ...["webhook_secret", "access_key_id", "secret_access_key", "session_token"],
]);

/** Whether the value at a path is never printed. */
export function isSecretPath(path: ConfigPath): boolean {
  return secretKeys.has(String(path.at(-1))) || path.at(-2) === "headers" || path.at(-2) === "urls";
}

/** The value of a problem as text. A whole map or list says nothing and may hold secrets: left out. */
export function formatValue(path: ConfigPath, value: unknown): string | undefined {
  if (value === undefined || value === null || typeof value === "object") return undefined;
  if (isSecretPath(path)) return secretText;
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
