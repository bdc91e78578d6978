/** The second thread of `numeric.ts`: summarizes each column that it is sent, one after another. */

import { parentPort, workerData } from "node:worker_threads";
import type { PsiBins } from "./compat-bins.ts";
import { type Gathered, summarizeGathered } from "./summary.ts";

const { bins, rows, psiBins } = workerData as { readonly bins: number; readonly rows: number; readonly psiBins: readonly PsiBins[] };
const scratch = new Float64Array(rows);
parentPort?.on("message", (column: Gathered) => parentPort?.postMessage(summarizeGathered(column, bins, scratch, psiBins)));
