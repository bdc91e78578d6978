/**
 * A server of somebody else as a child process, for tests: in a process group and a session of its own, so that its children end with it, those
 * too that have made groups of their own (Airflow's tasks).
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

import { systemClock } from "../../src/lib/clock.ts";

export type ServerProcess = {
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

export type ServerOptions = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Asked until it is true. */
  readonly ready: () => Promise<boolean>;
  readonly withinMs: number;
};

const groups = new Set<number>();
process.on("exit", () => {
  for (const group of groups) {
    killGroup(group, "SIGKILL");
    killSession(group);
  }
});

/** Starts it; resolves when it is ready. Rejects with the end of its log when it ends before that, or takes too long. */
export async function startServer({ command, args, env = {}, cwd, ready, withinMs }: ServerOptions): Promise<ServerProcess> {
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const group = child.pid;
  if (group === undefined) throw new Error(`${command} cannot be started`);
  groups.add(group);
  let log = "";
  const note = (text: unknown) => {
    log = `${log}${String(text)}`.slice(-20_000);
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  const closed = once(child, "close");
  let over = false;
  void closed.then(() => {
    over = true;
  });
  const stop = async () => {
    killGroup(group, "SIGTERM");
    const grace = new AbortController();
    await Promise.race([closed, systemClock.sleep(5_000, grace.signal)]);
    grace.abort();
    // Its children may outlive it.
    killGroup(group, "SIGKILL");
    killSession(group);
    await closed;
    groups.delete(group);
  };
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await ready().catch(() => false))) {
    if (over || systemClock.monotonicMs() > endMs) {
      await stop();
      throw new Error(`${command} ${over ? "ended" : `was not ready in ${withinMs / 1000} s`}:\n${log}`);
    }
    await systemClock.sleep(200);
  }
  return { log: () => log, stop };
}

/** Runs a command to its end; rejects with what it said when it failed. */
export async function runToEnd(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let log = "";
  child.stdout.on("data", (text) => {
    log += text;
  });
  child.stderr.on("data", (text) => {
    log += text;
  });
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited ${code}:\n${log}`);
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It is over.
  }
}

/** Linux only: elsewhere nothing is found. */
function killSession(session: number): void {
  for (const pid of processes()) {
    try {
      // After the name in brackets: state, parent, group, session.
      const [, , , its] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .split(/\) (?!.*\) )/s)[1]!
        .split(" ");
      if (Number(its) === session) process.kill(pid, "SIGKILL");
    } catch {
      // It is over.
    }
  }
}

function processes(): readonly number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}
