/** A real Alertmanager on the loopback, for tests: groups at once, and tells one webhook, resolved alerts too. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./daemon.ts";
import { startServer } from "./server-process.ts";

export type ActiveAlert = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly status: { readonly state: string };
};

export type Alertmanager = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `127.0.0.1:PORT`, as Prometheus wants it. */
  readonly address: string;
  /** What is firing. */
  readonly alerts: () => Promise<readonly ActiveAlert[]>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

export type AlertmanagerOptions = {
  /** Where notifications go, resolved ones too. */
  readonly webhook: string;
  /** Put under `http_config` of the webhook, e.g. a bearer token. */
  readonly httpConfig?: Readonly<Record<string, unknown>>;
  /** After how long an alert that still fires is told again. */
  readonly repeatInterval?: string;
};

const COMMAND = ["prometheus-alertmanager", "alertmanager"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined,
);

/** Says in words that this machine has no Alertmanager, or undefined when it has one. */
export function missingForAlertmanager(): string | undefined {
  return COMMAND === undefined ? "there is no Alertmanager on the PATH (Debian: apt-get install prometheus-alertmanager)" : undefined;
}

/** Starts it in a folder of its own; resolves when it is ready. */
export async function startAlertmanager({ webhook, httpConfig = {}, repeatInterval = "1h" }: AlertmanagerOptions): Promise<Alertmanager> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-alertmanager-"));
  const config = {
    route: { receiver: "hook", group_by: ["..."], group_wait: "0s", group_interval: "1s", repeat_interval: repeatInterval },
    receivers: [{ name: "hook", webhook_configs: [{ url: webhook, send_resolved: true, http_config: httpConfig }] }],
  };
  // JSON is YAML.
  await writeFile(join(folder, "alertmanager.yml"), JSON.stringify(config));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const url = `http://${address}`;
  const server = await startServer({
    command: COMMAND ?? "alertmanager",
    args: [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=${address}`,
      "--cluster.listen-address=",
    ],
    ready: async () => (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    withinMs: 30_000,
  });
  return {
    url,
    address,
    alerts: async () => (await (await fetch(`${url}/api/v2/alerts?active=true`)).json()) as ActiveAlert[],
    log: server.log,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
