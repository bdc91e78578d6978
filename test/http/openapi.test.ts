import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonRoutes, openApiDocument } from "../../src/http/openapi.ts";
import { schemas } from "../../src/http/schemas.ts";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createMetrics } from "../../src/metrics/registry.ts";
import { fakeView, MLFLOW_KEY, NOW_MS } from "./fixture.ts";

type Json = Readonly<Record<string, unknown>>;

/** Every breach of the schema, with its place. Stricter than the schema itself: a field that it does not name is one. */
function breaches(schema: Json, value: unknown, at = "$"): string[] {
  if (typeof schema["$ref"] === "string") return breaches(schemas[schema["$ref"].split("/").at(-1)!]!, value, at);
  const any = schema["anyOf"] as Json[] | undefined;
  if (any !== undefined) {
    const found = any.map((one) => breaches(one, value, at));
    return found.some((list) => list.length === 0) ? [] : found.flat();
  }
  const all = schema["allOf"] as Json[] | undefined;
  if (all !== undefined) return breaches(merged(all), value, at);
  const allowed = schema["enum"] as unknown[] | undefined;
  if (allowed !== undefined && !allowed.includes(value)) return [`${at}: ${JSON.stringify(value)} is not one of ${allowed.join(", ")}`];
  const wrong = () => [`${at}: ${JSON.stringify(value)} is not ${String(schema["type"])}`];
  switch (schema["type"]) {
    case undefined:
      return [];
    case "null":
      return value === null ? [] : wrong();
    case "string":
      if (typeof value !== "string") return wrong();
      return schema["format"] === "date-time" && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(value) ? [`${at}: no time`] : [];
    case "boolean":
      return typeof value === "boolean" ? [] : wrong();
    case "integer":
    case "number":
      if (typeof value !== "number" || (schema["type"] === "integer" && !Number.isInteger(value))) return wrong();
      return typeof schema["minimum"] === "number" && value < schema["minimum"] ? [`${at}: ${value} is too small`] : [];
    case "array":
      return Array.isArray(value) ? value.flatMap((item, i) => breaches(schema["items"] as Json, item, `${at}[${i}]`)) : wrong();
    default:
      return typeof value === "object" && value !== null ? inObject(schema, value as Json, at) : wrong();
  }
}

function merged(all: readonly Json[]): Json {
  const parts = all.map((one) => (typeof one["$ref"] === "string" ? schemas[one["$ref"].split("/").at(-1)!]! : one));
  return {
    type: "object",
    properties: Object.assign({}, ...parts.map((part) => part["properties"])),
    required: parts.flatMap((part) => part["required"] as string[]),
  };
}

function inObject(schema: Json, value: Json, at: string): string[] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Json>>;
  const missing = ((schema["required"] ?? []) as string[]).filter((name) => !(name in value)).map((name) => `${at}.${name}: missing`);
  const more = schema["additionalProperties"];
  const inside = Object.entries(value).flatMap(([name, item]) => {
    if (Object.hasOwn(properties, name)) return breaches(properties[name]!, item, `${at}.${name}`);
    if (more === true) return [];
    return more === undefined ? [`${at}.${name}: not in the schema`] : breaches(more as Json, item, `${at}.${name}`);
  });
  return [...missing, ...inside];
}

/** What a program sends along: MLflow signs. */
function headersFor(path: string, body: string): Record<string, string> {
  const headers = { "content-type": "application/json" };
  if (!path.endsWith("/mlflow")) return headers;
  const timestamp = String(NOW_MS / 1000);
  const signature = createHmac("sha256", MLFLOW_KEY).update(`d1.${timestamp}.${body}`).digest("base64");
  return { ...headers, "x-mlflow-delivery-id": "d1", "x-mlflow-timestamp": timestamp, "x-mlflow-signature": `v1,${signature}` };
}

const ASKED: Readonly<Record<string, string>> = { model: "flights", feature: "delay", id: "msg_1" };

describe("the OpenAPI document", () => {
  let server: HttpServer;
  let url = "";
  beforeAll(async () => {
    const metrics = createMetrics({ buildInfo: { version: "0", revision: "" }, clock: systemClock, nodeMetrics: false });
    server = createHttpServer({ listen: { host: "127.0.0.1", port: 0 }, view: fakeView(), metrics, clock: systemClock, log: silentLog });
    url = (await server.start()).url;
  });
  afterAll(() => server.stop());

  const rows = jsonRoutes.flatMap((route) => route.methods.map((method) => [method.toUpperCase(), route.path, route] as const));

  it.each(rows)("%s %s answers what its schema says", async (method, path, route) => {
    const asked = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ASKED[name]!);
    const { body } = route;
    const sent = body === undefined ? {} : { body: JSON.stringify(body.example), headers: headersFor(path, JSON.stringify(body.example)) };
    const answer = await fetch(url + asked, { method, ...sent });
    expect(answer.status).toBe(route.status ?? 200);
    if (body !== undefined) expect(breaches(schemas[body.schema]!, body.example)).toEqual([]);
    expect(answer.headers.get("content-type")).toContain("application/json");
    expect(breaches(schemas[route.schema]!, await answer.json())).toEqual([]);
  });

  it.each(["/api/v1/models/nobody", "/nothing", "/api/v1/models?limit=x", "/api/v1/deliveries/x", "/-/reload"])(
    "the failure at %s is a problem document",
    async (path) => {
      const answer = await fetch(url + path);
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
      const body = (await answer.json()) as { status: number };
      expect(breaches(schemas["Problem"]!, body)).toEqual([]);
      expect(body.status).toBe(answer.status);
    },
  );

  it("answers feature, list and pane documents of every model and window by their schema", async () => {
    const get = async (path: string) => (await fetch(url + path)).json();
    for (const window of ["1h", "6h", "24h"]) {
      const list = (await get(`/api/v1/models/flights/features?window=${window}`)) as { items: { feature: string }[] };
      expect(list.items).toHaveLength(6);
      for (const { feature } of list.items) {
        const document = await get(`/api/v1/models/flights/features/${encodeURIComponent(feature)}?window=${window}`);
        expect(breaches(schemas["Feature"]!, document)).toEqual([]);
      }
    }
    for (const model of ["flights", "new / model", "silent"]) {
      expect(breaches(schemas["ModelDetail"]!, await get(`/api/v1/models/${encodeURIComponent(model)}`))).toEqual([]);
    }
  });

  it("is what the server answers, names every route, and refers to nothing that is not there", async () => {
    expect(await (await fetch(`${url}/api/v1/openapi.json`)).json()).toEqual(JSON.parse(JSON.stringify(openApiDocument)));
    expect(Object.keys(openApiDocument["paths"] as Json).sort()).toEqual([...new Set(jsonRoutes.map(({ path }) => path))].sort());
    for (const [, name] of JSON.stringify(openApiDocument).matchAll(/#\/components\/schemas\/(\w+)/g))
      expect(schemas).toHaveProperty(name!);
  });
});
