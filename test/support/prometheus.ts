/** A real Prometheus on the loopback, for tests: scrapes once a second, evaluates rules as often, and is asked through its HTTP API. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { freePort, until } from "./daemon.ts";

export type Labels = Readonly<Record<string, string>>;
/** One series of an answer: its labels, and its samples as [seconds, value]. */
export type Series = { readonly labels: Labels; readonly samples: readonly (readonly [number, number])[] };

export type Prometheus = {
  readonly url: string;
  /** What holds now. Rejects with Prometheus's own words when the query is wrong. */
  readonly query: (expr: string) => Promise<readonly Series[]>;
  /** Over time, a point each second. */
  readonly queryRange: (expr: string, fromSeconds: number, toSeconds: number) => Promise<readonly Series[]>;
  /** Values of a label over the series that match. */
  readonly labelValues: (label: string, selector: string) => Promise<readonly string[]>;
  /** How the targets are: "" for a target that was scraped well, else what is wrong. */
  readonly problems: () => Promise<readonly string[]>;
  readonly stop: () => Promise<void>;
};

export type PrometheusOptions = {
  /** `host:port` by job. */
  readonly jobs: Readonly<Record<string, string>>;
  /** Rule files: their groups are evaluated once a second, and nothing else in them is changed. */
  readonly rules?: readonly string[];
  /** `host:port` of Alertmanagers. */
  readonly alertmanagers?: readonly string[];
};

/** Says in words that this machine has no Prometheus, or undefined when it has one. */
export function missingForPrometheus(): string | undefined {
  if (spawnSync("prometheus", ["--version"], { stdio: "ignore" }).error === undefined) return undefined;
  return "there is no `prometheus` on the PATH (Debian: apt-get install prometheus)";
}

/** Starts it in a folder of its own; resolves when it is ready. Rejects with its log when it ends before that. */
export async function startPrometheus({ jobs, rules = [], alertmanagers = [] }: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), "driftd-prometheus-"));
  const ruleFiles: string[] = [];
  for (const [i, path] of rules.entries()) {
    const file = join(folder, `rules-${i}.yaml`);
    await writeFile(file, (await readFile(path, "utf8")).replaceAll(/^( +)interval: .*$/gm, "$1interval: 1s"));
    ruleFiles.push(file);
  }
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    scrape_configs: Object.entries(jobs).map(([job_name, target]) => ({ job_name, static_configs: [{ targets: [target] }] })),
    rule_files: ruleFiles,
    alerting: { alertmanagers: alertmanagers.length === 0 ? [] : [{ static_configs: [{ targets: alertmanagers }] }] },
  };
  // JSON is YAML.
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    "prometheus",
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const killAtExit = () => child.kill("SIGKILL");
  process.on("exit", killAtExit);
  let log = "";
  child.stderr.on("data", (text) => {
    log += text;
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    process.off("exit", killAtExit);
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  const isReady = async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`prometheus ended: ${log}`);
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  try {
    await until("prometheus is ready", 30_000, isReady);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...client(url), url, stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL"); // its data goes with it
  await exit;
}

type Answer = { readonly status: string; readonly error?: string; readonly data: unknown };
type Vector = { readonly metric: Labels; readonly value: readonly [number, string] };
type Matrix = { readonly metric: Labels; readonly values: readonly (readonly [number, string])[] };

function client(url: string): Pick<Prometheus, "query" | "queryRange" | "labelValues" | "problems"> {
  const ask = async (path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`, { signal: AbortSignal.timeout(20_000) });
    const body = (await answer.json()) as Answer;
    if (body.status !== "success") throw new Error(body.error ?? `HTTP ${answer.status}`);
    return body.data;
  };
  const sample = ([at, value]: readonly [number, string]) => [at, Number(value)] as const;
  return {
    query: async (query) => {
      const { result } = (await ask("query", { query, time: String(systemClock.nowMs() / 1000) })) as {
        readonly result: readonly Vector[];
      };
      return result.map(({ metric, value }) => ({ labels: metric, samples: [sample(value)] }));
    },
    queryRange: async (query, from, to) => {
      const { result } = (await ask("query_range", { query, start: String(from), end: String(to), step: "1" })) as {
        readonly result: readonly Matrix[];
      };
      return result.map(({ metric, values }) => ({ labels: metric, samples: values.map(sample) }));
    },
    labelValues: async (label, selector) => (await ask(`label/${label}/values`, { "match[]": selector })) as readonly string[],
    problems: async () => {
      const { activeTargets } = (await ask("targets", {})) as {
        readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
      };
      return activeTargets.map(({ health, lastError }) => (health === "up" ? "" : `${health}: ${lastError}`));
    },
  };
}
