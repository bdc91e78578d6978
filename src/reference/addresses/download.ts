/**
 * One GET within its time and size, on a connection of its own. Redirects are not followed: they could carry credentials to somebody else. What an
 * answer means to a kind of address is that kind's matter; what failed on the way is said here, without naming the host.
 */

import { readFile } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";

import type { HttpAccess } from "../../config/config.ts";
import type { Clock } from "../../lib/clock.ts";
import { coerceError } from "../../lib/errors.ts";
import { asFetchError, type FetchError, fetchError, MAX_SNAPSHOT_BYTES } from "./address.ts";

/** Of an answer that is no success only the beginning is read, for what it says. */
const MAX_REFUSAL_BYTES = 16 * 1024;

export type Download = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

export type DownloadRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates (PEM) to trust in place of the system's: a file. */
  readonly caFile: string | undefined;
  /** For messages: what is fetched, as it may be shown. */
  readonly name: string;
  readonly maxBytes?: number;
};

/** Sends a GET; resolves to a 200 or 304. Rejects with a FetchError for all else, and when it takes longer than `timeoutMs`. */
export async function download(
  request: DownloadRequest,
  { clock, timeoutMs, signal }: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Download> {
  const { name } = request;
  const over = new AbortController();
  const late = new AbortController();
  void clock.sleep(timeoutMs, over.signal).then(() => late.abort());
  try {
    const ca = await certificates(request);
    const answer = await get(request, ca, AbortSignal.any([signal, late.signal]));
    if (answer.status === 200 || answer.status === 304) return answer;
    throw refusalOf(answer, name);
  } catch (thrown) {
    if (signal.aborted) throw fetchError("connection", `${name}: the fetch was stopped`);
    if (late.signal.aborted)
      throw fetchError("timeout", `${name}: no whole answer in ${timeoutMs / 1000} s`, { hint: "set reference.timeout" });
    if ("reason" in coerceError(thrown)) throw thrown;
    // The message of the system names the host.
    const { code } = coerceError(thrown) as { code?: unknown };
    throw fetchError("connection", `${name}: the connection failed (${typeof code === "string" ? code : "CONNECTION_FAILED"})`);
  } finally {
    over.abort();
  }
}

/** The login as a header; `authorization` is undefined where there is none. Rejects with a FetchError when a secret cannot be read. */
export async function loginHeaders({ token, username, password }: HttpAccess): Promise<Record<string, string>> {
  try {
    if (token !== undefined) return { authorization: `Bearer ${await token.reveal()}` };
    if (username === undefined || password === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${await password.reveal()}`, "utf8").toString("base64")}` };
  } catch (thrown) {
    throw asFetchError(thrown, "unauthorized");
  }
}

async function certificates({ url, caFile, name }: DownloadRequest): Promise<string | undefined> {
  if (caFile === undefined || url.protocol !== "https:") return undefined;
  return readFile(caFile, "utf8").catch((cause: unknown) => {
    throw fetchError("unauthorized", `${name}: the certificates in ${caFile} cannot be read`, { hint: "check ca_file", cause });
  });
}

function get(
  { url, headers, name, maxBytes = MAX_SNAPSHOT_BYTES }: DownloadRequest,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Download> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const options = {
      // What is packed twice would have to be unpacked twice.
      headers: { "accept-encoding": "identity", accept: "*/*", ...headers },
      ...{ signal, agent: false as const },
      ...(ca === undefined ? {} : { ca }),
    };
    const request = send(url, options, (response) => {
      const status = response.statusCode ?? 0;
      const wanted = status === 200;
      const most = wanted ? maxBytes : MAX_REFUSAL_BYTES;
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => resolve({ status, headers: response.headers, body: Buffer.concat(chunks) });
      const tooLarge = () => {
        reject(fetchError("too_large", `${name}: is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB`));
        response.destroy();
      };
      if (wanted && Number(response.headers["content-length"] ?? 0) > most) return tooLarge();
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size <= most) return;
        if (wanted) return tooLarge();
        finish();
        response.destroy();
      });
      response.on("end", () => (response.complete ? finish() : reject(brokenOff(name))));
      response.on("error", (error) => reject(signal.aborted ? error : brokenOff(name)));
    });
    request.on("error", reject);
    request.end();
  });
}

function brokenOff(name: string): FetchError {
  return fetchError("connection", `${name}: the answer broke off`);
}

/** What an answer means that is neither the content nor "unchanged". */
function refusalOf({ status, body }: Download, name: string): FetchError {
  const code = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(body.toString("utf8"))?.[1] ?? errorCodeIn(body);
  const said = code === undefined ? `${status}` : `${status} ${code}`;
  if (status === 401 || status === 403)
    return fetchError("unauthorized", `${name}: the server answered ${said}`, {
      hint: "check the login of the reference, and what it may read",
    });
  if (status === 404 || status === 410) return fetchError("not_found", `${name}: is not there (${said})`, { hint: "check the address" });
  if (status >= 300 && status < 400)
    return fetchError("answer", `${name}: the server answered ${said}, a redirect, which is not followed`, {
      hint: "name the final address",
    });
  return fetchError("answer", `${name}: the server answered ${said}`);
}

/** `error_code` of MLflow; what else an answer says is not repeated, it could name anything. */
function errorCodeIn(body: Buffer): string | undefined {
  return /"error_code"\s*:\s*"([A-Z_]{1,60})"/.exec(body.toString("utf8"))?.[1];
}
