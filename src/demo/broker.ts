/**
 * A real Apache Kafka broker on this machine, for the demo and the end-to-end tests: KRaft, one combined node, free ports, a fresh folder.
 * The jars come from Maven Central through `mvn` and are kept outside git. Not a way to run Kafka in earnest: no replication, small heap.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { answersAsBroker } from "../sources/kafka/admin.ts";

/** The broker's version: not 4.4.0, whose POM names an artifact that is not there. */
export const KAFKA_VERSION = "4.3.1";
const MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
const CACHE = fileURLToPath(new URL("../../.cache/kafka", import.meta.url));
const READY_TIMEOUT_MS = 60_000;
const NO_EXTRAS: BrokerExtras = { properties: "", formatArguments: [] };
const HEAP = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

export type LocalBrokerOptions = {
  /** Where the jars are kept; default `.cache/kafka` beside `package.json`. */
  readonly cacheDirectory?: string;
  readonly clock?: Clock;
  /** Told about slow steps, e.g. the download. */
  readonly say?: (line: string) => void;
  /** More lines of server.properties (a later line wins) and arguments of the format tool, e.g. for a listener with TLS. */
  readonly prepare?: (place: { readonly directory: string; readonly port: number; readonly controllerPort: number }) => BrokerExtras;
};

export type BrokerExtras = { readonly properties: string; readonly formatArguments: readonly string[] };

/** A broker process under our control; `stop` also removes its folder. */
export type LocalBroker = {
  readonly brokers: readonly string[];
  /** The broker's own output, for the reader of a failed test. */
  readonly logFile: string;
  /** Starts it again after `kill` on the same ports and folder; resolves when it answers. */
  readonly start: () => Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
};

/** Says in words what this machine lacks to run a broker, or undefined when it has everything (the jars may still have to be fetched). */
export function missingForBroker(cacheDirectory: string = CACHE): string | undefined {
  const java = spawnSync("java", ["-version"], { encoding: "utf8" });
  const major = /version "(\d+)/.exec(java.stderr ?? "")?.[1];
  if (java.error || major === undefined) return "there is no `java` on the PATH (Java 17 or newer is needed)";
  if (Number(major) < 17) return `\`java\` is version ${major} (17 or newer is needed)`;
  if (existsSync(jarsIn(cacheDirectory))) return undefined;
  if (spawnSync("mvn", ["-v"], { stdio: "ignore" }).error) return "there is no `mvn` on the PATH to fetch the broker's jars with";
  return undefined;
}

/**
 * Fetches the jars if they are not there yet, formats a fresh folder and starts a broker; resolves when it answers.
 * @throws DriftdError BROKER_UNAVAILABLE when Java, Maven or the jars are missing; BROKER_START when it does not come up.
 */
export async function startLocalBroker(options: LocalBrokerOptions = {}): Promise<LocalBroker> {
  const { cacheDirectory = CACHE, clock = systemClock, say = () => {}, prepare = () => NO_EXTRAS } = options;
  const missing = missingForBroker(cacheDirectory);
  if (missing !== undefined) throw new DriftdError("BROKER_UNAVAILABLE", `cannot start a Kafka broker: ${missing}`);
  const jars = await fetchJars(cacheDirectory, say);
  const directory = mkdtempSync(join(tmpdir(), "driftd-kafka-"));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = join(directory, "server.properties");
  const extras = prepare({ directory, port, controllerPort });
  writeFileSync(properties, serverProperties(port, controllerPort, join(directory, "data")) + extras.properties);
  const logFile = join(directory, "broker.log");
  const java = (...args: string[]) => ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", ...HEAP, "-cp", join(jars, "*"), ...args];
  await run("java", java("kafka.tools.StorageTool", "format", "-t", clusterId(), "-c", properties, ...extras.formatArguments), logFile);

  const brokers = [`127.0.0.1:${port}`];
  let child: ChildProcess | undefined;
  const endWithUs: ChildProcess[] = [];

  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    if (ending === undefined) return;
    const gone = ending.exitCode !== null || ending.signalCode !== null ? Promise.resolve() : onceExited(ending);
    ending.kill("SIGCONT");
    ending.kill(signal);
    await gone;
    if (child === ending) child = undefined;
  };
  const stop = async () => {
    await end("SIGKILL");
    for (const guard of endWithUs) killGroup(guard);
    rmSync(directory, { recursive: true, force: true });
  };
  const start = async () => {
    const log = openSync(logFile, "a");
    const starting = spawn("java", java("kafka.Kafka", properties), { stdio: ["ignore", log, log] });
    child = starting;
    endWithUs.push(endWithThisProcess(starting, directory));
    const deadline = clock.monotonicMs() + READY_TIMEOUT_MS;
    while (!(await answersAsBroker(brokers))) {
      if (starting.exitCode !== null || clock.monotonicMs() > deadline) {
        const tail = readFileSync(logFile, "utf8").split("\n").slice(-15).join("\n");
        await stop();
        throw new DriftdError("BROKER_START", `the Kafka broker did not come up; the end of its log:\n${tail}`);
      }
      await clock.sleep(100);
    }
  };
  await start();
  return {
    brokers,
    logFile,
    start,
    kill: () => end("SIGKILL"),
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    stop,
  };
}

/**
 * However this process ends, SIGKILL included, the JVM and its folder go with it: a shell waits for the end of a pipe that we hold open.
 */
function endWithThisProcess(child: ChildProcess, directory: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$0"; rm -rf "$1"';
  const guard = spawn("sh", ["-c", script, String(child.pid), directory], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.unref();
  return guard;
}

/** The shell and its `cat`, which would else wait on for the end of this process. */
function killGroup(guard: ChildProcess): void {
  try {
    if (guard.pid !== undefined) process.kill(-guard.pid, "SIGKILL");
  } catch {
    // Already gone: it has done its work.
  }
}

const jarsIn = (cacheDirectory: string) => join(cacheDirectory, KAFKA_VERSION);

/** Resolves to the folder of the jars; fetches into a folder beside it and renames, so that two processes cannot see half of it. */
async function fetchJars(cacheDirectory: string, say: (line: string) => void): Promise<string> {
  const jars = jarsIn(cacheDirectory);
  if (existsSync(jars)) return jars;
  say(`fetching Apache Kafka ${KAFKA_VERSION} (46 jars, 44 MB) from Maven Central, once`);
  mkdirSync(cacheDirectory, { recursive: true });
  const work = mkdtempSync(join(cacheDirectory, "fetch-"));
  try {
    writeFileSync(join(work, "pom.xml"), POM);
    const lib = join(work, "lib");
    const args = ["-q", "-B", "-f", join(work, "pom.xml"), MAVEN_PLUGIN, "-DincludeScope=runtime", `-DoutputDirectory=${lib}`];
    await run("mvn", args, join(work, "mvn.log"));
    if (!existsSync(jars)) renameSync(lib, jars);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return jars;
}

// The release tarball adds a log binding, the POM of kafka_2.13 names none: slf4j-simple 1.7 fits the slf4j-api it asks for.
const POM = `<project><modelVersion>4.0.0</modelVersion>
  <groupId>driftd</groupId><artifactId>local-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version><scope>runtime</scope></dependency>
  </dependencies></project>`;

const serverProperties = (port: number, controllerPort: number, data: string) => `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:${controllerPort}
log.dirs=${data}
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
# The broker deletes by record timestamp, so old events would vanish while they are being read.
log.retention.ms=-1
log.message.timestamp.after.max.ms=9223372036854775807
# After SIGKILL the old registration has to expire before a new start is ready.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
log.segment.delete.delay.ms=1000
`;

/** 16 random bytes in base64url, not starting with "-" (it is a command-line argument). */
const clusterId = () => Buffer.concat([Buffer.of(randomBytes(1)[0]! & 0x7f), randomBytes(15)]).toString("base64url");

/** A port that nothing listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

const onceExited = (child: ChildProcess) => new Promise<void>((resolve) => child.once("exit", () => resolve()));

/** Runs a command to its end with its output in `logFile`; the error names the command, not what it printed (repository addresses). */
async function run(command: string, args: readonly string[], logFile: string): Promise<void> {
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { stdio: ["ignore", log, log], env: { ...process.env, PATH: withoutLocalBin() } });
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(-1));
    child.once("exit", resolve);
  });
  if (code !== 0) {
    throw new DriftdError("BROKER_UNAVAILABLE", `\`${command}\` ended with exit code ${code} while preparing a Kafka broker`, {
      hint:
        command === "mvn"
          ? "look whether Maven can reach Maven Central: `mvn -U dependency:get -Dartifact=org.apache.kafka:kafka-clients:4.3.1`"
          : "look whether `java -version` says 17 or newer",
    });
  }
}

const withoutLocalBin = () =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((part) => !part.includes("node_modules"))
    .join(delimiter);
