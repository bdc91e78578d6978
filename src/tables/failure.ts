/** What a reader's failure comes to: the file, the line, what is wrong, and what to do. */

import { coerceError, DriftdError } from "../lib/errors.ts";

/** Runs `work`; what it throws becomes an error that names the table. */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw readableError(path, thrown);
  }
}

/** DuckDB's words, cut to the fact: `TABLE_ENCODING` or `TABLE_UNREADABLE`. */
export function readableError(path: string, thrown: unknown): Error {
  if (thrown instanceof DriftdError) return thrown;
  const error = coerceError(thrown);
  const lines = error.message.split("\n").map((line) => line.trim());
  if (/not utf-8 encoded|invalid unicode|invalid utf-?8/i.test(error.message)) {
    return new DriftdError("TABLE_ENCODING", `${path}: is not UTF-8 text (${lines[0]})`, {
      hint: "Convert it, for example: iconv -f latin1 -t utf-8.",
      cause: thrown,
    });
  }
  const detail = lines.find((line) => /^Expected Number of Columns|^Value with unterminated quote|^Maximum line size/.test(line));
  const fact = [lines[0]!.replace(/^[A-Z][\w ]* Error: /, ""), ...(detail === undefined ? [] : [detail])].join(": ");
  return new DriftdError("TABLE_UNREADABLE", `${path}: ${fact}`, {
    hint: "Is the file complete, and of the format that its name says?",
    cause: thrown,
  });
}
