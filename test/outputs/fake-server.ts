/** A small HTTP server that plays a target: it keeps every request, and answers what the test says. Loopback only. */

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Played = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Nothing is answered at all. */
  readonly silent?: boolean;
};

export type FakeServer = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly received: readonly Received[];
  /** What answers from now on; `step` counts the requests since then, from 0. */
  readonly play: (answer: (request: Received, step: number) => Played) => void;
  readonly close: () => Promise<void>;
};

/** Starts the server on a free port. */
export async function startFakeServer(): Promise<FakeServer> {
  let received: Received[] = [];
  let answer: (request: Received, step: number) => Played = () => ({ status: 500 });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString("utf8") };
      received.push(one);
      const { status, headers: answered = {}, body = "", silent } = answer(one, received.length - 1);
      if (silent !== true) response.writeHead(status, answered).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get received() {
      return received;
    },
    play: (next) => {
      received = [];
      answer = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
