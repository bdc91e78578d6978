/**
 * The log of a process: one JSON object per line, or text for a terminal (the only importer of pino). `info` is what a person would care
 * about; a repeating error is logged on change, by whoever meets it.
 */

import { type Level, pino, stdSerializers, stdTimeFunctions } from "pino";

import type { Log } from "./log.ts";

type LogLevel = "debug" | "info" | "warn" | "error";

export type Logger = Log & {
  /** Takes effect with the next line. */
  readonly setLevel: (level: LogLevel) => void;
};

export type LoggerOptions = {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Gets each line, with its line end. */
  readonly stderr: (line: string) => void;
  /** Is told of each warning and error, for `driftd_log_messages_total`, whether or not the level lets it through. */
  readonly onMessage?: (level: "warn" | "error") => void;
};

// Fields that may carry a secret although `Secret` masks itself: what a library's error or a request may bring along.
const secretFields = ["password", "secret", "token", "url", "headers", "authorization", "sasl"];

/** Makes a logger. It does not buffer: a line is written when the call returns. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.format === "json" ? options.stderr : (line: string) => options.stderr(textLine(line));
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: "<secret>" },
    },
    { write },
  );
  const at =
    (level: Level & LogLevel): Log[LogLevel] =>
    (fields, message) => {
      if (level === "warn" || level === "error") options.onMessage?.(level);
      logger[level](fields, message);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

/** `12:30:01 WARN  message  key=value …`; an error's message stands on the line, its stack below. */
function textLine(json: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const error = err as { message?: string; code?: string; hint?: string; stack?: string } | undefined;
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  const detail = error === undefined ? "" : `: ${error.message ?? ""}${error.hint === undefined ? "" : ` (${error.hint})`}`;
  // A DriftdError says all that a reader can use; a stack is for our own bugs.
  const stack = error?.stack === undefined || error.code !== undefined ? "" : `\n${error.stack}`;
  return `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${detail}${pairs.length === 0 ? "" : `  ${pairs.join(" ")}`}${stack}\n`;
}

/** Text as it is, or as JSON when it holds blanks, quotes or control characters (which could otherwise forge a line or move the cursor). */
function quoted(value: string): string {
  return /^[^\s"\p{Cc}]+$/u.test(value)
    ? value
    : JSON.stringify(value).replace(/[\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
