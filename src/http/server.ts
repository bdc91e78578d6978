/**
 * The HTTP server: `/metrics`, health, reload, the JSON API and the page at `/`. The only importer of express. What it says comes from the
 * route table; here are transport matters: addresses, methods, headers, compression, counting, starting and stopping.
 */

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import express, { type NextFunction, type Request, type Response } from "express";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { authorize, type Caller } from "./access.ts";
import { readBody, type Body as SentBody } from "./body.ts";
import { jsonRoutes } from "./openapi.ts";
import { headersOf, httpError, problemOf } from "./problem.ts";
import { readParams } from "./query.ts";
import type { Method, Route } from "./route.ts";
import { uiFiles } from "./ui/files.ts";
import type { ApiView } from "./view.ts";

/** How long `stop` waits for requests that are being answered, before it cuts them off. */
const STOP_GRACE_MS = 2000;
/** Bodies below stay as they are: one packet. */
const COMPRESS_FROM_BYTES = 1400;
const KEEP_ALIVE_MS = 65_000;

const compress = promisify(gzip);

export type HttpServerOptions = {
  /** Where to listen. An empty host = all addresses; port 0 = any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly view: ApiView;
  readonly metrics: Metrics & { readonly render: () => Promise<string>; readonly contentType: string };
  readonly clock: Clock;
  readonly log: Log;
};

export type HttpServer = {
  /** Listens; throws HTTP_LISTEN with what to do. May be called once. */
  readonly start: () => Promise<{ readonly url: string }>;
  /** Any number of times: takes no new requests, gives the running ones 2 s, then closes every connection. */
  readonly stop: () => Promise<void>;
};

type Body = { readonly status: number; readonly type: string; readonly content: string };

/** Makes the server. Nothing is bound before `start`. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { view, clock, log, metrics } = options;
  let stopping: Promise<void> | undefined;
  const server = createServer(application());
  server.keepAliveTimeout = KEEP_ALIVE_MS;

  function application() {
    const app = express();
    app.disable("x-powered-by");
    app.disable("etag");
    app.set("query parser", false);
    app.enable("case sensitive routing");
    app.use((request, response, next) => {
      measure(request, response);
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
      if (stopping !== undefined) response.setHeader("Connection", "close");
      next();
    });

    type Answer = (request: Request) => Promise<Body>;
    /** One address with all its methods, so that any other is told which there are. */
    const address = (path: string, answers: readonly { readonly methods: readonly Method[]; readonly answer: Answer }[]) => {
      const route = app.route(path.replaceAll(/\{(\w+)\}/g, ":$1"));
      const methods = answers.flatMap((one) => one.methods);
      const allow = methods.flatMap((method) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()])).join(", ");
      route.all((_request: Request, response: Response, next: NextFunction) => {
        response.locals["handler"] = path;
        next();
      });
      for (const { methods: own, answer } of answers) {
        for (const method of own) {
          route[method](async (request: Request, response: Response) => {
            if (method !== "get") refuseOtherSites(request);
            await send(request, response, await answer(request));
          });
        }
      }
      route.options((_request: Request, response: Response) => void response.setHeader("Allow", allow).status(204).end());
      route.all((request: Request, response: Response) => {
        response.setHeader("Allow", allow);
        throw httpError(405, "HTTP_METHOD", `${request.method} is not possible here`, { hint: `allowed: ${allow}` });
      });
    };
    const file = (path: string, answer: Answer) => address(path, [{ methods: ["get"], answer }]);

    file("/metrics", async () => ({ status: 200, type: metrics.contentType, content: await metrics.render() }));
    for (const [path, routes] of Map.groupBy(jsonRoutes, (route) => route.path)) {
      address(
        path,
        routes.map((route) => ({ methods: route.methods, answer: (request) => answerJson(route, request) })),
      );
    }
    for (const { path, type, content } of uiFiles) file(path, async () => ({ status: 200, type, content }));

    app.use((request) => {
      throw httpError(404, "HTTP_NOT_FOUND", `there is nothing at ${request.path}`, {
        hint: "addresses: /api/v1/openapi.json, or the page at /",
      });
    });
    // Four parameters: so express knows that this answers errors.
    app.use((thrown: unknown, request: Request, response: Response, _next: NextFunction) => {
      const problem = problemOf(thrown);
      if (problem.code === "HTTP_INTERNAL") log.error({ err: coerceError(thrown), path: request.path }, "a request failed");
      if (response.headersSent) return void response.destroy();
      for (const [name, value] of Object.entries(headersOf(thrown))) response.setHeader(name, value);
      const content = `${JSON.stringify(problem)}\n`;
      return void send(request, response, { status: problem.status, type: "application/problem+json", content }).catch(() =>
        response.destroy(),
      );
    });
    return app;
  }

  async function answerJson(route: Route, request: Request): Promise<Body> {
    const query = new URLSearchParams(request.originalUrl.split("?", 2)[1] ?? "");
    const reads = request.method === "GET" || request.method === "HEAD";
    if (!reads) await authorize(route.gate ?? "token", view.access(), callerOf(request));
    const values = readParams(route.params, request.params, query);
    const sent = route.body === undefined ? NO_BODY : await readBody(request, route.body.maxBytes);
    const { status = 200, body } = await route.answer(view, values, sent);
    return { status, type: "application/json; charset=utf-8", content: `${JSON.stringify(body)}\n` };
  }

  function measure(request: Request, response: ServerResponse & { readonly locals: Record<string, unknown> }): void {
    const startedMs = clock.monotonicMs();
    response.once("close", () => {
      const handler = String(response.locals["handler"] ?? "other");
      const method = COUNTED_METHODS.has(request.method) ? request.method : "other";
      metrics.inc("driftd_http_requests_total", { handler, method, code: response.statusCode });
      metrics.observe("driftd_http_request_duration_seconds", { handler, method }, (clock.monotonicMs() - startedMs) / 1000);
    });
  }

  async function start(): Promise<{ readonly url: string }> {
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host === "" ? undefined : host, () => {
        server.off("error", reject);
        resolve();
      });
    }).catch((cause: NodeJS.ErrnoException) => {
      throw listenError(host, port, cause);
    });
    return { url: urlOf(server) };
  }

  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const done = new AbortController();
    await Promise.race([closed, clock.sleep(STOP_GRACE_MS, done.signal)]);
    done.abort();
    server.closeAllConnections();
    await closed;
  }

  return {
    start,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

const NO_BODY: SentBody = { json: {}, raw: Buffer.alloc(0), header: () => undefined };

const COUNTED_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "OPTIONS"]);

/** The page loads its own files only; nothing may frame it; no answer is guessed to be another type than it says, or kept. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

async function send(request: Request, response: Response, { status, type, content }: Body): Promise<void> {
  response.statusCode = status;
  response.setHeader("Content-Type", type);
  response.setHeader("Vary", "Accept-Encoding");
  let bytes = Buffer.from(content);
  if (bytes.length >= COMPRESS_FROM_BYTES && request.acceptsEncodings("gzip") === "gzip" && request.method !== "HEAD") {
    // Off the event loop; the fastest level, since most readers are on the same network.
    bytes = await compress(bytes, { level: 1 });
    response.setHeader("Content-Encoding", "gzip");
  }
  response.setHeader("Content-Length", bytes.length);
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function callerOf(request: Request): Caller {
  const page = request.get("Origin") !== undefined || request.get("Sec-Fetch-Site") !== undefined;
  return { authorization: request.get("authorization"), host: request.get("Host"), page };
}

/** A web page elsewhere can make a browser post here without asking: what changes something is for pages of this server and for programs. */
function refuseOtherSites(request: Request): void {
  const site = request.get("Sec-Fetch-Site");
  const origin = request.get("Origin");
  const same = origin === undefined || (URL.canParse(origin) && new URL(origin).host === request.get("Host"));
  if (same && (site === undefined || site === "same-origin" || site === "none")) return;
  throw httpError(403, "HTTP_OTHER_SITE", "a page of another site asked for this", { hint: "use the page at / or a program such as curl" });
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  const everywhere = address === "::" || address === "0.0.0.0";
  const host = everywhere ? "localhost" : family === "IPv6" ? `[${address}]` : address;
  return `http://${host}:${port}`;
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): DriftdError {
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    EADDRINUSE: ["the port is in use", "stop the other program (another driftd?), or choose another port: http.listen"],
    EACCES: ["not permitted", "choose a port from 1024 on: http.listen"],
    EADDRNOTAVAIL: ["this host has no such address", "use an address of this host, e.g. 127.0.0.1: http.listen"],
    ENOTFOUND: ["the host name is not known", "use an address of this host, e.g. 127.0.0.1: http.listen"],
  };
  const [fact, hint] = reasons[cause.code ?? ""] ?? [cause.message, "check http.listen"];
  return new DriftdError("HTTP_LISTEN", `cannot listen on ${where}: ${fact}`, { hint, cause });
}
