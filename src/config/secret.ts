/** A value that must never be printed: given inline, or in a file that is read again at each use, so that it can be rotated without a reload. */

import { readFile } from "node:fs/promises";
import { inspect } from "node:util";

import { coerceError, DriftdError } from "../lib/errors.ts";

/** What a secret prints everywhere. */
export const secretText = "<secret>";

/** Prints `<secret>` in text, JSON and `util.inspect`; only `reveal` gives the value. */
export type Secret = {
  /** The file that holds it (absolute), or undefined when it was given inline. */
  readonly file: string | undefined;
  /** Resolves to the value; a file is read now and loses line ends at its end. Rejects with SECRET_UNREADABLE or SECRET_EMPTY. */
  readonly reveal: () => Promise<string>;
  readonly toString: () => string;
  readonly toJSON: () => string;
};

/** Wraps an inline value. */
export function inlineSecret(value: string): Secret {
  return secret(undefined, () => Promise.resolve(value));
}

/** Wraps a file (absolute path) that is read at each use. */
export function fileSecret(file: string): Secret {
  return secret(file, async () => {
    const text = await readFile(file, "utf8").catch((thrown: unknown) => {
      const cause = coerceError(thrown);
      const missing = "code" in cause && cause.code === "ENOENT";
      throw new DriftdError(
        "SECRET_UNREADABLE",
        missing ? `the file ${file} is not there` : `cannot read the file ${file}: ${cause.message}`,
        {
          hint: missing ? "write the secret into it, readable for this user only" : "check that this user may read it",
          cause,
        },
      );
    });
    const value = text.replace(/[\r\n]+$/, "");
    if (value === "") {
      throw new DriftdError("SECRET_EMPTY", `the file ${file} is empty`, { hint: "write the secret into it, on one line" });
    }
    return value;
  });
}

function secret(file: string | undefined, reveal: () => Promise<string>): Secret {
  const masked = () => secretText;
  const wrapped = { file, reveal, toString: masked, toJSON: masked, [Symbol.toPrimitive]: masked, [inspect.custom]: masked };
  return Object.freeze(wrapped);
}
