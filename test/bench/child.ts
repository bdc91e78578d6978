/** Programs that a bench starts beside itself: each in a process of its own, so that memory, CPU and patches of one do not touch the other. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export type Program = {
  /** The next message that the program sends; rejects when it ends before. */
  readonly message: <T>() => Promise<T>;
  readonly tell: (text: string) => void;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
};

/** Stock kafkajs sets timers to times long past, and Node warns of each. */
const ALWAYS = ["--disable-warning=TimeoutNegativeWarning"];

/** Starts `test/bench/<file>` with text arguments; what it prints goes to our standard error. */
export function start(file: string, args: readonly string[] = [], nodeFlags: readonly string[] = []): Program {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: [...ALWAYS, ...nodeFlags],
    stdio: ["ignore", 2, 2, "ipc"],
  });
  running.add(child);
  const ended = once(child, "exit").then(([code, signal]) => {
    running.delete(child);
    return code === 0 ? "exit code 0" : `exit code ${code ?? signal}`;
  });
  const messages: unknown[] = [];
  let arrived = Promise.withResolvers<void>();
  child.on("message", (message) => {
    messages.push(message);
    arrived.resolve();
  });
  return {
    message: async <T>() => {
      while (messages.length === 0) {
        await Promise.race([
          arrived.promise,
          ended.then((how) => {
            if (messages.length === 0) throw new Error(`${file} ended before it answered: ${how}`);
          }),
        ]);
        arrived = Promise.withResolvers<void>();
      }
      return messages.shift() as T;
    },
    tell: (text) => void child.send(text),
    ended: ended.then(() => undefined),
  };
}

/** Starts a program, takes its one message, and waits for its end. */
export async function ask<T>(file: string, args: readonly string[] = [], nodeFlags: readonly string[] = []): Promise<T> {
  const program = start(file, args, nodeFlags);
  const answer = await program.message<T>();
  await program.ended;
  return answer;
}
