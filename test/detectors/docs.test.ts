/**
 * What the doc comments say is true: every example gives its result, and every statistic states what a reader needs to choose it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import * as exports from "../../detectors/index.ts";

const folder = new URL("../../detectors/", import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);

const examples = sources.flatMap(([, text]) =>
  [...text.matchAll(/Example:\s+(?:\*\s+)?`([^`]+)`\s+(?:\*\s+)?is\s+(?:\*\s+)?`([^`]+)`/g)].map(
    (match) => [match[1]!, match[2]!] as const,
  ),
);

/** Numbers to 12 digits, whatever they stand in. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(12));
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value as ArrayLike<number>, rounded);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, x]) => [key, rounded(x)]));
  return value;
}

const evaluate = (code: string): unknown => rounded(runInNewContext(`(${code})`, { ...exports }));

describe("examples", () => {
  test("every example of the folder is read", () => {
    const written = sources.reduce((count, [, text]) => count + text.split("Example: ").length - 1, 0);
    expect(examples.length).toBe(written);
    expect(written).toBeGreaterThan(30);
  });

  test.each(examples)("%s is %s", (call, result) => {
    expect(evaluate(call)).toEqual(evaluate(result));
  });
});

/** kl_reverse is an option of kl. */
const FILES: Readonly<Record<string, string>> = { kl_reverse: "kl.ts" };

describe.each(exports.detectors.map((detector) => [detector.name]))("the doc comment of %s", (name) => {
  const file = FILES[name] ?? `${name.replaceAll("_", "-")}.ts`;
  const text = sources.find(([source]) => source === file)?.[1] ?? "";
  test.each([
    "Formula: ",
    "Range: ",
    "ymmetric",
    "Zero bins: ",
    "`undefined` when a side is empty",
    "Minimum sample: ",
    "Without drift: ",
    "From bins: ",
    "Rule of thumb: ",
    "Source: ",
    "Example: ",
    "Prefer ",
  ])("has %j", (part) => {
    expect(text.replaceAll(/\n \* /g, " ")).toContain(part);
  });
});
