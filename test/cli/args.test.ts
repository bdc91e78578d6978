import { expect, test } from "vitest";

import { type CommandSpec, helpText, parseArgs } from "../../src/cli/args.ts";

const spec: CommandSpec = {
  name: "replay",
  description: "Replays.",
  flags: {
    config: { value: "FILE", description: "The configuration.", required: true },
    format: { value: "FORMAT", description: "How to answer.", choices: ["text", "json"], default: "text" },
    final: { description: "Closed panes only." },
  },
  positionals: { name: "INPUT", description: "What to read.", min: 0, max: 2 },
};

test.each([
  ["a value behind a blank", ["--config", "a"]],
  ["a value behind =", ["--config=a"]],
])("%s is read", (_, args) => {
  expect(parseArgs(spec, args).text("config")).toBe("a");
});

test("flags, switches and words may be mixed; what is not given has its default", () => {
  const parsed = parseArgs(spec, ["one", "--final", "--config", "a=b", "-"]);
  expect([parsed.positionals, parsed.has("final"), parsed.text("config"), parsed.text("format"), parsed.help]).toEqual([
    ["one", "-"],
    true,
    "a=b",
    "text",
    false,
  ]);
});

test("behind -- everything is a word, --help too", () => {
  const parsed = parseArgs(spec, ["--config", "a", "--", "--final", "--help"]);
  expect([parsed.help, parsed.positionals, parsed.has("final")]).toEqual([false, ["--final", "--help"], false]);
});

test.each([
  ["an unknown flag", ["--confg", "a"], "unknown flag --confg", 'did you mean "--config"?'],
  ["an unknown short flag", ["-c", "a"], "unknown flag -c", "known: --config, --format, --final, --help"],
  ["a missing value", ["--config"], "--config needs a value", "write --config FILE"],
  ["a value of a switch", ["--config", "a", "--final=no"], "--final takes no value", "see `driftd replay --help`"],
  ["a flag given twice", ["--config", "a", "--config", "b"], "--config is given twice", "see `driftd replay --help`"],
  ["a value that is no choice", ["--config", "a", "--format", "jsno"], "--format jsno is not one of text, json", 'did you mean "json"?'],
  ["a missing required flag", [], "--config FILE is required", "see `driftd replay --help`"],
  ["a word too many", ["--config", "a", "1", "2", "3"], 'unexpected "3"', "see `driftd replay --help`"],
  ["a flag of the prototype", ["--constructor"], "unknown flag --constructor", "known: --config, --format, --final, --help"],
])("%s is refused", (_, args, message, hint) => {
  expect(() => parseArgs(spec, args)).toThrow(expect.objectContaining({ code: "USAGE", message: `driftd replay: ${message}`, hint }));
});

test("a missing word is refused", () => {
  const strict = { ...spec, flags: {}, positionals: { name: "INPUT", description: "", min: 1, max: 1 } };
  expect(() => parseArgs(strict, [])).toThrow("driftd replay: INPUT is missing");
});

test("--help is answered whatever else is wrong", () => {
  expect(parseArgs(spec, ["--nonsense", "-h"]).help).toBe(true);
});

test("the help shows usage, words, flags, choices and defaults", () => {
  expect(helpText(spec)).toBe(`Usage: driftd replay --config FILE [INPUT] [flags]

Replays.

  INPUT            What to read.
  --config FILE    The configuration.
  --format FORMAT  How to answer. One of text, json. Default: text.
  --final          Closed panes only.
  --help           Show this help.
`);
});
