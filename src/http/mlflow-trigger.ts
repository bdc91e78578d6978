/**
 * Webhooks of MLflow's model registry: signed like Standard Webhooks, under names of its own. A new model version, or an alias set to one, is
 * read; everything else is passed over. Pure but for the hash.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../config/secret.ts";
import { bad, isMap } from "./body.ts";

/** A signature is believed for this long, as in Standard Webhooks. */
export const SIGNATURE_TOLERANCE_MS = 5 * 60_000;
/** Tag of a model version that names the request which it came of. */
export const REQUEST_TAG = "driftd.request_id";

/** What the configuration says about MLflow. */
export type MlflowInbound = {
  /** Key of the signatures; undefined: no webhook is taken. */
  readonly webhookSecret: Secret | undefined;
  /** Registered name → the model that it is here. */
  readonly models: ReadonlyMap<string, string>;
};

export type MlflowEvent = {
  /** As registered. */
  readonly name: string;
  readonly version: string;
  /** The request that the version says it came of. */
  readonly request: string | undefined;
  /** An alias was set, and the version may be an old one. */
  readonly alias: boolean;
};

export type MlflowHeaders = {
  readonly signature: string | undefined;
  readonly id: string | undefined;
  /** Unix seconds. */
  readonly timestamp: string | undefined;
};

/** Why a signature is not believed; undefined: it is genuine. */
export function refusalOf(key: string, { signature, id, timestamp }: MlflowHeaders, raw: Buffer, nowMs: number): string | undefined {
  if (signature === undefined || id === undefined || timestamp === undefined) return "it is not signed";
  if (!/^\d{1,12}$/.test(timestamp)) return "its timestamp is no time";
  if (Math.abs(nowMs - Number(timestamp) * 1000) > SIGNATURE_TOLERANCE_MS) return "its timestamp is more than 5 minutes off";
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(raw).digest();
  const genuine = signature.split(/[ ,]+(?=v1,)/).some((each) => {
    if (!each.startsWith("v1,")) return false;
    const given = Buffer.from(each.slice(3), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return genuine ? undefined : "its signature is not the right one";
}

/** A model version that is new, or was given an alias; undefined: the event is about something else. Throws HTTP_BODY (400). */
export function readMlflowEvent(json: unknown): MlflowEvent | undefined {
  if (!isMap(json) || typeof json["entity"] !== "string" || typeof json["action"] !== "string" || !isMap(json["data"])) {
    throw bad("the body is no webhook of MLflow", "it has entity, action and data");
  }
  const what = `${json["entity"]}.${json["action"]}`.toLowerCase();
  if (what !== "model_version.created" && what !== "model_version_alias.created") return undefined;
  const { name, version, tags } = json["data"];
  const text = typeof version === "number" ? String(version) : version;
  if (typeof name !== "string" || typeof text !== "string" || name === "" || text === "") {
    throw bad("data: has no name or no version", "it is what MLflow sends about a model version");
  }
  return { name, version: text, request: requestIn(tags), alias: what === "model_version_alias.created" };
}

/** Tags are a map, or a list of keys and values. */
function requestIn(tags: unknown): string | undefined {
  const found = Array.isArray(tags)
    ? (tags as readonly unknown[]).find((tag) => isMap(tag) && tag["key"] === REQUEST_TAG)
    : isMap(tags)
      ? { value: tags[REQUEST_TAG] }
      : undefined;
  const value = isMap(found) ? found["value"] : undefined;
  return typeof value === "string" ? value : undefined;
}
