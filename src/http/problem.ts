/** Errors of the HTTP server as RFC 9457 problem documents, with driftd's code and the next action. */

import { DriftdError } from "../lib/errors.ts";

/** The body of every answer that is not a success; `application/problem+json`. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable; never reused. */
  readonly code: string;
  readonly hint?: string;
  /** A failed reload: what is wrong with the file, one line each. */
  readonly errors?: readonly string[];
  /** A request that cannot be moved: its status now, or the guard that holds it back. */
  readonly current_status?: string;
  readonly guard?: string;
};

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not authorised",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  413: "Too large",
  415: "Not JSON",
  422: "Cannot be done",
  500: "Internal error",
  503: "Not available",
};

/** An error that knows its HTTP status. */
export type HttpError = DriftdError & {
  readonly status: number;
  readonly errors?: readonly string[];
  /** Of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** More members of the problem document. */
  readonly members?: Pick<Problem, "current_status" | "guard">;
};

/** Makes an error that the server answers with `status`. */
export function httpError(
  status: number,
  code: string,
  message: string,
  options: { readonly hint?: string } & Pick<HttpError, "errors" | "headers" | "members"> = {},
): HttpError {
  const { hint, ...rest } = options;
  const error = new DriftdError(code, message, hint === undefined ? {} : { hint });
  return Object.assign(error, { status, ...rest });
}

/** The problem document of whatever was thrown. What is no error of ours shows nothing of its inside. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof DriftdError) {
    const { status = 500, errors, members } = thrown as Partial<HttpError>;
    return { ...problem(status, thrown.code, thrown.message, thrown.hint, errors), ...members };
  }
  // Express and its router mark what is the client's fault, e.g. a path that cannot be decoded.
  const status = (thrown as { status?: unknown } | null)?.status;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return problem(400, "HTTP_BAD_REQUEST", "the request could not be read", "check the encoding of the path");
  }
  return problem(500, "HTTP_INTERNAL", "driftd failed to answer", "its log says why");
}

/** Headers that an error wants on its answer. */
export function headersOf(thrown: unknown): Readonly<Record<string, string>> {
  return (thrown instanceof DriftdError && (thrown as Partial<HttpError>).headers) || {};
}

function problem(status: number, code: string, detail: string, hint: string | undefined, errors?: readonly string[]): Problem {
  return {
    type: `urn:driftd:error:${code}`,
    title: TITLES[status] ?? "Error",
    status,
    detail,
    code,
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
  };
}
