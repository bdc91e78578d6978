/** Two threads that work through jobs in the order given. A job is plain data and stands alone, so who does it changes nothing. */

import { Worker } from "node:worker_threads";
import type { Job, JobName, JobResult } from "./jobs.ts";

const THREADS = 2;

export type Pool = {
  readonly run: <N extends JobName>(name: N, ...args: Job<N>) => Promise<JobResult<N>>;
  /** Jobs done and given. */
  readonly progress: () => { readonly done: number; readonly given: number };
  readonly close: () => Promise<void>;
};

/** Starts the threads. Close it, or the process stays. */
export function createPool(threads = THREADS): Pool {
  type Waiting = { readonly message: unknown; readonly resolve: (value: never) => void; readonly reject: (error: unknown) => void };
  const queue: Waiting[] = [];
  const idle: Worker[] = [];
  const working = new Map<Worker, Waiting>();
  let given = 0;
  let done = 0;
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL("worker.ts", import.meta.url));
    worker.on("message", (value: unknown) => {
      const job = working.get(worker);
      working.delete(worker);
      idle.push(worker);
      done++;
      job?.resolve(value as never);
      next();
    });
    worker.on("error", (error) => {
      for (const { reject } of [...working.values(), ...queue.splice(0)]) reject(error);
    });
    idle.push(worker);
    return worker;
  });

  function next(): void {
    while (idle.length > 0 && queue.length > 0) {
      const worker = idle.pop()!;
      const job = queue.shift()!;
      working.set(worker, job);
      worker.postMessage(job.message);
    }
  }

  return {
    run: (name, ...args) => {
      given++;
      return new Promise((resolve, reject) => {
        queue.push({ message: { name, args }, resolve: resolve as (value: never) => void, reject });
        next();
      });
    },
    progress: () => ({ done, given }),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
