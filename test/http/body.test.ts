import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readBody } from "../../src/http/body.ts";

test("a client that hangs up in the middle of its body is a bad request, not a failure of ours", async () => {
  async function* broken() {
    yield Buffer.from('{"mod');
    throw new Error("aborted");
  }
  const request = Object.assign(Readable.from(broken()), { headers: { "content-type": "application/json" } });
  await expect(readBody(request as unknown as IncomingMessage, 1_000)).rejects.toMatchObject({ status: 400, code: "HTTP_BODY" });
});
