/**
 * `mlflow://…`: an artifact of a run or of a version of a registered model, through the tracking server, which reads it from wherever artifacts are
 * kept. An alias is looked up at each fetch, so that moving it is all that it takes. What is not among a version's own artifacts is looked for in
 * those of the run that the version came of: training jobs log it there.
 */

import type { MlflowAccess } from "../../config/config.ts";
import { coerceError } from "../../lib/errors.ts";
import { type AddressDependencies, type AddressKind, asFetchError, type Fetched, fetchError } from "./address.ts";
import { type Download, download, loginHeaders } from "./download.ts";
import { type MlflowPlace, parseMlflow } from "./form.ts";
import { conditions, identityOf } from "./http.ts";

/** Of an answer about names and versions. */
const MAX_JSON_BYTES = 1024 * 1024;

type Get = (path: string, query: Readonly<Record<string, string>>, previous?: string) => Promise<Download>;
type Version = { readonly name: string; readonly version: string; readonly run: string | undefined };

export const mlflow: AddressKind = (address, dependencies) => {
  const place = parseMlflow(address)!;
  return async (previous, signal) => {
    const get = createGet(address, dependencies, signal);
    if (place.kind === "run") {
      return artifact(address, await get("/get-artifact", { run_id: place.run, run_uuid: place.run, path: place.path }, previous));
    }
    const version = await versionOf(place, address, get);
    // What was known of another version says nothing of this one.
    const known = previous !== undefined && versionIn(previous) === version.version ? previous : undefined;
    return artifact(address, await ofVersion(version, place.path, get, known), version.version);
  };
};

async function ofVersion({ name, version, run }: Version, path: string, get: Get, known: string | undefined): Promise<Download> {
  try {
    return await get("/model-versions/get-artifact", { name, version, path }, known);
  } catch (thrown) {
    // The server has many answers for an artifact that is not there: whatever it was, the run may have it.
    if (run === undefined || !isRefusal(thrown)) throw thrown;
    return await get("/get-artifact", { run_id: run, run_uuid: run, path }, known).catch((again: unknown) => {
      throw isRefusal(again)
        ? fetchError("not_found", `${coerceError(thrown).message}; nor is it in the run of version ${version}`)
        : again;
    });
  }
}

async function versionOf(place: Exclude<MlflowPlace, { kind: "run" }>, address: string, get: Get): Promise<Version> {
  const api = "/api/2.0/mlflow";
  const answer =
    place.kind === "alias"
      ? await get(`${api}/registered-models/alias`, { name: place.name, alias: place.alias }).catch((thrown: unknown) => {
          // An unknown alias is a 400.
          if (!/INVALID_PARAMETER_VALUE/.test(coerceError(thrown).message)) throw thrown;
          throw fetchError("not_found", `${address}: the model has no alias ${place.alias}`, { hint: "set the alias in the registry" });
        })
      : await get(`${api}/model-versions/get`, { name: place.name, version: place.version });
  const found = jsonOf(answer)?.["model_version"];
  const { version, run_id: run } = (typeof found === "object" && found !== null ? found : {}) as Record<string, unknown>;
  if (typeof version !== "string" && typeof version !== "number")
    throw fetchError("answer", `${address}: the server's answer names no version`, { hint: "is mlflow.url a tracking server?" });
  return { name: place.name, version: String(version), run: typeof run === "string" && run !== "" ? run : undefined };
}

function artifact(address: string, answer: Download, modelVersion?: string): Fetched {
  const version = modelVersion === undefined ? {} : { modelVersion };
  if (answer.status === 304) return { kind: "unchanged" };
  return {
    kind: "changed",
    identity: identityOf(answer, version),
    candidates: [{ name: address, read: () => Promise.resolve(answer.body) }],
    ...version,
  };
}

function createGet(address: string, { access, mlflow: server, clock, version }: AddressDependencies, signal: AbortSignal): Get {
  return async (path, query, previous) => {
    if (server === undefined) throw fetchError("unauthorized", `${address}: there is no section mlflow`, { hint: "set mlflow.url" });
    const url = await baseOf(address, server);
    url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = { "user-agent": `driftd/${version}`, ...(await loginHeaders(server)), ...conditions(previous) };
    const most = path.startsWith("/api/") ? { maxBytes: MAX_JSON_BYTES } : {};
    return download({ url, headers, caFile: server.caFile, name: address, ...most }, { clock, timeoutMs: access.timeoutMs, signal });
  };
}

async function baseOf(address: string, { url }: MlflowAccess): Promise<URL> {
  const text = await url.reveal().catch((thrown: unknown) => {
    throw asFetchError(thrown, "unauthorized");
  });
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw fetchError("unauthorized", `${address}: mlflow.url is not a URL`, { hint: "write http://… or https://…" });
}

/** The server's own word, not a failure on the way to it. */
function isRefusal(thrown: unknown): boolean {
  const { reason } = asFetchError(thrown, "connection");
  return reason === "not_found" || reason === "answer";
}

function versionIn(identity: string): string | undefined {
  return (JSON.parse(identity) as { readonly modelVersion?: string }).modelVersion;
}

function jsonOf({ body }: Download): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body.toString("utf8"));
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
