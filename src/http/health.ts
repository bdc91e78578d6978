/** Liveness, readiness and reload, with the addresses that Prometheus and Kubernetes expect. */

import { httpError } from "./problem.ts";
import type { Route } from "./route.ts";

/** The health checks; each alias is a route of its own. Not under `/api`, so their answers are not versioned. */
export const healthRoutes: readonly Route[] = [
  ...["/-/healthy", "/livez", "/healthz"].map(
    (path): Route => ({
      methods: ["get"],
      path,
      summary: "The process answers. Always 200.",
      params: {},
      schema: "Healthy",
      failures: [],
      answer: () => ({ body: { healthy: true } }),
    }),
  ),
  ...["/-/ready", "/readyz"].map(
    (path): Route => ({
      methods: ["get"],
      path,
      summary: "Configuration loaded, state restored, sources joined; 503 with the failing checks otherwise.",
      params: {},
      schema: "Ready",
      failures: [503],
      answer: (view) => {
        const failing = view.ready().filter(({ ok }) => !ok);
        return { status: failing.length === 0 ? 200 : 503, body: { ready: failing.length === 0, failing } };
      },
    }),
  ),
  {
    methods: ["post", "put"],
    path: "/-/reload",
    summary: "Loads the configuration again. On failure the old one stays in force and the answer lists what is wrong.",
    params: {},
    gate: "token_if_set",
    schema: "Reloaded",
    failures: [403, 500],
    answer: async (view) => {
      if (view.reload === undefined) {
        throw httpError(403, "HTTP_RELOAD_OFF", "reloading over HTTP is switched off", { hint: "set http.reload: true, or send SIGHUP" });
      }
      const result = await view.reload();
      if (!result.ok) {
        throw httpError(500, "RELOAD_FAILED", "the configuration was not reloaded; the old one stays in force", { errors: result.errors });
      }
      return { body: { reloaded: true } };
    },
  },
];
