/** The OpenAPI 3.1 document, made from the route table, so that it cannot say anything else than the server does. */

import { healthRoutes } from "./health.ts";
import type { Param } from "./query.ts";
import { retrainRoutes } from "./retrain-routes.ts";
import type { Route } from "./route.ts";
import { apiRoutes } from "./routes.ts";
import { schemas } from "./schemas.ts";

const openApiRoute: Route = {
  methods: ["get"],
  path: "/api/v1/openapi.json",
  summary: "This document.",
  params: {},
  schema: "OpenApi",
  failures: [],
  answer: () => ({ body: document }),
};

/** Every route that answers JSON. */
export const jsonRoutes: readonly Route[] = [...healthRoutes, ...apiRoutes, ...retrainRoutes, openApiRoute];

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "The request is wrong.",
  401: "The bearer token is missing or wrong.",
  403: "Not allowed from there, or switched off.",
  404: "There is no such thing.",
  409: "It cannot be done now: `current_status` or `guard` says why.",
  413: "The body is too large.",
  415: "The body is not JSON.",
  422: "Understood, but there is nothing that it could be done to.",
  500: "driftd failed.",
  503: "Not ready.",
};

const problemAnswer = (status: number) => ({
  description: STATUS_TEXT[status]!,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

function parameter(name: string, param: Param) {
  const schema =
    param.type === "integer"
      ? { type: "integer", minimum: param.min, maximum: param.max, default: param.default }
      : param.type === "time"
        ? { type: "string", format: "date-time" }
        : param.type === "one_of"
          ? { type: "string", enum: param.values }
          : { type: "string" };
  return { name, in: param.in, required: param.in === "path", description: param.description, schema };
}

function operation(route: Route) {
  const success = { content: { "application/json": { schema: { $ref: `#/components/schemas/${route.schema}` } } } };
  const answers: Record<string, unknown> = { [route.status ?? 200]: { description: route.summary, ...success } };
  const posted = route.methods.includes("get") ? [] : [401, 403];
  const sent = route.body === undefined ? [] : [413, 415];
  for (const status of new Set([400, ...posted, ...sent, ...route.failures, 500])) {
    answers[status] = status === 503 && route.schema === "Ready" ? { description: STATUS_TEXT[503], ...success } : problemAnswer(status);
  }
  return {
    summary: route.summary,
    ...(route.methods.includes("get") || route.gate === "own" ? {} : { security: [{ token: [] }, {}] }),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    parameters: Object.entries(route.params).map(([name, param]) => parameter(name, param)),
    responses: answers,
  };
}

function requestBody({ schema, example, required }: NonNullable<Route["body"]>) {
  return { required, content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` }, example } } };
}

const document = {
  openapi: "3.1.0",
  info: {
    title: "driftd",
    version: "1",
    description:
      "State of the daemon, and what may be asked of it: every POST needs the bearer token `http.token`, or, without one, a loopback address. Fields may be added; none is renamed or retyped without notice.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  paths: Object.fromEntries(
    [...Map.groupBy(jsonRoutes, (route) => route.path)].map(([path, routes]) => [
      path,
      Object.fromEntries(routes.flatMap((route) => route.methods.map((method) => [method, operation(route)]))),
    ]),
  ),
  components: { schemas, securitySchemes: { token: { type: "http", scheme: "bearer", description: "`http.token`." } } },
};

/** The document that `GET /api/v1/openapi.json` answers. */
export const openApiDocument: Readonly<Record<string, unknown>> = document;
