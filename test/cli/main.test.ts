/** The command as a user runs it: a process of its own. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function driftd(args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [join(root, "src/main.ts"), ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => {
    stdout += part;
  });
  child.stderr.on("data", (part: Buffer) => {
    stderr += part;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const commands = ["run", "check-config", "reference", "compare", "replay", "backtest", "power", "deliveries", "store", "version", "help"];

test("help lists every command", async () => {
  const { code, stdout } = await driftd(["--help"]);
  expect(code).toBe(0);
  expect([...stdout.matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) => name)).toEqual(commands);
});

test.each(commands)("%s --help says how it is used", async (command) => {
  const { code, stdout, stderr } = await driftd([command, "--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/driftd/);
});

test("without a command the help goes to standard error, exit 2", async () => {
  const { code, stdout, stderr } = await driftd([]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("Usage: driftd <command>");
});

test("an unknown command is refused with the one that was meant", async () => {
  expect(await driftd(["chek-config"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'driftd: unknown command "chek-config"\nhint: did you mean "check-config"?\n',
  });
});

test("an unknown flag is refused with the one that was meant", async () => {
  expect(await driftd(["check-config", "--fromat", "json"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'driftd: driftd check-config: unknown flag --fromat\nhint: did you mean "--format"?\n',
  });
});

test("a configuration that is not there is one clear message, exit 2, no stack", async () => {
  const { code, stdout, stderr } = await driftd(["run", "--config", "/no/such/driftd.yaml"]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^driftd: \/no\/such\/driftd\.yaml: no such file\nhint: .*\n$/);
});

test("version --json is one document", async () => {
  const { code, stdout } = await driftd(["version", "--json"]);
  expect([code, Object.keys(JSON.parse(stdout))]).toEqual([0, ["version", "revision", "nodejs"]]);
});

test("a reader that has seen enough ends the command quietly", async () => {
  const child = spawn(process.execPath, [join(root, "src/main.ts"), "check-config", "--schema"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (part: Buffer) => {
    stderr += part;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, stderr]).toEqual([0, ""]);
});
