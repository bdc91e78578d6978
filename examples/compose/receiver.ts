/** Stands where a training pipeline would: prints each request for retraining, once its signature is verified, and accepts it. */

import { createServer } from "node:http";
import { systemClock } from "../../src/lib/clock.ts";
import { parseKeys, verify } from "../../src/outputs/signing.ts";

const keys = parseKeys(process.env["SIGNING_KEY"] ?? "");

const server = createServer((request, response) => {
  if (request.method !== "POST") return void response.end("ready\n");
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const refusal = verify(keys, request.headers, body, systemClock.nowMs());
    console.log(refusal === undefined ? `retraining requested: ${body}` : `refused: ${refusal}`);
    response.writeHead(refusal === undefined ? 202 : 401).end();
  });
});
server.listen(Number(process.env["PORT"] ?? 9000), process.env["HOST"] ?? "0.0.0.0");
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => server.close(() => process.exit(0)));
