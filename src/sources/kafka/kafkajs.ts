/**
 * The one door to kafkajs 2.2.4: loads it with four corrections. It is unmaintained, so its inside may be relied on, but only in exactly
 * this version. The corrections hold for every consumer of the process.
 *
 * 1. Its pending-request check re-arms itself every millisecond for ever (2.5 % of a core when idle): only while something is pending.
 * 2. Fetched bytes are cut into record batches only, records are walked later without one object per record. (Stock: ten objects per
 *    record, and a batch of more than about 120,000 records ends the consumer for good with "Maximum call stack size exceeded".)
 * 3. Every answer of a fetch reaches `eachBatch`, also an empty one: it is the proof of where the log ends.
 * 4. It looks ten times a second, for each connection, whether a request has waited for longer than its 30 s: once a second will do.
 */
import { createRequire } from "node:module";
import { DriftdError } from "../../lib/errors.ts";
import { createFetchAnswer, type FetchedPartition } from "./fetch-answer.ts";
import { legacyBytes, splitRecordSet } from "./record-batch.ts";

const TESTED_VERSION = "2.2.4";
const TIMEOUT_LOOK_MS = 1_000;
const require = createRequire(import.meta.url);

type RequestQueue = {
  readonly enforceRequestTimeout: boolean;
  readonly requestTimeout: number;
  readonly inflight: ReadonlyMap<unknown, { readonly sentAt: number; readonly requestTimeout: number; timeoutRequest(): void }>;
  requestTimeoutIntervalId: NodeJS.Timeout;
  isConnected(): boolean;
  destroy(): void;
  scheduleRequestTimeoutCheck(): void;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
};
type FetchDecoder = { readInt32(): number; canReadBytes(length: number): boolean; readBytes(length: number): Buffer };

/**
 * kafkajs with the corrections in place.
 * @throws DriftdError KAFKA_CLIENT_VERSION when the installed version is not the one they were tested with.
 */
export const kafkajs: typeof import("kafkajs") = load();

function load(): typeof import("kafkajs") {
  const { version } = require("kafkajs/package.json") as { version: string };
  if (version !== TESTED_VERSION) {
    throw new DriftdError("KAFKA_CLIENT_VERSION", `kafkajs ${version} is installed, driftd is tested with exactly ${TESTED_VERSION}`, {
      hint: `install driftd's own dependencies again (npm ci), or pin kafkajs to ${TESTED_VERSION}`,
    });
  }
  // A copy that something else has loaded before would keep its stock parts: start afresh.
  const root = require.resolve("kafkajs/package.json").slice(0, -"package.json".length);
  for (const path of Object.keys(require.cache)) if (path.startsWith(root)) delete require.cache[path];

  const queue = require("kafkajs/src/network/requestQueue/index.js") as { prototype: RequestQueue };
  queue.prototype.scheduleCheckPendingRequests = checkOnlyWhilePending;
  queue.prototype.scheduleRequestTimeoutCheck = checkTimeoutsSeldom;

  const stockMessageSet = require("kafkajs/src/protocol/messageSet/decoder.js") as (decoder: unknown, size: number) => unknown;
  const Decoder = require("kafkajs/src/protocol/decoder.js") as new (bytes: Buffer) => unknown;
  replace("kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js", async (decoder: FetchDecoder) => {
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    const batches = splitRecordSet(bytes);
    if (batches !== undefined) return batches;
    // What follows in format 2 comes with the next fetch.
    const legacy = legacyBytes(bytes);
    return stockMessageSet(new Decoder(bytes.subarray(0, legacy)), legacy);
  });
  replace("kafkajs/src/consumer/batch.js", Batch);
  return require("kafkajs") as typeof import("kafkajs");
}

/** Stands in for kafkajs's class of the same name, which is called with `new`: no arrow function. */
function Batch(topic: string, fetchedOffset: string, partition: FetchedPartition) {
  return createFetchAnswer(topic, fetchedOffset, partition);
}

/** Stands in for kafkajs's method of the same name; `this` is its request queue. */
function checkOnlyWhilePending(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledForMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledForMs > 0 ? throttledForMs : 10,
  );
}

/** The same. */
function checkTimeoutsSeldom(this: RequestQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(
    () => {
      for (const request of this.inflight.values()) if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
      if (!this.isConnected()) this.destroy();
    },
    Math.min(this.requestTimeout, TIMEOUT_LOOK_MS),
  );
}

function replace(path: string, exports: unknown): void {
  require(path);
  require.cache[require.resolve(path)]!.exports = exports;
}
