/** One thread of the pool: takes a job, gives its result. */

import { parentPort } from "node:worker_threads";
import { JOBS, type JobName } from "./jobs.ts";

parentPort!.on("message", ({ name, args }: { name: JobName; args: readonly unknown[] }) => {
  void (async () => {
    const job = JOBS[name] as (...given: readonly unknown[]) => unknown;
    parentPort!.postMessage(await job(...args));
  })();
});
