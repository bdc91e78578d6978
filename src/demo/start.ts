/**
 * `npm start`: the main job on real data, ending in a visible result. Builds a reference, runs the very daemon over five weeks of flights with
 * one planted fault, and receives the one retraining request. With `--kafka` the records go through a real broker.
 *
 * Exits 0 after the result with `--once` or without a terminal; non-zero when the fault was missed or anything else fired.
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, startApp } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { createLogger } from "../lib/logger.ts";
import { readVersion } from "../lib/version.ts";
import { createMetrics } from "../metrics/registry.ts";
import { buildSnapshot } from "../reference/build.ts";
import { saveSnapshot } from "../reference/load.ts";
import { FAULT_FROM, flightsPath, MODEL, REFERENCE, TRAFFIC, VERSION, writeFlights } from "./flights.ts";
import { createProgress } from "./progress.ts";
import { type ReceivedRequest, startReceiver } from "./receiver.ts";
import { startTopic } from "./topic.ts";

const SECRET = "whsec_ZHJpZnRkLWRlbW9uc3RyYXRpb24tc2VjcmV0IQ==";
/** The fault is critical within two hours of traffic; a request later than this has missed it. */
const FOUND_WITHIN_MS = 6 * 3_600_000;
const PORT = 9465;

const say = (text = "") => void process.stdout.write(`${text}\n`);
const stopAsked = new AbortController();
/** Rejects at the first Ctrl-C: what takes long before the replay begins is raced with it. */
const stopped = new Promise<never>((_, reject) => {
  stopAsked.signal.addEventListener("abort", () => reject(new DriftdError("STOPPED", "stopped")), { once: true });
});
stopped.catch(() => {});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopAsked.signal.aborted) process.exit(130);
    stopAsked.abort();
  });
}

process.exitCode = await demonstrate(process.argv.slice(2)).catch((thrown: unknown) => {
  const error = coerceError(thrown);
  if (error instanceof DriftdError && error.code === "STOPPED") return 130;
  process.stderr.write(`\n${error.message}${error instanceof DriftdError && error.hint !== undefined ? `\n  ${error.hint}` : ""}\n`);
  return 2;
});
process.exit();

async function demonstrate(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--once" && arg !== "--kafka");
  if (unknown !== undefined) throw new DriftdError("USAGE", `unknown flag ${unknown}`, { hint: "npm start -- [--once] [--kafka]" });
  const viaKafka = args.includes("--kafka");
  const stays = process.stdout.isTTY === true && !args.includes("--once");
  const folder = await mkdtemp(join(tmpdir(), "driftd-start-"));
  const cleanUp: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    return await run(folder, viaKafka, stays, cleanUp);
  } finally {
    for (const step of cleanUp.reverse()) await step().catch((error: unknown) => process.stderr.write(`${coerceError(error).message}\n`));
  }
}

async function run(folder: string, viaKafka: boolean, stays: boolean, cleanUp: (() => Promise<unknown>)[]): Promise<number> {
  const progress = createProgress(process.stdout);
  const during = <T>(name: string, step: () => Promise<T>): Promise<T> => Promise.race([progress.during(name, step), stopped]);

  say("driftd on three million real US flights (vega-datasets, 2001)");
  say();
  const snapshot = await during("reference of 1–14 January", async () => {
    const built = await buildSnapshot({
      input: flightsPath(),
      model: MODEL,
      version: VERSION,
      timestamp: "date",
      fromMs: Date.parse(REFERENCE.from),
      toMs: Date.parse(REFERENCE.to),
      nowMs: systemClock.nowMs(),
      driftd: readVersion().version,
    });
    await saveSnapshot(built.snapshot, join(folder, "flights.reference.json"));
    return built.snapshot;
  });
  say(`  ${snapshot.records} flights, features ${snapshot.features.map(({ feature }) => feature).join(", ")}`);

  const log = join(folder, "inference-log.ndjson");
  const records = await during(`inference log of ${day(TRAFFIC.from)} to ${day(TRAFFIC.to)}`, () => writeFlights(log));
  say(`  ${records} records; from ${day(FAULT_FROM)} on the delay is in seconds instead of minutes`);

  let topic: Awaited<ReturnType<typeof startTopic>> | undefined;
  if (viaKafka) {
    topic = await during("Apache Kafka broker, four partitions", () => startTopic(log, (text) => say(`  ${text}`)));
    cleanUp.push(topic.stop);
  }

  const requests: ReceivedRequest[] = [];
  const receiver = await startReceiver({
    secret: SECRET,
    clock: systemClock,
    port: 0,
    onRequest: (request) => {
      requests.push(request);
      progress.interrupt(() => showRequest(request));
      return 202;
    },
  });
  cleanUp.push(receiver.close);

  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "secret.txt"), `${SECRET}\n`, { mode: 0o600 });
  const path = join(folder, "driftd.yaml");
  await writeFile(path, configuration(topic?.brokers, receiver.url, await freePort()));
  const app = await startDaemon(path);
  cleanUp.push(app.stop);

  say();
  say(`  status page  ${app.url}/`);
  say(`  metrics      ${app.url}/metrics`);
  say(`  JSON API     ${app.url}/api/v1/models/${MODEL}`);
  say();
  await progress.until("replaying in event time", share(app), finish(app, viaKafka, records));
  await app.settle(10_000);

  const verdict = judge(requests, receiver.refused.length, await episodesOf(app));
  showResult(app, requests, verdict);
  if (!stays) return verdict === undefined ? 0 : 1;
  say(`It goes on serving at ${app.url}/ until Ctrl-C.`);
  await new Promise<void>((resolve) => {
    if (stopAsked.signal.aborted) resolve();
    stopAsked.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return verdict === undefined ? 0 : 1;
}

/** The daemon's own port, or any free one when something else has it. */
async function freePort(): Promise<number> {
  for (const port of [PORT, 0]) {
    const server = createServer();
    const taken = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(true));
      server.listen(port, "127.0.0.1", () => resolve(false));
    });
    if (taken) continue;
    const { port: free } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return free;
  }
  throw new DriftdError("HTTP_LISTEN", "no port of the loopback is free");
}

function configuration(brokers: readonly string[] | undefined, url: string, port: number): string {
  return [
    brokers === undefined
      ? "file: { path: inference-log.ndjson }"
      : `kafka: { brokers: [${brokers.map((broker) => `"${broker}"`).join(", ")}], topics: [inference-log], start: earliest }`,
    "store: { path: driftd.db }",
    `http: { listen: "127.0.0.1:${port}" }`,
    // The data is of 2001: in earnest a request about a window older than a day is recorded as stale and not sent.
    "event_time: { action_max_age: off }",
    "models:",
    `  - name: ${MODEL}`,
    "    reference: flights.reference.json",
    "    retrain:",
    `      webhook: { url: "${url}", secret_file: secret.txt }`,
    "",
  ].join("\n");
}

async function startDaemon(path: string): Promise<App> {
  const version = readVersion(process.env);
  const load = () => loadConfig(path, process.env);
  const metrics = createMetrics({ buildInfo: { version: version.version, revision: version.revision }, clock: systemClock });
  // What a broker says while it starts is no news here: whatever matters shows in the result.
  const log = createLogger({ level: "error", format: "text", stderr: (line) => void process.stderr.write(line) });
  return startApp({ loaded: await load(), load, version, metrics, clock: systemClock, log });
}

/** How far the replay has come, 0–1. */
function share(app: App): () => number {
  const fromMs = Date.parse(TRAFFIC.from);
  const toMs = Date.parse(TRAFFIC.to);
  return () => Math.max(0, ((app.pipeline.evaluatedThroughMs(MODEL, VERSION, "1h") ?? fromMs) - fromMs) / (toMs - fromMs));
}

/** Waits for the end of the file; of a topic, which has none, until every record is counted and the last full hours are judged. */
async function finish(app: App, viaKafka: boolean, records: number): Promise<void> {
  const counted = async (): Promise<void> => {
    const throughMs = Date.parse(TRAFFIC.to) - 2 * 3_600_000;
    while (!stopAsked.signal.aborted) {
      const { read } = app.pipeline.ingest.stats();
      if (read >= records && (app.pipeline.evaluatedThroughMs(MODEL, VERSION, "1h") ?? 0) >= throughMs) break;
      await systemClock.sleep(200, stopAsked.signal);
    }
  };
  await Promise.race([viaKafka ? counted() : app.finished, stopped, app.fatal]);
}

type Body = {
  readonly data: {
    readonly request_id: string;
    readonly window: { readonly name: string; readonly start: string; readonly end: string; readonly records: number };
    readonly features: readonly {
      readonly feature: string;
      readonly severity: string;
      readonly statistics: Readonly<Record<string, { readonly value: number; readonly threshold?: number } | undefined>>;
    }[];
  };
};

function showRequest({ id, body }: ReceivedRequest): void {
  const { window, features } = (JSON.parse(body) as Body).data;
  say();
  say(`  ▶ retraining requested, signature verified: ${id}`);
  say(`    window ${window.name} ${window.start} – ${window.end}, ${window.records} records`);
  for (const { feature, severity, statistics } of features) {
    const shown = ["psi", "kl", "ks"].flatMap((name) => {
      const statistic = statistics[name];
      return statistic === undefined ? [] : [`${name} ${statistic.value.toFixed(3)}`];
    });
    say(`    ${feature.padEnd(12)} ${severity.padEnd(9)} ${shown.join("  ")}`);
  }
  say();
}

type ToldEpisode = { readonly severity: string; readonly pending_at: string; readonly features: readonly string[] };

/** What fired, as the daemon's API tells it. */
async function episodesOf({ url }: App): Promise<readonly ToldEpisode[]> {
  const answer = await fetch(`${url}/api/v1/episodes`);
  return ((await answer.json()) as { readonly items: readonly ToldEpisode[] }).items;
}

/** Undefined when exactly the planted fault was found; else what is wrong. */
function judge(requests: readonly ReceivedRequest[], refused: number, episodes: readonly ToldEpisode[]): string | undefined {
  if (refused > 0) return `${refused} requests came with a bad signature`;
  const [request] = requests;
  if (request === undefined) return "the planted fault was missed: no request came";
  if (requests.length > 1) return `${requests.length} requests came instead of one`;
  const { window, features } = (JSON.parse(request.body) as Body).data;
  const lateMs = Date.parse(window.end) - Date.parse(FAULT_FROM);
  if (lateMs <= 0) return `the request is about ${window.end}, before the fault`;
  if (lateMs > FOUND_WITHIN_MS) return `the request is about ${window.end}, too long after the fault`;
  if (!features.some(({ feature }) => feature === "delay"))
    return `the request names ${features.map(({ feature }) => feature).join(", ")} and not delay`;
  if (episodes.length !== 1 || episodes.some((episode) => episode.features.some((feature) => feature !== "delay"))) {
    return `these episodes fired: ${episodes.map((episode) => `${episode.features.join(", ")} at ${episode.pending_at}`).join("; ")}`;
  }
  return undefined;
}

function showResult(app: App, requests: readonly ReceivedRequest[], problem: string | undefined): void {
  const { read, counted, late } = app.pipeline.ingest.stats();
  say(`${read} records read, ${counted} counted, ${late} late.`);
  for (const { model, phase, episode, features } of app.pipeline.alerts()) {
    if (episode === null) continue;
    say(
      `${model}: ${phase}, ${episode.severity} episode since ${new Date(episode.pendingAtMs).toISOString()}: ${[...new Set(features.map(({ feature }) => feature))].join(", ")}`,
    );
  }
  say(
    problem === undefined
      ? `Found: one planted fault, ${requests.length} retraining request, nothing else.`
      : `NOT as expected: ${problem}.`,
  );
  say();
  say("Next: README.md has a ten-minute tour on your own data and broker.");
}

function day(iso: string): string {
  return iso.slice(0, 10);
}
