/**
 * `detectors/` can reach nothing but arithmetic: a clock, randomness, Node, the DOM, a package or `../src` is a compile error there.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const breaches: Readonly<Record<string, string>> = {
  "the clock": "export const x = Date.now();",
  "the clock by construction": "export const x = new Date();",
  "the clock through globalThis": "export const x = globalThis.Date;",
  "the performance clock": "export const x = performance.now();",
  "a timer": "setTimeout(() => {}, 1);",
  randomness: "export const x = Math.random();",
  "random bytes": "crypto.getRandomValues(null);",
  "the process": "export const x = process.env;",
  "the console": "console.log(1);",
  "the DOM": "export const x = document.title;",
  "the network": "export const x = fetch;",
  "a module of Node": 'import { readFileSync } from "node:fs";\nexport const x = readFileSync;',
  "a module of Node without the prefix": 'import { readFileSync } from "fs";\nexport const x = readFileSync;',
  "a module of Node at run time": 'export const x = import("node:fs");',
  require: 'export const x = require("node:fs");',
  "a package": 'import { mean } from "simple-statistics";\nexport const x = mean;',
  "another part of driftd": 'import { DriftdError } from "../src/lib/errors.ts";\nexport const x = DriftdError;',
  "a type of another part of driftd": 'import type { Clock } from "../src/lib/clock.ts";\nexport type X = Clock;',
};

const file = (name: string) => `breach-${name.replaceAll(/\W/g, "-")}.ts`;
let folder: string;
let output: string;

// One compiler run over a copy of the project with every breach in a file of its own.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "driftd-purity-"));
  cpSync(join(root, "tsconfig.base.json"), join(folder, "tsconfig.base.json"));
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  cpSync(join(root, "detectors"), join(folder, "detectors"), { recursive: true });
  mkdirSync(join(folder, "src/lib"), { recursive: true });
  // One file for each of the two breaches: the compiler complains about a stray file once.
  for (const name of ["errors.ts", "clock.ts"]) cpSync(join(root, "src/lib", name), join(folder, "src/lib", name));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [name, text] of Object.entries(breaches)) writeFileSync(join(folder, "detectors", file(name)), `${text}\n`);
  writeFileSync(join(folder, "detectors/breach-none.ts"), 'import { psi } from "./psi.ts";\nexport const x = psi([1, 2], [2, 1]);\n');
  const tsc = spawnSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "detectors", "--noEmit", "--pretty", "false"],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  output = `${tsc.stdout}${tsc.stderr}`;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the compiler refuses", () => {
  test.each(Object.keys(breaches))("%s", (name) => {
    expect(output).toMatch(new RegExp(`^detectors/${file(name).replace(".", "\\.")}\\(\\d+,\\d+\\): error TS`, "m"));
  });
});

test("a file that only computes compiles, and so does the folder itself", () => {
  const complaints = output.split("\n").filter((line) => line.startsWith("detectors/") && !/^detectors\/breach-(?!none)/.test(line));
  expect(complaints).toEqual([]);
});

test("no file imports anything but its neighbours, for its side effects either", () => {
  const files = readdirSync(join(root, "detectors"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(20);
  for (const name of files) {
    const text = readFileSync(join(root, "detectors", name), "utf8");
    for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]*)["'`]/g)) {
      expect(specifier, name).toMatch(/^\.\.?\/(?!.*\.\.).+\.ts$/);
    }
  }
});

test("the emitted declarations are written in the standard library's types", () => {
  const out = join(folder, "out");
  for (const name of readdirSync(join(folder, "detectors"))) if (name.startsWith("breach-")) rmSync(join(folder, "detectors", name));
  const emit = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      "detectors",
      "--outDir",
      out,
      "--tsBuildInfoFile",
      join(out, "info"),
      "--pretty",
      "false",
    ],
    { cwd: folder, encoding: "utf8" },
  );
  expect(emit.stdout).toBe("");
  // A consumer with the ordinary library and none of our files.
  mkdirSync(join(folder, "consumer"));
  writeFileSync(
    join(folder, "consumer/use.ts"),
    [
      'import { coarseStatistics, detectors, gTest, psi, withUnseenMass } from "../out/index.js";',
      "const counts: readonly number[] = [1, 2];",
      "export const a: number | undefined = psi(counts, new Uint32Array(2), { smoothing: { epsilon: 1e-4 } });",
      "export const b: Float64Array = withUnseenMass(new Float64Array(2), { bin: 0, seenOnce: 0 });",
      "export const c: boolean = coarseStatistics(counts, b, new Float64Array(9));",
      "export const d: readonly string[] = detectors.map((detector) => detector.name);",
      "export const e: number | undefined = gTest(counts, counts)?.pValue;",
      "export const f: Date = new Date();",
    ].join("\n"),
  );
  const options = { target: "es2024", module: "nodenext", strict: true, noEmit: true, types: [], lib: ["es2024"], skipLibCheck: false };
  writeFileSync(join(folder, "consumer/tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  const check = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "consumer", "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(check.stdout).toBe("");
});
