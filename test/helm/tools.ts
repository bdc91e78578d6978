/** The programs that the tests of the chart and of the image run, and what to do where one is absent: skip aloud, but never in CI. */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";

/** The root of the repository. */
export const root = join(import.meta.dirname, "..", "..");
/** Both releases that the chart supports; `scripts/install-chart-tools.sh` brings them. */
export const helmReleases = ["3.17.3", "4.1.4"] as const;
export type HelmRelease = (typeof helmReleases)[number];

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: { readonly input?: string; readonly cwd?: string } = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    cwd: options.cwd ?? root,
    ...(options.input === undefined ? {} : { input: options.input }),
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { code: status ?? -1, stdout, stderr };
}

/** Where one release of Helm is. */
export function helmPath(release: HelmRelease): string {
  return join(root, ".cache", "helm", release, "helm");
}

/** A program of the Python folder that `scripts/install-chart-tools.sh` makes. */
export function chartTool(name: string): string {
  return join(root, ".cache", "chart-tools", "bin", name);
}

/** `describe`, or a loud skip where one of the programs (names or paths) is absent. In CI it is never skipped: there its tests fail. */
export function describeWith(programs: readonly string[]): typeof describe | typeof describe.skip {
  const absent = programs.filter((program) => !(program.includes("/") ? existsSync(program) : isOnPath(program)));
  if (absent.length === 0 || process.env["CI"]) return describe;
  const remedies = new Set(
    absent.map((program) => (program.includes("/") ? "scripts/install-chart-tools.sh" : `apt-get install ${debian[program] ?? program}`)),
  );
  console.warn(`SKIPPED for want of ${absent.join(", ")}: ${[...remedies].join(", ")}`);
  return describe.skip;
}

/** Debian's packages of programs that are called otherwise. */
const debian: Readonly<Record<string, string>> = { promtool: "prometheus", amtool: "prometheus-alertmanager" };

function isOnPath(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
