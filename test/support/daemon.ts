/** The daemon as a child process, for tests that kill it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/lib/clock.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

export type Daemon = {
  readonly url: string;
  /** Lines for a source that reads standard input; only with `input: "open"`. */
  readonly write: (lines: string) => void;
  readonly log: () => string;
  readonly exited: () => boolean;
  readonly get: (path: string) => Promise<{ status: number; text: string }>;
  readonly kill: () => Promise<void>;
  /** SIGTERM; resolves to the exit code. */
  readonly stop: () => Promise<number | null>;
};

export type DaemonOptions = { readonly env?: Readonly<Record<string, string>>; readonly input?: "none" | "open" };

/** Starts `driftd run`; does not wait for it. */
export function startDaemon(config: string, port: number, { env = {}, input = "none" }: DaemonOptions = {}): Daemon {
  const stdin = input === "open" ? "pipe" : "ignore";
  const child = spawn(process.execPath, [MAIN, "run", "--config", config], {
    stdio: [stdin, "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  children.add(child);
  let log = "";
  child.stderr?.on("data", (text) => {
    log += text;
  });
  child.once("exit", () => children.delete(child));
  const url = `http://127.0.0.1:${port}`;
  const ended = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
    return child.exitCode;
  };
  return {
    url,
    write: (lines) => void child.stdin?.write(lines),
    log: () => log,
    exited: () => child.exitCode !== null || child.signalCode !== null,
    get: async (path) => {
      try {
        const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) });
        return { status: answer.status, text: await answer.text() };
      } catch {
        return { status: 0, text: "" };
      }
    },
    kill: async () => void (await ended("SIGKILL")),
    stop: () => ended("SIGTERM"),
  };
}

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a command of driftd to its end. */
export function driftd(args: readonly string[], input?: string): Promise<Outcome> {
  return run([MAIN, ...args], input);
}

/** Runs a program of this repository to its end. */
export async function run(args: readonly string[], input?: string): Promise<Outcome> {
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
  children.add(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
  child.stdin.end(input ?? "");
  const [code] = (await once(child, "close")) as [number];
  children.delete(child);
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** Waits until `condition` holds, looking every 100 ms; throws with `what` after `withinMs`. */
export async function until(what: string, withinMs: number, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await systemClock.sleep(100);
  }
}

/** A port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
