/**
 * A real Airflow 3 on the loopback, for tests: its API server alone, so that DAG runs stay `queued`, which is enough to ask for them; with the
 * scheduler beside it where they are to be executed.
 */

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./daemon.ts";
import { runToEnd, type ServerProcess, startServer } from "./server-process.ts";
import { programIn } from "./venvs.ts";

export type Airflow = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** How long a token is taken, ms. */
  readonly tokenMs: number;
  /** The runs of a DAG, as the API shows them. */
  readonly runs: (dagId: string) => Promise<readonly Record<string, unknown>[]>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

/** Short, so that a test can see one expire; long enough for slow machines to use it. */
const TOKEN_SECONDS = 6;
const LOGIN = { username: "admin", password: "airflow-test-password" };

/**
 * Starts it with these DAG files (name → Python), or with those of a folder; `execute`: runs are executed, with these variables. Takes about half
 * a minute. `scripts/install-targets.sh` must have installed it.
 */
export async function startAirflow(
  dags: Readonly<Record<string, string>> | string,
  { execute }: { readonly execute?: Readonly<Record<string, string>> } = {},
): Promise<Airflow> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-airflow-"));
  const dagsFolder = typeof dags === "string" ? dags : join(folder, "dags");
  if (typeof dags !== "string") {
    await mkdir(dagsFolder);
    for (const [name, text] of Object.entries(dags)) await writeFile(join(dagsFolder, name), text);
  }
  const passwords = join(folder, "passwords.json");
  await writeFile(passwords, JSON.stringify({ [LOGIN.username]: LOGIN.password }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const command = programIn("airflow", "airflow");
  const settings = {
    AIRFLOW_HOME: folder,
    AIRFLOW__CORE__LOAD_EXAMPLES: "False",
    AIRFLOW__CORE__DAGS_FOLDER: dagsFolder,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS: `${LOGIN.username}:admin`,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE: passwords,
    AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME: String(TOKEN_SECONDS),
    AIRFLOW__API_AUTH__JWT_LEEWAY: "0",
    AIRFLOW__API_AUTH__JWT_SECRET: randomBytes(32).toString("hex"),
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `${url}/execution/`,
    AIRFLOW__CORE__PARALLELISM: "2",
    PATH: `${programIn("airflow", "")}:${process.env["PATH"]}`,
  };
  await runToEnd(command, ["db", "migrate"], settings);
  await runToEnd(command, ["dags", "reserialize"], settings);
  const server = await startServer({
    command,
    args: ["api-server", "--host", "127.0.0.1", "--port", String(port), "--workers", "1"],
    env: settings,
    ready: async () => (await fetch(`${url}/api/v2/version`, { signal: AbortSignal.timeout(2_000) })).ok,
    withinMs: 180_000,
  });
  let scheduler: ServerProcess | undefined;
  if (execute !== undefined) {
    // It is not waited for: runs wait for it.
    const env = { ...settings, AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT: String(await freePort()), ...execute };
    scheduler = await startServer({ command, args: ["scheduler", "--skip-serve-logs"], env, ready: async () => true, withinMs: 1_000 });
  }

  async function token(): Promise<string> {
    const answer = await fetch(`${url}/auth/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(LOGIN),
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  return {
    url,
    ...LOGIN,
    tokenMs: TOKEN_SECONDS * 1_000,
    runs: async (dagId) => {
      const headers = { authorization: `Bearer ${await token()}` };
      const answer = await fetch(`${url}/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns?limit=100`, { headers });
      return ((await answer.json()) as { dag_runs: Record<string, unknown>[] }).dag_runs;
    },
    log: () => `${server.log()}${scheduler?.log() ?? ""}`,
    stop: async () => {
      await scheduler?.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
