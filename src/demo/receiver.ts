/**
 * A small receiver of webhooks for tests and the demo, on loopback only: checks the signature, tells a repetition by its id, keeps what came.
 * It is what a training pipeline's own receiver has to do, and no more.
 */

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Clock } from "../lib/clock.ts";
import { parseKeys, type Refusal, verify } from "../outputs/signing.ts";

/** Larger bodies are refused: a request of driftd is under 20 kB. */
const MAX_BODY_BYTES = 64 * 1024;

export type ReceivedRequest = {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly body: string;
  /** The same id has come before. */
  readonly repeated: boolean;
};

export type Receiver = {
  readonly url: string;
  readonly port: number;
  /** Genuine requests, repetitions among them, in their order. */
  readonly requests: readonly ReceivedRequest[];
  /** What was refused, and why. */
  readonly refused: readonly (Refusal | "too_large")[];
  readonly close: () => Promise<void>;
};

export type ReceiverOptions = {
  /** As in the secret file. */
  readonly secret: string;
  readonly clock: Clock;
  /** 0 = a free one. */
  readonly port: number;
  /** Called for each genuine request that is not a repetition; the status it returns is the answer (default 204). */
  readonly onRequest?: (request: ReceivedRequest) => number | undefined;
};

/** Starts the receiver at `http://127.0.0.1:<port>/retrain`. Rejects when the port is taken; throws what `parseKeys` throws. */
export async function startReceiver({ secret, clock, port, onRequest }: ReceiverOptions): Promise<Receiver> {
  const keys = parseKeys(secret);
  const requests: ReceivedRequest[] = [];
  const refused: (Refusal | "too_large")[] = [];
  const accepted = new Set<string>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) break;
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    const refusal = size > MAX_BODY_BYTES ? "too_large" : verify(keys, request.headers, body, clock.nowMs());
    if (refusal !== undefined) {
      refused.push(refusal);
      response.writeHead(refusal === "too_large" ? 413 : 401).end(refusal);
      return;
    }
    const id = String(request.headers["webhook-id"]);
    const received: ReceivedRequest = { id, headers: request.headers, body: body.toString("utf8"), repeated: accepted.has(id) };
    requests.push(received);
    const status = received.repeated ? 204 : (onRequest?.(received) ?? 204);
    // Only what was accepted is a repetition the next time: a request that was refused for now must get through.
    if (status < 300) accepted.add(id);
    response.writeHead(status).end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}/retrain`,
    port: bound,
    requests,
    refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
