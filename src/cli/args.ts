/** Command lines: what a command gets from the outside (`Io`), and one small parser with help text and "did you mean" for all of them. */

import { DriftdError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";

/** Exit codes of every command (a public contract). */
export const exitCodes = { fine: 0, no: 1, failed: 2, cannotTell: 3 } as const;

/** What a command may touch of the process it runs in. */
export type Io = {
  /** Writes to standard output: the command's answer, nothing else. */
  readonly stdout: (text: string) => void;
  /** Writes to standard error: progress, warnings, the log. */
  readonly stderr: (text: string) => void;
  /** Whether standard error is a terminal: progress may move. */
  readonly isTTY: boolean;
  /** Standard output is a terminal with lines of so many characters; absent: a file or a pipe. */
  readonly terminal?: { readonly columns: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the process is asked to stop (SIGTERM, SIGINT). */
  readonly signal?: AbortSignal;
  /** The folder that relative paths of arguments start from. */
  readonly cwd: string;
};

/** A command: gets the arguments after its name; resolves to the exit code; rejects with a DriftdError for what the user can mend. */
export type Command = (args: string[], io: Io) => Promise<number>;

type Flag = {
  /** Name of the flag's value in the help, e.g. `FILE`; absent: a switch. */
  readonly value?: string;
  readonly description: string;
  readonly required?: boolean;
  /** The only values it takes. */
  readonly choices?: readonly string[];
  readonly default?: string;
  /** May be given more than once; `all` has every value. */
  readonly repeatable?: boolean;
};

export type CommandSpec = {
  /** E.g. `check-config`. */
  readonly name: string;
  /** What it does, one sentence; more lines become paragraphs of the help. */
  readonly description: string;
  readonly flags?: Readonly<Record<string, Flag>>;
  /** Words without a flag. */
  readonly positionals?: { readonly name: string; readonly description: string; readonly min: number; readonly max: number };
};

export type ParsedArgs = {
  /** Whether `--help` or `-h` is among the arguments: then nothing else was checked. */
  readonly help: boolean;
  readonly positionals: readonly string[];
  /** The value of a flag, its default, or undefined. */
  readonly text: (flag: string) => string | undefined;
  /** Every value of a repeatable flag, in their order. */
  readonly all: (flag: string) => readonly string[];
  /** Whether a switch is set. */
  readonly has: (flag: string) => boolean;
};

/**
 * Parses `--flag value`, `--flag=value`, `--switch`, `-h`, words, and `--` (only words follow). Throws USAGE for an unknown or repeated flag,
 * a missing or unexpected value, a value that is none of the choices, a missing required flag, too few or too many words.
 */
export function parseArgs(spec: CommandSpec, args: readonly string[]): ParsedArgs {
  const flags = spec.flags ?? {};
  const values = new Map<string, string>();
  const repeated = new Map<string, string[]>();
  const words: string[] = [];
  const end = args.indexOf("--");
  const help = args.slice(0, end === -1 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
  const usage = (message: string, hint = `see \`driftd ${spec.name} --help\``) => new DriftdError("USAGE", message, { hint });

  for (let i = 0; i < args.length && !help; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [name, inline] = splitFlag(arg);
    const flag = arg.startsWith("--") && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) {
      const known = [...Object.keys(flags), "help"].map((key) => `--${key}`);
      throw usage(`driftd ${spec.name}: unknown flag ${arg.split("=")[0]}`, didYouMean(arg.split("=")[0]!, known));
    }
    if (values.has(name) && flag.repeatable !== true) throw usage(`driftd ${spec.name}: --${name} is given twice`);
    if (flag.value === undefined) {
      if (inline !== undefined) throw usage(`driftd ${spec.name}: --${name} takes no value`);
      values.set(name, "");
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined) throw usage(`driftd ${spec.name}: --${name} needs a value`, `write --${name} ${flag.value}`);
    if (flag.choices !== undefined && !flag.choices.includes(value)) {
      throw usage(`driftd ${spec.name}: --${name} ${value} is not one of ${flag.choices.join(", ")}`, didYouMean(value, flag.choices));
    }
    values.set(name, value);
    repeated.set(name, [...(repeated.get(name) ?? []), value]);
  }

  if (!help) {
    for (const [name, flag] of Object.entries(flags)) {
      if (flag.required === true && !values.has(name))
        throw usage(`driftd ${spec.name}: --${name} ${flag.value ?? ""}`.trim().concat(" is required"));
    }
    const { min, max, name } = spec.positionals ?? { min: 0, max: 0, name: "" };
    if (words.length < min) throw usage(`driftd ${spec.name}: ${name} is missing`);
    if (words.length > max) throw usage(`driftd ${spec.name}: unexpected ${JSON.stringify(words[max])}`);
  }
  return {
    help,
    positionals: words,
    text: (flag) => values.get(flag) ?? flags[flag]?.default,
    all: (flag) => repeated.get(flag) ?? [],
    has: (flag) => values.has(flag),
  };
}

/** The help of a command: usage, description, words, flags. */
export function helpText(spec: CommandSpec): string {
  const flags = Object.entries(spec.flags ?? {});
  const { positionals } = spec;
  const required = flags.filter(([, flag]) => flag.required === true).map(([name, flag]) => ` --${name} ${flag.value}`);
  const words = positionals === undefined ? "" : positionals.min === 0 ? ` [${positionals.name}]` : ` ${positionals.name}`;
  const rows = [
    ...(positionals === undefined ? [] : [[positionals.name, positionals.description]]),
    ...flags.map(([name, flag]) => [flag.value === undefined ? `--${name}` : `--${name} ${flag.value}`, describe(flag)]),
    ["--help", "Show this help."],
  ] as [string, string][];
  const optional = flags.length > required.length ? " [flags]" : "";
  return `Usage: driftd ${spec.name}${required.join("")}${words}${optional}\n\n${spec.description}\n\n${alignRows(rows)}`;
}

/** Two columns, each line indented by two blanks. */
export function alignRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

function describe(flag: Flag): string {
  const choices = flag.choices === undefined ? "" : ` One of ${flag.choices.join(", ")}.`;
  const again = flag.repeatable === true ? " May be given again." : "";
  return `${flag.description}${choices}${again}${flag.default === undefined ? "" : ` Default: ${flag.default}.`}`;
}

function splitFlag(arg: string): [string, string | undefined] {
  const equals = arg.indexOf("=");
  return equals === -1 ? [arg.slice(2), undefined] : [arg.slice(2, equals), arg.slice(equals + 1)];
}
