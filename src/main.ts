#!/usr/bin/env node
/** The command `driftd`: finds the command, hands it the process's streams, turns signals into an abort and outcomes into an exit code. */

import { alignRows, type Command, exitCodes, type Io } from "./cli/args.ts";
import { coerceError, DriftdError } from "./lib/errors.ts";
import { didYouMean } from "./lib/suggest.ts";
import { checkNode, readVersion } from "./lib/version.ts";

type Entry = { readonly summary: string; readonly load: () => Promise<Command> };

const commands: Readonly<Record<string, Entry>> = {
  run: { summary: "Watch the configured models: the daemon.", load: async () => (await import("./cli/run.ts")).runCommand },
  "check-config": {
    summary: "Check a configuration file and the files it names.",
    load: async () => (await import("./cli/check-config.ts")).checkConfigCommand,
  },
  reference: { summary: "Build or inspect a reference snapshot.", load: async () => (await import("./cli/reference.ts")).referenceCommand },
  compare: { summary: "Compare two tables once, without a daemon.", load: async () => (await import("./cli/compare.ts")).compareCommand },
  replay: {
    summary: "Run a file or a topic through the daemon's pipeline: what would have fired.",
    load: async () => (await import("./cli/replay.ts")).replayCommand,
  },
  backtest: {
    summary: "Judge a store's panes again: what other thresholds would have done.",
    load: async () => (await import("./cli/backtest.ts")).backtestCommand,
  },
  power: {
    summary: "Say what can be seen: the smallest change found at a given traffic.",
    load: async () => (await import("./cli/power.ts")).powerCommand,
  },
  deliveries: {
    summary: "List, show, replay or test webhook deliveries.",
    load: async () => (await import("./cli/deliveries.ts")).deliveriesCommand,
  },
  store: { summary: "Export the closed panes of a store.", load: async () => (await import("./cli/store.ts")).storeCommand },
  version: { summary: "Print the version (--json for all of it).", load: async () => versionCommand },
  help: { summary: "Show this help, or that of a command.", load: async () => helpCommand },
};

const stop = new AbortController();
const io: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTTY: process.stderr.isTTY === true,
  ...(process.stdout.isTTY === true ? { terminal: { columns: process.stdout.columns || 80 } } : {}),
  env: process.env,
  signal: stop.signal,
  cwd: process.cwd(),
};

for (const [signal, number] of [["SIGINT", 2] as const, ["SIGTERM", 15] as const]) {
  process.on(signal, () => {
    // The first asks, the second insists.
    if (stop.signal.aborted) process.exit(128 + number);
    stop.abort(new DriftdError("STOPPED", `stopped by ${signal}`));
  });
}
// The daemon reads its configuration again at a SIGHUP. Until it has loaded itself the signal must not end the process, as it would by default.
if (process.argv[2] === "run") process.on("SIGHUP", () => {});
// `driftd … | head`: the reader has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? exitCodes.fine : exitCodes.failed));
process.stderr.on("error", () => {});

const code = await main(process.argv.slice(2)).catch(report);
// Written out before the exit: a pipe may still hold part of the answer.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined) {
    io.stderr(usage());
    return exitCodes.failed;
  }
  if (name === "--help" || name === "-h") return helpCommand(args);
  if (name === "--version" || name === "-V") return versionCommand(args);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    throw new DriftdError("USAGE", `unknown command ${JSON.stringify(name)}`, { hint: didYouMean(name, Object.keys(commands)) });
  }
  checkNode(process.version);
  return (await entry.load())(args, io);
}

async function versionCommand(args: string[]): Promise<number> {
  const [flag, ...rest] = args;
  if (rest.length > 0 || (flag !== undefined && flag !== "--json" && flag !== "--help")) {
    throw new DriftdError("USAGE", `driftd version: unexpected ${args.join(" ")}`, {
      hint: "write driftd version or driftd version --json",
    });
  }
  const version = readVersion(process.env);
  if (flag === "--help") io.stdout("Usage: driftd version [--json]\n");
  else io.stdout(flag === "--json" ? `${JSON.stringify(version)}\n` : `driftd ${version.version}\n`);
  return exitCodes.fine;
}

async function helpCommand(args: string[]): Promise<number> {
  if (args[0] !== undefined && args[0] !== "help" && !args[0].startsWith("-")) return main([args[0], "--help"]);
  io.stdout(usage());
  return exitCodes.fine;
}

function usage(): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return `driftd tells when a model's world has changed, and asks for retraining when it has.\n\nUsage: driftd <command> [flags]\n\n${alignRows(rows)}\nStart: driftd reference build …, driftd check-config driftd.yaml, driftd run --config driftd.yaml\n`;
}

/** What went wrong, on standard error: a DriftdError as a sentence with its hint, anything else as the bug that it is. */
function report(thrown: unknown): number {
  if (thrown instanceof DriftdError) {
    io.stderr(`driftd: ${thrown.message}\n${thrown.hint === undefined ? "" : `hint: ${thrown.hint}\n`}`);
  } else if (thrown instanceof TypeError && "code" in thrown && String(thrown.code).startsWith("ERR_PARSE_ARGS")) {
    // Commands that parse with node:util: its errors are the user's slips, not bugs.
    io.stderr(`driftd: ${thrown.message}\nhint: see \`driftd ${process.argv[2]} --help\`\n`);
  } else {
    io.stderr(`driftd: this is a bug in driftd; please report it with these lines\n${coerceError(thrown).stack ?? String(thrown)}\n`);
  }
  return exitCodes.failed;
}
