/** Programs that a test needs and a bare machine lacks: absent, the test is skipped and says so; in CI it fails. */

import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

export type Run = { readonly code: number | null; readonly text: string };

/** Runs a program to its end; `text` is both of its outputs. */
export function runTool(program: string, ...args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { code: status, text: `${stdout ?? ""}${stderr ?? ""}` };
}

/** Whether the program is there; makes the test that fails in CI where it is not. `from`: the Debian package that brings it. */
export function needsTool(program: string, from: string): boolean {
  const found = spawnSync(program, ["--version"]).status === 0;
  if (!found) console.warn(`SKIPPED: ${program} is not on the PATH, what needs it is not tested; \`apt-get install ${from}\` brings it`);
  it(`${program} stands ready where a skip is a failure`, () => {
    if (process.env["CI"] === "true") expect(found, `${program} must be on the PATH in CI`).toBe(true);
  });
  return found;
}
