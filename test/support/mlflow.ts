/** A real MLflow on the loopback, for tests: a tracking server with a registry in SQLite, ready for webhooks to addresses of this machine. */

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./daemon.ts";
import { startServer } from "./server-process.ts";
import { programIn } from "./venvs.ts";

export type Mlflow = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** A call of the REST API (`registered-models/create`, …); resolves to the status and the JSON of the answer. */
  readonly call: (
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
  ) => Promise<{ readonly status: number; readonly json: Record<string, unknown> }>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

/** Starts it in a folder of its own; takes up to a minute the first time. `scripts/install-targets.sh` must have installed it. */
export async function startMlflow(): Promise<Mlflow> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-mlflow-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const stores = ["--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`, "--artifacts-destination", join(folder, "artifacts")];
  const server = await startServer({
    command: programIn("mlflow", "mlflow"),
    args: ["server", ...stores, "--host", "127.0.0.1", "--port", String(port), "--workers", "1"],
    cwd: folder,
    env: {
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
      MLFLOW_DISABLE_TELEMETRY: "true",
      // A Fernet key: 32 bytes in base64 for URLs, with its padding.
      MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: `${randomBytes(32).toString("base64url")}=`,
      MLFLOW_WEBHOOK_ALLOWED_SCHEMES: "http,https",
      MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: "true",
    },
    ready: async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })).ok,
    withinMs: 120_000,
  });
  return {
    url,
    call: async (method, path, body) => {
      const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
        method,
        signal: AbortSignal.timeout(30_000),
        ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      });
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
    },
    log: server.log,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
