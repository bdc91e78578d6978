/** `driftd reference build` and `driftd reference inspect`: a snapshot made of data, and a snapshot looked at. */

import { basename, resolve } from "node:path";
import { describeOrigins, withThresholdOrigins } from "../evaluate/threshold-origins.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { readVersion } from "../lib/version.ts";
import { type BuildOptions, type BuildResult, buildSnapshot } from "../reference/build.ts";
import { isSignalName } from "../reference/columns.ts";
import { parsePsiBins } from "../reference/compat-bins.ts";
import { type OutliersWanted, type PcaWanted, SCORES_MAX } from "../reference/derive.ts";
import type { BuildProgress } from "../reference/features.ts";
import { describeSnapshot, thinness } from "../reference/inspect.ts";
import { loadSnapshot, saveSnapshot } from "../reference/load.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { printable } from "./columns.ts";
import { buildFromStore, isFromStore } from "./reference-store.ts";
import { readTopicTable } from "./reference-topic.ts";

const buildSpec: CommandSpec = {
  name: "reference build",
  description:
    "Builds a reference snapshot from the data that the model was made for. Ids, times and lists are left out, and said so.\nReads CSV, TSV, NDJSON, JSON and Parquet, text also with gzip or zstd, and quoted globs.",
  flags: {
    input: { value: "DATA", description: "A file or a quoted glob, or kafka://TOPIC with --config.", required: true },
    output: { value: "FILE", description: "The snapshot to write: .json, or .json.gz.", required: true },
    config: { value: "FILE", description: "Of a topic: the configuration that says where the fields of a record stand." },
    brokers: { value: "HOST:PORT,…", description: "Of a topic: brokers in place of the configuration's." },
    model: { value: "NAME", description: "The model it is for; by default the first part of the output's name." },
    version: { value: "VERSION", description: "The version it judges; without it, every version." },
    timestamp: { value: "COLUMN", description: "The event time: the thresholds are calibrated on the data's own days." },
    from: { value: "TIME", description: "Only rows from this time on (ISO 8601); of a file it needs --timestamp." },
    to: { value: "TIME", description: "Only rows before this time; of a file it needs --timestamp." },
    exclude: { value: "A,B", description: "Columns to leave out." },
    categorical: { value: "A,B", description: "Columns to take as categories though they hold numbers." },
    signal: { value: "NAME=COLUMN,…", description: "Columns to watch beside the features, such as latency=latency_ms." },
    "null-values": { value: "A,B", description: "Texts that mean a missing value, beside the empty field." },
    bins: { value: "N", description: "Fine bins aimed at for each numeric feature.", default: "256" },
    "psi-bins": {
      value: "LIST",
      description: "Bins of older tools to keep the edges of, so that their PSI is exact: deciles, width:20, doane, edges:[0,10,100].",
    },
    pca: {
      value: "auto|on|off|N",
      description: "Features computed from the numeric ones: N scores of their principal components, and the distance to those.",
      default: "auto",
    },
    outliers: {
      value: "auto|on|off",
      description: "A feature computed from all: how rare a record's values are.",
      choices: ["auto", "on", "off"],
      default: "auto",
    },
  },
};

const inspectSpec: CommandSpec = {
  name: "reference inspect",
  description: "Shows what a reference snapshot holds, and where it is too thin to judge by.",
  positionals: { name: "FILE", description: "The snapshot.", min: 1, max: 1 },
};

const USAGE = `Usage: driftd reference build --input DATA --output FILE [flags]
       driftd reference build --from-store [STORE] --config FILE --output FILE [flags]
       driftd reference inspect FILE

build    ${buildSpec.description.split("\n")[0]}
inspect  ${inspectSpec.description}

More: driftd reference build --help
      driftd reference build --from-store --help
`;

/** Runs `driftd reference …`. Resolves to the exit code; rejects with `USAGE`, `TABLE_*` and `REFERENCE_*` errors for what the user can mend. */
export async function referenceCommand(args: string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  if (action === "build") return isFromStore(rest) ? buildFromStore(rest, io) : build(rest, io);
  if (action === "inspect") return inspect(rest, io);
  if (action === "--help" || action === "-h") {
    io.stdout(USAGE);
    return exitCodes.fine;
  }
  throw new DriftdError("USAGE", action === undefined ? "driftd reference: say what to do" : `driftd reference: unknown action ${action}`, {
    hint: "driftd reference build … or driftd reference inspect FILE",
  });
}

async function build(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(buildSpec, args);
  if (parsed.help) {
    io.stdout(helpText(buildSpec));
    return exitCodes.fine;
  }
  const source = parsed.text("input")!;
  const output = parsed.text("output")!;
  const progress = createProgress(io);
  const version = parsed.text("version");
  const timestamp = parsed.text("timestamp");
  const isTopic = source.startsWith("kafka://");
  const fromMs = isTopic ? undefined : timeFlag(parsed, "from");
  const toMs = isTopic ? undefined : timeFlag(parsed, "to");
  const psiBins = parsed.text("psi-bins");
  const options: BuildOptions = {
    input: resolve(io.cwd, source),
    source,
    model: parsed.text("model") ?? modelNameOf(output),
    ...(version === undefined ? {} : { version }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
    exclude: list(parsed, "exclude"),
    categorical: list(parsed, "categorical"),
    nullValues: list(parsed, "null-values"),
    signals: signalsOf(parsed),
    bins: Number(parsed.text("bins")),
    ...(psiBins === undefined ? {} : { psiBins: parsePsiBins(psiBins) }),
    pca: pcaFlag(parsed.text("pca")!),
    outliers: parsed.text("outliers") as OutliersWanted,
    nowMs: systemClock.nowMs(),
    driftd: readVersion(io.env).version,
    onProgress: progress.show,
  };
  const topic = isTopic ? await readTopicTable(parsed, io) : undefined;
  let built: BuildResult;
  try {
    built = await buildSnapshot({ ...options, ...topic?.options });
  } finally {
    progress.clear();
    await topic?.remove();
  }
  const { skipped, warnings } = built;
  const snapshot = withThresholdOrigins(built.snapshot);
  await saveSnapshot(snapshot, resolve(io.cwd, output));
  const features = snapshot.features.filter(({ role }) => role !== "derived");
  const derived = snapshot.features.length - features.length;
  const numeric = features.filter(({ kind }) => kind === "numeric").length;
  io.stdout(
    `${printable(output)}: ${snapshot.records.toLocaleString("en")} records, ${features.length} features (${numeric} numeric, ${features.length - numeric} categorical)${derived === 0 ? "" : `, ${derived} derived from them`}\n${snapshot.digest}\n`,
  );
  for (const { feature, reason, note } of skipped) {
    io.stderr(`left out: ${printable(feature)} (${reason}${note === undefined ? "" : `: ${printable(note)}`})\n`);
  }
  for (const warning of [...warnings, ...thinness(snapshot)]) io.stderr(`warning: ${printable(warning)}\n`);
  return exitCodes.fine;
}

async function inspect(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(inspectSpec, args);
  if (parsed.help) {
    io.stdout(helpText(inspectSpec));
    return exitCodes.fine;
  }
  const snapshot = await loadSnapshot(resolve(io.cwd, parsed.positionals[0]!));
  const text = `${describeSnapshot(snapshot)}\n${describeOrigins(snapshot)}`;
  io.stdout(text.split("\n").map(printable).join("\n"));
  return exitCodes.fine;
}

function list(parsed: ParsedArgs, flag: string): string[] {
  return (parsed.text(flag) ?? "").split(",").filter((name) => name !== "");
}

/** `latency=latency_ms,tokens=usage_tokens`: name → column. */
function signalsOf(parsed: ParsedArgs): Map<string, string> {
  const signals = new Map<string, string>();
  for (const text of list(parsed, "signal")) {
    const [, name, column] = /^([^=]*)=(.+)$/.exec(text) ?? [];
    const fail = (what: string): never => {
      throw new DriftdError("USAGE", `--signal ${text}: ${what}`, { hint: "Write it as latency=latency_ms, with a comma between two." });
    };
    if (name === undefined || column === undefined) return fail("has no form NAME=COLUMN");
    if (!isSignalName(name))
      fail(`${JSON.stringify(name)} cannot be the name of a signal: letters, digits and _, and no name of driftd's own`);
    if (signals.has(name) || [...signals.values()].includes(column)) fail("names a signal or a column twice");
    signals.set(name, column);
  }
  return signals;
}

function timeFlag(parsed: ParsedArgs, flag: string): number | undefined {
  const text = parsed.text(flag);
  if (text === undefined) return undefined;
  // Without a zone the time is UTC, as in records.
  const ms = Date.parse(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text);
  if (Number.isNaN(ms))
    throw new DriftdError("USAGE", `--${flag} ${text}: is no time`, { hint: "Write it as 2001-01-15T00:00:00Z or 2001-01-15." });
  return ms;
}

function pcaFlag(text: string): PcaWanted {
  if (text === "auto" || text === "on" || text === "off") return text;
  const scores = Number(text);
  if (Number.isInteger(scores) && scores >= 1 && scores <= SCORES_MAX) return scores;
  throw new DriftdError("USAGE", `--pca ${text}: is neither auto, on, off nor a number of scores from 1 to ${SCORES_MAX}`, {
    hint: "auto keeps as many scores as it takes for most of the variance.",
  });
}

/** `fraud.reference.json` is for the model `fraud`. */
function modelNameOf(output: string): string {
  return basename(output).split(".")[0] || "model";
}

const BAR_WIDTH = 24;
const WORDS: Readonly<Record<BuildProgress["stage"], string>> = {
  open: "reading",
  numbers: "numeric features",
  categories: "categories",
  calibration: "half hours",
  derived: "derived features",
};

/** One line on a terminal, drawn over and over; nothing elsewhere. */
function createProgress(io: Io): { show: (progress: BuildProgress) => void; clear: () => void } {
  if (!io.isTTY) return { show: () => {}, clear: () => {} };
  let shown = "";
  return {
    show: ({ stage, done, total }) => {
      const filled = Math.round((BAR_WIDTH * done) / Math.max(1, total));
      const line = `${WORDS[stage].padEnd(16)} [${"#".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}]`;
      if (line !== shown) io.stderr(`\r${line}`);
      shown = line;
    },
    clear: () => {
      if (shown !== "") io.stderr(`\r${" ".repeat(shown.length)}\r`);
    },
  };
}
