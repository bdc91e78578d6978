/** What a command costs from its start to its end: by the clock, in CPU of all its threads, in memory. */

import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Loaded before the command: sends what the process used when it ends. */
const LAST_WORDS = fileURLToPath(new URL("last-words.ts", import.meta.url));

export type Cost = { readonly seconds: number; readonly cpuSeconds: number; readonly rssBytes: number };

/** Runs `node <args>` in the repository's folder; exit codes 0 and 1 are answers, any other is an error. */
export async function costOf(args: readonly string[]): Promise<Cost> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, ["--import", LAST_WORDS, ...args], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let used: Omit<Cost, "seconds"> | undefined;
  let said = "";
  child.on("message", (message) => {
    used = message as Omit<Cost, "seconds">;
  });
  child.stderr!.on("data", (text) => {
    said += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const seconds = (performance.now() - beganMs) / 1000;
  if ((code !== 0 && code !== 1) || used === undefined) throw new Error(`${args.slice(0, 3).join(" ")} ended with ${code}: ${said}`);
  return { seconds, ...used };
}
