import { expect, test } from "vitest";

import { inlineSecret } from "../../src/config/secret.ts";
import { DriftdError } from "../../src/lib/errors.ts";
import { createLogger, type LoggerOptions } from "../../src/lib/logger.ts";

function logTo(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "json", stderr: (line) => void lines.push(line), ...options });
  return { log, lines };
}

test("a line is JSON with ISO time, the level's name, the fields and the message", () => {
  const { log, lines } = logTo();
  log.info({ model: "flights" }, "firing");
  const { time, ...rest } = JSON.parse(lines[0]!);
  expect(rest).toEqual({ level: "info", model: "flights", msg: "firing" });
  expect(time).toBe(new Date(Date.parse(time)).toISOString());
});

test("an error stands under err with message, code, hint and stack", () => {
  const { log, lines } = logTo();
  log.error({ err: new DriftdError("STORE_IN_USE", "in use", { hint: "stop the other" }) }, "start failed");
  expect(JSON.parse(lines[0]!).err).toMatchObject({
    message: "in use",
    code: "STORE_IN_USE",
    hint: "stop the other",
    stack: expect.any(String),
  });
});

test.each(["json", "text"] as const)("no %s line holds a secret, whether wrapped or in a field of that name", (format) => {
  const { log, lines } = logTo({ format });
  log.warn({ wrapped: inlineSecret("hunter2"), url: "http://hunter2", output: { headers: { a: "hunter2" }, secret: "hunter2" } }, "x");
  expect(lines.join("")).not.toContain("hunter2");
  expect(lines.join("")).toContain("<secret>");
});

test("lines below the level are not written, until the level is changed", () => {
  const { log, lines } = logTo();
  log.debug({}, "one");
  log.setLevel("debug");
  log.debug({}, "two");
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["two"]);
});

test("warnings and errors are counted, the rest is not", () => {
  const counted: string[] = [];
  const { log } = logTo({ onMessage: (level) => void counted.push(level) });
  log.info({}, "a");
  log.warn({}, "b");
  log.error({}, "c");
  expect(counted).toEqual(["warn", "error"]);
});

test("text has time, level, message, the error with its hint, and the fields", () => {
  const { log, lines } = logTo({ format: "text" });
  log.warn({ model: "my model", count: 3, err: new DriftdError("X", "no broker", { hint: "start it" }) }, "retrying");
  expect(lines[0]?.replace(/^\d\d:\d\d:\d\d/, "TIME")).toBe('TIME WARN  retrying: no broker (start it)  model="my model" count=3\n');
});

test("text shows the stack of an error that is no DriftdError", () => {
  const { log, lines } = logTo({ format: "text" });
  log.error({ err: new TypeError("x is undefined") }, "bug");
  expect(lines[0]).toMatch(/bug: x is undefined\nTypeError: x is undefined\n {4}at /);
});

test("a value cannot forge a line of text or move the cursor", () => {
  const { log, lines } = logTo({ format: "text" });
  log.info({ model: "a\n12:00:00 ERROR all is lost\u001b[2J\u009b1m" }, "x");
  expect(lines.join("").slice(0, -1)).not.toMatch(/\p{Cc}/u);
});

test("what cannot be JSON is written all the same", () => {
  const { log, lines } = logTo();
  const circular: Record<string, unknown> = { big: 1n };
  circular["self"] = circular;
  log.info(circular, "x");
  expect(JSON.parse(lines[0]!).msg).toBe("x");
});
